"""Parsing a raw file's needed columns: in blocks of whole rows, side by side on all processors, in bounded memory.

A block is cut where a row seems to end: at a line's end that an even number of quotation marks precedes. Whether the
parser sees a row end there too is proved for every block: a row of its own is put behind the block, and the parser must
give it back as the last one. Where it does not (a quotation mark in the middle of a cell misleads the count), or where
anything else is odd, the file is read again row after row, by the parser's own idea of a row, which costs more.

Numbers are parsed to float64 at once, names become codes into their few values. Only a block that has something else in
a number's column (``13.5%``, ``n/a`` with blanks around it, text) keeps that column as text, for
:mod:`job.data.raw.cells` to convert or refuse.
"""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from job.metrics import Array
from job.settings import available_processors
from job.store import bounds

MISSING_NUMBERS = ("", "n/a", "N/A", "#N/A", "NA", "NaN", "nan", "null", "NULL", "None")
LARGEST_NUMBER = float(np.finfo(np.float32).max)
BLOCK_BYTES = 1 << 20  # what stays in a processor's cache while it is parsed
PART_ROWS = 1 << 17  # what is computed with at a time: an array of them stays in a processor's cache
MOST_THREADS = 8
TRIES = 200  # line ends that are tried before a block is given up
# Lines that Lending Club puts before, between and behind its loans.
FOOTER = re.compile(
    r"\s*\"?(total amount funded in policy code|loans that do not meet the credit policy)", re.IGNORECASE
)
# A cell that no file has: it marks the row that is put behind every block.
_END = "\x1f end of block \x1f"


@dataclass(frozen=True)
class Layout:
    """Which of a file's columns are needed.

    Attributes
    ----------
    width : int
        How many columns the file has.
    numbers, texts : dict of str to int
        Positions of the needed columns, by the dataset's names.
    """

    width: int
    numbers: Mapping[str, int]
    texts: Mapping[str, int]


@dataclass(frozen=True)
class Texts:
    """A column of names.

    Attributes
    ----------
    codes : int32 ndarray of shape (n,)
        Into `values`.
    values : tuple of str
        Without surrounding blanks; a value may stand there twice.
    """

    codes: Array
    values: tuple[str, ...]

    def strings(self) -> Any:
        """Return the cells as a pyarrow string array."""
        return pa.array(self.values, pa.string()).take(pa.array(self.codes))


# A stretch of a number's column: a float64 ndarray, missing as NaN; or pyarrow strings where some cells are not plain.
NumberPiece = Any


@dataclass(frozen=True)
class Cells:
    """The needed columns of a part of a file, n rows.

    Attributes
    ----------
    first : int
        Position of the first row in the file.
    rows : int
    numbers : dict of str to list of NumberPiece
        From the first row to the last.
    texts : dict of str to Texts
    """

    first: int
    rows: int
    numbers: Mapping[str, Sequence[NumberPiece]]
    texts: Mapping[str, Texts]


class Odd(Exception):
    """A block cannot be parsed by itself."""


class WrongRow(Exception):
    """A row cannot be used; the message says in what way."""


class TooMuch(Exception):
    """A file has more than a raw file can have; the message says of what."""


def parse_side_by_side(file: BinaryIO, layout: Layout) -> list[Cells]:
    """Parse the rows of a file from its position on, block by block, on all processors.

    Raises
    ------
    Odd
        Where :func:`parse_in_order` must say what is the matter, or can read what this cannot.
    TooMuch
    """
    parser = _Parser(layout)
    threads = min(available_processors(), MOST_THREADS)
    waiting: deque[Future[Any]] = deque()

    def parsed() -> Iterator[Any]:
        for block in _whole_rows(file, parser.last_row):
            if len(waiting) > threads:  # so that no more than a few blocks are held at once
                yield waiting.popleft().result()
            waiting.append(pool.submit(parser.block, block))
        while waiting:
            yield waiting.popleft().result()

    with ThreadPoolExecutor(threads) as pool:
        try:
            parts = _parts(parsed(), layout)
        except (pa.ArrowInvalid, WrongRow) as error:
            raise Odd(str(error)) from error
        finally:
            for future in waiting:
                future.cancel()
    return parts


def parse_in_order(file: BinaryIO, layout: Layout) -> list[Cells]:
    """Parse the rows of a file from its position on, row after row.

    Raises
    ------
    WrongRow, TooMuch, pyarrow.ArrowInvalid
    """
    parser = _Parser(layout)
    parts: list[Cells] = []
    try:
        batches = pa_csv.open_csv(file, *parser.options(bounds.LINE_BYTES, fast=False))
        parts = _parts(map(parser.careful, batches), layout)
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise
    return parts


