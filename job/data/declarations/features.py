"""Reading the features of a declaration, each by its kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from job.data.declarations.kinds import KINDS, Category, Code, Feature, MonthsBetween, Number, Ratio
from job.data.declarations.values import Reader, is_name
from job.data.raw.dialect import LARGEST_NUMBER
from job.errors import did_you_mean, shown

MOST_LEVELS = 500
_MAY = {
    "number": ("column", "missing", "at_least", "at_most", "winsor", "indicator"),
    "code": ("column", "levels", "other", "reference", "rare", "unknown"),
    "category": ("column", "levels", "missing", "reference", "rare", "unknown"),
    "months-between": ("from", "to", "format", "from_format", "to_format", "winsor", "indicator"),
    "ratio": ("numerator", "denominator", "missing", "winsor", "indicator"),
}


def read_features(read: Reader, table: Mapping[str, Any]) -> tuple[Feature, ...]:
    """Return the features of a declaration in their order, and note what is wrong with them."""
    found = []
    for name in table:
        where, one = f"features.{name}", read.table(table, name, "features.")
        if not is_name(name):
            read.check.problem(f"{shown(name)} cannot be a feature's name")
        kind = one.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            wrong = f"{where}.kind is missing" if kind is None else f"{where}.kind {shown(kind)} is unknown"
            read.check.problem(f"{wrong}: {did_you_mean(str(kind), tuple(KINDS))}")
            continue
        read.check.keys(where, one, ("kind", "reason", *_MAY[kind]))
        feature = _READERS[kind](read, where, name, one)
        if feature is not None:
            found.append(feature)
    return tuple(found)


def _number(read: Reader, where: str, name: str, table: Mapping[str, Any]) -> Feature:
    low, high = (read.number(where, table, key, -LARGEST_NUMBER, LARGEST_NUMBER) for key in ("at_least", "at_most"))
    if low is not None and high is not None and low >= high:
        read.check.problem(f"{where}.at_least must be below at_most")
    return Number(
        name,
        read.text(where, table, "column") or name,
        read.numbers(where, table, "missing"),
        low,
        high,
        **_learnt(read, where, table),
    )


def _code(read: Reader, where: str, name: str, table: Mapping[str, Any]) -> Feature:
    levels = read.numbers(where, table, "levels")
    _check_levels(read, where, table, levels)
    other, reference = (
        read.number(where, table, key, -LARGEST_NUMBER, LARGEST_NUMBER) for key in ("other", "reference")
    )
    for key, value in (("other", other), ("reference", reference)):
        if value is not None and value not in levels:
            read.check.problem(f"{where}.{key} {value:g} is not one of its levels")
    rare = read.numbers(where, table, "rare")
    _check_rare(read, where, levels, rare)
    unknown = read.flag(where, table, "unknown", other is None)
    if other is not None and unknown:
        read.check.problem(f"{where}: with other, nothing is unknown")
    column = read.text(where, table, "column") or name
    return Code(name, column, levels, other, reference, rare, unknown, _reason(read, where, table))


def _category(read: Reader, where: str, name: str, table: Mapping[str, Any]) -> Feature:
    levels = read.cells(where, table, "levels")
    _check_levels(read, where, table, levels)
    if "" in levels:
        read.check.problem(f"{where}.levels has an empty one: missing values are none of the levels")
    reference = read.text(where, table, "reference") or None
    if reference is not None and reference not in levels:
        read.check.problem(f"{where}.reference {shown(reference)} is not one of its levels: "
                           f"{did_you_mean(reference, levels)}")  # fmt: skip
    missing, rare = read.cells(where, table, "missing"), read.cells(where, table, "rare")
    _check_rare(read, where, levels, rare)
    if both := sorted({*missing} & {*levels, *rare}):
        read.check.problem(f"{where}: {shown(both[0])} is missing and a level")
    column, unknown = read.text(where, table, "column") or name, read.flag(where, table, "unknown", True)
    return Category(name, column, levels, missing, reference, rare, unknown, _reason(read, where, table))


def _months(read: Reader, where: str, name: str, table: Mapping[str, Any]) -> Feature | None:
    start = read.date_column(where, table, "from", ("from_format", "format"))
    end = read.date_column(where, table, "to", ("to_format", "format"))
    if start is None or end is None:
        return None
    return MonthsBetween(name, start, end, **_learnt(read, where, table))


def _ratio(read: Reader, where: str, name: str, table: Mapping[str, Any]) -> Feature:
    return Ratio(
        name,
        read.column(where, table, "numerator"),
        read.column(where, table, "denominator"),
        read.numbers(where, table, "missing"),
        **_learnt(read, where, table),
    )


_READERS = {"number": _number, "code": _code, "category": _category, "months-between": _months, "ratio": _ratio}


def _learnt(read: Reader, where: str, table: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "winsor": read.number(where, table, "winsor", 0, 0.5, below=True),
        "indicator": read.flag(where, table, "indicator", False),
        "reason": _reason(read, where, table),
    }


def _reason(read: Reader, where: str, table: Mapping[str, Any]) -> str | None:
    return read.text(where, table, "reason") or None


def _check_levels(read: Reader, where: str, table: Mapping[str, Any], levels: tuple[Any, ...]) -> None:
    if "levels" not in table:
        read.check.problem(f"{where}.levels is missing: the values that have a column of their own")
    elif len(levels) > MOST_LEVELS:
        read.check.problem(f"{where}.levels has {len(levels):,}, where at most {MOST_LEVELS} can be")


def _check_rare(read: Reader, where: str, levels: tuple[Any, ...], rare: tuple[Any, ...]) -> None:
    if both := [one for one in rare if one in levels]:
        read.check.problem(f"{where}: {shown(both[0])} is a level and rare")
