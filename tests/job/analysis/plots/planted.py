"""A planted execution of two datasets, and what its plots are made from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from job.analysis.load import read_all
from job.analysis.plots import PlotData, look
from job.analysis.summary import summarise
from job.executions.bindings import bind
from job.executions.executions import Execution, create_next
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import StoredResult, encode
from job.metrics import all_metrics
from job.planning.spec import Spec, parse_spec
from job.store import Store
from job.training.candidates import candidates
from job.training.unit import Unit, UnitResult

SPEC = """
datasets = ["taiwan_credit", "corporate_ccc"]
techniques = ["baseline", "random_under_sampling", "smote", "cost_sensitive"]
seeds = {seeds}
[splits]
corporate_ccc = "row"
[models.random_forest]
[models.mlp]
"""
ROWS, POSITIVES = 400, {"taiwan_credit": 90, "corporate_ccc": 30}


def spec_of(seeds: list[int]) -> Spec:
    return parse_spec(SPEC.format(seeds=seeds), "s", "s.toml")


def planted(spec: Spec, unit: Unit) -> UnitResult:
    rng = np.random.default_rng([unit.seed, len(unit.model), len(unit.technique), len(unit.dataset)])
    target = (np.arange(ROWS) < POSITIVES[unit.dataset]).astype(np.int8)
    raised = 0.0 if unit.technique == "baseline" else 1.0
    odds = np.exp(rng.normal(size=ROWS) + (1.6 if unit.model == "random_forest" else 1.2) * target - 1.8 + raised)
    score = odds / (1 + odds)
    decision = (score >= 0.5).astype(np.int8)
    points = tuple(candidates(spec.grid(unit)))
    folds = np.random.default_rng(unit.seed).random((len(points), 5)) * 0.1 + 0.6
    under = unit.technique == "random_under_sampling"
    return UnitResult(
        unit, "done", None, np.arange(ROWS, dtype=np.int32), target, score, decision, points, folds,
        int(np.argmax(folds.mean(axis=1))), None, (560, 140), (140, 140) if under else (560, 140),
        metrics=all_metrics(target, score, decision), cpu_seconds=2.0 * unit.seed,
    )  # fmt: skip


def execution_of(
    seeds: list[int], left_out: Callable[[Unit], bool] = lambda _: False, synthetic: bool = False
) -> tuple[Store, Execution]:
    spec, store = spec_of(seeds), Store.open("memory:///")
    execution = create_next(store, Identity.here(spec, "cpu"))
    for dataset in spec.datasets:
        bind(store, execution, dataset, "f", {"synthetic": synthetic, "rows": 1000})
    for unit in spec.units():
        if not left_out(unit):
            made_from = provenance(execution.identity, unit, "f")
            store.put(execution.result_key(unit), encode(planted(spec, unit), made_from, {"wall_seconds": 3.0}))
    return store, execution


def data_of(
    store: Store, execution: Execution, dataset: str | None = "taiwan_credit", metric: str = "balanced_accuracy"
) -> PlotData:
    summary = summarise(store, execution, sort=metric)
    units = read_all(store, execution, list(execution.spec.units()), look).seen
    return PlotData(
        summary, dataset, metric, {unit: one for unit, one in units.items() if dataset in (None, unit.dataset)}
    )


def results_of(store: Store, execution: Execution) -> dict[Unit, StoredResult]:
    return read_all(store, execution, list(execution.spec.units()), lambda one: one).seen
