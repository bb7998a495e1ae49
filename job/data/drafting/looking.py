"""Looking at a whole file once, block by block, in bounded memory: what each of its columns seems to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from job.data import compute as pc
from job.data.conversion import to_numpy, to_strings
from job.data.declarations.dates import reader_of
from job.data.drafting.guessing import Guess, is_number
from job.data.raw.between import Between
from job.data.raw.blocks import batches_in_order, batches_side_by_side
from job.data.raw.cells import without_marks
from job.data.raw.columns import Odd
from job.data.raw.diagnosis import diagnose
from job.data.raw.header import Header
from job.data.raw.missing import is_missing
from job.data.raw.parser import Layout, WrongRow
from job.data.raw.source import Source
from job.metrics import Array

FEW = 20  # different values among the first rows: a column of fewer is looked at as names, until it turns out otherwise
MOST_LEVELS = 1000  # that are counted
MOST_STRANGE = 5  # cells that are no numbers in a column of numbers
SAMPLE = 20_000  # rows that are kept; twice as many at most
SAMPLE_CELLS = 8_000_000  # and so many cells of them, twice as many at most
DATE_FORMATS = (None, "DD.MM.YYYY", "DD/MM/YYYY", "MM/DD/YYYY", "DD-MM-YYYY", "MM-DD-YYYY", "YYYYMMDD")
TRIED = 100  # cells of each block that are tried as dates


@dataclass
class Column:
    """What was found of a column.

    Attributes
    ----------
    name : str
    number : bool
        Whether it was read as numbers.
    filled : int
        Cells that are not missing.
    low, high : float
        Of its numbers; NaN where there are none.
    whole : bool
        Whether all its numbers are whole.
    levels : dict of str to int
        How often each value occurs; of a column of numbers, what is no number.
    many : bool
        Whether there are more than were counted.
    unlike : bool
        Of names: whether all are different within each block.
    formats : list
        The formats in which every cell is a date.
    sample : list of arrays
        Values of the sampled rows: numbers as float64, or codes into `levels` with −1 for missing ones.
    """

    name: str
    number: bool
    filled: int = 0
    low: float = float("nan")
    high: float = float("nan")
    whole: bool = True
    levels: dict[str, int] = field(default_factory=dict)
    many: bool = False
    unlike: bool = True
    formats: list[str | None] = field(default_factory=lambda: list(DATE_FORMATS))
    sample: list[Array] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What was found of a file.

    Attributes
    ----------
    guess : Guess
    rows : int
    columns : list of Column
    """

    guess: Guess
    rows: int
    columns: list[Column]


def look(source: Source, guess: Guess, names: frozenset[int]) -> Look:
    """Look at all rows of a file once.

    Parameters
    ----------
    names : frozenset of int
        Positions of columns that are read as names, whatever they look like.

    Raises
    ------
    RawFileInvalid
        Naming the line that cannot be read.
    """
    found = _look_any_way(source, guess, names, frozenset())
    # Columns of many numbers whose first rows have few, such as the noughts of what is rarely paid.
    again = frozenset(i for i, one in enumerate(found.columns) if i not in names and one.many and one.whole)
    return _look_any_way(source, guess, names, again) if again else found


def _look_any_way(source: Source, guess: Guess, names: frozenset[int], numbers: frozenset[int]) -> Look:
    try:
        return _look(source, guess, names, numbers, batches_side_by_side)
    except Odd:
        return _look(source, guess, names, numbers, batches_in_order)