def _whole_rows(file: BinaryIO, last_row: bytes) -> Iterator[bytes]:
    """Yield the rest of a file in blocks that end where a row seems to end, `last_row` put behind each."""
    rest, open_quotes = b"", 0
    while data := file.read(BLOCK_BYTES):
        end, quotes = _row_end(data, open_quotes)
        if end:
            yield b"".join((rest, memoryview(data)[:end], last_row))
            rest, open_quotes = data[end:], quotes
        else:
            rest, open_quotes = rest + data, quotes
        if len(rest) > bounds.LINE_BYTES:
            raise Odd("a row does not seem to end")
    if rest:
        yield b"".join((rest, b"" if rest.endswith((b"\n", b"\r")) else b"\n", last_row))


def _row_end(data: bytes, quotes: int) -> tuple[int, int]:
    """Find the last line's end in `data` that an even number of quotation marks precedes.

    Parameters
    ----------
    quotes : int
        How many quotation marks of the same row stand before `data`.

    Returns
    -------
    (int, int)
        How many bytes of `data` end there, 0 where there is no such place; and the quotation marks behind it.
    """
    total = quotes + int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord('"')))  # quicker than bytes.count
    end, behind = len(data), 0
    for _ in range(TRIES):
        before = max(data.rfind(b"\n", 0, end), data.rfind(b"\r", 0, end)) + 1
        if not before:
            break
        behind += data.count(b'"', before, end)
        if (total - behind) % 2 == 0:
            return before, behind
        end = before - 1
    return 0, total


