"""Reading a raw CSV file: whatever can be read without guessing, refusing the rest by file, line, column and remedy.

The good path is :mod:`job.data.raw.blocks` over the columns that are needed. Only when something is wrong does a
second, slow pass with the standard library's reader find the line, so that the message can name it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import BinaryIO, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc

from job.data.raw.blocks import (
    FOOTER,
    Cells,
    Layout,
    NumberPiece,
    Odd,
    Texts,
    TooMuch,
    WrongRow,
    parse_in_order,
    parse_side_by_side,
)
from job.data.raw.bytestreams import Lines, Told, Utf8, read_up_to, skip
from job.data.raw.header import HEAD_BYTES, Header, RawColumn, find_header
from job.errors import RawFileInvalid, RawFileNotFound, shown
from job.store import Store, raw_keys


@dataclass(frozen=True)
class RawTable:
    """The needed columns of a part of a raw file.

    Attributes
    ----------
    cells : Cells
        By the dataset's names, without surrounding blanks.
    where : str
        The file, for messages.
    """

    cells: Cells
    where: str
    _source: _Source

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.cells.rows

    def numbers(self, column: str) -> Sequence[NumberPiece]:
        """Return the stretches of a column of numbers."""
        return self.cells.numbers[column]

    def texts(self, column: str) -> Texts:
        """Return a column of names."""
        return self.cells.texts[column]

    def refuse(self, row: int, column: str, value: str, problem: str, remedy: str) -> NoReturn:
        """Refuse the file because of the cell `value` in a row of this part.

        Raises
        ------
        RawFileInvalid
        """
        line = self._source.line_of(self.cells.first + row)
        raise RawFileInvalid(f"{self.where}, line {line}, column {column}: {shown(value)} {problem}", remedy)


@dataclass(frozen=True)
class RawFile:
    """A raw file that was read.

    Attributes
    ----------
    parts : list of RawTable
        Of some 100,000 rows each, in their order; at least one, and none without rows.
    sha256 : str
        Of the file's bytes, as they were read.
    """

    parts: list[RawTable]
    sha256: str


def find_raw(store: Store, dataset: str) -> str | None:
    """Return the key of a dataset's raw file, or None where there is none.

    Raises
    ------
    RawFileInvalid
        Where there are two.
    """
    found = [key for key in raw_keys(dataset) if store.info(key) is not None]
    if len(found) > 1:
        raise RawFileInvalid(
            f"there are two raw files of {dataset}: {store.where(found[0])} and {found[1].rsplit('/', 1)[-1]}",
            "Remove the one that should not be used.",
        )
    return found[0] if found else None


def require_raw(store: Store, dataset: str, source: str) -> str:
    """Return the key of a dataset's raw file.

    Raises
    ------
    RawFileNotFound
    """
    key = find_raw(store, dataset)
    if key is None:
        raise RawFileNotFound(
            f"there is no raw file {store.where(raw_keys(dataset)[0])} (or .csv.gz)",
            f"Put it there (source: {source}), or try `ldp data sample {dataset}`.",
        )
    return key


def read_raw(store: Store, key: str, columns: Sequence[RawColumn]) -> RawFile:
    """Read the needed columns of a raw file.

    Plain or gzip; UTF-8 with or without byte-order mark; any line ends; title lines before the header, Lending Club's
    footers, empty lines and rows, and any other columns are passed over.

    Raises
    ------
    RawFileInvalid
        Naming the file, the line and column where there is one, and the remedy.
    """
    source = _Source(store, key)
    try:
        file = _read(source, columns, parse_side_by_side)
    except Odd:
        file = _read(source, columns, parse_in_order)
    if not file.parts:
        raise RawFileInvalid(f"{source.where} has a header and no rows", "Put the whole file there.")
    return file


def _read(source: _Source, columns: Sequence[RawColumn], parse: Callable[[BinaryIO, Layout], list[Cells]]) -> RawFile:
    """Read a file once, from its first byte to its last."""
    digest = hashlib.sha256()
    with source.errors(), source.open(digest.update) as file:
        head = read_up_to(file, HEAD_BYTES)
        header = find_header(head, columns, source.where)
        source = source.with_header(header)
        numbers = {column.name for column in columns if column.number}
        places = header.positions.items()
        layout = Layout(
            header.width,
            {name: place for name, place in places if name in numbers},
            {name: place for name, place in places if name not in numbers},
        )
        rest = Utf8(head[header.offset :], file)
        try:
            parts = parse(cast("BinaryIO", rest), layout)
        except TooMuch as error:
            raise RawFileInvalid(
                f"{source.where} has {error}", "Put the dataset's own file there; split what is larger."
            ) from None
        except (pa.ArrowInvalid, WrongRow) as error:
            _diagnose(source, str(error))
        while rest.read(1 << 20):  # nothing, but for a parser that stopped early
            pass
    if rest.replaced and any(map(_has_replaced, parts)):
        _diagnose(source, "a cell is not UTF-8")
    return RawFile([RawTable(cells, source.where, source) for cells in parts], digest.hexdigest())


def _has_replaced(cells: Cells) -> bool:
    pieces = [piece for column in cells.numbers.values() for piece in column if isinstance(piece, pa.Array)]
    named = any("\ufffd" in value for column in cells.texts.values() for value in column.values)
    return named or any(pc.any(pc.match_substring(piece, "\ufffd")).as_py() for piece in pieces)


@dataclass(frozen=True)
class _Source:
    """A raw file that can be read from its beginning any number of times."""

    store: Store
    key: str
    header: Header | None = None

    @property
    def where(self) -> str:
        return self.store.where(self.key)

    @property
    def found_header(self) -> Header:
        """The header, which was found before any record is asked for."""
        if self.header is None:
            raise RuntimeError("records are asked for before the header was found")
        return self.header

    def with_header(self, header: Header) -> _Source:
        return replace(self, header=header)

    @contextmanager
    def open(self, told: Callable[[bytes], object] = lambda _: None) -> Iterator[BinaryIO]:
        """Open it, decompressed; `told` gets the bytes that lie in the store, all of them when the block ends."""
        with self.store.reader(self.key) as stored:
            compressed = stored.read(2) == b"\x1f\x8b"
            stored.seek(0)
            file = cast("BinaryIO", Told(stored, told))
            if compressed:
                with gzip.open(file) as plain:
                    yield cast("BinaryIO", plain)
            else:
                yield file
            while file.read(1 << 20):
                pass

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turn what a damaged gzip raises into one line."""
        try:
            yield
        except FileNotFoundError:
            raise RawFileNotFound(f"the raw file {self.where} went away", "Put it back.") from None
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise RawFileInvalid(
                f"{self.where} cannot be decompressed: {error}", "Fetch the file again; it is cut off or damaged."
            ) from None

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """Yield (number of the line it begins on, cells) of each data record. Slow; for messages."""
        header = self.found_header
        with self.open() as binary:
            skip(binary, header.offset)
            text = io.TextIOWrapper(binary, "utf-8", errors="replace", newline="")
            lines = Lines(text, self.where, header.lines)
            begins = header.lines + 1
            for record in csv.reader(lines, strict=True):
                lines.length = 0
                ends = lines.number
                if not self._is_passed_over(record):
                    yield begins, record
                begins = ends + 1

    def _is_passed_over(self, record: Sequence[str]) -> bool:
        """Tell whether a record is an empty line or a footer of its own width."""
        if len(record) == self.found_header.width:
            return False
        return (len(record) <= 1 and not "".join(record).strip()) or bool(FOOTER.match(record[0]))

    def line_of(self, row: int) -> int | str:
        """Return the line on which the row at a position of the table begins."""
        needed = list(self.found_header.positions.values())
        position = -1
        try:
            for line, record in self.records():
                position += any(record[i].strip() for i in needed)
                if position == row:
                    return line
        except (csv.Error, IndexError):
            pass
        return f"of row {row + 1}"


