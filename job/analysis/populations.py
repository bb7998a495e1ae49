"""What needs the processed data beside the predictions: stability over months, fairness between groups of people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from job.analysis.fairness import group_fairness
from job.analysis.load import stored_results
from job.analysis.stability import population_stability
from job.catalogue import is_own_name
from job.console import Console
from job.data.audit import load_audit
from job.data.declarations.stored import find_declaration
from job.data.processed import ProcessedData, load_processed
from job.errors import ProcessedDataInvalid, UsageError, did_you_mean, shown
from job.executions.executions import Execution
from job.executions.recovery import read_binding
from job.executions.results import StoredResult
from job.metrics import Array
from job.store import Store
from job.training.blocks import ByTime

MOST_GROUPS = 20


def stability(
    store: Store, execution: Execution, dataset: str, console: Console | None = None
) -> Iterator[dict[str, Any]]:
    """Yield how features and scores of a dataset move from month to month, as plain JSON values.

    Features (``what = "feature"``): from the training window of an origin to each of its test months. Scores (``what =
    "score"``): from the first test month of an origin to each later one, of every unit.

    Raises
    ------
    UsageError
        Where the dataset was not split by time.
    ProcessedDataNotFound, ProcessedDataInvalid
        Where the data are not there, or are not those of the execution.
    """
    if not isinstance(execution.spec.split(dataset), ByTime):
        raise UsageError(
            f"{execution.id} does not split {dataset} by time",
            "Stability is from month to month: ask for a dataset that is split by time.",
        )
    data = bound_data(store, execution, dataset)
    if data.time is None:
        raise ProcessedDataInvalid(f"the processed data of {dataset} have no months", _again(dataset))
    month = data.time.astype("datetime64[M]")
    for origin in execution.spec.repetitions(dataset):
        done = _done(store, execution, dataset, origin, console)
        if done:
            yield from _features(dataset, done[0], data, month)
            for result in done:
                yield from _scores(result, month)


def fairness(
    store: Store, execution: Execution, dataset: str, column: str, console: Console | None = None
) -> Iterator[dict[str, Any]]:
    """Yield every unit's decisions by group, as plain JSON values; see :func:`job.analysis.fairness.group_fairness`.

    Parameters
    ----------
    column : str
        What is kept for audits (``[protected.NAME]`` of a declaration), or a feature; at most 20 different values.

    Raises
    ------
    UsageError
        Where there is no such column, or it has more values.
    ProcessedDataNotFound, ProcessedDataInvalid
        Where the data are not there, or are not those of the execution.
    """
    names = _groups(store, execution, dataset, column)
    count = np.unique(names).size
    if count > MOST_GROUPS:
        raise UsageError(
            f"{column} of {dataset} has {count:,} values; groups can be told apart by at most {MOST_GROUPS}",
            "Name a column with few values; of a number, declare where one group ends (bands under [protected]).",
        )
    for seed in execution.spec.repetitions(dataset):
        for result in _done(store, execution, dataset, seed, console):
            for found in group_fairness(result.target, result.decision, names[result.row]):
                gaps = {name: vars(getattr(found, name)) for name in _GAPS}
                yield _names(result) | {"column": column, "group": found.group, "reference": found.reference,
                                        "rows": found.rows, **gaps}  # fmt: skip


def _groups(store: Store, execution: Execution, dataset: str, column: str) -> Array:
    """Return the group of every row of a dataset, as texts."""
    declaration = find_declaration(store, dataset) if is_own_name(dataset) else None
    protected = {one.name: one.use for one in declaration.protected} if declaration is not None else {}
    if protected.get(column) == "audit":
        kept = load_audit(store, dataset, _bound(store, execution, dataset)["fingerprint"])
        return np.array(kept[column].cast("string").fill_null("missing").to_pylist(), object).astype(str)
    if column in protected:
        raise UsageError(
            f'{column} of {dataset} is not kept: it is declared with use = "never"',
            f'Where it may be kept for audits, declare use = "audit" and run `ldp data process {dataset}`.',
        )
    data = bound_data(store, execution, dataset)
    if column not in data.feature_names:
        audited = [name for name, use in protected.items() if use == "audit"]
        raise UsageError(
            f"{dataset} has no feature {shown(column)}, and keeps no such column for audits",
            did_you_mean(column, [*audited, *data.feature_names]),
        )
    values = data.X[:, data.feature_names.index(column)]
    return np.where(np.isnan(values), "missing", np.array([f"{value:g}" for value in values]))


_GAPS = ("approval_ratio", "sensitivity_gap", "false_alarm_gap")


def bound_data(store: Store, execution: Execution, dataset: str) -> ProcessedData:
    """Read a dataset's processed data, which must be those that the execution ran on."""
    binding = _bound(store, execution, dataset)
    data = load_processed(store, dataset)
    if binding["fingerprint"] != data.fingerprint:
        raise ProcessedDataInvalid(f"the processed data of {dataset} are not those of {execution.id}", _again(dataset))
    return data


def _bound(store: Store, execution: Execution, dataset: str) -> dict[str, Any]:
    if dataset not in execution.spec.datasets:
        raise UsageError(
            f"{execution.id} has no dataset {shown(dataset)}", did_you_mean(dataset, execution.spec.datasets)
        )
    binding = read_binding(store, execution, dataset)
    if binding is None:
        raise ProcessedDataInvalid(f"{execution.id} has not run on {dataset} yet", "Run it first.")
    return binding


def _again(dataset: str) -> str:
    return f"Bring back the raw file that it was made of, and run `ldp data process {dataset}`."


def _features(dataset: str, result: StoredResult, data: ProcessedData, month: Array) -> Iterator[dict[str, Any]]:
    first, last = (np.datetime64(name, "M") for name in result.record["origin"]["train"])
    trained = (month >= first) & (month <= last)
    for name, column in zip(data.feature_names, data.X.T, strict=True):
        for later in np.unique(month[result.row]):
            tested = result.row[month[result.row] == later]
            shift = population_stability(column[trained].astype(float), column[tested].astype(float))
            yield {
                "dataset": dataset, "seed": result.unit.seed, "model": None, "technique": None, "what": "feature",
                "name": name, "month": str(later), **_shift(shift),
            }  # fmt: skip


def _scores(result: StoredResult, month: Array) -> Iterator[dict[str, Any]]:
    tested = month[result.row]
    months = np.unique(tested)
    for later in months[1:]:
        shift = population_stability(result.score[tested == months[0]], result.score[tested == later])
        yield _names(result) | {"what": "score", "name": "score", "month": str(later), **_shift(shift)}


def _names(result: StoredResult) -> dict[str, Any]:
    unit = result.unit
    return {"dataset": unit.dataset, "seed": unit.seed, "model": unit.model, "technique": unit.technique}


def _shift(shift: Any) -> dict[str, Any]:
    return dict.fromkeys(("index", "bins", "threshold", "alarm")) if shift is None else vars(shift)


def _done(store: Store, execution: Execution, dataset: str, seed: int, console: Console | None) -> list[StoredResult]:
    found = stored_results(store, execution, dataset, seed, console)
    return [one for one in found if one.record["status"] == "done"]
