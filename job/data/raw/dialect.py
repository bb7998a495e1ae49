"""How a raw file is written: separators, marks, encoding, names. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass

# No larger number can be used: the squares of ten million of them sum up to 1e37, and float32 ends at 3.4e38. What is
# larger, most often a program's mark for a missing value, comes out of scaling as infinity, or makes all others equal.
LARGEST_NUMBER = 1e15
SEPARATORS = (",", ";", "\t", "|", " ")
DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'")
ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252")


@dataclass(frozen=True)
class Dialect:
    """How a raw file is written; the standard is what the datasets that ldp has are.

    Attributes
    ----------
    separator : str
        One of :data:`SEPARATORS`.
    decimal : str
        The mark in numbers such as ``1.5``.
    thousands : str
        The mark in numbers such as ``1,234,567``; nothing where there is none.
    encoding : str
        One of :data:`ENCODINGS`; UTF-16 with or without byte-order mark.
    missing : tuple of str
        What stands for a missing value beside :data:`job.data.raw.missing.MISSING`, in every column.
    columns : tuple of str
        The columns' names where the file has no header.
    """

    separator: str = ","
    decimal: str = "."
    thousands: str = ""
    encoding: str = "utf-8"
    missing: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
