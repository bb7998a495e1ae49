"""What stands between a raw file's rows and is none of them: footers, and the titles and headers of joined files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from job.data.raw.missing import is_missing

# Lines that Lending Club puts before, between and behind its loans.
FOOTER = re.compile(
    r"\s*\"?(total amount funded in policy code|loans that do not meet the credit policy|notes offered by prospectus)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Between:
    """What may be passed over.

    Attributes
    ----------
    header : tuple of str
        The file's header.
    needed : dict of str to int
        Positions of the needed columns, by the dataset's names.
    titles : frozenset of str
        The lines before the header, as :func:`plain` has them.
    headers : tuple of tuple of str
        The header and what else stood before the rows and has its width.
    """

    header: tuple[str, ...]
    needed: dict[str, int]
    titles: frozenset[str]
    headers: tuple[tuple[str, ...], ...]

    def is_line(self, text: str) -> bool:
        """Tell whether a line, or the only cell of one, is a footer or a title that stood before the header, too."""
        line = plain(text)
        return line in self.titles or bool(FOOTER.match(line))

    def is_header(self, record: Sequence[str]) -> bool:
        """Tell whether a record has what one of the headers has in every needed column."""
        return any(
            all(_same(record[i], header[i]) for i in self.needed.values() if i < len(record))
            for header in self.headers
            if len(record) == len(header)
        )

    def is_passed_over(self, record: Sequence[str]) -> bool:
        """Tell whether a record is an empty line, a title, a footer of its own width or a header once more."""
        if len(record) == len(self.header):
            return self.is_header(record)
        return not "".join(record).strip() or self.is_line(",".join(record))

    def lacks_all(self, record: Sequence[str]) -> bool:
        """Tell whether none of the needed cells has a value."""
        return all(is_missing(record[i]) for i in self.needed.values())

    def looks_like_a_header(self, record: Sequence[str]) -> bool:
        """Tell whether most of the needed columns' names are among the cells, wherever they stand."""
        cells = {cell.strip().lower() for cell in record}
        found = sum(self.header[i].strip().lower() in cells for i in self.needed.values())
        return 2 * found > len(self.needed)


def plain(line: str) -> str:
    """Return a line without what differs from copy to copy: marks, quotes, commas and blanks at its end, case."""
    return line.lstrip("\ufeff").replace('"', "").rstrip(", \t\r\n").strip().lower()


def _same(cell: str, name: str) -> bool:
    return cell.strip().lower() == name.strip().lower()
