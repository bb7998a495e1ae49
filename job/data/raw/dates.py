"""Dates in raw files: those that can mean one day or month only, and why another cannot be used."""

from __future__ import annotations

import re
from datetime import date

_NAMES = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTHS = {name: i for i, name in enumerate(_NAMES, 1)} | {name[:3]: i for i, name in enumerate(_NAMES, 1)}
MONTHS["sept"] = 9
_NAMED = re.compile(r"(?:(\d{1,2})[- ]?)?([A-Za-z]{3,9})[-, ]? ?(\d{4})", re.ASCII)
# A database writes a day as its first moment. Midnight of another zone than UTC would be another day there.
_PLAIN = re.compile(
    r"(\d{4})([-/])(\d{1,2})(?:\2(\d{1,2})(?:[T ]00:00(?::00(?:\.0+)?)?(?: ?(?:Z|UTC|[+-]00(?::?00)?))?)?)?", re.ASCII
)
_TIMED = re.compile(r"\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:.*", re.ASCII)
_SHORT_YEAR = re.compile(
    r"[A-Za-z]{3,9}[- /']*\d{1,2}|\d{1,2}[- /]*[A-Za-z]{3,9}(?:[- /]*\d{1,2})?|\d{1,2}([-/.])\d{1,2}\1\d{2}", re.ASCII
)
_AS_HERE = "as Dec-2015 or 2015-12-01"


def date_of(text: str) -> date | None:
    """Return what a cell can only mean, a month as its first day; None where it is no date or could be several.

    ``Dec-2015``, ``December 2015``, ``01-Dec-2015``, ``2015-12``, ``2015-12-01`` and ``2015/12/01`` are read, and
    midnights such as ``2015-12-01 00:00:00`` or ``2015-12-01T00:00:00.000Z``. The order of ``01/12/2015`` and the
    century of a year of two digits would have to be guessed.
    """
    named, plain = _NAMED.fullmatch(text), _PLAIN.fullmatch(text)
    try:
        if named:
            return date(int(named[3]), MONTHS[named[2].lower()], int(named[1] or 1))
        if plain:
            return date(int(plain[1]), int(plain[3]), int(plain[4] or 1))
    except (KeyError, ValueError):
        pass
    return None


def why_no_date(text: str) -> tuple[str, str]:
    """Return what is the matter with a cell that :func:`date_of` does not read, and what to do about it."""
    if _SHORT_YEAR.fullmatch(text):
        # Filling in the century is what puts credit lines of 1965 into 2065, so nothing here may lead to that.
        return (
            "has no year of four digits, and its century would have to be guessed",
            "Take the dates from the original file; saving it again in a spreadsheet may complete them wrongly.",
        )
    if _TIMED.fullmatch(text):
        return "has a time of day or a time zone, which may belong to another day", f"Write it {_AS_HERE}."
    if re.fullmatch(r"\d{5}(\.0*)?", text, re.ASCII):
        return "is a spreadsheet's number of a day", f"Take the dates from the original file, {_AS_HERE}."
    if re.fullmatch(r"\d{1,2}([-/.])\d{1,2}\1\d{4}", text, re.ASCII):
        return "may have the day or the month first", f"Write it {_AS_HERE}."
    return "is no date that there is", f"Write it {_AS_HERE}."


def out_of_bounds(first: date, last: date) -> tuple[str, str]:
    """Return what is the matter with a date that cannot be, and what to do about it."""
    return (
        f"cannot be: dates here lie between {first:%Y-%m} and {last:%Y-%m}",
        "Take the dates from the original file; saving it again may have changed the century.",
    )
