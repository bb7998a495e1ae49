"""What units cost, estimated before they run: for plans, for shards, and so that the longest work starts first.

The CPU seconds were measured on the Taiwan data with one thread of a server core; they are good to within a factor of
about two. What a search shares (:mod:`job.training.fitting`) is counted once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from job.data.processed import ProcessedInfo
from job.planning.items import Item
from job.planning.spec import Spec
from job.training.candidates import CEILINGS, Candidate, ModelName, candidates, families, key_of, without_weight
from job.training.techniques import Sampler, chain, sampler_of
from job.training.unit import Unit

# CPU seconds of one fit for each 1,000 training rows of 26 features; trees and rounds multiply. Rows are those of a
# fold after resampling, at a default rate of about 0.2.
_PER_1000_ROWS: dict[ModelName, float] = {
    "logistic_regression": 0.005,
    "random_forest": 0.0011,
    "lightgbm": 0.00014,
    "xgboost": 0.00005,
    "mlp": 0.06,
}
_SAMPLED: dict[Sampler, float] = {"none": 1.0, "random_under_sampling": 0.45, "smote": 1.56, "smote_tomek": 1.5}
_DEFAULTS = {"n_estimators": 100.0, "max_depth": 10.0, "num_leaves": 31.0}
_OVERHEAD_S = 0.01  # a fit on next to no rows
_TOMEK_S = 2.0  # neighbours of every row among 26,000 rows


def unit_cpu_seconds(spec: Spec, unit: Unit, info: ProcessedInfo) -> float:
    """Estimate the CPU seconds of a unit that runs alone."""
    return item_cpu_seconds(spec, (unit,), info)


def item_cpu_seconds(spec: Spec, item: Item, info: ProcessedInfo) -> float:
    """Estimate the CPU seconds of a work item, what its units share counted once."""
    return sum(_batch(spec, units, sampler, info) for sampler, units in _by_sampler(item).items())


def distinct_fits(spec: Spec, item: Item) -> int:
    """Return how many fits a work item makes in its search at most: those that nothing else gives."""
    batches = _by_sampler(item).values()
    return sum(len(_fits(item[0].model, _points(spec, units))) for units in batches) * spec.protocol.folds


def _by_sampler(item: Item) -> dict[Sampler, list[Unit]]:
    samplers: dict[Sampler, list[Unit]] = {}
    for unit in item:
        samplers.setdefault(sampler_of(unit.technique), []).append(unit)
    return samplers


def _batch(spec: Spec, units: list[Unit], sampler: Sampler, info: ProcessedInfo) -> float:
    model, folds = units[0].model, spec.protocol.folds
    rows = info.rows * (1 - spec.protocol.test_share) * (folds - 1) / folds * _SAMPLED[sampler]
    fits = _fits(model, _points(spec, units))
    each = [
        _PER_1000_ROWS[model] * relative_cost(model, fit, sampler) * rows / 1000 * info.features / 26 + _OVERHEAD_S
        for fit in fits
    ]
    refits = len(units) * sum(each) / len(each)
    resampling = (rows / 26_000) ** 2 * _TOMEK_S * (folds + 1) if "smote_tomek" in chain(sampler) else 0.0
    return folds * sum(each) + refits + resampling


def _points(spec: Spec, units: Iterable[Unit]) -> list[Candidate]:
    """Return the distinct candidates that units on the same rows search."""
    found = {}
    for unit in units:
        for point in candidates(spec.grid(unit)):
            distinct = without_weight(unit.model, point)
            found[key_of(distinct)] = distinct
    return list(found.values())


def _fits(model: ModelName, points: list[Candidate]) -> list[Candidate]:
    """Return the candidates that have to be fitted for all of them: the largest of each family."""
    # Whether a fit converges below its max_iter shows when it is made; mostly it does.
    return [family[0] if model in CEILINGS else family[-1] for family in families(model, points)]


def relative_cost(model: ModelName, candidate: Candidate, sampler: Sampler) -> float:
    """Return what a fit is expected to cost, for each row, relative to other fits of the same model."""
    trees = _number(candidate, "n_estimators")
    if model == "random_forest":
        return trees * min(_number(candidate, "max_depth"), 16) / 10
    if model == "lightgbm":
        return trees * (1 + _number(candidate, "num_leaves") / 50)
    if model == "xgboost":
        return trees * math.pow(2, min(_number(candidate, "max_depth"), 12) / 3.5)
    if model == "mlp":
        sizes = candidate.get("hidden_layer_sizes", (100,))
        epochs = 6 if sampler == "random_under_sampling" or not candidate.get("early_stopping") else 1
        return epochs * sum(sizes) / 100 if isinstance(sizes, tuple) else epochs
    return 1.0


def _number(candidate: Candidate, name: str) -> float:
    value = candidate.get(name)
    return float(value) if isinstance(value, int | float) else _DEFAULTS[name]
