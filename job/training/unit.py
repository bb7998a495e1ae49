"""One unit of work, from features to predictions: split, search, refit, predict."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

import numpy as np

from job.metrics import Array, all_metrics
from job.training import models
from job.training.candidates import Candidate, Grid, ModelName
from job.training.preparation import FoldCache, PreparedFold
from job.training.search import Fit, Place, search
from job.training.splits import Fold, Inapplicable, check_sampler, split
from job.training.techniques import Technique, sampler_of
from job.training.threshold import tune_threshold


@dataclass(frozen=True, order=True)
class Unit:
    """The smallest thing that has a result."""

    dataset: str
    model: ModelName
    technique: Technique
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset}/{self.model}/{self.technique}/seed_{self.seed}"


@dataclass(frozen=True)
class Protocol:
    """How every unit of an execution is made.

    Attributes
    ----------
    folds : int
        Folds of the cross-validation.
    test_share : float
        Share of the rows held out for the test.
    scoring : str
        The metric that picks the winner; threshold moving picks by ROC AUC whatever this says.
    """

    folds: int = 5
    test_share: float = 0.3
    scoring: str = "balanced_accuracy"


@dataclass(frozen=True)
class UnitResult:
    """What a unit found.

    Attributes
    ----------
    unit : Unit
    status : {'done', 'inapplicable'}
    reason : str or None
        Why it is inapplicable.
    row : int32 ndarray of shape (n_test,)
        Positions of the test rows in the processed data. Empty where the unit is inapplicable, like the next three.
    target : int8 ndarray of shape (n_test,)
    score : float64 ndarray of shape (n_test,)
        Probability of default.
    decision : int8 ndarray of shape (n_test,)
    candidates : tuple of dict
        In the order they were searched.
    fold_scores : float64 ndarray of shape (n_candidates, n_folds) or None
    best_index : int or None
    threshold : float or None
        Only under threshold moving.
    metrics : dict
        On the test rows.
    cpu_seconds, shared_cpu_seconds : float
        What the unit would cost alone, and how much of that units beside it need too.
    """

    unit: Unit
    status: Literal["done", "inapplicable"]
    reason: str | None = None
    row: Array = field(default_factory=lambda: np.empty(0, np.int32))
    target: Array = field(default_factory=lambda: np.empty(0, np.int8))
    score: Array = field(default_factory=lambda: np.empty(0, np.float64))
    decision: Array = field(default_factory=lambda: np.empty(0, np.int8))
    candidates: tuple[Candidate, ...] = ()
    fold_scores: Array | None = None
    best_index: int | None = None
    threshold: float | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    shared_cpu_seconds: float = 0.0


def run_unit(
    unit: Unit,
    grid: Grid,
    protocol: Protocol,
    X: Array,
    target: Array,
    cache: FoldCache | None = None,
    *,
    known: Mapping[Place, Fit] | None = None,
    on_fit: Callable[[Place, Fit], None] = lambda _place, _fit: None,
) -> UnitResult:
    """Run one unit.

    Parameters
    ----------
    grid : mapping of parameter names to values
        What the unit searches, the weights of cost-sensitive learning included
        (:func:`~job.training.candidates.grid_of`).
    X : float32 ndarray of shape (n, p)
        Processed features, missing values as NaN.
    target : int8 ndarray of shape (n,)
    cache : FoldCache, optional
        Where resampled folds are shared with other units.
    known : dict of Place to Fit, optional
        Fits of the search that an earlier attempt made.
    on_fit : callable
        Told of each fit of the search as it is finished.

    Returns
    -------
    UnitResult
        With status 'inapplicable' where the unit cannot work on these data; any other failure raises.
    """
    sampler = sampler_of(unit.technique)
    cache = cache or FoldCache(None)
    try:
        splits = split(target, seed=unit.seed, folds=protocol.folds, test_share=protocol.test_share)
        check_sampler(sampler, splits, target)
    except Inapplicable as reason:
        return UnitResult(unit, "inapplicable", str(reason))
    prepared: dict[str, float] = {}

    def prepare(fold: Fold) -> PreparedFold:
        made = cache.get(X, target, fold, dataset=unit.dataset, sampler=sampler, seed=unit.seed)
        prepared[fold.name] = made.cpu_seconds
        return made

    moving = unit.technique == "threshold_moving"
    found = search(
        unit.model,
        grid,
        [partial(prepare, fold) for fold in splits.folds],
        sampler=sampler,
        seed=unit.seed,
        scoring="roc_auc" if moving else protocol.scoring,
        keep_scores=moving,
        known=known,
        on_fit=on_fit,
    )
    try:
        threshold = tune_threshold(found.valid_targets, found.valid_scores) if moving else None
    except Inapplicable as reason:
        return UnitResult(unit, "inapplicable", str(reason))
    refit = prepare(splits.refit)
    start = time.process_time()
    estimator = models.fit(unit.model, found.best, refit.X_train, refit.y_train, sampler=sampler, seed=unit.seed)
    score = models.score(estimator, refit.X_valid)
    decision = models.decide(estimator, refit.X_valid) if threshold is None else (score >= threshold).astype(np.int8)
    refit_s = time.process_time() - start
    # Folds that an earlier attempt was through with are counted at what the others took.
    shared_s = sum(prepared.values()) / len(prepared) * (len(splits.folds) + 1)
    score = score.astype(np.float64)
    test_target = target[splits.refit.valid]
    return UnitResult(
        unit,
        "done",
        row=splits.refit.valid.astype(np.int32),
        target=test_target,
        score=score,
        decision=decision,
        candidates=found.candidates,
        fold_scores=found.fold_scores,
        best_index=found.best_index,
        threshold=None if threshold is None else float(threshold),
        metrics=all_metrics(test_target, score, decision),
        cpu_seconds=shared_s + found.cpu_seconds + refit_s,
        shared_cpu_seconds=shared_s,
    )
