"""Finding a raw file's header: under which names, behind which title lines, or why there is none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from job.errors import RawFileInvalid
from job.store import bounds

HEAD_BYTES = 4 << 20  # where the header must end: room for many thousands of columns
HEADER_WITHIN = 6  # records: a title line or two may stand before the header
_NOT_CSV: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
)


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
    """

    name: str
    aliases: tuple[str, ...] = ()
    number: bool = False

    def spellings(self) -> set[str]:
        """Return the names it goes by, normalised."""
        return {normal(name) for name in (self.name, *self.aliases)}


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
    lines : int
        Lines before the first data row.
    width : int
        How many columns there are.
    positions : dict of str to int
        Of the needed columns, by the dataset's names.
    """

    offset: int
    lines: int
    width: int
    positions: Mapping[str, int]


def find_header(head: bytes, columns: Sequence[RawColumn], where: str) -> Header:
    """Find the header in the first bytes of a file; a title line or two may stand before it.

    Parameters
    ----------
    head : bytes
        The file's beginning, decompressed; at most :data:`HEAD_BYTES` are looked at.
    columns : sequence of RawColumn
        Those that are needed.
    where : str
        The file, for messages.

    Raises
    ------
    RawFileInvalid
        Where it is no CSV file, or lacks columns, or has one twice.
    """
    _check_is_text(where, head)
    mark = 3 if head.startswith(b"\xef\xbb\xbf") else 0
    # Bytes that are not UTF-8 survive the way to text and back, so that lengths stay true.
    text = io.StringIO(head[mark:].decode("utf-8", "surrogateescape"), newline="")
    lines: list[str] = []

    def read_lines() -> Iterator[str]:
        for line in text:
            lines.append(line)
            yield line

    best: list[str] | None = None
    reader = csv.reader(read_lines())
    try:
        for _ in range(HEADER_WITHIN):
            record = next(reader, None)
            if record is None:
                break
            matches = _positions(record, columns)
            if all(len(found) == 1 for found in matches.values()):
                offset = mark + sum(len(line.encode("utf-8", "surrogateescape")) for line in lines)
                if len(record) > bounds.COLUMNS:
                    raise RawFileInvalid(
                        f"{where} has {len(record):,} columns, where at most {bounds.COLUMNS:,} can be",
                        "Put the dataset's own file there.",
                    )
                places = {name: found[0] for name, found in matches.items()}
                return Header(offset, len(lines), len(record), places)
            if best is None or _known(matches) > _known(_positions(best, columns)):
                best = record
    except csv.Error as error:
        raise RawFileInvalid(f"{where} is not a CSV file: {error}", "Put the file there as CSV.") from None
    raise _bad_header(where, best or [], columns)


def _positions(record: Sequence[str], columns: Sequence[RawColumn]) -> dict[str, list[int]]:
    names: dict[str, list[int]] = {}
    for i, name in enumerate(record):
        names.setdefault(normal(name), []).append(i)
    return {
        column.name: [i for spelling in sorted(column.spellings()) for i in names.get(spelling, [])]
        for column in columns
    }


def _known(matches: Mapping[str, list[int]]) -> int:
    return sum(bool(found) for found in matches.values())


def _bad_header(where: str, record: Sequence[str], columns: Sequence[RawColumn]) -> RawFileInvalid:
    matches = _positions(record, columns)
    twice = [name for name, found in matches.items() if len(found) > 1]
    missing = [name for name, found in matches.items() if not found]
    if twice:
        return RawFileInvalid(f"{where} has more than one column {', '.join(twice)}", "Remove or rename the other one.")
    for separator, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        spread = [part for cell in record for part in cell.split(separator)]
        if _known(_positions(spread, columns)) > _known(matches):
            return RawFileInvalid(f"the columns of {where} are separated by {name}", "Save it with commas.")
    if len(missing) == len(columns):
        return RawFileInvalid(
            f"{where} has no header with the columns of this dataset; missing are {', '.join(missing)}",
            "Put the dataset's own CSV file there.",
        )
    return RawFileInvalid(
        f"{where} lacks the columns {', '.join(missing)}", "Put the whole file there, header included."
    )


def _check_is_text(where: str, head: bytes) -> None:
    if not head.strip():
        raise RawFileInvalid(f"{where} is empty", "Put the whole file there.")
    kind = next((kind for magic, kind in _NOT_CSV if head.startswith(magic)), None)
    start = head[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind is None and start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        kind = "a web page, perhaps a log-in page"
    if kind is None and start.startswith((b"{", b"[")):
        kind = "JSON"
    if kind is None and b"\0" in head:
        kind = "a binary file"
    if kind is not None:
        raise RawFileInvalid(f"{where} is {kind}, not a CSV file", "Put the dataset there as CSV in UTF-8.")
