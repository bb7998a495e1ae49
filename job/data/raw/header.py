"""Finding a raw file's header: under which names, behind which title lines, or why there is none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from job import bounds
from job.data.raw.between import Between, plain
from job.data.raw.dialect import SEPARATORS, Dialect
from job.data.raw.notcsv import check_is_text
from job.errors import RawFileInvalid

HEAD_BYTES = 4 << 20  # where the header must end: room for many thousands of columns
HEADER_WITHIN = 6  # records: a title line or two may stand before the header
_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks", ",": "commas"}


@dataclass(frozen=True)
class RawColumn:
    """A column that a dataset needs.

    Attributes
    ----------
    name : str
        As the dataset's own header spells it.
    aliases : tuple of str
        Other names in the wild. Case, blanks, dots and underscores do not count.
    number : bool
        Whether its cells are numbers; else they are names, of which there are few.
    codes : tuple of str
        Names without a meaning, such as ``X5``, which another column may have as well. They count where the file has
        the column under no other name; a column of numbers moreover only where all of them go by their codes.
    """

    name: str
    aliases: tuple[str, ...] = ()
    number: bool = False
    codes: tuple[str, ...] = ()

    def spellings(self) -> set[str]:
        """Return the names it goes by, normalised."""
        return {normal(name) for name in (self.name, *self.aliases)}


@lru_cache(maxsize=4096)
def normal(name: str) -> str:
    """Return a header's name without what differs from copy to copy: case, blanks, dots, underscores, hyphens."""
    return re.sub(r"[\s._-]+", "_", name.strip().strip('"')).strip("_").lower()


@dataclass(frozen=True)
class Header:
    """Where a raw file's header is, and where the needed columns are.

    Attributes
    ----------
    offset : int
        Bytes before the first data row.
    line : int
        On which the header begins.
    lines : int
        Lines before the first data row.
    width : int
        How many columns there are.
    positions : dict of str to int
        Of the needed columns, and of the optional ones that are there, by the dataset's names.
    between : Between
        What may stand between the rows.
    key : int or None
        The position of the column that tells the rows apart, where there is one.
    """

    offset: int
    line: int
    lines: int
    width: int
    positions: Mapping[str, int]
    between: Between
    key: int | None


@dataclass(frozen=True)
class HeadRecord:
    """A record that may be the header: its cells, the line it begins on, its lines, and what ends with it."""

    cells: list[str]
    line: int
    text: str
    lines: int
    length: int

    def matches(self, columns: Sequence[RawColumn]) -> dict[str, list[int]]:
        """Return the places of each column."""
        return _positions(self.cells, columns)

    def is_header(self, columns: Sequence[RawColumn]) -> bool:
        """Return whether it has each column once."""
        return all(len(found) == 1 for found in self.matches(columns).values())


def find_header(
    head: bytes,
    columns: Sequence[RawColumn],
    where: str,
    key: RawColumn | None = None,
    optional: Sequence[RawColumn] = (),
    dialect: Dialect | None = None,
) -> Header:
    """Find the header in the first bytes of a file; a title line or two may stand before it.

    Of two headers, such as UCI's ``X1`` to ``Y`` above its names, the second is taken.

    Parameters
    ----------
    head : bytes
        The file's beginning, decompressed; at most :data:`HEAD_BYTES` are looked at.
    columns : sequence of RawColumn
        Those that are needed.
    where : str
        The file, for messages.
    key : RawColumn or None
        The column that tells the rows apart; a file may lack it.
    optional : sequence of RawColumn
        More columns that a file may lack.
    dialect : Dialect, optional
        How the file is written; where that names the columns, the file has no header.

    Raises
    ------
    RawFileInvalid
        Where it is no CSV file, or lacks columns, or has one twice.
    """
    check_is_text(where, head)
    dialect = dialect or Dialect()
    if dialect.columns:
        return _declared_header(head, (*columns, *optional), key, dialect)
    records: list[HeadRecord] = []
    try:
        for record in records_of(head, dialect.separator):
            if records and records[-1].is_header(columns) and not record.is_header(columns):
                break
            records.append(record)
    except csv.Error as error:
        if not records or not records[-1].is_header(columns):
            raise RawFileInvalid(f"{where} is not a CSV file: {error}", "Put the file there as CSV.") from None
    if not records or not records[-1].is_header(columns):
        raise _bad_header(where, records, columns, dialect.separator)
    header, before = records[-1], records[:-1]
    places = {name: found[0] for name, found in header.matches(columns).items()}
    places |= {name: found[0] for name, found in _positions(header.cells, optional).items() if len(found) == 1}
    for other in before:
        if other.is_header(columns) and other.matches(columns) != header.matches(columns):
            raise RawFileInvalid(
                f"{where} has two headers, in lines {other.line} and {header.line}, that name different columns alike",
                "Remove the one that is wrong.",
            )
    width = len(header.cells)
    if width > bounds.COLUMNS:
        raise RawFileInvalid(
            f"{where} has {width:,} columns, where at most {bounds.COLUMNS:,} can be",
            "Put the dataset's own file there.",
        )
    between = Between(
        tuple(header.cells),
        places,
        frozenset(line for record in before if (line := plain(record.text))),
        tuple(tuple(record.cells) for record in records if len(record.cells) == width),
    )
    keys = _positions(header.cells, [key])[key.name] if key is not None else []
    lines = header.line + header.lines - 1
    return Header(header.length, header.line, lines, width, places, between, keys[0] if len(keys) == 1 else None)


