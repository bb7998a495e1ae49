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

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from pyarrow import csv as pa_csv

from job import bounds
from job.data.raw.columns import Cells, Odd, parts_of
from job.data.raw.parser import Layout, Parser, WrongRow
from job.data.raw.source import Utf8, as_utf8
from job.settings import available_processors

BLOCK_BYTES = 2 << 20  # what stays in a processor's cache while it is parsed
STRETCH = 1 << 18  # what is looked at at a time
MOST_THREADS = 8
TRIES = 200  # line ends that are tried before a block is given up


def parse_side_by_side(file: BinaryIO, layout: Layout) -> list[Cells]:
    """Parse the rows of a file from its position on, block by block, on all processors.

    Raises
    ------
    Odd
        Where :func:`parse_in_order` must say what is the matter, or can read what this cannot.
    TooMuch
    """
    return parts_of(batches_side_by_side(file, layout), tuple(layout.numbers), tuple(layout.texts))


def batches_side_by_side(file: BinaryIO, layout: Layout) -> Iterator[Any]:
    """Yield the rows of a file from its position on as record batches, as :meth:`Parser.block` gives them.

    Raises
    ------
    Odd
    """
    parser = Parser(layout)
    threads = min(available_processors(), MOST_THREADS)
    waiting: deque[tuple[Future[Any], bytearray]] = deque()
    spare: list[bytearray] = []

    def parsed() -> Any:
        future, memory = waiting.popleft()
        found = future.result()
        spare.append(memory)
        return found

    with ThreadPoolExecutor(threads) as pool:
        try:
            for pieces in _whole_rows(file, parser.last_row):
                if len(waiting) > threads:  # so that no more than a few blocks are held at once
                    yield parsed()
                memory = spare.pop() if spare else bytearray(BLOCK_BYTES + (BLOCK_BYTES >> 4))
                block = _laid(pieces, memory)
                waiting.append((pool.submit(lambda data: parser.block(as_utf8(data)), block), memory))
            while waiting:
                yield parsed()
        except (pa.ArrowInvalid, WrongRow) as error:
            raise Odd(str(error)) from error
        finally:
            for future, _ in waiting:
                future.cancel()


def parse_in_order(file: BinaryIO, layout: Layout) -> list[Cells]:
    """Parse the rows of a file from its position on, row after row.

    Raises
    ------
    WrongRow, TooMuch, pyarrow.ArrowInvalid
    """
    return parts_of(batches_in_order(file, layout), tuple(layout.numbers), tuple(layout.texts))


def batches_in_order(file: BinaryIO, layout: Layout) -> Iterator[Any]:
    """Yield the same row after row.

    Raises
    ------
    WrongRow, pyarrow.ArrowInvalid
    """
    parser = Parser(layout)
    try:
        yield from map(parser.careful, pa_csv.open_csv(Utf8(file), *parser.options(bounds.LINE_BYTES, fast=False)))
    except pa.ArrowInvalid as error:
        if "Empty CSV" not in str(error):
            raise


def _laid(pieces: Sequence[bytes | memoryview], memory: bytearray) -> memoryview:
    """Return pieces one after the other in memory that was used before, which the system need not clear once more."""
    size = sum(map(len, pieces))
    found = memoryview(memory if size <= len(memory) else bytearray(size))[:size]
    start = 0
    for piece in pieces:
        found[start : start + len(piece)] = piece
        start += len(piece)
    return found


def _whole_rows(file: BinaryIO, last_row: bytes) -> Iterator[Sequence[bytes | memoryview]]:
    """Yield the pieces of blocks that end where a row seems to end, `last_row` behind each: the rest of a file."""
    rest, open_quotes = b"", 0
    while data := file.read(BLOCK_BYTES):
        end, quotes = _row_end(data, open_quotes)
        if end:
            yield rest, memoryview(data)[:end], last_row
            rest, open_quotes = data[end:], quotes
        else:
            rest, open_quotes = rest + data, quotes
        if len(rest) > bounds.LINE_BYTES:
            raise Odd("a row does not seem to end")
    if rest:
        yield rest, b"" if rest.endswith((b"\n", b"\r")) else b"\n", last_row


def _row_end(data: bytes, quotes: int) -> tuple[int, int]:
    """Find the last line's end in `data` that an even number of quotation marks precedes.

    Parameters
    ----------
    quotes : int
        How many quotation marks of the same row stand before `data`, or as many more or less as two go into.

    Returns
    -------
    (int, int)
        How many bytes of `data` end there, 0 where there is no such place; and the quotation marks behind it, in the
        same way.
    """
    total = quotes + _odd_quotes(data)
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


def _odd_quotes(data: bytes) -> int:
    """Return 1 where the number of quotation marks is odd, else 0; a third of what counting them takes."""
    whole, odd = np.frombuffer(data, np.uint8), 0
    for start in range(0, whole.size, STRETCH):
        found = whole[start : start + STRETCH] == ord('"')
        eights = found[: found.size // 8 * 8]
        folded = int(np.bitwise_xor.reduce(eights.view(np.uint64), initial=0))  # each byte of it a parity
        odd ^= (folded.bit_count() + int(np.count_nonzero(found[eights.size :]))) % 2
    return odd
