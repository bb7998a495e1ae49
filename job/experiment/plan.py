"""What a run will do, before anyone waits for it: units, fits, what is left out and why, CPU hours and memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from job.data.processed import ProcessedInfo, describe_processed
from job.errors import ProcessedDataNotFound, UsageError, did_you_mean, shown
from job.experiment.spec import Spec
from job.store import Store
from job.training.candidates import Candidate, ModelName, candidates
from job.training.techniques import Sampler, sampler_of
from job.training.unit import Unit


@dataclass(frozen=True)
class Plan:
    """What would run.

    Attributes
    ----------
    units : tuple of Unit
        Those whose dataset is processed, in the order of :meth:`Spec.units`.
    left_out : dict
        Datasets of the spec that are not run, with the reason.
    fits : int
        Models that a naive grid search would fit for them.
    cpu_hours : float
        About; see :func:`unit_cpu_seconds`.
    memory_mib : float
        About, with `workers` processes.
    """

    units: tuple[Unit, ...]
    left_out: dict[str, str]
    fits: int
    cpu_hours: float
    memory_mib: float
    workers: int

    def as_json(self) -> dict[str, Any]:
        """Return the plan as plain JSON values."""
        return {
            "units": len(self.units),
            "fits": self.fits,
            "left_out": self.left_out,
            "cpu_hours": self.cpu_hours,
            "memory_mib": self.memory_mib,
            "workers": self.workers,
        }


def choose_datasets(spec: Spec, only: tuple[str, ...]) -> tuple[str, ...]:
    """Return the spec's datasets, or those of them that the user named.

    Raises
    ------
    UsageError
        Where one is not in the spec.
    """
    for name in only:
        if name not in spec.datasets:
            raise UsageError(f"the spec {spec.name} has no dataset {shown(name)}", did_you_mean(name, spec.datasets))
    return tuple(name for name in spec.datasets if not only or name in only)


def plan(store: Store, spec: Spec, *, only: tuple[str, ...] = (), workers: int = 1) -> Plan:
    """Plan a run.

    Parameters
    ----------
    only : tuple of str
        Datasets that the user named. They must be processed; without it, datasets that are not are left out.
    workers : int
        Processes that share the work.

    Raises
    ------
    ProcessedDataNotFound
        Where a dataset that the user named, or every dataset of the spec, is not processed.
    """
    wanted = choose_datasets(spec, only)
    found = {name: describe_processed(store, name) for name in wanted}
    ready = {name: info for name, info in found.items() if info is not None}
    missing = [name for name in wanted if name not in ready]
    if missing and (only or not ready):
        raise ProcessedDataNotFound(
            f"no processed data for {', '.join(missing)} in {store.url}",
            f"Put the raw file at data/raw/{missing[0]}.csv, then run `ldp data process {missing[0]}`.",
        )
    left_out = {name: f"no processed data (ldp data process {name})" for name in missing}
    left_out |= {name: "not asked for" for name in spec.datasets if name not in wanted}
    units = tuple(unit for unit in spec.units() if unit.dataset in ready)
    return Plan(
        units,
        left_out,
        sum(spec.fits(unit) for unit in units),
        sum(unit_cpu_seconds(spec, unit, ready[unit.dataset]) for unit in units) / 3600,
        memory_mib(ready, workers),
        workers,
    )


# CPU seconds of one fit for each 1,000 training rows of 26 features, measured on the Taiwan data with one thread of a
# server core; trees and rounds multiply. Rows are those of a fold after resampling, at a default rate of about 0.2.
_PER_1000_ROWS: dict[ModelName, float] = {
    "logistic_regression": 0.005,
    "random_forest": 0.0015,
    "lightgbm": 0.00014,
    "xgboost": 0.000056,
    "mlp": 0.06,
}
_SAMPLED = {"none": 1.0, "random_under_sampling": 0.45, "smote": 1.56, "smote_tomek": 1.5}
_DEFAULTS = {"n_estimators": 100.0, "max_depth": 10.0, "num_leaves": 31.0}
_OVERHEAD_S = 0.01  # a fit on next to no rows


def unit_cpu_seconds(spec: Spec, unit: Unit, info: ProcessedInfo) -> float:
    """Estimate the CPU seconds of a unit: what all its fits take, to within a factor of about two."""
    points = candidates(spec.grid(unit))
    sampler = sampler_of(unit.technique)
    folds = spec.protocol.folds
    rows = info.rows * (1 - spec.protocol.test_share) * (folds - 1) / folds * _SAMPLED[sampler]
    per_1000 = sum(_relative_cost(unit.model, candidate, sampler) for candidate in points) * _PER_1000_ROWS[unit.model]
    fits = folds + 1 / len(points)  # of each candidate; the winner's refit is one more
    resampling = 0.0
    if sampler == "smote_tomek":  # neighbours of every row among all rows
        resampling = (rows / 26_000) ** 2 * 10 * (folds + 1)
    return fits * (per_1000 * rows / 1000 * info.features / 26 + _OVERHEAD_S * len(points)) + resampling


def _relative_cost(model: ModelName, candidate: Candidate, sampler: Sampler) -> float:
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


def memory_mib(datasets: dict[str, ProcessedInfo], workers: int) -> float:
    """Estimate the peak memory in MiB: libraries in each process, and the largest dataset's working copies.

    A worker holds the training rows of one fold before and after resampling and a model's own binned copy of them; the
    feature matrix itself is memory-mapped and shared.
    """
    largest = max((4 * info.rows * info.features for info in datasets.values()), default=0) / 2**20
    return 250 + largest + workers * (280 + 3.5 * largest)
