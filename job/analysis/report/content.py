"""Everything that a report shows, gathered: results are read once and verified, and nothing is in a language yet."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from job import bounds
from job.analysis.differences import Difference
from job.analysis.evidence import Evidence, evidence_of
from job.analysis.load import read_all
from job.analysis.plots.data import PlotData
from job.analysis.plots.look import UnitLook, look
from job.analysis.rows import SummaryRow
from job.analysis.selection import Selection
from job.analysis.study import all_differences, selections
from job.analysis.summary import DatasetState, Summary, check_metric, summary_of
from job.analysis.verdict import Verdict, verdict
from job.console import Console
from job.executions.executions import Execution
from job.executions.results import StoredResult
from job.executions.status import status
from job.executions.versions import own_version
from job.records import Malformed, read_object, whole
from job.store import Store, sample_key
from job.training.unit import Unit


@dataclass(frozen=True)
class Content:
    """What a report is made from.

    Attributes
    ----------
    execution : Execution
    created : datetime
        When the execution was.
    metric : str
        What combinations are compared by.
    summary : Summary
    differences : tuple of Difference
        Every pair of every dataset at the metric.
    verdicts : dict of str to Verdict
        By dataset, of those that have a result.
    selections : tuple of Selection
        What the folds chose, by dataset and repetition.
    units : dict of Unit to UnitLook
        Every result that could be used.
    missing : tuple of Unit
        Those that have none.
    damaged : tuple of str
        Results that could not be used, one line each.
    failures : tuple of (str, str)
        Units whose last attempt raised, with the error.
    samples : dict of str to (int, int)
        Rows and seed of the synthetic sample that stands in the store as a dataset's raw file.
    version : str
        Of this program.
    """

    execution: Execution
    created: datetime
    metric: str
    summary: Summary
    differences: tuple[Difference, ...]
    verdicts: dict[str, Verdict]
    selections: tuple[Selection, ...]
    units: dict[Unit, UnitLook]
    missing: tuple[Unit, ...]
    damaged: tuple[str, ...]
    failures: tuple[tuple[str, str], ...]
    samples: dict[str, tuple[int, int]]
    version: str

    @property
    def synthetic(self) -> bool:
        """Whether any of it is of synthetic data."""
        return any(state.synthetic for state in self.summary.datasets)

    @property
    def partial(self) -> bool:
        """Whether results are missing."""
        return any(state.partial for state in self.summary.datasets)

    @property
    def states(self) -> list[DatasetState]:
        """Return the datasets that have a result."""
        return [state for state in self.summary.datasets if state.present]

    @property
    def about(self) -> list[DatasetState]:
        """Return the datasets that the page is about: those that have a result, all where none has."""
        return self.states or list(self.summary.datasets)

    def rows(self, dataset: str) -> list[SummaryRow]:
        """Return the combinations of a dataset that have a result, the best first."""
        return [row for row in self.summary.rows if row.dataset == dataset and row.seeds]

    def looks(self, row: SummaryRow) -> list[tuple[Unit, UnitLook]]:
        """Return a combination's units that are done, by repetition."""
        names = row.dataset, row.model, row.technique
        own = [
            (unit, one)
            for unit, one in self.units.items()
            if one.done and (unit.dataset, unit.model, unit.technique) == names
        ]
        return sorted(own, key=lambda pair: pair[0].seed)

    def plotted(self, dataset: str | None) -> PlotData:
        """Return what the plots of a dataset are made from, or with None those of the whole execution."""
        own = {unit: one for unit, one in self.units.items() if dataset in (None, unit.dataset)}
        return PlotData(self.summary, dataset, self.metric, own)


def gather(store: Store, execution: Execution, metric: str, console: Console) -> Content:
    """Read an execution's results and gather what a report shows.

    Parameters
    ----------
    metric : str
        What combinations are compared by.
    console : Console
        Told of results that are left out.

    Raises
    ------
    UsageError
        Where there is no such metric.
    StorageError
        Where the storage gives not a single result.
    """
    check_metric(metric)
    read = read_all(store, execution, list(execution.spec.units()), _looked, console)
    evidence = replace(read, seen={unit: seen[0] for unit, seen in read.seen.items()})
    summary = summary_of(store, execution, evidence, sort=metric, console=console)
    differences = all_differences(store, execution, summary, [metric], console=console)
    told = status(store, execution)
    return Content(
        execution,
        told.created,
        metric,
        summary,
        tuple(differences),
        {one.dataset: verdict(summary, one.dataset, differences) for one in summary.datasets if one.present},
        tuple(selections(store, execution, metric)),
        {unit: seen[1] for unit, seen in read.seen.items()},
        read.missing,
        summary.damaged,
        told.failures,
        _samples(store, summary),
        own_version(),
    )


def _samples(store: Store, summary: Summary) -> dict[str, tuple[int, int]]:
    """Return which samples stand there, of those that have as many rows as the execution's data."""
    found = {}
    for state in summary.datasets:
        if not state.synthetic:
            continue
        try:
            note = read_object(store.get(sample_key(state.dataset), bounds.NOTE_BYTES) or b"")
            rows, seed = whole(note, "rows"), whole(note, "seed")
        except Malformed:
            continue
        if rows == state.rows:
            found[state.dataset] = rows, seed
    return found


def _looked(result: StoredResult) -> tuple[Evidence, UnitLook]:
    return evidence_of(result), look(result)
