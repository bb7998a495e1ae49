"""Tables as files: CSV, parquet, Markdown, LaTeX with booktabs. Each is a list of records with the same keys."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from job.terminal import harmless

LATEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$", "±": r"$\pm$", "≥": r"$\geq$",
    "≤": r"$\leq$", "–": "--", "[": "{[}", "]": "{]}", "*": "{*}",
}  # fmt: skip
# What spreadsheets take for the beginning of a formula, but for numbers.
_FORMULA = re.compile(r"[=+\-@＝＋－＠]")
_NUMBERS = re.compile(r"[-+0-9.eE ]+")


def flat(value: Any) -> Any:
    """Return what stands in one cell for a value: lists separated by blanks, objects as ``key: value; …``."""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {flat(one)}" for key, one in value.items())
    if isinstance(value, list | tuple):
        texts = ["" if one is None else str(flat(one)) for one in value]
        return ("; " if any(" " in text for text in texts) else " ").join(texts).strip()
    return value


def columns_of(records: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return every key that a record has, in the order in which they first come."""
    return list(dict.fromkeys(name for record in records for name in record))


def to_csv(records: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """Return records as CSV, numbers in full, what is undefined empty.

    Text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or columns_of(records), extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: harmless_cell(flat(value)) for name, value in record.items()} for record in records)
    return out.getvalue().encode()


def harmless_cell(value: Any) -> Any:
    """Return a cell that no spreadsheet computes, on one line; what does not print is spelled."""
    if not isinstance(value, str):
        return value
    text = harmless(value, keep="\u00a0")
    return f"'{text}" if _FORMULA.match(text) and not _NUMBERS.fullmatch(text) else text


def to_parquet(records: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> bytes:
    """Return records as parquet: numbers as float64 or int64, lists and objects as JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = columns or columns_of(records)
    arrays = [pa.array([_typed(record.get(name)) for record in records]) for name in names]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, names=list(names)), sink, write_page_checksum=True)
    return bytes(sink.getvalue())


def _typed(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, Mapping | list | tuple) else value


def to_markdown(records: Sequence[Mapping[str, Any]], columns: Sequence[str], digits: int = 4) -> str:
    """Return some columns of records as a Markdown table, numbers with so many decimal places."""
    lines = [columns, ["---"] * len(columns), *_cells(records, columns, digits)]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def to_latex(records: Sequence[Mapping[str, Any]], columns: Sequence[str], digits: int = 4) -> str:
    r"""Return some columns of records as a LaTeX ``tabular`` with booktabs' rules."""
    body = _cells(records, columns, digits)
    numeric = [all(_is_number(record.get(name)) for record in records) for name in columns]
    lines = [[escaped(cell) for cell in line] for line in (list(columns), *body)]
    rows = [f"{' & '.join(line)} \\\\" for line in lines]
    kinds = "".join("r" if number else "l" for number in numeric)
    begin, end = f"\\begin{{tabular}}{{{kinds}}}", r"\end{tabular}"
    return "\n".join([begin, r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule", end, ""])


def escaped(text: str) -> str:
    """Return text as LaTeX has to be given it; what does not print is left out."""
    return "".join(LATEX.get(one, one) for one in text if one.isprintable())


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _cells(records: Sequence[Mapping[str, Any]], columns: Sequence[str], digits: int) -> list[list[str]]:
    return [[_text(record.get(name), digits) for name in columns] for record in records]


def _text(value: Any, digits: int) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:z.{digits}f}" if isinstance(value, float) else str(flat(value))
