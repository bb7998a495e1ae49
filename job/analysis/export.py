"""An execution's tables as files of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from job.analysis import tables
from job.analysis.differences import Difference
from job.analysis.summary import Summary
from job.errors import UsageError, did_you_mean, shown

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "markdown", "latex", "mlflow")
_OF_PAIRS = ("dataset", "metric", "first", "second", "difference", "low", "high", "p_holm", "within", "distinguishable")
_SUFFIXES = {"markdown": "md", "latex": "tex"}


def check_format(name: str) -> str:
    """Return a format's name.

    Raises
    ------
    UsageError
        Where there is no such format.
    """
    if name not in FORMATS:
        raise UsageError(f"there is no format {shown(name)}", did_you_mean(name, FORMATS))
    return name


def exported(
    summary: Summary, units: pd.DataFrame, differences: Sequence[Difference], to: str, metrics: Sequence[str]
) -> dict[str, bytes]:
    """Return what to write, by name below the report's folder: the comparison, the pairs, for programs every unit.

    Parameters
    ----------
    units : DataFrame
        As :func:`job.analysis.load.units` gives them.
    differences : sequence of Difference
        Of the metrics for people; no file without any.
    to : {'csv', 'parquet', 'markdown', 'latex'}
    metrics : sequence of str
        Those of tables for people; files for programs have all.
    """
    found = tables_of(summary, differences, to, metrics)
    if to not in _SUFFIXES:
        write = tables.to_csv if to == "csv" else tables.to_parquet
        every = units.astype(object).where(units.notna(), None).to_dict("records")
        found[f"tables/units.{to}"] = write(every)
    return found


def tables_of(summary: Summary, differences: Sequence[Difference], to: str, metrics: Sequence[str]) -> dict[str, bytes]:
    """Return the comparison and the pairs as files, by name below the report's folder."""
    records = summary.as_json()
    of_all = {"execution": summary.execution, "spec": summary.spec}
    states = {state.dataset: state.as_json() for state in summary.datasets}
    pairs = [of_all | states[one.dataset] | one.as_json() for one in differences]
    if to in _SUFFIXES:
        draw = tables.to_latex if to == "latex" else tables.to_markdown
        written = {"summary": "\n\n".join(_for_people(summary, records, to, metrics)).encode()}
        if pairs:
            written["differences"] = draw(pairs, _OF_PAIRS).encode()
    else:
        write = tables.to_csv if to == "csv" else tables.to_parquet
        written = {"summary": write(records)} | ({"differences": write(pairs)} if pairs else {})
    return {f"tables/{name}.{_SUFFIXES.get(to, to)}": content for name, content in written.items()}


def _for_people(summary: Summary, records: list[dict[str, Any]], to: str, metrics: Sequence[str]) -> list[str]:
    """Return a table for each dataset, with what it is of above it."""
    found = []
    for state in summary.datasets:
        own = [record for record in records if record["dataset"] == state.dataset]
        if not own:
            continue
        columns = ["model", "technique"]
        for metric in metrics:
            columns += [f"{metric}_mean", f"{metric}_std"]
        columns += ["not_distinguishable_from_best", "unranked"]
        synthetic = ", synthetic sample data" if state.synthetic else ""
        head = (
            f"{state.dataset}{synthetic}, {summary.execution}, {state.split}, {state.present} of {state.total} units,"
            f" fingerprint {(state.fingerprint or 'unknown')[:12]}"
        )
        if to == "latex":
            found.append(f"% {head}\n{tables.to_latex(own, columns)}")
        else:
            found.append(f"{head}\n\n{tables.to_markdown(own, columns)}")
    return found
