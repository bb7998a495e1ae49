"""A raw file as a stream of bytes and, for messages, as records with their lines."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa

from job import bounds
from job.data.raw.dialect import Dialect
from job.data.raw.header import Header
from job.errors import RawFileInvalid, RawFileNotFound
from job.store import Store


@dataclass(frozen=True)
class Source:
    """A raw file that can be read from its beginning any number of times."""

    store: Store
    key: str
    header: Header | None = None
    dialect: Dialect = field(default_factory=Dialect)

    @property
    def where(self) -> str:
        """Return the file's path or URL, for messages."""
        return self.store.where(self.key)

    @property
    def found_header(self) -> Header:
        """Return the header, which is found before any record is asked for."""
        if self.header is None:
            raise RuntimeError("records are asked for before the header was found")
        return self.header

    def with_header(self, header: Header) -> Source:
        """Return the file with what was found of its header."""
        return replace(self, header=header)

    @contextmanager
    def open(self, told: Callable[[bytes], object] = lambda _: None) -> Iterator[BinaryIO]:
        """Open it, decompressed and as UTF-8; `told` gets the bytes that are stored, all of them at the end."""
        with self.store.reader(self.key) as stored:
            compressed = stored.read(2) == b"\x1f\x8b"
            stored.seek(0)
            file = cast("BinaryIO", _Told(stored, told))
            yield self.plain(file, compressed=compressed)
            while file.read(1 << 20):
                pass

    def plain(self, stored: BinaryIO, *, compressed: bool) -> BinaryIO:
        """Return what is stored as it is read: decompressed, as UTF-8."""
        file = cast("BinaryIO", gzip.open(stored)) if compressed else stored  # noqa: SIM115 - `stored` is closed by whoever opened it
        encoding = self.dialect.encoding
        return file if encoding == "utf-8" else cast("BinaryIO", Utf8(file, encoding))

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
            _skip(binary, header.offset)
            text = io.TextIOWrapper(binary, "utf-8", errors="replace", newline="")
            lines = _Lines(text, self.where, header.lines)
            begins = header.lines + 1
            for record in csv.reader(lines, delimiter=self.dialect.separator, strict=True):
                lines.length = 0
                ends = lines.number
                if not header.between.is_passed_over(record):
                    yield begins, record
                begins = ends + 1

    def find(self, rows: Collection[int]) -> dict[int, tuple[int | str, list[str]]]:
        """Return the line on which each of some rows begins, and its cells; slow.

        Parameters
        ----------
        rows : collection of int
            Positions in the table.
        """
        between, position, last = self.found_header.between, -1, max(rows)
        found: dict[int, tuple[int | str, list[str]]] = {row: (f"of row {row + 1}", []) for row in rows}
        with suppress(csv.Error, IndexError):
            for line, record in self.records():
                position += not between.lacks_all(record)
                if position in found and not found[position][1]:
                    found[position] = line, record
                if position >= last:
                    break
        return found


def _skip(file: BinaryIO, count: int) -> None:
    while count > 0:
        count -= len(file.read(min(count, 1 << 20)))


class _Lines:
    """A text's lines; neither one of them nor those of one record together are longer than a row can be.

    Parameters
    ----------
    number : int
        How many lines stand before the first.
    """

    def __init__(self, text: io.TextIOBase, where: str, number: int) -> None:
        self._text = text
        self._where = where
        self.number = number
        self.length = 0  # of the record so far

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._text.readline(bounds.LINE_BYTES + 1)
        if not line:
            raise StopIteration
        self.number += 1
        self.length += len(line)
        if self.length > bounds.LINE_BYTES:
            raise RawFileInvalid(
                f"{self._where}, line {self.number} belongs to a row of more than {bounds.LINE_BYTES:,} bytes",
                "Mend that line; a quotation mark may not be closed before it.",
            )
        return line


class _Told(io.BufferedIOBase):
    """A stream that tells what is read from it."""

    def __init__(self, file: BinaryIO, told: Callable[[bytes], object]) -> None:
        self._file = file
        self._told = told

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        data = self._file.read(-1 if size is None else size)
        self._told(data)
        return data

    read1 = read


class Rest(io.BufferedIOBase):
    """A stream of whose bytes some were read already."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head = head
        self._file = file

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = 1 << 20, /) -> bytes:
        """Return about `size` bytes, none at the end."""
        size = 1 << 20 if size is None or size < 0 else size
        if not self._head:
            return self._file.read(size)
        data, self._head = self._head[:size], self._head[size:]
        return data


class Utf8(io.BufferedIOBase):
    """A stream that is UTF-8 throughout: what is none, or none of another encoding, becomes U+FFFD.

    A column that nobody asked for may hold it, and pyarrow's handler of rows with a wrong number of cells does not
    survive it.
    """

    def __init__(self, file: BinaryIO, encoding: str = "utf-8") -> None:
        self._file = file
        self._encoding = encoding
        self._decoder: codecs.IncrementalDecoder | None = None
        self._rest = b""

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = 1 << 20, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        size = 1 << 20 if size is None or size < 0 else size
        while not self._rest:
            data = self._file.read(max(size, 1 << 10))
            if self._decoder is None:
                self._decoder = codecs.getincrementaldecoder(_exact(self._encoding, data))(errors="replace")
            text = self._decoder.decode(data, final=not data)
            self._rest = text.encode("utf-8", "replace")  # half a pair of UTF-16 is a text that UTF-8 has no bytes for
            if not data:
                break
        found, self._rest = self._rest[:size], self._rest[size:]
        return found

    read1 = read


def _exact(encoding: str, begin: bytes) -> str:
    """Return an encoding with the order of its bytes, where the file begins without a mark that says it."""
    if encoding != "utf-16" or begin.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return encoding
    return "utf-16-be" if begin[:1] == b"\0" else "utf-16-le"


def as_utf8(data: memoryview) -> bytes | memoryview:
    """Return whole lines with what is not UTF-8 as U+FFFD; those that are all UTF-8 are only looked at."""
    ends = np.array([0, len(data)], np.int32)
    text = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(data)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return bytes(data).decode("utf-8", "replace").encode()
    return data
