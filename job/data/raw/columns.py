"""The needed columns of a raw file, in parts: numbers, names as codes into their few values, and the rows' key."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from job import bounds
from job.data import compute as pc
from job.data.conversion import joined, to_arrow, to_strings
from job.data.raw.dialect import LARGEST_NUMBER
from job.metrics import Array

PART_ROWS = 1 << 17  # what is computed with at a time: an array of them stays in a processor's cache
# A cell that no file has, and no separator is in: it marks the row that is put behind every block.
END = "\x1fend_of_block\x1f"


class Odd(Exception):
    """A block cannot be parsed by itself."""


class TooMuch(Exception):
    """A file has more than a raw file can have; the message says of what."""


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

    def at(self, row: int) -> str:
        """Return one cell."""
        return self.values[int(self.codes[row])]

    def select(self, keep: Array) -> Texts:
        """Return some of the cells; `keep` is a bool ndarray of shape (n,)."""
        return Texts(self.codes[keep], self.values)

    def strings(self) -> Any:
        """Return the cells as a pyarrow string array."""
        return to_strings(self.values).take(to_arrow(self.codes))


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
    key : list of NumberPiece
        What tells the rows apart; empty where the file has no such column.
    """

    first: int
    rows: int
    numbers: Mapping[str, Sequence[NumberPiece]]
    texts: Mapping[str, Texts]
    key: Sequence[NumberPiece] = ()

    def select(self, keep: Array) -> Cells:
        """Return some of the rows; `keep` is a bool ndarray of shape (n,)."""
        return Cells(
            self.first,
            int(np.count_nonzero(keep)),
            {name: _selected(pieces, keep) for name, pieces in self.numbers.items()},
            {name: column.select(keep) for name, column in self.texts.items()},
            _selected(self.key, keep),
        )


def _selected(pieces: Sequence[NumberPiece], keep: Array) -> list[NumberPiece]:
    ends = np.cumsum([len(piece) for piece in pieces])
    wanted = [keep[end - len(piece) : end] for piece, end in zip(pieces, ends, strict=True)]
    return [
        piece[some] if isinstance(piece, np.ndarray) else piece.filter(to_arrow(some))
        for piece, some in zip(pieces, wanted, strict=True)
    ]


def parts_of(batches: Iterable[Any], numbers: Sequence[str], texts: Sequence[str]) -> list[Cells]:
    """Join blocks to parts of about :data:`PART_ROWS` rows.

    Parameters
    ----------
    batches : iterable of pyarrow record batches
        As :class:`job.data.raw.parser.Parser` gives them: numbers, then texts, then the key where there is one.

    Raises
    ------
    Odd
        Where a number cannot be used.
    TooMuch
    """
    parts: list[Cells] = []
    first, rows, gathered, kept = 0, 0, [], 0
    for batch in batches:
        columns = batch.columns
        kept += _text_bytes(columns)
        if kept > bounds.TEXT_BYTES:
            raise TooMuch(f"more than {bounds.TEXT_BYTES:,} bytes of text in the needed columns")
        gathered.append(columns)
        rows += batch.num_rows
        if first + rows > bounds.ROWS:
            raise TooMuch(f"more than {bounds.ROWS:,} rows")
        if rows >= PART_ROWS:
            parts.append(_joined(first, rows, gathered, numbers, texts))
            first, rows, gathered = first + rows, 0, []
    if rows:
        parts.append(_joined(first, rows, gathered, numbers, texts))
    return parts


def _text_bytes(columns: Sequence[Any]) -> int:
    """Return how many bytes of a block are kept as text."""
    total = 0
    for column in columns:
        if isinstance(column, pa.DoubleArray):
            continue
        values = column.dictionary if isinstance(column, pa.DictionaryArray) else column
        # All together are rarely longer than one may be, and then none needs to be looked at.
        if values.nbytes > bounds.CELL_BYTES and (pc.max(pc.binary_length(values)).as_py() or 0) > bounds.CELL_BYTES:
            raise TooMuch(f"a cell of more than {bounds.CELL_BYTES:,} bytes in a needed column")
        total += values.nbytes
    return total


def _joined(
    first: int, rows: int, blocks: Sequence[Sequence[Any]], numbers: Sequence[str], texts: Sequence[str]
) -> Cells:
    def stretches(i: int) -> Iterator[tuple[Any, Any]]:
        return itertools.groupby((columns[i] for columns in blocks), key=lambda piece: piece.type)

    columns = {
        name: [_stretch(name, kind, list(pieces)) for kind, pieces in stretches(i)] for i, name in enumerate(numbers)
    }
    names = {}
    for i, name in enumerate(texts, len(numbers)):
        chunks = pa.chunked_array([columns[i] for columns in blocks], pa.dictionary(pa.int32(), pa.string()))
        pieces = chunks.unify_dictionaries().chunks
        values = pieces[-1].dictionary.to_pylist()
        codes = joined([piece.indices for piece in pieces], pa.int32())
        names[name] = Texts(codes, tuple("" if value == END else value.strip() for value in values))
    place = len(numbers) + len(texts)
    has_key = len(blocks[0]) > place
    key = [_piece(kind, list(pieces)) for kind, pieces in stretches(place)] if has_key else []
    return Cells(first, rows, columns, names, key)


def _piece(kind: Any, pieces: list[Any]) -> NumberPiece:
    # What is kept of the file has memory of its own: beside it, pyarrow's would not be given back.
    return joined(pieces, kind) if kind == pa.float64() else pa.chunked_array(pieces, kind).combine_chunks()


def _stretch(name: str, kind: Any, pieces: list[Any]) -> NumberPiece:
    found = _piece(kind, pieces)
    if kind == pa.float64():
        # NaN that is not missing can only be a cell that is no number, such as -nan; the bounds pass over NaN.
        strange = np.count_nonzero(np.isnan(found)) != sum(piece.null_count for piece in pieces)
        largest = max(-np.fmin.reduce(found, initial=0.0), np.fmax.reduce(found, initial=0.0))
        if strange or largest > LARGEST_NUMBER:
            raise Odd(f"column {name} has a number that cannot be used")
    return found
