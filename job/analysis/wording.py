"""What is said to readers of a report, in their language: sentences, names, numbers and dates.

Texts are written in English, which is also their key. Another language has a catalogue of gettext (``.po``) for the
page and one for the plots, read as they are.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from typing import TYPE_CHECKING

from job.errors import UsageError, did_you_mean, shown

if TYPE_CHECKING:
    from babel import Locale
    from babel.messages.catalog import Catalog

LOCALES = ("en_US", "pt_BR")
CATALOGUES = ("page.po", "plots.po")

NAMES: Mapping[str, str] = {
    "logistic_regression": "Logistic regression",
    "random_forest": "Random forest",
    "lightgbm": "LightGBM",
    "xgboost": "XGBoost",
    "mlp": "Neural network",
    "baseline": "baseline",
    "random_under_sampling": "under-sampling",
    "smote": "SMOTE",
    "smote_tomek": "SMOTE-Tomek",
    "cost_sensitive": "cost-sensitive",
    "threshold_moving": "threshold moving",
    "reference": "Reference",
    "prior": "default rate alone",
    "single_feature": "best single feature",
    "balanced_accuracy": "Balanced accuracy",
    "g_mean": "G-mean",
    "f1": "F1",
    "precision": "Precision",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "roc_auc": "ROC AUC",
    "gini": "Gini",
    "pr_auc": "PR AUC",
    "ks": "KS",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "mcc": "MCC",
}
"""How ids are called on a page."""
_COMMON = frozenset({
    "logistic_regression", "random_forest", "mlp", "reference", "balanced_accuracy", "precision", "sensitivity",
    "specificity", "log_loss",
})  # fmt: skip
_FIRST = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Name:
    """An id that has a name for readers, in small letters within a sentence; one that has none is shown as it is."""

    id: str


@dataclass(frozen=True)
class Share:
    """A share of 1, shown as a percentage."""

    value: float
    digits: int = 1


@dataclass(frozen=True)
class Sentence:
    """A sentence that is not yet in a language.

    Attributes
    ----------
    msgid : str
        In English, with ``{name}`` where a parameter stands.
    params : dict of str to Param
        A float is shown with three decimal places.
    plural : str or None
        For any `n` but one.
    """

    msgid: str
    params: Mapping[str, Param] = field(default_factory=dict)
    plural: str | None = None
    n: int | None = None


Param = str | int | float | Name | Share | Sentence | tuple["Param", ...]


@dataclass(frozen=True)
class Wording:
    """A language: its texts and how it writes numbers."""

    locale: Locale
    translations: NullTranslations

    @classmethod
    def of(cls, locale: str) -> Wording:
        """Return the wording of a locale.

        Raises
        ------
        UsageError
            Where there is none.
        """
        if locale not in LOCALES:
            raise UsageError(f"there is no locale {shown(locale)}", did_you_mean(locale, LOCALES))
        return _wording(locale)

    def text(self, msgid: str, **params: Param) -> str:
        """Return a text with its parameters."""
        return self.say(Sentence(msgid, params))

    def say(self, sentence: Sentence) -> str:
        """Return a sentence in the language, as plain text."""
        said = self._said(sentence)
        first = _FIRST.match(self._found(sentence))
        # Names of datasets and the like are shown as they are wherever they stand.
        begins = first is not None and isinstance(sentence.params.get(first[1]), Name | Sentence)
        return said[:1].upper() + said[1:] if begins else said

    def _said(self, sentence: Sentence) -> str:
        return self._found(sentence).format_map({name: self._param(one) for name, one in sentence.params.items()})

    def _found(self, sentence: Sentence) -> str:
        if sentence.plural is None or sentence.n is None:
            return self.translations.gettext(sentence.msgid)
        return self.translations.ngettext(sentence.msgid, sentence.plural, sentence.n)

    def _param(self, value: Param) -> str:
        match value:
            case str():
                return value
            case Name(identifier):
                name = self.name(identifier)
                return name[:1].lower() + name[1:] if identifier in _COMMON else name
            case Share(share, digits):
                return self.percent(share, digits)
            case Sentence():
                return self._said(value)
            case int() | float():
                return self.number(value, 0 if isinstance(value, int) else 3)
            case _:
                return self.listed([self._param(one) for one in value])

    def name(self, identifier: str) -> str:
        """Return how readers know a metric, a model or a technique."""
        return self.text(NAMES[identifier]) if identifier in NAMES else identifier

    def combination(self, model: str, technique: str) -> str:
        """Return how readers know a combination."""
        return f"{self.name(model)} × {self.name(technique)}"

    def listed(self, parts: list[str]) -> str:
        """Return parts as a list within a sentence."""
        from babel.lists import format_list

        return format_list(parts, locale=self.locale)

    def number(self, value: float, digits: int = 3, *, signed: bool = False) -> str:
        """Return a number with so many decimal places."""
        from babel.numbers import format_decimal

        rounded = round(value, digits) + 0.0  # no minus before zeros
        text = format_decimal(rounded, f"#,##0.{'0' * digits}" if digits else "#,##0", locale=self.locale)
        text = text.replace("-", "−")
        return f"+{text}" if signed and rounded > 0 else text

    def whole(self, value: int) -> str:
        """Return a whole number, its digits in groups."""
        return self.number(value, 0)

    def percent(self, value: float, digits: int = 1) -> str:
        """Return a share of 1 as a percentage."""
        from babel.numbers import format_percent

        return format_percent(value, f"0.{'0' * digits}%" if digits else "0%", locale=self.locale).replace("-", "−")

    def date(self, value: datetime) -> str:
        """Return a day and a time in UTC."""
        from babel.dates import format_date, format_time

        day, time = format_date(value, "long", locale=self.locale), format_time(value, "HH:mm", locale=self.locale)
        return f"{day}, {time} UTC"


@cache
def _wording(locale: str) -> Wording:
    from babel import Locale
    from babel.messages.mofile import write_mo

    found = NullTranslations()
    for catalogue in catalogues(locale):
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        one = GNUTranslations(compiled)
        one.add_fallback(found)
        found = one
    return Wording(Locale.parse(locale), found)


def catalogues(locale: str) -> list[Catalog]:
    """Return a locale's catalogues as Babel has them; English needs none."""
    from babel.messages.pofile import read_po

    found = []
    for name in CATALOGUES:
        path = files("job") / "locales" / locale / name
        if path.is_file():
            with path.open("rb") as file:
                found.append(read_po(file, locale=locale))
    return found
