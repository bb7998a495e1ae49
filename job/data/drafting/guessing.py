"""How a file is written, told by its first rows: encoding, separator, marks in numbers, whether it has a header."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from job.data.raw.dialect import SEPARATORS, Dialect
from job.data.raw.header import HEADER_WITHIN, HeadRecord, records_of
from job.data.raw.missing import is_missing
from job.data.raw.notcsv import check_is_text
from job.errors import RawFileInvalid

ROWS = 200  # that are looked at
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*%?", re.ASCII)
_MARKS = {
    ",": ",",
    ".": r"\.",
    " ": "[ \u00a0\u202f]",
    "'": "['\u2019]",
}  # as they are declared, and as programs write them
_COMMA = re.compile("[+-]?\\d+([. '\u00a0\u202f\u2019]\\d{3})*,\\d+%?", re.ASCII)
_GROUPED = {mark: re.compile(rf"[+-]?\d{{1,3}}({one}\d{{3}})+([.,]\d+)?%?", re.ASCII) for mark, one in _MARKS.items()}


@dataclass(frozen=True)
class Guess:
    """How a file seems to be written.

    Attributes
    ----------
    dialect : Dialect
        With the columns' names where there is no header.
    names : tuple of str
        Of all columns.
    offset : int
        Bytes before the first row, of the file as UTF-8.
    rows : list of list of str
        The first rows.
    """

    dialect: Dialect
    names: tuple[str, ...]
    offset: int
    rows: list[list[str]]


def guess_encoding(head: bytes) -> str:
    """Return the encoding of a file's first bytes: UTF-16 and UTF-8 show themselves, the rest is taken for Windows'."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if any(len(part) > 1 and part.count(0) > len(part) // 2 for part in (head[0:200:2], head[1:200:2])):
        return "utf-16"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # a character may be cut at the end
            return "cp1252" if not {0x81, 0x8D, 0x8F, 0x90, 0x9D} & {*head} else "latin-1"
    return "utf-8"


def guess(
    head: bytes, where: str, encoding: str, separator: str | None, columns: Sequence[str], header: bool | None
) -> Guess:
    """Guess how a file is written.

    Parameters
    ----------
    head : bytes
        Its beginning, as UTF-8.
    encoding : str
        What it was before.
    separator : str or None
        What separates its cells, where that is known.
    columns : sequence of str
        The columns' names, where the file has none.
    header : bool or None
        Whether it has a header, where that is known.

    Raises
    ------
    RawFileInvalid
        Where it is no table.
    """
    check_is_text(where, head)
    separator = separator or _separator(head)
    rows = _rows(head, separator)
    width = _width(rows)
    if width < 2:
        raise RawFileInvalid(
            f"{where} has no columns: its first rows are separated by no commas, semicolons, tabs, bars or blanks",
            "Give a table, or say what separates its cells (--separator).",
        )
    records = [one for one in records_of(head, separator) if len(one.cells) == width]
    if not records:
        raise RawFileInvalid(
            f"{where} has no row of {width} cells in its first {HEADER_WITHIN}", "Remove its title lines."
        )
    first = records[0]
    rows = [row for row in rows if len(row) == width]
    if header is None and not columns:
        _check_names_fit(next(iter(records_of(head, separator))), first, rows, where)
    has_header = _is_header(first, rows) if header is None and not columns else bool(header)
    dialect = Dialect(separator, encoding=encoding)
    if has_header:
        names, offset, rows = tuple(cell.strip() for cell in first.cells), first.length, rows[1:]
    else:
        names = tuple(columns) or tuple(f"c{i}" for i in range(1, width + 1))
        if len(names) != width:
            raise RawFileInvalid(f"{where} has {width} columns, and {len(names)} names were given", "Name each column.")
        dialect, offset = replace(dialect, columns=names), 3 if head.startswith(b"\xef\xbb\xbf") else 0
    decimal, thousands = _marks([cell.strip() for row in rows for cell in row], separator)
    return Guess(replace(dialect, decimal=decimal, thousands=thousands), names, offset, rows)