class _Parser:
    """Parses blocks; may be used by several threads at once."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._names = [f"c{i}" for i in range(layout.width)]
        self._fast, self._slow = self.options(1 << 30, fast=True), self.options(1 << 30, fast=False)
        last = [""] * layout.width
        for place in layout.texts.values():
            last[place] = _END
        self.last_row = ",".join(last).encode() + b"\n"

    def options(self, block_bytes: int, *, fast: bool) -> tuple[Any, Any, Any]:
        """Return pyarrow's options: numbers as numbers and names as codes where `fast`, everything as text else."""
        coded = pa.dictionary(pa.int32(), pa.string())
        types = {self._names[i]: pa.float64() if fast else pa.string() for i in self._layout.numbers.values()}
        types |= {self._names[i]: coded if fast else pa.string() for i in self._layout.texts.values()}
        if not fast:  # the first column tells a footer or an empty row from a row that lost its cells
            types.setdefault(self._names[0], pa.string())
        return (
            pa_csv.ReadOptions(column_names=self._names, block_size=block_bytes, use_threads=False),
            pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=self._on_wrong_width),
            pa_csv.ConvertOptions(
                include_columns=list(types), column_types=types, strings_can_be_null=False, null_values=MISSING_NUMBERS
            ),
        )

    def _on_wrong_width(self, row: Any) -> str:
        # The first that is wrong ends it: all of a large file's rows may be.
        return "skip" if not row.text.strip() or FOOTER.match(row.text) else "error"

    def block(self, block: bytes) -> Any:
        """Parse a block of whole rows and :attr:`last_row` into a record batch.

        Numbers come first, as float64 or, where some are not plain, as strings; then names, as dictionary arrays.

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
            if rows < 0 or not all(table[self._names[i]][rows].as_py() == _END for i in self._layout.texts.values()):
                raise Odd("a row does not end where it seems to end")
            found = self.careful(table.slice(0, rows))
        return found

    def _plain(self, table: Any) -> Any:
        """Return what was parsed if all of it is plain; None where :meth:`careful` must look at it."""
        (batch,) = table.to_batches() or [None]
        if batch is None:
            raise Odd("a row does not end where it seems to end")
        rows, numbers = batch.num_rows - 1, len(self._layout.numbers)
        empty: Any = True
        for column in batch.columns[numbers:]:
            known = len(column.dictionary) - 1
            # The last row's value was not seen before it, so nothing else can have been taken for it.
            if column.indices[rows].as_py() != known or column.dictionary[known].as_py() != _END:
                raise Odd("a row does not end where it seems to end")
            if empty is not False:
                blank = [i for i, value in enumerate(column.dictionary.to_pylist()) if not value.strip()]
                empty = empty & np.isin(column.indices.to_numpy(), blank) if blank else False
        if empty is not False:
            for column in batch.columns[:numbers]:
                empty = empty & column.is_null().to_numpy(zero_copy_only=False)
        return None if np.any(empty) else batch.slice(0, rows)

    def careful(self, table: Any) -> Any:
        """Return the needed cells without surrounding blanks, and without empty rows and footers, as a record batch.

        Raises
        ------
        WrongRow
            Where a row has other cells but none of the needed ones.
        """
        places = {**self._layout.numbers, **self._layout.texts}
        cells = {name: pc.utf8_trim_whitespace(_flat(table[self._names[i]])) for name, i in places.items()}
        empty = None
        for values in cells.values():
            blank = pc.equal(values, "")
            empty = blank if empty is None else pc.and_(empty, blank)
        if pc.any(empty).as_py():
            lead = pc.utf8_trim_whitespace(_flat(table[self._names[0]]))
            if any(text and not FOOTER.match(text) for text in lead.filter(empty).unique().to_pylist()):
                raise WrongRow("a row has none of the needed cells")
            keep = pc.invert(empty)
            cells = {name: values.filter(keep) for name, values in cells.items()}
        cells |= {name: cells[name].dictionary_encode() for name in self._layout.texts}
        return pa.RecordBatch.from_arrays(list(cells.values()), list(cells))


def _flat(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _parts(batches: Iterable[Any], layout: Layout) -> list[Cells]:
    """Join blocks to parts of about :data:`PART_ROWS` rows."""
    parts: list[Cells] = []
    first, rows, gathered, texts = 0, 0, [], 0
    for batch in batches:
        texts += _text_bytes(batch)
        if texts > bounds.TEXT_BYTES:
            raise TooMuch(f"more than {bounds.TEXT_BYTES:,} bytes of text in the needed columns")
        gathered.append(batch)
        rows += batch.num_rows
        if first + rows > bounds.ROWS:
            raise TooMuch(f"more than {bounds.ROWS:,} rows")
        if rows >= PART_ROWS:
            parts.append(_joined(first, rows, gathered, layout))
            first, rows, gathered = first + rows, 0, []
    if rows:
        parts.append(_joined(first, rows, gathered, layout))
    return parts


def _text_bytes(batch: Any) -> int:
    """Return how many bytes of a block are kept as text."""
    total = 0
    for column in batch.columns:
        values = column.dictionary if pa.types.is_dictionary(column.type) else column
        if not pa.types.is_string(values.type):
            continue
        if (pc.max(pc.binary_length(values)).as_py() or 0) > bounds.CELL_BYTES:
            raise TooMuch(f"a cell of more than {bounds.CELL_BYTES:,} bytes in a needed column")
        total += values.nbytes
    return total


def _joined(first: int, rows: int, batches: Sequence[Any], layout: Layout) -> Cells:
    numbers: dict[str, list[NumberPiece]] = {}
    for i, name in enumerate(layout.numbers):
        stretches = itertools.groupby((batch.column(i) for batch in batches), key=lambda piece: piece.type)
        numbers[name] = [_stretch(name, kind, list(pieces)) for kind, pieces in stretches]
    texts = {}
    for i, name in enumerate(layout.texts, len(numbers)):
        chunks = pa.chunked_array([batch.column(i) for batch in batches], pa.dictionary(pa.int32(), pa.string()))
        chunks = chunks.unify_dictionaries().chunks
        codes = np.concatenate([chunk.indices.to_numpy() for chunk in chunks])
        values = chunks[0].dictionary.to_pylist()
        texts[name] = Texts(codes, tuple("" if value == _END else value.strip() for value in values))
    return Cells(first, rows, numbers, texts)


def _stretch(name: str, kind: Any, pieces: list[Any]) -> NumberPiece:
    if kind != pa.float64():
        return pa.chunked_array(pieces, kind).combine_chunks()
    numbers = np.empty(sum(map(len, pieces)))
    start = missing = 0
    for piece in pieces:
        numbers[start : start + len(piece)] = piece.to_numpy(zero_copy_only=False)
        start, missing = start + len(piece), missing + piece.null_count
    # NaN that is not missing can only be a cell that is no number, such as -nan; the bounds pass over NaN.
    strange = np.count_nonzero(np.isnan(numbers)) != missing
    largest = max(-np.fmin.reduce(numbers, initial=0.0), np.fmax.reduce(numbers, initial=0.0))
    if strange or largest > LARGEST_NUMBER:
        raise Odd(f"column {name} has a number that cannot be used")
    return numbers
