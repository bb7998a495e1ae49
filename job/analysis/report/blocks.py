"""What a page is made of, in its language and ready to be set: plain text everywhere, which the template escapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

UNDEFINED = "–"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
    order : float or None
        What a number is sorted by; None sorts last.
    """

    text: str
    order: float | None = None


@dataclass(frozen=True)
class Column:
    """One column of a table; those of numbers are set to the right and sorted from the highest."""

    heading: str
    numeric: bool = False


@dataclass(frozen=True)
class Row:
    """One row of a table; `marked` where it is among the best."""

    cells: tuple[Cell, ...]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table that readers may sort.

    Attributes
    ----------
    of : str
        Of which data, where that is one dataset's.
    names : int
        How many columns from the left name the row.
    foot : tuple of str
        What has to be said below it.
    """

    kind: ClassVar[str] = "table"
    id: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    names: int = 1
    foot: tuple[str, ...] = ()
    of: str = ""

    def without_empty_columns(self) -> Table:
        """Return the table without the columns that say nothing of any row."""
        kept = [
            i for i in range(len(self.columns)) if any(row.cells[i].text not in ("", UNDEFINED) for row in self.rows)
        ]
        return replace(
            self,
            columns=tuple(self.columns[i] for i in kept),
            rows=tuple(replace(row, cells=tuple(row.cells[i] for i in kept)) for row in self.rows),
            names=sum(i < self.names for i in kept),
        )


@dataclass(frozen=True)
class Figure:
    """A plot.

    Attributes
    ----------
    of : str
        Of which data, where that is one dataset's.
    svg : str
        An ``svg`` element made by this program, with its names for screen readers.
    """

    kind: ClassVar[str] = "figure"
    id: str
    title: str
    of: str
    caption: str
    svg: str


@dataclass(frozen=True)
class Heading:
    """The name of a part of a section; `flags` are what has to be said of it in large letters."""

    kind: ClassVar[str] = "heading"
    id: str
    text: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subheading:
    """The name of a part of a section, or of what is below a :class:`Heading`; `level` is HTML's."""

    kind: ClassVar[str] = "subheading"
    text: str
    level: int = 3


@dataclass(frozen=True)
class Paragraph:
    """Running text; `english` where this program said it so, whatever the page's language."""

    kind: ClassVar[str] = "paragraph"
    text: str
    english: bool = False


@dataclass(frozen=True)
class Bullets:
    """Short statements below each other."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]
    english: bool = False


@dataclass(frozen=True)
class Facts:
    """Names and what they are; `long` where that needs a line each."""

    kind: ClassVar[str] = "facts"
    pairs: tuple[tuple[str, str], ...]
    long: bool = False


@dataclass(frozen=True)
class Code:
    """Lines to type."""

    kind: ClassVar[str] = "code"
    label: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """What was found, and below it what it does not allow to say."""

    kind: ClassVar[str] = "finding"
    sentences: tuple[str, ...]
    label: Subheading
    limits: tuple[str, ...]


@dataclass(frozen=True)
class More:
    """What opens on demand, and is always printed."""

    kind: ClassVar[str] = "more"
    summary: str
    blocks: tuple[Block, ...]


Block = Table | Figure | Heading | Subheading | Paragraph | Bullets | Facts | Code | Finding | More


@dataclass(frozen=True)
class Section:
    """A part of the page with a line in the table of contents."""

    id: str
    title: str
    intro: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Banner:
    """What nobody may overlook."""

    word: str
    text: str


@dataclass(frozen=True)
class Page:
    """A whole report.

    Attributes
    ----------
    language : str
        As HTML names it, such as ``pt-BR``.
    title : str
        Of the document.
    kicker, heading, lead : str
        The head's three lines.
    """

    language: str
    title: str
    kicker: str
    heading: str
    lead: str
    banners: tuple[Banner, ...]
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    colophon: str