def number_of(cell: str, dialect: Dialect) -> float:
    """Return the number that a cell is, as :func:`is_number` tells.

    >>> number_of("1.234,5", Dialect(decimal=",", thousands=".")), number_of("13.5 %", Dialect())
    (1234.5, 13.5)
    """
    cell = cell.strip().rstrip("%").rstrip()
    if dialect.thousands:
        cell = re.sub(_MARKS[dialect.thousands], "", cell)
    return float(cell.replace(dialect.decimal, "."))


def is_number(cell: str, dialect: Dialect) -> bool:
    """Return whether a cell is a number as a dialect writes them."""
    cell = cell.strip()
    if dialect.thousands and _GROUPED[dialect.thousands].fullmatch(cell):
        return True
    if dialect.decimal == ",":
        return "." not in cell and bool(_PLAIN.fullmatch(cell.replace(",", ".")))
    return bool(_PLAIN.fullmatch(cell))


def _separator(head: bytes) -> str:
    """Return what separates the cells of most rows into the most columns; of several, the first that does."""
    found = {}
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in _rows(head, separator))
        width, count = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
        if width > 1:
            found[separator] = count / max(sum(widths.values()), 1)
    even = [separator for separator, share in found.items() if share >= 0.9]
    candidates = even or sorted(found, key=lambda one: -found[one])[:1] or [","]
    if " " in candidates and len(candidates) > 1:  # blanks stand in cells too
        candidates.remove(" ")
    return max(candidates, key=lambda one: _width(_rows(head, one)))


def _rows(head: bytes, separator: str) -> list[list[str]]:
    text = head.decode("utf-8-sig", "replace")
    lines = text[: text.rfind("\n") + 1] or text  # without a line that is cut
    found = []
    try:
        for row in csv.reader(io.StringIO(lines, newline=""), delimiter=separator):
            if any(cell.strip() for cell in row):
                found.append(row)
            if len(found) > ROWS:
                break
    except csv.Error:
        return found
    return found


def _width(rows: Sequence[Sequence[str]]) -> int:
    widths = Counter(map(len, rows))
    return max(widths.items(), key=lambda item: (item[1], item[0]), default=(0, 0))[0]


def _is_header(first: HeadRecord, rows: Sequence[Sequence[str]]) -> bool:
    """Tell names from values: they are no numbers, none is there twice, and hardly one comes again further down."""
    cells = [cell.strip() for cell in first.cells]
    if any(_PLAIN.fullmatch(cell) for cell in cells):
        return False
    named = [cell for cell in cells if not is_missing(cell)]
    again = sum(any(row[i].strip() == cell for row in rows[1:]) for i, cell in enumerate(cells) if not is_missing(cell))
    return len(set(named)) == len(named) > len(cells) // 2 and again <= len(named) // 4


def _check_names_fit(lead: HeadRecord, first: HeadRecord, rows: Sequence[Sequence[str]], where: str) -> None:
    """Refuse nearly as many names as the rows have cells, or a few more: taken for a title, they would be lost."""
    names, width = len(lead.cells), len(first.cells)
    if lead is not first and names != width and width // 2 < names < 2 * width and not _is_header(first, rows):
        named = [cell.strip() for cell in lead.cells if not is_missing(cell.strip())]
        if len(named) > width // 2 and len(set(named)) == len(named) and not any(map(_PLAIN.fullmatch, named)):
            raise RawFileInvalid(
                f"{where}: its first line has {names} names, and its rows have {width} cells",
                "Quote cells in which the separator stands, and give every column a name.",
            )


def _marks(cells: Sequence[str], separator: str) -> tuple[str, str]:
    """Return the decimal mark and that of thousands."""
    commas = sum(bool(_COMMA.fullmatch(cell)) for cell in cells)
    points = sum("." in cell and bool(_PLAIN.fullmatch(cell)) for cell in cells)
    grouped = {mark: [cell for cell in cells if one.fullmatch(cell)] for mark, one in _GROUPED.items()}
    # 1,234 in a file of points is a thousand; in a file without points and with 1,5 it is not.
    decimal = "," if commas > points and (separator != "," or len(grouped[","]) < commas) else "."
    clear = [mark for mark in (" ", "'", ".", ",") if mark != decimal and grouped[mark]]
    if clear == ["."] and not any(cell.count(".") > 1 or "," in cell for cell in grouped["."]):
        clear = []  # 1.234 alone may be a number between 1 and 2
    return decimal, clear[0] if clear else ""
