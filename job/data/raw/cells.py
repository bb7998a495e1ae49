"""From cells to values: numbers, categories, months; a cell that is none is refused by line and column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from job.data import compute as pc
from job.data.conversion import to_arrow, to_numpy, to_strings
from job.data.raw.dates import date_of, out_of_bounds, why_no_date
from job.data.raw.dialect import LARGEST_NUMBER, Dialect
from job.data.raw.missing import MISSING
from job.data.raw.rawfile import RawTable
from job.metrics import Array

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PERCENT = "[\\s\u00a0\u202f]*%$"
# Marks as they are declared, and as programs write them.
_MARKS = {"": "", ",": ",", ".": "\\.", " ": "[ \u00a0\u202f]", "'": "['\u2019]"}


def numbers(raw: RawTable, column: str) -> Array:
    """Return a column as float64 ndarray of shape (n,), missing cells as NaN; ``13.5%`` is 13.5.

    Raises
    ------
    RawFileInvalid
        Naming the line of a cell that is not a number, or too large for the float32 features.
    """
    pieces, row = [], 0
    for piece in raw.numbers(column):
        pieces.append(piece if isinstance(piece, np.ndarray) else _from_cells(raw, column, piece, row))
        row += len(piece)
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _from_cells(raw: RawTable, column: str, cells: Any, first: int) -> Array:
    """Convert cells that are not all plain; `first` is the row of the first of them."""
    missing, known = without_marks(cells, raw.dialect)
    try:
        values: Array = to_numpy(pc.cast(known, pa.float64()))
    except pa.ArrowInvalid:
        values = _one_by_one(raw, column, cells, known, first)
    wrong = ~(np.abs(values) <= LARGEST_NUMBER) & ~to_numpy(missing)
    if wrong.any():
        at = int(wrong.argmax())
        beyond = f": it is beyond {LARGEST_NUMBER:g}" if np.isfinite(values[at]) else ""
        problem = f"is not a number that can be used{beyond}"
        remedy = "Correct the cell, or empty it where it stands for a missing value."
        raw.refuse(first + at, column, cells[at].as_py(), problem, remedy)
    return values


def without_marks(cells: Any, dialect: Dialect) -> tuple[Any, Any]:
    """Return which cells are missing, and the others without percent signs and marks of thousands, with points.

    Parameters
    ----------
    cells : pyarrow string array
    """
    missing = pc.is_in(cells, to_strings([*MISSING, *dialect.missing]))
    known = pc.if_else(missing, pa.nulls(1, pa.string())[0], cells)
    if pc.any(pc.ends_with(known, "%")).as_py():
        known = pc.replace_substring_regex(known, _PERCENT, "")
    return missing, _with_points(known, dialect)


def _with_points(cells: Any, dialect: Dialect) -> Any:
    """Return cells without the marks of thousands, where they stand between groups of three, and with points."""
    mark, decimal = _MARKS[dialect.thousands], _MARKS[dialect.decimal]
    if mark:
        grouped = pc.match_substring_regex(cells, rf"^[+-]?[0-9]{{1,3}}({mark}[0-9]{{3}})+({decimal}[0-9]*)?$")
        cells = pc.if_else(grouped, pc.replace_substring_regex(cells, mark, ""), cells)
    if dialect.decimal != ".":  # a point that is left is no mark of a number
        cells = pc.replace_substring(pc.replace_substring(cells, ".", "\u00b7"), dialect.decimal, ".")
    return cells


def _one_by_one(raw: RawTable, column: str, cells: Any, known: Any, first: int) -> Array:
    """Convert cells that pyarrow's parser did not take, such as ``+5``, or name the first that is no number."""
    values = np.full(len(cells), np.nan)
    for i, cell in enumerate(known.to_pylist()):
        if cell is None:
            continue
        if not _NUMBER.fullmatch(cell):
            raw.refuse(first + i, column, cells[i].as_py(), "is not a number", "Correct or empty the cell.")
        values[i] = float(cell)
    return values


def numbers_if_any(raw: RawTable, column: str) -> Array:
    """Return a column as :func:`numbers` does, but with cells that are no such numbers as missing."""
    return np.concatenate(
        [
            piece if isinstance(piece, np.ndarray) else _passing_over_others(piece, raw.dialect)
            for piece in raw.numbers(column)
        ]
    )


