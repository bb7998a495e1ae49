"""The values that a declaration may have, each read from a table or noted as wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from job.checker import Checker, is_int, is_list
from job.data.declarations.dates import FORMATS_RULE, is_format
from job.data.declarations.kinds import DateColumn
from job.errors import did_you_mean, shown
from job.records import is_number

LONGEST = 200
MOST_VALUES = 10_000


class Reader:
    """Reads values of tables, and gathers what is wrong with them.

    Every method takes `where`, the table's name for messages, the table and a key; what is missing or wrong comes back
    as nothing.
    """

    def __init__(self, check: Checker) -> None:
        self.check = check

    def table(self, raw: Mapping[str, Any], key: str, prefix: str = "") -> Mapping[str, Any]:
        """Return a table, an empty one where there is none."""
        found = raw.get(key, {})
        if isinstance(found, Mapping):
            return found
        self.check.problem(f"{prefix}{key} must be a table such as [{prefix}{key}]")
        return {}

    def text(self, where: str, table: Mapping[str, Any], key: str) -> str:
        """Return a text of one line."""
        found = table.get(key, "")
        if isinstance(found, str) and is_name(found or "-"):
            return found
        self.check.problem(f"{_of(where, key)} must be a text of one line, of up to {LONGEST} characters")
        return ""

    def column(self, where: str, table: Mapping[str, Any], key: str = "column") -> str:
        """Return the name of a column, which must be there."""
        if key not in table:
            self.check.problem(f"{_of(where, key)} is missing")
            return ""
        found = self.text(where, table, key)
        if not found and table[key] == "":
            self.check.problem(f"{_of(where, key)} must name a column")
        return found

    def names(self, where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Return a list of names, none of them twice."""
        given = table.get(key, ())
        if not is_list(given) or not all(isinstance(one, str) and is_name(one) for one in given):
            self.check.problem(f"{_of(where, key)} must be a list of names")
            return ()
        if len(set(given)) < len(given):
            self.check.problem(f"{_of(where, key)} lists a name twice")
        return tuple(given)

    def cells(self, where: str, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        """Return a list of cells' values as they are written: texts, or whole numbers; one may stand without a list."""
        given = table.get(key, ())
        values = given if is_list(given) else [given]
        fit = all((isinstance(one, str) and is_name(one or "-")) or is_int(one) for one in values)
        if not fit or len(values) > MOST_VALUES:
            self.check.problem(f"{_of(where, key)} must be a list of values as the file writes them, in quotes")
            return ()
        found = tuple(str(one).strip() for one in values)
        if len(set(found)) < len(found):
            self.check.problem(f"{_of(where, key)} lists a value twice")
        return found

    def numbers(self, where: str, table: Mapping[str, Any], key: str) -> tuple[float, ...]:
        """Return a list of numbers, none of them twice; a text that is one counts, too."""
        given = table.get(key, ())
        found = [_as_number(one) for one in (given if is_list(given) else [given])]
        if len(found) > MOST_VALUES or None in found:
            self.check.problem(f"{_of(where, key)} must be a list of numbers")
            return ()
        values = tuple(one for one in found if one is not None)
        if len(set(values)) < len(values):
            self.check.problem(f"{_of(where, key)} lists a number twice")
        return values

    def number(
        self, where: str, table: Mapping[str, Any], key: str, low: float, high: float, *, below: bool = False
    ) -> float | None:
        """Return a number from `low` to `high`; with `below`, neither of the two."""
        given = table.get(key)
        if given is None:
            return None
        if is_number(given) and (low < given < high if below else low <= given <= high):
            return float(given)
        rule = f"above {low:g} and below {high:g}" if below else f"from {low:g} to {high:g}"
        self.check.problem(f"{_of(where, key)} must be a number {rule}")
        return None

    def number_or_column(
        self, where: str, table: Mapping[str, Any], key: str, low: float, high: float
    ) -> float | str | None:
        """Return a number, or the name of a column."""
        return self.column(where, table, key) if isinstance(table.get(key), str) else self.number(
            where, table, key, low, high
        )  # fmt: skip

    def whole(self, where: str, table: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
        """Return a whole number from `low` to `high`."""
        given = table.get(key)
        if given is None or (is_int(given) and low <= given <= high):
            return given
        self.check.problem(f"{_of(where, key)} must be a whole number from {low} to {high}, or the name of a column")
        return None

    def flag(self, where: str, table: Mapping[str, Any], key: str, standard: bool) -> bool:
        """Return true or false."""
        given = table.get(key, standard)
        if isinstance(given, bool):
            return given
        self.check.problem(f"{_of(where, key)} must be true or false")
        return standard

    def choice(self, where: str, table: Mapping[str, Any], key: str, known: Sequence[str], standard: Any) -> Any:
        """Return one of the values that are known."""
        given = table.get(key, standard)
        if given is standard or (isinstance(given, str) and given in known):
            return given
        self.check.problem(f"{_of(where, key)} {shown(given)} is unknown: {did_you_mean(str(given), known)}")
        return standard

    def date_column(
        self, where: str, table: Any, key: str = "column", formats: Sequence[str] = ("format",)
    ) -> DateColumn | None:
        """Return a column of dates; its format is under the first of some keys that there is."""
        if not isinstance(table, Mapping):
            self.check.problem(f"{where} must be a table such as [{where}]")
            return None
        if key == "column":
            self.check.keys(where, table, ("column", *formats))
        return DateColumn(self.column(where, table, key), self._format(where, table, formats))

    def _format(self, where: str, table: Mapping[str, Any], keys: Sequence[str]) -> str | None:
        key = next((key for key in keys if key in table), None)
        given = None if key is None else table[key]
        if given is None or (isinstance(given, str) and is_format(given)):
            return given
        self.check.problem(f"{where}.{key} {shown(given)} is no format of dates: {FORMATS_RULE}")
        return None


def is_name(text: str) -> bool:
    """Return whether a text can be a column's name or a cell: printable, of one line, not too long."""
    return 0 < len(text) <= LONGEST and text.isprintable()


def _as_number(given: Any) -> float | None:
    if isinstance(given, str):
        try:
            given = float(given)
        except ValueError:
            return None
    return float(given) if is_number(given) else None


def _of(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
