"""What stands for a missing value in raw files, in columns of numbers and of names alike."""

from __future__ import annotations

# Written by spreadsheets, R, pandas, SQL clients, Hive and MySQL (\N), SAS (.), and UCI's and Weka's files (?). Letters
# count as they are: NONE is one of Lending Club's levels. A lone hyphen is not among them: accountants write it for 0.
MISSING = (
    "", "NA", "N/A", "n/a", "#N/A", "NaN", "nan", "NAN", "NULL", "Null", "null", "None", "<NA>", "NaT", "(null)",
    "[NULL]", "\\N", ".", "?",
)  # fmt: skip
_MISSING = frozenset(MISSING)


def is_missing(cell: str) -> bool:
    """Tell whether a cell, blanks around it aside, holds no value."""
    return cell.strip() in _MISSING
