"""Parsing blocks of whole rows with pyarrow: the needed columns, without what stands between the rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from job.data import compute as pc
from job.data.conversion import to_numpy, to_strings
from job.data.raw.between import Between
from job.data.raw.columns import END, Odd
from job.data.raw.dialect import Dialect
from job.data.raw.missing import MISSING, is_missing

_KEY = " key "  # which no column is called
WHOLE_NUMBERS = float(1 << 53)  # up to here float64 tells all of them apart


@dataclass(frozen=True)
class Layout:
    """Which of a file's columns are needed.

    Attributes
    ----------
    width : int
        How many columns the file has.
    numbers, texts : dict of str to int
        Positions of the needed columns, by the dataset's names.
    between : Between
        What is passed over.
    key : int or None
        The position of what tells the rows apart.
    dialect : Dialect
    """

    width: int
    numbers: Mapping[str, int]
    texts: Mapping[str, int]
    between: Between
    key: int | None = None
    dialect: Dialect = field(default_factory=Dialect)


class WrongRow(Exception):
    """A row cannot be used; the message says in what way."""


class Parser:
    """Parses blocks; may be used by several threads at once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._names = [f"c{i}" for i in range(layout.width)]
        self._fast, self._slow = self.options(1 << 30, fast=True), self.options(1 << 30, fast=False)
        last = [""] * layout.width
        for place in layout.texts.values():
            last[place] = END
        self.last_row = layout.dialect.separator.join(last).encode() + b"\n"

    def options(self, block_bytes: int, *, fast: bool) -> tuple[Any, Any, Any]:
        """Return pyarrow's options: numbers as numbers and names as codes where `fast`, everything as text else."""
        coded, dialect = pa.dictionary(pa.int32(), pa.string()), self._layout.dialect
        types = {self._names[i]: pa.float64() if fast else pa.string() for i in self._layout.numbers.values()}
        types |= {self._names[i]: coded if fast else pa.string() for i in self._layout.texts.values()}
        if self._layout.key is not None:
            types[self._names[self._layout.key]] = pa.float64() if fast else pa.string()
        if not fast:  # the first column tells a footer or an empty row from a row that lost its cells
            types.setdefault(self._names[0], pa.string())
        return (
            pa_csv.ReadOptions(column_names=self._names, block_size=block_bytes, use_threads=False),
            pa_csv.ParseOptions(
                delimiter=dialect.separator, newlines_in_values=True, invalid_row_handler=self._on_wrong_width
            ),
            pa_csv.ConvertOptions(
                include_columns=list(types),
                column_types=types,
                check_utf8=False,
                strings_can_be_null=False,
                null_values=[*MISSING, *dialect.missing],
                decimal_point=dialect.decimal,
            ),
        )

    def _on_wrong_width(self, row: Any) -> str:
        # The first that is wrong ends it: all of a large file's rows may be.
        return "skip" if not row.text.strip() or self._layout.between.is_line(row.text) else "error"

    def block(self, block: bytes | memoryview) -> Any:
        """Parse a block of whole rows and :attr:`last_row` into a record batch.

        Numbers come first, as float64 or, where some are not plain, as strings; then names, as dictionary arrays; then
        the key, where there is one, as float64 or strings.

        Raises
        ------
        Odd, WrongRow, pyarrow.ArrowInvalid
        """
        try:
            found = self._plain(pa_csv.read_csv(pa.BufferReader(block), *self._fast))
        except pa.ArrowInvalid:
            found = None
        if found is None:
            table = pa_csv.read_csv(pa.BufferReader(block), *self._slow)
            rows = table.num_rows - 1
            if rows < 0 or not all(table[self._names[i]][rows].as_py() == END for i in self._layout.texts.values()):
                raise Odd("a row does not end where it seems to end")
            found = self.careful(table.slice(0, rows))
        return found

    def _plain(self, table: Any) -> Any:
        """Return what was parsed if all of it is plain; None where :meth:`careful` must look at it."""
        (batch,) = table.to_batches() or [None]
        if batch is None:
            raise Odd("a row does not end where it seems to end")
        rows = batch.num_rows - 1
        for column in self._texts_of(batch):
            known = len(column.dictionary) - 1
            # The last row's value was not seen before it, so nothing else can have been taken for it.
            if column.indices[rows].as_py() != known or column.dictionary[known].as_py() != END:
                raise Odd("a row does not end where it seems to end")
        batch = batch.slice(0, rows)
        if self._layout.key is not None:  # the last column
            key = to_numpy(batch.columns[-1])
            if max(np.fmax.reduce(key, initial=0.0), -np.fmin.reduce(key, initial=0.0)) >= WHOLE_NUMBERS:
                return None
        return None if self._has_empty_rows(batch) else batch

    def _texts_of(self, batch: Any) -> list[Any]:
        numbers = len(self._layout.numbers)
        texts: list[Any] = batch.columns[numbers : numbers + len(self._layout.texts)]
        return texts

    def _has_empty_rows(self, batch: Any) -> bool:
        """Tell whether a row has none of the needed cells; the columns whose cells are all there are asked first."""
        numbers = batch.columns[: len(self._layout.numbers)]
        if not batch.num_rows or not all(column.null_count for column in numbers):
            return False
        empty: Any = True
        for column in self._texts_of(batch):
            blank = [i for i, value in enumerate(column.dictionary.to_pylist()) if is_missing(value)]
            if not blank:
                return False
            empty = empty & np.isin(to_numpy(column.indices), blank)
        for column in numbers:
            empty = empty & to_numpy(column.is_null())
        return bool(np.any(empty))

    def careful(self, table: Any) -> Any:
        """Return the needed cells without surrounding blanks, and without what is none of the rows, as a record batch.

        Raises
        ------
        WrongRow
            Where a row has other cells but none of the needed ones.
        """
        places = {**self._layout.numbers, **self._layout.texts}
        cells = {name: _trimmed(table[self._names[i]]) for name, i in places.items()}
        lead = table[self._names[0]]
        if self._layout.key is not None:
            cells[_KEY] = _trimmed(table[self._names[self._layout.key]])
        empty = self._all(lambda name: pc.is_in(cells[name], to_strings(MISSING)))
        if pc.any(empty).as_py():
            leads = _trimmed(lead).filter(empty).unique().to_pylist()
            if not all(is_missing(text) or self._layout.between.is_line(text) for text in leads):
                raise WrongRow("a row has none of the needed cells")
        drop = empty
        for header in self._layout.between.headers:
            drop = pc.or_(drop, self._all(lambda name, of=header: _equal(cells[name], of[places[name]])))  # type: ignore[misc]
        if pc.any(drop).as_py():
            keep = pc.invert(drop)
            cells = {name: values.filter(keep) for name, values in cells.items()}
        cells |= {name: cells[name].dictionary_encode() for name in self._layout.texts}
        return pa.RecordBatch.from_arrays(list(cells.values()), list(cells))

    def _all(self, test: Callable[[str], Any]) -> Any:
        """Return where a test of a column holds for all needed ones; it is not asked again once it holds nowhere."""
        found = None
        for name in (*self._layout.texts, *self._layout.numbers):
            found = test(name) if found is None else pc.and_(found, test(name))
            if not pc.any(found).as_py():
                break
        return found


def _trimmed(column: Any) -> Any:
    return pc.utf8_trim_whitespace(column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column)


def _equal(cells: Any, name: str) -> Any:
    return pc.equal(pc.utf8_lower(cells), name.strip().lower())
