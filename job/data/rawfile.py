"""Reading a raw CSV file: whatever can be read without guessing, refusing the rest by file, line, column and remedy.

The good path is pyarrow's parser over the columns that are needed. Only when something is wrong does a second, slow
pass with the standard library's reader find the line, so that the message can name it.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, NoReturn, cast

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as pa_csv

from job.data.header import HEAD_BYTES, Header, RawColumn, find_header
from job.errors import RawFileInvalid, RawFileNotFound, shown
from job.store import Store, raw_keys

BLOCK_BYTES = 16 << 20
# Lines that Lending Club puts before, between and behind its loans.
_FOOTER = re.compile(
    r"\s*\"?(total amount funded in policy code|loans that do not meet the credit policy)", re.IGNORECASE
)


@dataclass(frozen=True)
class RawTable:
    """The needed columns of a raw file.

    Attributes
    ----------
    columns : dict of str to pyarrow string array of length n
        Cells without surrounding blanks, by the dataset's names.
    where : str
        The file, for messages.
    lines : callable
        From row positions to line numbers, by reading the file again.
    """

    columns: Mapping[str, Any]
    where: str
    _source: _Source

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(next(iter(self.columns.values())))

    def refuse(self, row: int, column: str, problem: str, remedy: str) -> NoReturn:
        """Refuse the file because of one cell.

        Raises
        ------
        RawFileInvalid
        """
        value = self.columns[column][row].as_py()
        raise RawFileInvalid(
            f"{self.where}, line {self._source.line_of(row)}, column {column}: {shown(value)} {problem}", remedy
        )


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


def read_raw(store: Store, key: str, columns: Sequence[RawColumn]) -> RawTable:
    """Read the needed columns of a raw file.

    Plain or gzip; UTF-8 with or without byte-order mark; any line ends; title lines before the header, Lending Club's
    footers, empty lines and rows, and any other columns are passed over.

    Raises
    ------
    RawFileInvalid
        Naming the file, the line and column where there is one, and the remedy.
    """
    source = _Source(store, key)
    with source.errors():
        with source.open() as file:
            header = find_header(file.read(HEAD_BYTES), columns, source.where)
        cells = _parse(source, header)
    if not cells or not len(next(iter(cells.values()))):
        raise RawFileInvalid(f"{source.where} has a header and no rows", "Put the whole file there.")
    return RawTable(cells, source.where, source.with_header(header))


@dataclass(frozen=True)
class _Source:
    """A raw file that can be read from its beginning any number of times."""

    store: Store
    key: str
    header: Header | None = None

    @property
    def where(self) -> str:
        return self.store.where(self.key)

    def with_header(self, header: Header) -> _Source:
        return _Source(self.store, self.key, header)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open it, decompressed."""
        with self.store.reader(self.key) as file:
            compressed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if compressed:
                with gzip.open(file) as plain:
                    yield cast("BinaryIO", plain)
            else:
                yield file

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
        assert self.header is not None  # noqa: S101
        with self.open() as binary:
            _skip(binary, self.header.offset)
            text = io.TextIOWrapper(binary, "utf-8", errors="replace", newline="")
            reader = csv.reader(text, strict=True)
            begins = self.header.lines + 1
            for record in reader:
                ends = self.header.lines + reader.line_num
                if not self._is_passed_over(record):
                    yield begins, record
                begins = ends + 1

    def _is_passed_over(self, record: Sequence[str]) -> bool:
        """Tell whether a record is an empty line or a footer of its own width."""
        assert self.header is not None  # noqa: S101
        if len(record) == self.header.width:
            return False
        return (len(record) <= 1 and not "".join(record).strip()) or bool(_FOOTER.match(record[0]))

    def line_of(self, row: int) -> int | str:
        """Return the line on which the row at a position of the table begins."""
        assert self.header is not None  # noqa: S101
        needed = list(self.header.positions.values())
        position = -1
        try:
            for line, record in self.records():
                position += any(record[i].strip() for i in needed)
                if position == row:
                    return line
        except (csv.Error, IndexError):
            pass
        return f"of row {row + 1}"


def _skip(file: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(file.read(min(count, 1 << 20)))


def _parse(source: _Source, header: Header) -> dict[str, Any]:
    names = [f"c{i}" for i in range(header.width)]
    wanted = {name: names[i] for name, i in header.positions.items()}
    # The first column tells a footer or an empty row from a row that lost its cells.
    included = list(dict.fromkeys([*wanted.values(), names[0]]))
    wrong: list[str] = []

    def on_wrong_width(row: Any) -> str:
        if row.text.strip() and not _FOOTER.match(row.text):
            wrong.append(row.text)
        return "skip"

    try:
        with source.open() as file:
            _skip(file, header.offset)
            utf8 = _Utf8(file)
            table = pa_csv.read_csv(
                utf8,
                pa_csv.ReadOptions(column_names=names, block_size=BLOCK_BYTES),
                pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=on_wrong_width),
                pa_csv.ConvertOptions(
                    include_columns=included,
                    column_types=dict.fromkeys(included, pa.string()),
                    strings_can_be_null=False,
                ),
            )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):
            return {}
        _diagnose(source.with_header(header), str(error))
    if wrong:
        _diagnose(source.with_header(header), f"a row is not {header.width} cells wide")
    cells = {name: pc.utf8_trim_whitespace(table[column].combine_chunks()) for name, column in wanted.items()}
    if utf8.replaced and any(pc.any(pc.match_substring(values, "\ufffd")).as_py() for values in cells.values()):
        _diagnose(source.with_header(header), "a cell is not UTF-8")
    empty = None
    for values in cells.values():
        blank = pc.equal(values, "")
        empty = blank if empty is None else pc.and_(empty, blank)
    if pc.any(empty).as_py():
        lead = pc.utf8_trim_whitespace(table[names[0]].combine_chunks())
        if any(text and not _FOOTER.match(text) for text in lead.filter(empty).unique().to_pylist()):
            _diagnose(source.with_header(header), "a row has none of the needed cells")
        keep = pc.invert(empty)
        cells = {name: values.filter(keep) for name, values in cells.items()}
    return cells


class _Utf8(io.BufferedIOBase):
    """A stream that is UTF-8 throughout: other bytes become U+FFFD, and `replaced` tells that there were some.

    A column that nobody asked for may hold them, and pyarrow's handler of rows with a wrong number of cells does not
    survive them.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.replaced = False

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        while True:
            chunk = self._file.read(-1 if size is None else size)
            if chunk.isascii() and not self._decoder.getstate()[0] and chunk:
                return chunk
            text = self._decoder.decode(chunk, final=not chunk)
            self.replaced = self.replaced or "\ufffd" in text
            if text or not chunk:
                return text.encode()


def _diagnose(source: _Source, problem: str) -> NoReturn:
    """Find the line that a parser stumbled over."""
    assert source.header is not None  # noqa: S101
    width = source.header.width
    names = {i: name for name, i in source.header.positions.items()}
    line: int | None = None
    try:
        for line, record in source.records():
            if len(record) != width:
                what = "is cut off" if len(record) < width else "is too long"
                raise RawFileInvalid(
                    f"{source.where}, line {line} {what}: {len(record)} cells where the header has {width}",
                    "Fetch the file again, or mend that line.",
                )
            if record[0].strip() and not _FOOTER.match(record[0]) and not any(record[i].strip() for i in names):
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