def _diagnose(source: _Source, problem: str) -> NoReturn:
    """Find the line that a parser stumbled over."""
    header = source.found_header
    width = header.width
    names = {i: name for name, i in header.positions.items()}
    line: int | None = None
    try:
        for line, record in source.records():
            if len(record) != width:
                what = "is cut off" if len(record) < width else "is too long"
                raise RawFileInvalid(
                    f"{source.where}, line {line} {what}: {len(record)} cells where the header has {width}",
                    "Fetch the file again, or mend that line.",
                )
            if record[0].strip() and not FOOTER.match(record[0]) and not any(record[i].strip() for i in names):
                raise RawFileInvalid(
                    f"{source.where}, line {line} has none of the needed cells, and begins with {shown(record[0])}",
                    "Remove or mend that line.",
                )
            for i, name in names.items():
                if "\ufffd" in record[i]:
                    raise RawFileInvalid(
                        f"{source.where}, line {line}, column {name}: {shown(record[i])} is not UTF-8",
                        "Save the file in UTF-8.",
                    )
    except csv.Error as error:
        after = "" if line is None else f" after line {line}"
        raise RawFileInvalid(
            f"{source.where} cannot be read{after}: {error}", "Look for a quotation mark that is not closed there."
        ) from None
    raise RawFileInvalid(f"{source.where} cannot be read: {problem}", "Fetch the file again, or mend it.")
