"""The bytes of a raw file on their way to a parser: told, made UTF-8, and cut into lines that are not too long."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable
from typing import BinaryIO

from job.errors import RawFileInvalid
from job.store import bounds


def read_up_to(file: BinaryIO, count: int) -> bytes:
    """Read `count` bytes, or what there is."""
    parts = []
    while count > 0 and (data := file.read(count)):
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def skip(file: BinaryIO, count: int) -> None:
    """Read `count` bytes and let go of them."""
    while count > 0:
        count -= len(file.read(min(count, 1 << 20)))


class Lines:
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
        self.length = 0

    def __iter__(self) -> Lines:
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


class Told(io.BufferedIOBase):
    """A stream that tells what is read from it."""

    def __init__(self, file: BinaryIO, told: Callable[[bytes], object]) -> None:
        self._file = file
        self._told = told

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and tell."""
        data = self._file.read(-1 if size is None else size)
        self._told(data)
        return data

    read1 = read


class Utf8(io.BufferedIOBase):
    """A stream that is UTF-8 throughout: other bytes become U+FFFD, and `replaced` tells that there were some.

    A column that nobody asked for may hold them, and pyarrow's handler of rows with a wrong number of cells does not
    survive them.
    """

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._head = head  # what was read of the file already
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.replaced = False

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = 1 << 20, /) -> bytes:
        """Read about `size` bytes."""
        size = 1 << 20 if size is None or size < 0 else size
        while True:
            if self._head:
                chunk, self._head = self._head[:size], self._head[size:]
            else:
                chunk = self._file.read(size)
            if chunk.isascii() and not self._decoder.getstate()[0] and chunk:
                return chunk
            text = self._decoder.decode(chunk, final=not chunk)
            self.replaced = self.replaced or "\ufffd" in text
            if text or not chunk:
                return text.encode()
