"""What is asked of a whole execution beyond its summary: differences, selections, figures of every unit.

Predictions are read one dataset and seed at a time, so that thousands of units fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from job.analysis.differences import Difference, name_of, origin_differences, seed_differences
from job.analysis.figures import unit_figures
from job.analysis.load import read_all, stored_results
from job.analysis.money import ProfitModel
from job.analysis.paired import Pair, pairs_of_test_set
from job.analysis.resampled import EQUIVALENT
from job.analysis.rows import SummaryRow
from job.analysis.selection import Selection, select
from job.analysis.stakes import Declared, declared_costs
from job.analysis.summary import Summary
from job.console import Console
from job.errors import ProcessedDataInvalid, ProcessedDataNotFound, UsageError
from job.executions.executions import Execution
from job.executions.recovery import read_binding
from job.executions.results import StoredResult
from job.store import Store
from job.training.blocks import ByRow, ByTime


def all_differences(
    store: Store,
    execution: Execution,
    summary: Summary,
    metrics: Sequence[str],
    *,
    against_baseline: bool = False,
    regions: Mapping[str, float] = EQUIVALENT,
    bootstrap: int = 0,
    seed: int = 0,
    console: Console | None = None,
) -> list[Difference]:
    """Compare the combinations of every dataset of an execution.

    Parameters
    ----------
    summary : Summary
        Of the execution.
    bootstrap : int
        Replicates for each pair of an origin; without any, datasets that are split by time are left untested.
    seed : int
        Of the draws.
    """
    found: list[Difference] = []
    for state in summary.datasets:
        rows = [row for row in summary.rows if row.dataset == state.dataset and row.seeds]
        if isinstance(execution.spec.split(state.dataset), ByTime):
            if bootstrap:
                for origin in execution.spec.repetitions(state.dataset):
                    done = _done(store, execution, state.dataset, origin, console)
                    found += origin_differences(
                        done, metrics, seed=seed, against_baseline=against_baseline, replicates=bootstrap
                    )
            continue
        for metric in metrics:
            found += seed_differences(
                rows, metric, state.test_to_train, against_baseline=against_baseline, regions=regions
            )
    return found


def pairs_on_one_test_set(store: Store, execution: Execution, seed: int, console: Console | None = None) -> list[Pair]:
    """Compare the combinations of every dataset on the test rows of one seed, which has to be one of the execution's.

    Datasets that are split by group or by time are left out: their test rows are not independent of each other.

    Raises
    ------
    UsageError
        Where no dataset has rows of that seed that are independent.
    """
    datasets = [one for one in execution.spec.datasets if isinstance(execution.spec.split(one), ByRow)]
    found: list[Pair] = []
    for dataset in datasets:
        if seed in execution.spec.repetitions(dataset):
            found += pairs_of_test_set(_done(store, execution, dataset, seed, console))
    if not datasets or seed not in execution.spec.seeds:
        raise UsageError(
            f"{execution.id} has no dataset that is split by row with seed {seed}",
            f"Its seeds are {', '.join(map(str, execution.spec.seeds))}; leave --seed out to compare over all of them.",
        )
    return found


def untested(execution: Execution, bootstrap: int) -> list[str]:
    """Say which datasets :func:`all_differences` leaves out, and why."""
    if bootstrap:
        return []
    return [
        f"{dataset}: by time only the bootstrap of test months compares; --bootstrap 2000 asks for it"
        for dataset in execution.spec.datasets
        if isinstance(execution.spec.split(dataset), ByTime)
    ]


def between(first: Summary, second: Summary, metrics: Sequence[str]) -> list[Difference]:
    """Compare the combinations that two executions have in common, each with itself, over the seeds in common.

    Raises
    ------
    UsageError
        Where they have no dataset in common, or have it with other data, another split or other test rows.
    """
    states = {state.dataset: state for state in second.datasets if state.present}
    common = [state for state in first.datasets if state.present and state.dataset in states]
    if not common:
        raise UsageError(
            f"{first.execution} and {second.execution} have results of no dataset in common",
            "Compare executions of the same datasets.",
        )
    found: list[Difference] = []
    for state in common:
        other = states[state.dataset]
        for what in ("fingerprint", "split"):
            if getattr(state, what) != getattr(other, what):
                raise UsageError(
                    f"{first.execution} and {second.execution} have {state.dataset} with another {what}",
                    "Only results on the same test rows can be compared.",
                )
        theirs = {(row.model, row.technique): row for row in second.rows if row.dataset == state.dataset}
        pairs = [
            (row, theirs[row.model, row.technique])
            for row in first.rows
            if row.dataset == state.dataset and (row.model, row.technique) in theirs
        ]
        for metric in metrics:
            for one, two in pairs:
                _same_test_rows(first, second, one, two)
                named = (
                    replace(one, technique=f"{one.technique} ({first.execution})"),
                    replace(two, technique=f"{two.technique} ({second.execution})"),
                )
                ratio = None if state.repetition == "origin" else state.test_to_train
                found += seed_differences(named, metric, ratio)
    return found


def _same_test_rows(first: Summary, second: Summary, one: SummaryRow, two: SummaryRow) -> None:
    for seed in one.evidence.keys() & two.evidence.keys():
        ours, theirs = one.evidence[seed], two.evidence[seed]
        if (ours.rows, ours.positives) != (theirs.rows, theirs.positives):
            raise UsageError(
                f"{first.execution} and {second.execution} test {name_of(one)} on other rows of {one.dataset}",
                "Only results on the same test rows can be compared.",
            )


def selections(
    store: Store, execution: Execution, metric: str, *, seed: int = 0, console: Console | None = None
) -> list[Selection]:
    """Choose among the units of each dataset and seed by their folds; see :func:`job.analysis.selection.select`."""
    scoring = execution.spec.protocol.scoring
    found = []
    for dataset in execution.spec.datasets:
        for repetition in execution.spec.repetitions(dataset):
            done = _done(store, execution, dataset, repetition, console)
            chosen = select(done, metric, scoring, seed=seed) if done else None
            if chosen is not None:
                found.append(chosen)
    return found


def figures(
    store: Store,
    execution: Execution,
    *,
    bootstrap: int = 0,
    seed: int = 0,
    profit: ProfitModel | None = None,
    console: Console | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield every unit's figures (:func:`job.analysis.figures.unit_figures`), with what the execution is of."""
    of_all = {"execution": execution.id, "spec": execution.spec.name}
    bindings = {dataset: read_binding(store, execution, dataset) or {} for dataset in execution.spec.datasets}
    declared = {
        dataset: costs
        for dataset, bound in bindings.items()
        if (costs := _costs(store, dataset, bound.get("fingerprint"), console)) is not None
    }
    look = partial(unit_figures, bootstrap=bootstrap, seed=seed, profit=profit, declared=declared)
    read = read_all(store, execution, list(execution.spec.units()), look, console)
    for unit, found in read.seen.items():
        of_data = {
            "split": str(execution.spec.split(unit.dataset)),
            "fingerprint": bindings[unit.dataset].get("fingerprint"),
            "synthetic": bool(bindings[unit.dataset].get("synthetic")),
        }
        yield of_all | of_data | found


def _done(
    store: Store, execution: Execution, dataset: str, seed: int, console: Console | None = None
) -> list[StoredResult]:
    found = stored_results(store, execution, dataset, seed, console)
    return [one for one in found if one.record["status"] == "done"]


def _costs(store: Store, dataset: str, fingerprint: str | None, console: Console | None) -> Declared | None:
    try:
        return declared_costs(store, dataset, fingerprint)
    except (ProcessedDataNotFound, ProcessedDataInvalid) as error:
        if console is not None:
            what = f"{error.what}: costs of {dataset} that are read from a column are left out"
            console.warning("costs_left_out", what, dataset=dataset, remedy=error.remedy)
        return None
