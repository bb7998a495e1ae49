"""Columns in stretches, and which of their rows are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from job.data.conversion import to_codes
from job.data.datasets.dataset import DerivedFile
from job.metrics import Array

MOST_ROWS = 100_000

Column = Sequence[Any]
"""From the first row to the last in stretches: float ndarrays, or pyarrow dictionary arrays of names."""


def features_as_columns(derived: DerivedFile) -> Iterator[tuple[str, Column]]:
    """Yield the features, those of one column of names as that column, without stretches that have no rows."""
    names, interim = tuple(derived.features), derived.interim
    of_levels = {
        name: column
        for column, pieces in interim.items()
        if not isinstance(pieces[0], np.ndarray)
        for name in names
        if name.startswith(f"{column}_")
    }
    for column in dict.fromkeys(of_levels.values()):
        yield column, with_rows(interim[column])
    for name, pieces in derived.features.items():
        if name not in of_levels:
            yield name, with_rows(pieces)


def chosen_rows(target: Array, most: int = MOST_ROWS) -> Array:
    """Return the rows that are looked at, ascending: all, or as many of the rarer class as there is room for.

    The same target gives the same rows.
    """
    if target.size <= most:
        return np.arange(target.size)
    draw = np.random.default_rng(0)
    classes = sorted((np.flatnonzero(target == value) for value in (0, 1)), key=len)
    rarer = draw.choice(classes[0], min(classes[0].size, most // 2), replace=False)
    return np.sort(np.concatenate([rarer, draw.choice(classes[1], most - rarer.size, replace=False)]))


def every_second(target: Array) -> Array:
    """Return half of the rows, half of each class, drawn the same way each time."""
    order = np.random.default_rng(1).permutation(target.size)
    order = order[np.argsort(target[order], kind="stable")]
    return order[::2]


def with_rows(column: Column) -> list[Any]:
    """Return a column's stretches but for those that have no rows."""
    return [piece for piece in column if len(piece)]


def of_one_kind(column: Column) -> list[Any]:
    """Return a column of names with those of its stretches as missing that are of numbers, and any other as it is."""
    if len({isinstance(piece, np.ndarray) for piece in column}) < 2:
        return list(column)
    return [
        pa.nulls(len(piece), pa.string()).dictionary_encode() if isinstance(piece, np.ndarray) else piece
        for piece in column
    ]


def is_missing(piece: Any) -> Array:
    """Return which cells of a stretch are missing, as bool ndarray of shape (n,)."""
    if not isinstance(piece, np.ndarray):
        return to_codes(piece) < 0
    return np.isnat(piece) if piece.dtype.kind == "M" else np.isnan(piece)


def take(column: Column, rows: Array) -> Array:
    """Return some rows of a column of numbers; `rows` ascend."""
    ends = np.cumsum([len(piece) for piece in column])
    bounds = np.searchsorted(rows, [0, *ends])
    return np.concatenate(
        [
            piece[rows[first:last] - (end - len(piece))]
            for piece, end, first, last in zip(column, ends, bounds[:-1], bounds[1:], strict=True)
        ]
    )


def level_names(column: Column) -> list[str]:
    """Return the names that a column knows, sorted."""
    return sorted({value for piece in column for value in piece.dictionary.to_pylist()})


def as_codes(column: Column) -> list[Array]:
    """Return a column of names as codes that are equal where the names are; missing is one more than the largest."""
    places = {value: i for i, value in enumerate(level_names(column))}
    found = []
    for piece in column:
        codes = np.array([places[value] for value in piece.dictionary.to_pylist()] or [0], np.int64)
        at = to_codes(piece)
        found.append(np.where(at < 0, len(places), codes[at]))
    return found
