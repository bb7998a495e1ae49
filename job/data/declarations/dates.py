"""The formats of dates that can be declared: year, month and day, in any order."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from job.data.raw.dates import MONTHS, date_of

FORMATS_RULE = "it is made of YYYY, MM or MMM, and DD, such as DD.MM.YYYY, M/D/YYYY, MMM-YYYY or YYYYMMDD"
TOKEN = re.compile(r"YYYY|MMM|MM|M|DD|D")
_PARTS = {
    "YYYY": r"(?P<year>\d{4})",
    "MMM": r"(?P<name>[A-Za-z]{3,9})",
    "MM": r"(?P<month>\d{1,2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{1,2})",
    "D": r"(?P<day>\d{1,2})",
}
# What a database adds to a day.
_MIDNIGHT = r"(?:[T ]00:00(?::00(?:\.0+)?)?)?"


def is_format(text: str) -> bool:
    """Return whether a text is a format of dates.

    >>> is_format("DD.MM.YYYY"), is_format("MMM-YYYY"), is_format("DD.YYYY"), is_format("YY-MM")
    (True, True, False, False)
    """
    rest = TOKEN.sub("", text)
    tokens = [token[0] for token in TOKEN.findall(text)]
    ordered = sorted(tokens)
    return ordered in (["M", "Y"], ["D", "M", "Y"]) and re.fullmatch(r"[-/. ,]*", rest) is not None and len(text) <= 20


def reader_of(format_: str | None) -> Callable[[str], date | None]:
    """Return what reads a cell as a date of a format, or as None where it is none; a month is its first day.

    Parameters
    ----------
    format_ : str or None
        None for :func:`job.data.raw.dates.date_of`, which reads what can mean one day only.

    >>> reader_of("DD.MM.YYYY")("31.12.2015"), reader_of("M/D/YYYY")("31/12/2015")
    (datetime.date(2015, 12, 31), None)
    """
    if format_ is None:
        return date_of
    joined = bool(re.fullmatch(r"(YYYY|MM|DD)+", format_))  # where nothing stands between, a day has two digits
    pattern, last = "", 0
    for token in TOKEN.finditer(format_):
        part = _PARTS[token[0]]
        pattern += re.escape(format_[last : token.start()]) + (part.replace("{1,2}", "{2}") if joined else part)
        last = token.end()
    compiled = re.compile(pattern + re.escape(format_[last:]) + _MIDNIGHT, re.ASCII)

    def read(cell: str) -> date | None:
        found = compiled.fullmatch(cell)
        if found is None:
            return None
        parts = found.groupdict()
        month = MONTHS.get(parts["name"].lower()) if "name" in parts else int(parts["month"])
        try:
            return None if month is None else date(int(parts["year"]), month, int(parts.get("day", 1)))
        except ValueError:
            return None

    return read
