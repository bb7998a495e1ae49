"""An execution's tables as files of its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from job.analysis import tables
from job.analysis.summary import Summary
from job.errors import UsageError, did_you_mean, shown
from job.store import report_key

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "parquet", "markdown", "latex", "mlflow")
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


def exported(summary: Summary, units: pd.DataFrame, to: str, metrics: Sequence[str]) -> dict[str, bytes]:
    """Return what to write, by key: the comparison, and for programs also every unit.

    Parameters
    ----------
    units : DataFrame
        As :func:`job.analysis.load.units` gives them.
    to : {'csv', 'parquet', 'markdown', 'latex'}
    metrics : sequence of str
        Those of tables for people; files for programs have all.
    """
    records = summary.as_json()
    key = f"tables/summary.{_SUFFIXES.get(to, to)}"
    if to in _SUFFIXES:
        shown_as = "\n\n".join(_for_people(summary, records, to, metrics))
        return {report_key(summary.execution, key): shown_as.encode()}
    write = tables.to_csv if to == "csv" else tables.to_parquet
    every = units.astype(object).where(units.notna(), None).to_dict("records")
    return {
        report_key(summary.execution, key): write(records),
        report_key(summary.execution, f"tables/units.{to}"): write(every),
    }


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