def _declared_header(head: bytes, columns: Sequence[RawColumn], key: RawColumn | None, dialect: Dialect) -> Header:
    """Return the header of a file that has none, from the columns' names that are declared."""
    places = {name: i for i, name in enumerate(dialect.columns)}
    needed = {column.name: places[column.name] for column in columns if column.name in places}
    between = Between(dialect.columns, needed, frozenset(), ())
    identity = None if key is None else places.get(key.name)
    return Header(_mark(head), 0, 0, len(dialect.columns), needed, between, identity)


def _mark(head: bytes) -> int:
    """Return how many bytes of a file are a byte-order mark."""
    return 3 if head.startswith(b"\xef\xbb\xbf") else 0


def records_of(head: bytes, separator: str) -> Iterator[HeadRecord]:
    """Yield the first records of a file, at most :data:`HEADER_WITHIN`."""
    mark = _mark(head)
    # Decoded as far as it is read. Bytes that are not UTF-8 survive the way to text and back: lengths stay true.
    text = io.TextIOWrapper(io.BytesIO(head[mark:]), "utf-8", errors="surrogateescape", newline="")
    lines: list[str] = []

    def read_lines() -> Iterator[str]:
        for line in text:
            lines.append(line)
            yield line

    length, before = mark, 0
    reader = csv.reader(read_lines(), delimiter=separator)
    for _ in range(HEADER_WITHIN):
        cells = next(reader, None)
        if cells is None:
            return
        whole = "".join(lines[before:])
        length += len(whole.encode("utf-8", "surrogateescape"))
        yield HeadRecord(cells, before + 1, whole, len(lines) - before, length)
        before = len(lines)


def _positions(record: Sequence[str], columns: Sequence[RawColumn]) -> dict[str, list[int]]:
    """Return the places of each column in a header; one that can be used has exactly one."""
    names: dict[str, list[int]] = {}
    for i, name in enumerate(record):
        names.setdefault(normal(name), []).append(i)

    def places(spellings: Iterable[str]) -> list[int]:
        return [i for spelling in sorted(spellings) for i in names.get(spelling, [])]

    found = {column.name: places(column.spellings()) for column in columns}
    coded = {column.name: places(map(normal, column.codes)) for column in columns}
    numbers = [column.name for column in columns if column.number]
    by_codes = all(coded[name] for name in numbers) and not any(found[name] for name in numbers)
    for column in columns:  # of names that are alike, the one that is meant to the letter
        exact = [i for i in found[column.name] if record[i].strip() == column.name]
        if len(exact) == 1 and not column.aliases and not column.codes:
            found[column.name] = exact
    usable = {column.name for column in columns if by_codes or not column.number}
    return {name: places or (coded[name] if name in usable else []) for name, places in found.items()}


def _known(matches: Mapping[str, list[int]]) -> int:
    return sum(bool(found) for found in matches.values())


def _bad_header(where: str, records: Sequence[HeadRecord], columns: Sequence[RawColumn], meant: str) -> RawFileInvalid:
    best = max(records, key=lambda record: _known(record.matches(columns)), default=None)
    matches = best.matches(columns) if best is not None else _positions([], columns)
    for record in records:
        for separator in (*SEPARATORS[1:], SEPARATORS[0]):
            spread = [part.strip('"') for cell in record.cells for part in cell.split(separator)]
            if _known(_positions(spread, columns)) > max(_known(matches), len(columns) // 2):
                name = _SEPARATORS[separator] + " within quotation marks" * (separator == meant)
                points = " and points in the numbers" if meant == "," else ""
                return RawFileInvalid(
                    f"the columns of {where}, line {record.line}, are separated by {name}",
                    f"Save it with {_SEPARATORS[meant]} between the columns{points}.",
                )
    twice = [name for name, found in matches.items() if len(found) > 1]
    missing = [column for column in columns if not matches[column.name]]
    names = ", ".join(column.name for column in missing)
    if best is None or len(missing) == len(columns):
        return RawFileInvalid(
            f"{where} has no header with the columns of this dataset in its first {HEADER_WITHIN} lines; missing are "
            f"{names}",
            "Put the dataset's own CSV file there.",
        )
    if twice:
        return RawFileInvalid(
            f"{where}, line {best.line} has more than one column {', '.join(twice)}", "Remove or rename the other one."
        )
    remedy = "Older and shortened copies lack some: put a file there that has them"
    if all(column.number for column in missing):
        remedy += ", or add them with empty cells, which count as missing"
    return RawFileInvalid(f"{where}, line {best.line} lacks the columns {names}", f"{remedy}.")
