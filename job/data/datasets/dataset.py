"""What a dataset is: the columns it needs, how features and target follow from them, and how to imitate its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from job.arrays import namespace, to_host
from job.data.declared import Declared
from job.data.processed import label_columns
from job.data.raw.cells import Categories
from job.data.raw.dialect import LARGEST_NUMBER, Dialect
from job.data.raw.header import RawColumn
from job.data.raw.rawfile import RawTable
from job.metrics import Array

Put = Callable[[Array], Any]
"""Takes a host array to the device that computes.

There are added, subtracted, multiplied, divided, compared and chosen numbers, which IEEE 754 settles to the last bit:
features are the same on every device. Logarithms and sums are not settled, and stay on the host.
"""


@dataclass(frozen=True)
class Derived:
    """What a part of a raw file becomes, on the host; n rows everywhere.

    Attributes
    ----------
    interim : dict of str to array of length n
        Cleaned, typed, derived columns for people to look at.
    features : dict of str to float32 ndarray of shape (n,)
        In the order that models depend on; missing values are NaN.
    target : int8 ndarray of shape (n,)
        1 for a default.
    group : pyarrow string array of length n, or None
        Rows that must not be separated by a split that respects groups.
    time : datetime64[D] ndarray of shape (n,), or None
    horizon : int8 ndarray of shape (n,), or None
        Months from `time` until a row's outcome is due, whatever the outcome.
    dropped : dict of str to int
        Rows left out, by reason.
    unknown : dict of str to dict of str to int
        For each categorical column the levels that were not declared, with their counts; '' stands for a missing cell.
    known_later : dict of str to array of length n
        Columns that become known only later, as far as the file has them: float64 ndarrays, or pyarrow dictionary
        arrays of names. They are held against the features, and kept nowhere.
    audit : dict of str to array of length n
        Columns that are kept for audits and costs, and are no features: texts, and float64.
    unpriced : dict of str to int
        For each column of costs the cells that are none.
    """

    interim: Mapping[str, Any]
    features: Mapping[str, Array]
    target: Array
    group: Any = None
    time: Array | None = None
    horizon: Array | None = None
    dropped: Mapping[str, int] = field(default_factory=dict)
    unknown: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    known_later: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    unpriced: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class DerivedFile:
    """What a raw file becomes, part by part."""

    parts: tuple[Derived, ...]

    @property
    def target(self) -> Array:
        """The target of all rows."""
        return np.concatenate([part.target for part in self.parts])

    @property
    def features(self) -> dict[str, list[Any]]:
        """The features, each as its stretches from the first row to the last."""
        return _stretches([part.features for part in self.parts])

    @property
    def labels(self) -> dict[str, list[Any]]:
        """The columns of the target file, each as its stretches."""
        return _stretches([label_columns(part.target, part.group, part.time, part.horizon) for part in self.parts])

    @property
    def interim(self) -> dict[str, list[Any]]:
        """The interim columns, each as its stretches."""
        return _stretches([part.interim for part in self.parts])

    @property
    def known_later(self) -> dict[str, list[Any]]:
        """The columns that become known only later, each as its stretches."""
        return _stretches([part.known_later for part in self.parts])

    @property
    def audit(self) -> dict[str, list[Any]]:
        """The columns that are kept for audits and costs, each as its stretches."""
        return _stretches([part.audit for part in self.parts])

    @property
    def unpriced(self) -> dict[str, int]:
        """For each column of costs the cells that are none."""
        return _summed([part.unpriced for part in self.parts])

    @property
    def dropped(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return _summed([part.dropped for part in self.parts])

    @property
    def unknown(self) -> dict[str, dict[str, int]]:
        """For each categorical column the levels that were not declared, with their counts."""
        columns = dict.fromkeys(column for part in self.parts for column in part.unknown)
        return {column: _summed([part.unknown.get(column, {}) for part in self.parts]) for column in columns}


def _stretches(parts: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [part[name] for part in parts] for name in parts[0]}


def _summed(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for part in counts for name in part)
    return {name: sum(part.get(name, 0) for part in counts) for name in names}


@dataclass(frozen=True)
class Dataset:
    """A dataset's definition.

    Attributes
    ----------
    id : str
    header : tuple of str
        The raw file's columns, as its source spells and orders them.
    columns : tuple of RawColumn
        Those that are needed.
    derive : callable
        From a part of the raw table and :data:`Put` to features and target; pure, and row by row: a row's features
        depend on no other.
    sample : callable
        From a number of rows and a seed to raw columns, block by block: names to lists of cells. Columns of `header`
        that a block lacks are empty.
    key : RawColumn or None
        What tells the rows of a raw file apart.
    declared : Declared
        What is learnt in the folds, and the month at which outcomes were looked up.
    known_later : tuple of RawColumn
        Columns that become known only later: read where a file has them, held against the features, never one of them.
    raw : str or None
        The name under which the raw file lies, where the catalogue does not say it.
    dialect : Dialect
        How the raw file is written.
    digest : str or None
        SHA-256 of what a user declared of it, where it is a user's own.
    audited : str or None
        What the columns depend on that are kept for audits, as JSON; None where none are.
    source : str
        Where the raw file of a user's own can be had.
    """

    id: str
    header: tuple[str, ...]
    columns: tuple[RawColumn, ...]
    derive: Callable[[RawTable, Put], Derived]
    sample: Callable[[int, int], Iterator[Mapping[str, Any]]]
    key: RawColumn | None = None
    declared: Declared = field(default_factory=Declared)
    known_later: tuple[RawColumn, ...] = ()
    raw: str | None = None
    dialect: Dialect = field(default_factory=Dialect)
    digest: str | None = None
    audited: str | None = None
    source: str = ""


def one_hot(
    column: str,
    cells: Categories,
    levels: tuple[str, ...],
    put: Put,
    *,
    others: bool = False,
    reference: str | None = None,
) -> tuple[dict[str, Array], dict[str, int]]:
    """Encode a categorical column.

    Parameters
    ----------
    levels : tuple of str
        The declared levels. They are sorted and one is dropped.
    put : callable
        Takes the codes to the device.
    others : bool
        Whether missing and undeclared levels get a column of their own, ``{column}_unknown``; else they are told from
        the dropped level by nothing.
    reference : str or None
        The level that is dropped; None for the first.

    Returns
    -------
    (dict of ``{column}_{level}`` to float32 ndarray, dict of undeclared level to its count)
        A missing or undeclared level counts as none of the declared ones.
    """
    codes, features = put(cells.codes), {}
    xp = namespace(codes)
    dropped = min(levels) if reference is None else reference
    for level in sorted(set(levels) - {dropped}):
        code = cells.values.index(level) if level in cells.values else -2
        features[f"{column}_{level}"] = to_host(xp.astype(codes == code, xp.float32))
    if others:
        other = put(np.array([True] + [value not in levels for value in cells.values]))  # the first for what is missing
        features[f"{column}_unknown"] = to_host(xp.astype(xp.take(other, codes + 1), xp.float32))
    unknown = {level or "": count for level, count in cells.counts().items() if level not in levels}
    return features, unknown


def over(numerator: Any, denominator: Any) -> Any:
    """Return a ratio; what is not finite is missing, as over 0.

    Parameters
    ----------
    numerator, denominator : float64 arrays of shape (n,), of one device

    Returns
    -------
    float64 array of shape (n,), of that device
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = numerator / denominator
    xp = namespace(ratio)
    return xp.where(xp.isfinite(ratio), ratio, xp.nan)


def as_categories(codes: Array) -> Categories:
    """Return numbers that are names, as float64 ndarray of shape (n,) with missing ones as NaN, as categories."""
    known = ~np.isnan(codes)
    values = np.unique(codes[known])
    places = np.where(known, np.searchsorted(values, np.where(known, codes, 0)), -1)
    return Categories(places.astype(np.int32), tuple(f"{value:g}" for value in values))


def float32(values: Any) -> Array:
    """Return values of any device as float32 on the host, with what is not finite or too large as missing.

    Parameters
    ----------
    values : float64 array of shape (n,)

    Returns
    -------
    float32 ndarray of shape (n,)
        None of it larger than :data:`LARGEST_NUMBER`.
    """
    xp = namespace(values)
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = xp.astype(values, xp.float32)
        beyond = xp.abs(narrow) > LARGEST_NUMBER
        if xp.any(beyond):
            narrow[beyond] = xp.nan
    return to_host(narrow)  # type: ignore[no-any-return]
