"""Units that share work, from features to predictions: split, search, refit, predict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from job.arrays import CPU, Device
from job.metrics import Array, all_metrics
from job.training.blocks import ByRow
from job.training.candidates import Candidate, Grid, ModelName, candidates, key_of, without_weight
from job.training.fitting import Fitted, Trainer
from job.training.kernels import single
from job.training.layout import Division, Layout, divide
from job.training.preparation import FoldCache, PreparedFold
from job.training.search import Demand, Fit, Memory, Place, SearchResult, predict_once, search
from job.training.splits import Fold, Inapplicable, check_sampler
from job.training.techniques import Sampler, sampler_of
from job.training.threshold import tune_threshold
from job.training.unit import Protocol, Unit, UnitResult


def run_unit(
    unit: Unit,
    grid: Grid,
    protocol: Protocol,
    X: Array,
    target: Array,
    cache: FoldCache | None = None,
    *,
    layout: Layout | None = None,
    known: Mapping[Place, Fit] | None = None,
    on_fit: Callable[[Unit, Place, Fit], None] = lambda _unit, _place, _fit: None,
    device: Device = CPU,
    threads: Callable[[], int] = single,
) -> UnitResult:
    """Run one unit by itself; see :func:`run_units`."""
    (result,) = run_units(
        {unit: grid},
        protocol,
        X,
        target,
        cache,
        layout=layout,
        known={unit: known or {}},
        on_fit=on_fit,
        device=device,
        threads=threads,
    )
    return result


def run_units(
    grids: Mapping[Unit, Grid],
    protocol: Protocol,
    X: Array,
    target: Array,
    cache: FoldCache | None = None,
    *,
    layout: Layout | None = None,
    known: Mapping[Unit, Mapping[Place, Fit]] | None = None,
    on_fit: Callable[[Unit, Place, Fit], None] = lambda _unit, _place, _fit: None,
    device: Device = CPU,
    threads: Callable[[], int] = single,
    only: Callable[[Unit, Place], bool] | None = None,
) -> Iterator[UnitResult]:
    """Run units that share work: of one dataset, model and seed.

    What two of them need is made once: folds and fits of techniques that leave the rows alone, and fits on SMOTE's rows
    where SMOTE-Tomek took none away.

    Parameters
    ----------
    grids : mapping of Unit to grid
        What each unit searches, the weights of cost-sensitive learning included
        (:func:`~job.training.candidates.grid_of`).
    X : float32 ndarray of shape (n, p)
        Processed features, missing values as NaN.
    target : int8 ndarray of shape (n,)
    cache : FoldCache, optional
        Where prepared folds are shared with other units.
    layout : Layout, optional
        How the rows are split, and what is learnt before medians and scales; by row and nothing without it.
    known : dict of Unit to dict of Place to Fit, optional
        Fits of the searches that an earlier attempt made.
    on_fit : callable
        Told of each fit of a search as it is finished.
    device : Device
        What XGBoost and LightGBM fit on.
    threads : callable
        Asked before each fit how many threads it may have; no result depends on it. Folds are prepared with one.
    only : callable, optional
        Whether a fit of the search is to be made here, where the others are made elsewhere: `on_fit` is told of those
        that are, and no unit has a result.

    Yields
    ------
    UnitResult
        One for each unit, with status 'inapplicable' where it cannot work on these data; any other failure raises.
    """
    (dataset, model, seed) = _in_common(grids)
    layout = layout or Layout()
    state = seed if layout.random_state is None else layout.random_state
    no_blocks = None if isinstance(layout.split, ByRow) else np.empty(0, np.int32)
    try:
        division = divide(layout, target, seed=seed, folds=protocol.folds, test_share=protocol.test_share)
    except Inapplicable as reason:
        for unit, grid in grids.items():
            points = tuple(candidates(grid))
            yield UnitResult(unit, "inapplicable", str(reason), candidates=points, block=no_blocks)
        return
    splits = division.splits
    batches: dict[Sampler, list[Unit]] = {}
    for unit in grids:
        batches.setdefault(sampler_of(unit.technique), []).append(unit)
    cache = cache or FoldCache(None)
    memory = Memory() if len(batches) > 1 else None
    for sampler, units in batches.items():
        get = partial(
            cache.get,
            X,
            target,
            dataset=dataset,
            sampler=sampler,
            seed=seed,
            random_state=layout.random_state,
            steps=layout.steps,
        )
        is_busy = partial(cache.is_being_made, dataset=dataset, sampler=sampler, seed=seed)
        batch = _Batch(
            model, sampler, state, division, get, is_busy, target, memory, layout.terms, threads, device, only
        )
        try:
            check_sampler(sampler, splits, target)
        except Inapplicable as reason:
            for unit in units:
                yield batch.inapplicable(unit, tuple(candidates(grids[unit])), reason)
            continue
        demands = [
            Demand(
                unit,
                tuple(candidates(grids[unit])),
                "roc_auc" if unit.technique == "threshold_moving" else protocol.scoring,
                keep_scores=unit.technique == "threshold_moving",
                known=(known or {}).get(unit, {}),
            )
            for unit in units
        ]
        yield from batch.run(demands, on_fit)


def _class_counts(target: Array) -> tuple[int, int]:
    negatives, positives = np.bincount(target, minlength=2)
    return int(negatives), int(positives)


def _in_common(units: Iterable[Unit]) -> tuple[str, ModelName, int]:
    found = {(unit.dataset, unit.model, unit.seed) for unit in units}
    if len(found) != 1:
        raise ValueError(f"units of one dataset, model and seed can share work, these are of {len(found)}")
    return found.pop()


@dataclass
class _Batch:
    """Units with the same folds and model: their search, and the refit of their winners."""

    model: ModelName
    sampler: Sampler
    seed: int
    division: Division
    get: Callable[[Fold], PreparedFold]
    is_busy: Callable[[Fold], bool]
    target: Array
    memory: Memory | None
    terms: Array | None
    threads: Callable[[], int]
    device: Device
    only: Callable[[Unit, Place], bool] | None = None
    prepared: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.splits = self.division.splits

    def inapplicable(self, unit: Unit, points: tuple[Candidate, ...], reason: Inapplicable) -> UnitResult:
        return UnitResult(
            unit,
            "inapplicable",
            str(reason),
            candidates=points,
            train_counts=_class_counts(self.target[self.splits.refit.train]),
            block=None if self.division.block is None else self.division.block[:0],
            origin=self.division.origin,
        )

    def prepare(self, fold: Fold) -> PreparedFold:
        made = self.get(fold)
        self.prepared[fold.name] = made.cpu_seconds
        return made

    def run(self, demands: Sequence[Demand], on_fit: Callable[[Unit, Place, Fit], None]) -> Iterator[UnitResult]:
        found = search(
            self.model,
            demands,
            [partial(self.prepare, fold) for fold in self.splits.folds],
            sampler=self.sampler,
            seed=self.seed,
            memory=self.memory,
            on_fit=on_fit,
            is_busy=lambda f: self.is_busy(self.splits.folds[f]),
            only=self.only,
            device=self.device,
            threads=self.threads,
        )
        if self.only is not None:
            return
        going: list[tuple[Demand, SearchResult, Array | None]] = []
        for demand in demands:
            result = found[demand.name]
            try:
                threshold = tune_threshold(result.valid_targets, result.valid_scores) if demand.keep_scores else None
            except Inapplicable as reason:
                yield self.inapplicable(demand.name, demand.points, reason)
            else:
                going.append((demand, result, threshold))
        if not going:
            return
        refit = self.prepare(self.splits.refit)
        trainer = Trainer(
            self.model, refit, sampler=self.sampler, seed=self.seed, device=self.device, threads=self.threads
        )
        winners = [without_weight(self.model, demand.points[result.best_index]) for demand, result, _ in going]
        identity = "" if self.memory is None else refit.identity
        predicted = predict_once(trainer, self.model, winners, memory=self.memory, identity=identity)
        # Folds that an earlier attempt was through with are counted at what the others took.
        prepared_s = sum(self.prepared.values()) / len(self.prepared) * (len(self.splits.folds) + 1)
        shared_s = prepared_s + trainer.bins.cpu_seconds
        for (demand, result, threshold), winner in zip(going, winners, strict=True):
            fitted = predicted[key_of(winner)]
            others = sum(key_of(other) == key_of(winner) for other in winners) > 1
            counts = _class_counts(refit.y_train)
            yield self._result(demand, result, threshold, fitted, counts, shared_s, shared_refit=others)

    def _result(
        self,
        demand: Demand,
        result: SearchResult,
        threshold: Array | None,
        fitted: Fitted,
        refit_counts: tuple[int, int],
        shared_s: float,
        *,
        shared_refit: bool,
    ) -> UnitResult:
        test = self.splits.refit.valid
        score, decision = fitted.prediction.score, fitted.prediction.decision
        if threshold is not None:
            decision = (score >= threshold).astype(np.int8)
        score = score.astype(np.float64)
        return UnitResult(
            demand.name,
            "done",
            row=test.astype(np.int32),
            target=self.target[test],
            score=score,
            decision=decision,
            candidates=demand.points,
            fold_scores=result.fold_scores,
            best_index=result.best_index,
            threshold=None if threshold is None else float(threshold),
            train_counts=_class_counts(self.target[self.splits.refit.train]),
            refit_counts=refit_counts,
            metrics=all_metrics(self.target[test], score, decision),
            block=None if self.division.block is None else self.division.block[test],
            origin=self.division.origin,
            gpu=fitted.prediction.gpu,
            beside=self._beside(score, decision),
            cpu_seconds=shared_s + result.cpu_seconds + fitted.cpu_seconds,
            shared_cpu_seconds=shared_s + result.shared_cpu_seconds + (fitted.cpu_seconds if shared_refit else 0.0),
        )

    def _beside(self, score: Array, decision: Array) -> dict[str, Any]:
        shared = self.division.shared
        found: dict[str, Any] = {} if shared is None else {"shared_groups": shared}
        if self.terms is not None:
            test = self.splits.refit.valid
            target, terms = self.target[test], self.terms[test]
            found["terms"] = {
                str(term): {"rows": int(rows.size), **all_metrics(target[rows], score[rows], decision[rows])}
                for term in np.unique(terms)
                for rows in [np.flatnonzero(terms == term)]
            }
        return found
