"""The kinds of features that can be declared: a closed set; nothing in it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class DateColumn:
    """A column of dates.

    Attributes
    ----------
    column : str
    format : str or None
        Such as ``DD.MM.YYYY``; None reads what can mean one day or month only.
    """

    column: str
    format: str | None = None


@dataclass(frozen=True)
class Number:
    """A column of numbers, as it is.

    Attributes
    ----------
    missing : tuple of float
        Numbers that stand for a missing value, such as -999.
    at_least, at_most : float or None
        What is beyond counts as that.
    winsor : float or None
        The share of values at each end that is drawn in to the training rows' quantile there.
    indicator : bool
        Whether missing values get a column of their own.
    reason : str or None
        What a person is told where the feature speaks against them.
    """

    name: str
    column: str
    missing: tuple[float, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    winsor: float | None = None
    indicator: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Code:
    """A column of numbers that are names: one column for each level but the reference.

    Attributes
    ----------
    levels : tuple of float
    other : float or None
        The level that counts for all that are not declared, missing ones too.
    reference : float or None
        The level without a column; None takes the first in the order of their spellings.
    rare : tuple of float
        Levels that are known and too rare for a column of their own; they count as unknown.
    unknown : bool
        Whether unknown, rare and missing levels have a column of their own.
    """

    name: str
    column: str
    levels: tuple[float, ...]
    other: float | None = None
    reference: float | None = None
    rare: tuple[float, ...] = ()
    unknown: bool = True
    reason: str | None = None


@dataclass(frozen=True)
class Category:
    """A column of names: one column for each level but the reference.

    Attributes
    ----------
    levels : tuple of str
    missing : tuple of str
        Values that stand for a missing one.
    reference : str or None
        The level without a column; None takes the first in their order.
    rare : tuple of str
        Levels that are known and too rare for a column of their own; they count as unknown.
    unknown : bool
        Whether unknown, rare and missing levels have a column of their own.
    """

    name: str
    column: str
    levels: tuple[str, ...]
    missing: tuple[str, ...] = ()
    reference: str | None = None
    rare: tuple[str, ...] = ()
    unknown: bool = True
    reason: str | None = None


@dataclass(frozen=True)
class MonthsBetween:
    """The months from one date to another."""

    name: str
    start: DateColumn
    end: DateColumn
    winsor: float | None = None
    indicator: bool = False
    reason: str | None = None


@dataclass(frozen=True)
class Ratio:
    """One column of numbers over another; over zero it is missing.

    Attributes
    ----------
    missing : tuple of float
        Numbers that stand for a missing value in either column.
    """

    name: str
    numerator: str
    denominator: str
    missing: tuple[float, ...] = ()
    winsor: float | None = None
    indicator: bool = False
    reason: str | None = None


Feature: TypeAlias = Number | Code | Category | MonthsBetween | Ratio
KINDS: Mapping[str, type[Feature]] = {
    "number": Number,
    "code": Code,
    "category": Category,
    "months-between": MonthsBetween,
    "ratio": Ratio,
}


def kind_of(feature: Feature) -> str:
    """Return what a feature's kind is called in a declaration."""
    return next(name for name, kind in KINDS.items() if isinstance(feature, kind))


def feature_columns(feature: Feature) -> tuple[tuple[str, bool], ...]:
    """Return the raw columns of a feature, and whether their cells are numbers."""
    if isinstance(feature, MonthsBetween):
        return (feature.start.column, False), (feature.end.column, False)
    if isinstance(feature, Ratio):
        return (feature.numerator, True), (feature.denominator, True)
    return ((feature.column, not isinstance(feature, Category)),)


def derived_names(feature: Feature) -> tuple[str, ...]:
    """Return the names of the columns of X that a feature becomes."""
    if not isinstance(feature, Code | Category):
        return (feature.name,)
    named = [one if isinstance(one, str) else f"{one:g}" for one in feature.levels]
    levels = sorted(named)
    reference = feature.reference
    dropped = levels[0] if reference is None else reference if isinstance(reference, str) else f"{reference:g}"
    unknown = (f"{feature.name}_unknown",) if feature.unknown else ()
    return (*(f"{feature.name}_{level}" for level in levels if level != dropped), *unknown)
