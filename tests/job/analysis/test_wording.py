"""What readers are told: every text of the page is in Portuguese, numbers and names are as each language has them."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po

import job
from job import analysis
from job.analysis.wording import NAMES, Name, Sentence, Share, Wording
from job.catalogue import CATALOGUE
from job.errors import UsageError

PAGE = Path(analysis.__path__[0]) / "report"
KEYWORDS = {"text": None, "Sentence": None}


def asked() -> Iterator[str]:
    """Yield every text that the page's code and template have."""
    for method, paths in {"python": PAGE.glob("*.py"), "jinja2": PAGE.glob("assets/*.html")}.items():
        for path in paths:
            yield from (str(message[1]) for message in extract_from_file(method, path, keywords=KEYWORDS))
    yield from NAMES.values()
    for entry in CATALOGUE:
        yield from (entry.title, entry.group)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_text_of_the_page_is_in_portuguese_and_none_is_left_over() -> None:
    with (Path(job.__path__[0]) / "locales" / "pt_BR" / "page.po").open("rb") as file:
        catalogue = read_po(file, locale="pt_BR")
    told = {}
    for message in catalogue:
        english = (message.id,) if isinstance(message.id, str) else tuple(message.id)
        portuguese = (message.string,) if isinstance(message.string, str) else tuple(message.string)
        for one, other in zip(english, portuguese, strict=True):
            assert bool(other) or not one, one
            assert fields(other) == fields(one), one
        told[english[0]] = portuguese
    wanted = set(asked())
    assert len(wanted) > 150
    assert sorted(wanted - told.keys()) == []
    assert sorted(told.keys() - wanted - {""}) == []


@pytest.mark.parametrize(
    ("locale", "number", "whole", "percent", "day"),
    [
        ("en_US", "−1,234.500", "30,000", "12.3%", "November 5, 2026, 09:07 UTC"),
        ("pt_BR", "−1.234,500", "30.000", "12,3%", "5 de novembro de 2026, 09:07 UTC"),
    ],
)
def test_numbers_and_days_are_as_each_language_writes_them(
    locale: str, number: str, whole: str, percent: str, day: str
) -> None:
    wording = Wording.of(locale)
    assert wording.number(-1234.5) == number
    assert wording.whole(30000) == whole
    assert wording.percent(0.123) == percent
    assert wording.date(datetime(2026, 11, 5, 9, 7, tzinfo=UTC)) == day


def test_nothing_is_below_zero_that_is_shown_as_zero() -> None:
    assert Wording.of("en_US").number(-0.0001) == "0.000"
    assert Wording.of("en_US").number(0.0001, signed=True) == "0.000"
    assert Wording.of("en_US").number(0.25, 2, signed=True) == "+0.25"


def test_names_are_small_within_a_sentence_and_large_where_it_begins() -> None:
    wording = Wording.of("en_US")
    params = {"metric": Name("balanced_accuracy"), "model": Name("random_forest"), "other": Name("xgboost")}
    said = wording.text("{metric} of {model} and {other}", **params)
    assert said == "Balanced accuracy of random forest and XGBoost"
    assert wording.text("{dataset} is here", dataset="taiwan_credit") == "taiwan_credit is here"
    assert wording.name("no_such_model") == "no_such_model"


def test_sentences_nest_and_have_plurals() -> None:
    wording = Wording.of("pt_BR")
    seeds = [Sentence("{n} seed", {"n": n}, "{n} seeds", n) for n in (1, 2)]
    assert [wording.say(one) for one in seeds] == ["1 semente", "2 sementes"]
    told = Sentence("{present} of {total}", {"present": seeds[1], "total": (Share(0.5, 0), "b", 3)})
    assert wording.say(told) == "2 sementes de 50%, b e 3"


def test_an_unknown_locale_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(UsageError, match="pt_BR"):
        Wording.of("pt_PT")
