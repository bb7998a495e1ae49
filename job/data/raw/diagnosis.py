"""Finding the line of a raw file that cannot be read, so that the message can name it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import NoReturn

from job.data.raw.missing import is_missing
from job.data.raw.source import Source
from job.errors import RawFileInvalid, shown


def diagnose(source: Source, problem: str) -> NoReturn:
    """Find the line that a parser stumbled over, and refuse the file because of it.

    Raises
    ------
    RawFileInvalid
    """
    width, between = source.found_header.width, source.found_header.between
    names = {i: name for name, i in source.found_header.positions.items()}
    line: int | None = None
    encoding = source.dialect.encoding.upper()
    try:
        for line, record in source.records():
            if len(record) != width and between.looks_like_a_header(record):
                raise another_header(source, line, record)
            if len(record) != width:
                what = "is cut off" if len(record) < width else "is too long"
                raise RawFileInvalid(
                    f"{source.where}, line {line} {what}: {len(record)} cells where the header has {width}",
                    "Fetch the file again, or mend that line.",
                )
            if not is_missing(record[0]) and not between.is_line(record[0]) and between.lacks_all(record):
                raise RawFileInvalid(
                    f"{source.where}, line {line} has none of the needed cells, and begins with {shown(record[0])}",
                    "Remove or mend that line.",
                )
            for i, name in names.items():
                if "\ufffd" in record[i]:
                    raise RawFileInvalid(
                        f"{source.where}, line {line}, column {name}: {shown(record[i])} is not {encoding}",
                        f"Save the file in {encoding}.",
                    )
    except csv.Error as error:
        after = "" if line is None else f" after line {line}"
        raise RawFileInvalid(
            f"{source.where} cannot be read{after}: {error}", "Look for a quotation mark that is not closed there."
        ) from None
    raise RawFileInvalid(f"{source.where} cannot be read: {problem}", "Fetch the file again, or mend it.")


def another_header(source: Source, line: int | str, record: Sequence[str]) -> RawFileInvalid:
    """Return why a header in the middle of a file, which is not the first one, cannot be used."""
    header = source.found_header
    what = f"other columns than line {header.line}, or in another order"
    if len(record) != header.width:
        what = f"{len(record)} columns where line {header.line} has {header.width}"
    return RawFileInvalid(
        f"{source.where}, line {line} is another header, with {what}",
        "Join only files whose columns are the same, or put them into the same columns first.",
    )