def _look(
    source: Source,
    guess: Guess,
    names: frozenset[int],
    known: frozenset[int],
    batches: Callable[[BinaryIO, Layout], Any],
) -> Look:
    width = len(guess.names)
    numbers = [i for i in range(width) if i not in names and (i in known or _is_numeric(guess, i))]
    if len(numbers) == width:  # a row's end is proved by a column of names
        numbers.pop()
    texts = [i for i in range(width) if i not in numbers]
    places = {str(i): i for i in range(width)}
    between = Between(guess.names, places, frozenset(), () if guess.dialect.columns else (guess.names,))
    numbered = bool(guess.dialect.columns)
    header = Header(guess.offset, 0 if numbered else 1, 0 if numbered else 1, width, places, between, None)
    source = source.with_header(header)
    layout = Layout(width, {str(i): i for i in numbers}, {str(i): i for i in texts}, between, None, guess.dialect)
    columns = {i: Column(guess.names[i], i in set(numbers)) for i in range(width)}
    sampler, rows = _Sampler(min(SAMPLE, max(SAMPLE_CELLS // width, 1))), 0
    with source.errors(), source.open() as file:
        left = guess.offset
        while left > 0:
            left -= len(file.read(left))
        try:
            for batch in batches(file, layout):
                taken = sampler.rows(rows, batch.num_rows, list(columns.values()))
                for i, cells in zip((*numbers, *texts), batch.columns, strict=True):
                    _look_at(columns[i], cells, taken, guess)
                rows += batch.num_rows
        except (pa.ArrowInvalid, WrongRow) as error:
            diagnose(source, str(error))
    return Look(guess, rows, list(columns.values()))


def _is_numeric(guess: Guess, place: int) -> bool:
    """Tell whether the first cells of a column are numbers, and so many of them that they are no names."""
    cells = {row[place].strip() for row in guess.rows}
    known = [cell for cell in cells if not is_missing(cell)]
    plain = sum(is_number(cell, guess.dialect) for cell in known)
    return len(known) > min(FEW, len(guess.rows) // 2) and plain > 0.8 * len(known)


class _Sampler:
    """Every row, then every second, then every fourth, so that no more are kept than may be."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._step = 1
        self._kept = 0

    def rows(self, first: int, count: int, columns: list[Column]) -> Array:
        """Return which of the next rows are kept; earlier ones are given up where they are too many."""
        while self._kept + count // self._step > 2 * self._most:
            self._step *= 2
            self._kept = (self._kept + 1) // 2
            for column in columns:
                column.sample = [np.concatenate(column.sample)[::2]] if column.sample else []
        taken: Array = np.arange((-first) % self._step, count, self._step)
        self._kept += taken.size
        return taken


def _look_at(column: Column, cells: Any, taken: Array, guess: Guess) -> None:
    if column.number:
        values = to_numpy(cells) if isinstance(cells, pa.DoubleArray) else _numbers(column, cells, guess)
        _note_numbers(column, values)
        column.sample.append(np.array(values[taken]))
    else:
        _note_names(column, cells, taken, guess)


def _numbers(column: Column, cells: Any, guess: Guess) -> Array:
    """Return cells as numbers, and note what is none."""
    missing, known = without_marks(cells, guess.dialect)
    try:
        return to_numpy(pc.cast(known, pa.float64()))
    except pa.ArrowInvalid:
        found = np.full(len(cells), np.nan)
        for i, cell in enumerate(known.to_pylist()):
            if cell is not None:
                try:
                    found[i] = float(cell)
                except ValueError:
                    _count(column, cells[i].as_py(), 1)
        return np.where(to_numpy(missing), np.nan, found)


def _note_numbers(column: Column, values: Array) -> None:
    column.filled += int(values.size - np.count_nonzero(np.isnan(values)))
    if values.size:
        column.low = float(np.fmin(column.low, np.fmin.reduce(values)))
        column.high = float(np.fmax(column.high, np.fmax.reduce(values)))
    if column.whole:
        known = values[~np.isnan(values)]
        column.whole = bool((known == np.floor(known)).all())


def _note_names(column: Column, cells: Any, taken: Array, guess: Guess) -> None:
    column.unlike = column.unlike and len(cells.dictionary) >= len(cells)
    if column.many and not column.whole:  # enough is known of it, and to go on would cost as much as all the rest
        column.filled += len(cells)
        return
    names = [value.strip() if value is not None else "" for value in cells.dictionary.to_pylist()]
    codes = to_numpy(cells.indices)
    counts = np.bincount(codes, minlength=len(names)).tolist()
    there = [(name, count) for name, count in zip(names, counts, strict=False) if count and not is_missing(name)]
    column.filled += sum(count for _, count in there)
    if column.formats:
        tried = [name for name, _ in there[:TRIED]]
        column.formats = [one for one in column.formats if all(map(_reads(one), tried))]
    if column.whole:  # of names: whether all are numbers
        column.whole = all(is_number(name, guess.dialect) for name, _ in there)
    if not column.many:
        for name, count in there:
            _count(column, name, count)
    if column.many:
        column.sample = []
        return
    place = {name: i for i, name in enumerate(column.levels)}
    of_names = np.array([place.get(name, -1) for name in names] or [-1], np.float64)
    column.sample.append(of_names[codes[taken]])


def _reads(format_: str | None) -> Callable[[str], date | None]:
    return reader_of(format_)


def _count(column: Column, name: str, count: int) -> None:
    if name in column.levels or len(column.levels) < MOST_LEVELS:
        column.levels[name] = column.levels.get(name, 0) + count
    else:
        column.many = True


def levels_as_column(column: Column) -> Any:
    """Return the sampled rows of a column of names as a pyarrow dictionary array, missing as null."""
    codes = np.concatenate(column.sample)
    known = codes >= 0
    indices = pa.array(np.where(known, codes, 0).astype(np.int32), pa.int32(), mask=~known)
    return pa.DictionaryArray.from_arrays(indices, to_strings(list(column.levels) or [""]))
