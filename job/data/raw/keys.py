"""Rows that stand in a raw file twice, told by the column that tells its rows apart."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from job.data import compute as pc
from job.data.conversion import to_numpy, to_strings
from job.data.raw.cells import numbers
from job.data.raw.columns import NumberPiece
from job.data.raw.missing import MISSING, is_missing
from job.data.raw.parser import WHOLE_NUMBERS
from job.data.raw.rawfile import RawFile, RawTable
from job.errors import RawFileInvalid, shown
from job.metrics import Array

MOST_NAMED = 3


@dataclass(frozen=True)
class Repeats:
    """What was found of rows that stand in a file twice.

    Attributes
    ----------
    parts : list of RawTable
        The file without them.
    rows : int
        How many rows the file has.
    dropped : int
        How many rows were left out since an earlier one has their key and all their needed cells.
    without_key : int
        How many rows have no key, and were not compared.
    """

    parts: list[RawTable]
    rows: int
    dropped: int
    without_key: int


def without_repeats(raw: RawFile, name: str | None, beside: Collection[str] = ()) -> Repeats:
    """Leave out the rows of a file that repeat an earlier one.

    Parameters
    ----------
    name : str or None
        The key's column, for messages; None where the dataset has none.
    beside : collection of str
        Columns that features and target do not follow from: rows that differ in nothing else are the same.

    Raises
    ------
    RawFileInvalid
        Where two rows have the same key and other cells, naming both lines.
    """
    rows = sum(part.rows for part in raw.parts)
    if name is None or not raw.has_key:
        return Repeats(raw.parts, rows, 0, rows)
    keys = _comparable([piece for part in raw.parts for piece in part.cells.key])
    missing = int(np.count_nonzero(np.isnan(keys)))
    if _all_differ(keys):
        return Repeats(raw.parts, rows, 0, missing)
    earlier, later = _pairs(keys)
    _check_equal(raw.parts, name, earlier, later, beside)
    dropped = np.zeros(keys.size, bool)
    dropped[later] = True
    parts, start = [], 0
    for part in raw.parts:
        here = dropped[start : start + part.rows]
        start += part.rows
        if not here.all():
            parts.append(part.without(here) if here.any() else part)
    return Repeats(parts, rows, later.size, missing)


def _all_differ(keys: Array) -> bool:
    if (keys[1:] > keys[:-1]).all():  # as many files have them
        return True
    ordered = np.sort(keys)  # missing ones last, and never equal
    return not (ordered[1:] == ordered[:-1]).any()


def _comparable(pieces: Sequence[NumberPiece]) -> Array:
    """Return keys as float64 ndarray of shape (n,), equal where the keys are; missing ones are NaN.

    ``7``, `` 7 `` and ``7.0`` are the same key. Where some are no numbers, or larger than float64 can tell apart, all
    are texts, and what comes back are codes into them.
    """
    plain = [found for piece in pieces if (found := _as_numbers(piece)) is not None]
    if len(plain) == len(pieces):
        return np.concatenate(plain)
    texts = pa.chunked_array([_as_texts(piece) for piece in pieces], pa.string())
    codes = texts.dictionary_encode().combine_chunks().indices
    values: Array = to_numpy(pc.cast(codes, pa.float64()))
    return values


def _as_numbers(piece: NumberPiece) -> Array | None:
    if isinstance(piece, np.ndarray):
        return piece
    known = pc.if_else(pc.is_in(piece, to_strings(MISSING)), pa.nulls(1, pa.string())[0], piece)
    try:
        values: Array = to_numpy(pc.cast(known, pa.float64()))
    except pa.ArrowInvalid:
        return None
    return None if (np.abs(values) >= WHOLE_NUMBERS).any() else values


def _as_texts(piece: NumberPiece) -> pa.Array:
    if isinstance(piece, np.ndarray):
        return pa.array([None if np.isnan(value) else f"{value:.17g}" for value in piece], pa.string())
    known = pc.if_else(pc.is_in(piece, to_strings(MISSING)), pa.nulls(1, pa.string())[0], piece)
    return pc.replace_substring_regex(known, r"^([0-9]+)\.0*$", r"\1")


def _pairs(keys: Array) -> tuple[Array, Array]:
    """Return, for each row whose key stands further up too, the first row with the key and the row itself."""
    order = np.argsort(keys, kind="stable")
    same = np.concatenate(([False], keys[order[1:]] == keys[order[:-1]]))
    first = np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))
    return order[first[same]], order[same]


def _check_equal(parts: Sequence[RawTable], name: str, earlier: Array, later: Array, beside: Collection[str]) -> None:
    """Compare the needed cells of pairs of rows, but for the columns `beside`."""
    unlike: dict[str, Array] = {}
    for column in (name for name in parts[0].cells.numbers if name not in beside):
        values = np.concatenate([numbers(part, column) for part in parts])
        one, other = values[earlier], values[later]
        unlike[column] = (one != other) & ~(np.isnan(one) & np.isnan(other))
    for column in (name for name in parts[0].cells.texts if name not in beside):
        codes = _codes(parts, column)
        unlike[column] = codes[earlier] != codes[later]
    any_unlike = np.logical_or.reduce(list(unlike.values()))
    if not any_unlike.any():
        return
    at = int(np.flatnonzero(any_unlike)[later[any_unlike].argmin()])
    differ = [column for column, found in unlike.items() if found[at]]
    starts = np.cumsum([0, *(part.rows for part in parts)])
    positions = [_position(parts, starts, int(row)) for row in (earlier[at], later[at])]
    lines = parts[0].lines(positions)
    more = f" and {len(differ) - MOST_NAMED} more columns" if len(differ) > MOST_NAMED else ""
    value = shown(_key_at(parts, starts, int(later[at])))
    raise RawFileInvalid(
        f"{parts[0].where}, lines {lines[0]} and {lines[1]}: {name} {value} stands in both, with different "
        f"{', '.join(differ[:MOST_NAMED])}{more}",
        f"Remove the row that is wrong; where {name} does not tell rows apart, remove that column.",
    )


def _codes(parts: Sequence[RawTable], column: str) -> Array:
    """Return a column of names as codes that are equal where the names are, over all parts; −1 is missing."""
    known: dict[str, int] = {}
    pieces = []
    for part in parts:
        cells = part.texts(column)
        places = [-1 if is_missing(value) else known.setdefault(value, len(known)) for value in cells.values]
        pieces.append(np.array(places, dtype=np.int32)[cells.codes])
    return np.concatenate(pieces)


def _position(parts: Sequence[RawTable], starts: Array, row: int) -> int:
    place = int(np.searchsorted(starts, row, side="right")) - 1
    return parts[place].position(row - int(starts[place]))


def _key_at(parts: Sequence[RawTable], starts: Array, row: int) -> str:
    place = int(np.searchsorted(starts, row, side="right")) - 1
    row -= int(starts[place])
    for piece in parts[place].cells.key:
        if row < len(piece):
            cell = piece[row] if isinstance(piece, np.ndarray) else piece[row].as_py()
            return cell if isinstance(cell, str) else f"{cell:.17g}"
        row -= len(piece)
    return ""