def _passing_over_others(cells: Any, dialect: Dialect) -> Array:
    known = _with_points(pc.replace_substring_regex(cells, _PERCENT, ""), dialect)
    plain = pc.if_else(pc.match_substring_regex(known, f"^({_NUMBER.pattern})$"), known, pa.nulls(1, pa.string())[0])
    values: Array = to_numpy(pc.cast(pc.utf8_ltrim(plain, "+"), pa.float64()))
    return np.where(np.abs(values) <= LARGEST_NUMBER, values, np.nan)


def numbers_or_names(raw: RawTable, column: str) -> Any:
    """Return a column of which nobody has said what it is.

    Returns
    -------
    float64 ndarray of shape (n,), or pyarrow dictionary array of strings
        Names where most cells that are filled are no numbers; what is missing, or of the other kind, is NaN or null.
    """
    values = numbers_if_any(raw, column)
    pieces = raw.numbers(column)
    if all(isinstance(piece, np.ndarray) for piece in pieces):
        return values
    parts = [pa.array([""] * len(piece)) if isinstance(piece, np.ndarray) else piece for piece in pieces]
    cells = pa.chunked_array(parts, pa.string()).combine_chunks().fill_null("")
    missing, _ = without_marks(cells, raw.dialect)
    filled = np.count_nonzero(~to_numpy(missing)) + sum(
        np.count_nonzero(~np.isnan(piece)) for piece in pieces if isinstance(piece, np.ndarray)
    )
    if 2 * np.count_nonzero(~np.isnan(values)) >= filled:
        return values
    return pc.if_else(missing, pa.nulls(1, pa.string())[0], cells).dictionary_encode()


@dataclass(frozen=True)
class Categories:
    """A column of names: `codes` (int32, −1 for missing) into `values`."""

    codes: Array
    values: tuple[str, ...]

    def take(self, rows: Array) -> Categories:
        """Return the categories of some rows."""
        return Categories(self.codes.take(rows), self.values)

    def texts(self) -> Any:
        """Return the column as a pyarrow dictionary array of strings, missing as null."""
        codes = to_arrow(self.codes, self.codes < 0)
        return pa.DictionaryArray.from_arrays(codes, to_strings(self.values))

    def counts(self) -> dict[str | None, int]:
        """Return how often each value occurs, missing as None."""
        found = np.bincount(self.codes + 1, minlength=len(self.values) + 1)
        return {(None if i == 0 else self.values[i - 1]): int(n) for i, n in enumerate(found) if n}


def categories(raw: RawTable, column: str) -> Categories:
    """Return a column as categories."""
    cells = raw.texts(column)
    order = sorted(set(cells.values) - {*MISSING, *raw.dialect.missing})
    place = {value: i for i, value in enumerate(order)}
    to_code = np.array([place.get(value, -1) for value in cells.values] or [-1], dtype=np.int32)
    return Categories(to_code.take(cells.codes), tuple(order))


def mapped(raw: RawTable, column: str, mapping: Mapping[str, int], problem: str, remedy: str) -> Array:
    """Return a column's cells by a mapping as int8 ndarray of shape (n,).

    Raises
    ------
    RawFileInvalid
        Naming the line of the first cell that the mapping lacks.
    """
    found = raw.texts(column)
    codes = np.array([mapping.get(value, -1) for value in found.values], dtype=np.int8).take(found.codes)
    if (codes < 0).any():
        row = int((codes < 0).argmax())
        raw.refuse(row, column, found.at(row), problem, remedy)
    return codes


def months(
    raw: RawTable,
    column: str,
    first: date,
    last: date,
    read: Callable[[str], date | None] = date_of,
    why_not: Callable[[str], tuple[str, str]] = why_no_date,
) -> Array:
    """Return a column of dates as datetime64[D], missing cells as NaT; a month counts as its first day.

    Parameters
    ----------
    first, last : datetime.date
        Between which the dates must lie.
    read : callable
        From a cell to its date, or None where it is none; as :func:`job.data.raw.dates.date_of`.
    why_not : callable
        From a cell that is none to what is the matter with it, and what to do about it.

    Raises
    ------
    RawFileInvalid
        Naming the line of a cell that is no such date.
    """
    found = categories(raw, column)
    days = []
    for i, value in enumerate(found.values):
        day = read(value)
        if day is None or not first <= day <= last:
            row = int((found.codes == i).argmax())
            raw.refuse(row, column, value, *(why_not(value) if day is None else out_of_bounds(first, last)))
        days.append(np.datetime64(day, "D"))
    return np.array([*days, np.datetime64("NaT", "D")], dtype="datetime64[D]").take(found.codes)
