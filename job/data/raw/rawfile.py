"""Reading a raw CSV file: whatever can be read without guessing, refusing the rest by file, line, column and remedy.

The good path is :mod:`job.data.raw.blocks` over the columns that are needed. Only when something is wrong does a
second, slow pass with the standard library's reader find the line, so that the message can name it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, NoReturn, cast

import numpy as np
import pyarrow as pa

from job.data import compute as pc
from job.data.raw.blocks import parse_in_order, parse_side_by_side
from job.data.raw.columns import Cells, NumberPiece, Odd, Texts, TooMuch
from job.data.raw.diagnosis import another_header, diagnose
from job.data.raw.dialect import Dialect
from job.data.raw.digest import digest_aside
from job.data.raw.header import HEAD_BYTES, RawColumn, find_header
from job.data.raw.parser import Layout, WrongRow
from job.data.raw.source import Rest, Source
from job.errors import RawFileInvalid, shown
from job.metrics import Array
from job.store import Store


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
    _source: Source
    _positions: Array | None = None  # of the rows among those of the part, where some were left out

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.cells.rows

    def has(self, column: str) -> bool:
        """Tell whether an optional column is there."""
        return column in self.cells.numbers or column in self.cells.texts

    @property
    def dialect(self) -> Dialect:
        """How the file is written."""
        return self._source.dialect

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
        position = self.position(row)
        line, record = self._source.find([position])[position]
        header = self._source.header
        if header is not None and header.between.looks_like_a_header(record):
            raise another_header(self._source, line, record)
        raise RawFileInvalid(f"{self.where}, line {line}, column {column}: {shown(value)} {problem}", remedy)

    def position(self, row: int) -> int:
        """Return a row's position in the file."""
        return self.cells.first + (row if self._positions is None else int(self._positions[row]))

    def lines(self, positions: Sequence[int]) -> list[int | str]:
        """Return the lines on which the rows at some positions of the file begin."""
        found = self._source.find(positions)
        return [found[position][0] for position in positions]

    def without(self, dropped: Array) -> RawTable:
        """Return the part without some of its rows.

        Parameters
        ----------
        dropped : bool ndarray of shape (n,)
        """
        return replace(self, cells=self.cells.select(~dropped), _positions=np.flatnonzero(~dropped))


@dataclass(frozen=True)
class RawFile:
    """A raw file that was read.

    Attributes
    ----------
    parts : list of RawTable
        Of some 100,000 rows each, in their order; at least one, and none without rows.
    sha256 : str
        Of the file's bytes, as they were read.
    has_key : bool
        Whether it has the column that tells the rows apart.
    """

    parts: list[RawTable]
    sha256: str
    has_key: bool


def read_raw(
    store: Store,
    key: str,
    columns: Sequence[RawColumn],
    identity: RawColumn | None = None,
    optional: Sequence[RawColumn] = (),
    dialect: Dialect | None = None,
) -> RawFile:
    """Read the needed columns of a raw file.

    Plain or gzip; UTF-8 with or without byte-order mark; any line ends; title lines before the header, Lending Club's
    footers, empty lines and rows, any other columns, and the same titles and header once more are passed over.

    Parameters
    ----------
    columns : sequence of RawColumn
        Those that are needed.
    identity : RawColumn or None
        The one that tells rows apart, which a file may lack.
    optional : sequence of RawColumn
        More columns that a file may lack; :meth:`RawTable.has` tells.
    dialect : Dialect, optional
        How the file is written; the standard is with commas, in UTF-8.

    Raises
    ------
    RawFileInvalid
        Naming the file, the line and column where there is one, and the remedy.
    """
    source = Source(store, key, dialect=dialect or Dialect())
    try:
        file = _read(source, columns, identity, optional, parse_side_by_side)
    except Odd:
        file = _read(source, columns, identity, optional, parse_in_order)
    if not file.parts:
        raise RawFileInvalid(f"{source.where} has a header and no rows", "Put the whole file there.")
    return file


def _read(
    source: Source,
    columns: Sequence[RawColumn],
    identity: RawColumn | None,
    optional: Sequence[RawColumn],
    parse: Callable[[BinaryIO, Layout], list[Cells]],
) -> RawFile:
    """Read a file once, from its first byte to its last."""
    with digest_aside() as digest, source.errors(), source.open(digest.update) as file:
        head = _read_up_to(file, HEAD_BYTES)
        header = find_header(head, columns, source.where, identity, optional, source.dialect)
        source = source.with_header(header)
        numbers = {column.name for column in (*columns, *optional) if column.number}
        places = header.positions.items()
        layout = Layout(
            header.width,
            {name: place for name, place in places if name in numbers},
            {name: place for name, place in places if name not in numbers},
            header.between,
            header.key,
            source.dialect,
        )
        rest = Rest(head[header.offset :], file)
        try:
            parts = parse(cast("BinaryIO", rest), layout)
        except TooMuch as error:
            raise RawFileInvalid(
                f"{source.where} has {error}", "Put the dataset's own file there; split what is larger."
            ) from None
        except (pa.ArrowInvalid, WrongRow) as error:
            diagnose(source, str(error))
        while rest.read(1 << 20):  # nothing, but for a parser that stopped early
            pass
    if any(map(_has_replaced, parts)):
        diagnose(source, "a cell is not UTF-8")
    tables = [RawTable(cells, source.where, source) for cells in parts]
    return RawFile(tables, digest.hexdigest(), header.key is not None)


def _read_up_to(file: BinaryIO, count: int) -> bytes:
    parts = []
    while count > 0 and (data := file.read(count)):
        parts.append(data)
        count -= len(data)
    return b"".join(parts)


def _has_replaced(cells: Cells) -> bool:
    pieces = [piece for column in cells.numbers.values() for piece in column if isinstance(piece, pa.Array)]
    named = any("\ufffd" in value for column in cells.texts.values() for value in column.values)
    return named or any(pc.any(pc.match_substring(piece, "\ufffd")).as_py() for piece in pieces)
