"""Which combination detects defaulters best: every metric over the seeds, and what may be concluded from it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from job.analysis import tables
from job.analysis.evidence import Evidence, evidence_of
from job.analysis.load import left_out, read_all
from job.analysis.notes import gpu_notes, split_notes
from job.analysis.ranking import Standing, ranks, tied_with_best, why_unranked
from job.analysis.resampled import EQUIVALENT
from job.analysis.rows import SummaryRow, TermRow, reference_rows, summary_rows, term_rows
from job.console import Console
from job.errors import UsageError, did_you_mean, shown
from job.executions.executions import Execution
from job.executions.recovery import read_binding
from job.executions.results import StoredResult
from job.executions.verify import Verified
from job.metrics import METRIC_IDS
from job.store import Store
from job.training.blocks import ByTime
from job.training.unit import Unit

DECISIVE = ("balanced_accuracy", "roc_auc", "brier")  # one of each kind: decisions, ranking, probabilities
_ADDED = (
    "execution", "spec", "split", "fingerprint", "synthetic", "rows", "units", "units_total", "test_rows",
    "test_positives", "positive_groups", "rank", "unranked", "not_distinguishable_from_best", "undefined",
    "inapplicable", "flags",
)  # fmt: skip


@dataclass(frozen=True)
class DatasetState:
    """How much of a dataset is summarised, and what has to be said of its table; counts are units.

    Attributes
    ----------
    repetition : str
        What a unit's number is: a seed, or by time an origin.
    split : str
        How rows were split, in words.
    fingerprint : str or None
        Of the data; None where nothing ran on them yet.
    rows : int or None
        Of the dataset.
    test_to_train : float or None
        Rows of the test part divided by those of the training part, on average over the repetitions.
    """

    dataset: str
    present: int
    total: int
    synthetic: bool
    notes: tuple[str, ...] = ()
    repetition: str = "seed"
    split: str = "by row"
    fingerprint: str | None = None
    rows: int | None = None
    test_to_train: float | None = None

    @property
    def partial(self) -> bool:
        """Whether results are missing."""
        return self.present < self.total

    def as_json(self) -> dict[str, Any]:
        """Return what every row of the dataset carries, as plain JSON values."""
        return {
            "split": self.split,
            "fingerprint": self.fingerprint,
            "synthetic": self.synthetic,
            "rows": self.rows,
            "units": self.present,
            "units_total": self.total,
        }


@dataclass(frozen=True)
class Summary:
    """The comparison of one execution.

    Attributes
    ----------
    execution, spec : str
        The id, and the spec's name.
    sort : str
        The metric by which rows are sorted within their dataset, the best first; those that are not ranked come last.
    rows : tuple of SummaryRow
    datasets : tuple of DatasetState
    damaged : tuple of str
        Results that could not be used, one line each.
    references : tuple of SummaryRow
        What each dataset's rows are held against: the prior, and the best single feature.
    terms : tuple of TermRow
        The rows again for each term, where outcomes are due after different times.
    """

    execution: str
    spec: str
    sort: str
    rows: tuple[SummaryRow, ...]
    datasets: tuple[DatasetState, ...]
    damaged: tuple[str, ...]
    references: tuple[SummaryRow, ...] = ()
    terms: tuple[TermRow, ...] = ()

    def as_json(self) -> list[dict[str, Any]]:
        """Return all rows as plain JSON values, each with the execution and the data that it is of."""
        states = {state.dataset: state.as_json() for state in self.datasets}
        of_all = {"execution": self.execution, "spec": self.spec}
        return [row.as_json() | of_all | states[row.dataset] for row in (*self.rows, *self.references)]


def check_metric(metric: str) -> str:
    """Return a metric's id.

    Raises
    ------
    UsageError
        Where there is no such metric.
    """
    if metric not in METRIC_IDS:
        raise UsageError(f"there is no metric {shown(metric)}", did_you_mean(metric, METRIC_IDS))
    return metric


def check_techniques(execution: Execution, techniques: Sequence[str]) -> None:
    """Look whether an execution has these techniques.

    Raises
    ------
    UsageError
        Where it lacks one.
    """
    known = sorted({unit.technique for unit in execution.spec.units()})
    for one in techniques:
        if one not in known:
            raise UsageError(f"{execution.id} has no technique {shown(one)}", did_you_mean(one, known))


def read_regions(given: Sequence[str]) -> dict[str, float]:
    """Return the regions of practical equivalence, with those that ``METRIC=WIDTH`` sets.

    Raises
    ------
    UsageError
        Where one is not of that form.
    """
    found = dict(EQUIVALENT)
    for one in given:
        metric, _, width = one.partition("=")
        try:
            found[check_metric(metric)] = value = float(width)
        except ValueError as error:
            if isinstance(error, UsageError):
                raise
            value = -1.0
        if not 0 <= value <= 1:
            raise UsageError(f"{shown(one)} is no region", "Give it as METRIC=WIDTH, such as roc_auc=0.005.")
    return found


def summarise(
    store: Store, execution: Execution, *, sort: str = "balanced_accuracy", console: Console | None = None
) -> Summary:
    """Read, verify and compare the results of an execution; a binding that cannot be read is named to `console`.

    Raises
    ------
    UsageError
        Where `sort` is not a metric.
    StorageError
        Where the storage gives not a single result.
    """
    check_metric(sort)
    verified = read_all(store, execution, list(execution.spec.units()), evidence_of)
    return summary_of(store, execution, verified, sort=sort, console=console)


def summary_of(
    store: Store, execution: Execution, verified: Verified, *, sort: str, console: Console | None = None
) -> Summary:
    """Compare results that were read.

    Parameters
    ----------
    verified : Verified
        Of all units of the execution, `seen` by :func:`job.analysis.evidence.evidence_of`.
    """
    units = list(execution.spec.units())
    results = list(verified.results.values())
    evidence: dict[Unit, Evidence] = {u: verified.seen[u] for u, r in verified.results.items() if _is_done(r)}
    rows = summary_rows(results, evidence)
    states, ordered = [], []
    for dataset in execution.spec.datasets:
        state = _state(store, execution, dataset, units, verified, console)
        states.append(state)
        ordered += ranked([row for row in rows if row.dataset == dataset], state, sort)
    order = {dataset: i for i, dataset in enumerate(execution.spec.datasets)}
    return Summary(
        execution.id,
        execution.spec.name,
        sort,
        tuple(ordered),
        tuple(states),
        left_out(verified),
        tuple(row for dataset in order for row in reference_rows(dataset, results, evidence)),
        tuple(sorted(term_rows(results), key=lambda row: (order[row.dataset], row.term))),
    )


def _is_done(result: StoredResult) -> bool:
    return bool(result.record["status"] == "done")


def _state(
    store: Store, execution: Execution, dataset: str, units: list[Unit], verified: Verified, console: Console | None
) -> DatasetState:
    binding = read_binding(store, execution, dataset, console) or {}
    split = execution.spec.split(dataset)
    own = {unit: result for unit, result in verified.results.items() if unit.dataset == dataset}
    return DatasetState(
        dataset,
        len(own),
        sum(unit.dataset == dataset for unit in units),
        bool(binding.get("synthetic")),
        (*split_notes(dataset, split, list(own.values())), *gpu_notes(own.values())),
        "origin" if isinstance(split, ByTime) else "seed",
        str(split),
        binding.get("fingerprint"),
        binding.get("rows"),
        _test_to_train(own, verified, binding.get("rows")),
    )


def _test_to_train(own: dict[Unit, StoredResult], verified: Verified, rows: int | None) -> float | None:
    """Return the mean ratio over the units that are done. Records of version 1 do not count the training rows."""
    ratios = []
    for unit, result in own.items():
        if not _is_done(result):
            continue
        tested = verified.seen[unit].rows
        counts = result.record.get("train")
        trained = counts["n0"] + counts["n1"] if counts else (rows or 0) - tested
        if trained > 0:
            ratios.append(tested / trained)
    return statistics.fmean(ratios) if ratios else None


def ranked(rows: Sequence[SummaryRow], state: DatasetState, sort: str) -> list[SummaryRow]:
    """Return a dataset's rows with their standing at a metric, those that are ranked first."""
    means = [row.mean[sort] for row in rows]
    fewest = min((tested.positives for row in rows for tested in row.evidence.values()), default=None)
    # A row whose metric is undefined at a seed is over other seeds than the rest.
    seeds = [tuple(sorted(row.values[sort])) for row in rows]
    reasons = why_unranked(seeds, means, fewest, state.repetition)
    ranked = [i for i, reason in enumerate(reasons) if reason is None]
    places = ranks([means[i] for i in ranked], sort)
    # Origins are no exchangeable repetitions: nothing is tested over them.
    ratio = None if state.repetition == "origin" else state.test_to_train
    tied = tied_with_best([rows[i].values[sort] for i in ranked], ratio, sort)
    standings = {i: Standing(place, None, mark) for i, place, mark in zip(ranked, places, tied, strict=True)}
    placed = [replace(row, standing=standings.get(i, Standing(unranked=reasons[i]))) for i, row in enumerate(rows)]
    return sorted(placed, key=lambda row: (row.standing.rank is None, row.standing.rank or 0, row.model, row.technique))


def to_csv(summary: Summary) -> bytes:
    """Return the rows as CSV: one line each, what there is of each seed separated by blanks, undefined values empty."""
    names = ["dataset", "model", "technique", "seeds"]
    names += [f"{metric}_{part}" for metric in METRIC_IDS for part in ("mean", "std")]
    return tables.to_csv(summary.as_json(), [*names, *_ADDED])
