"""Exact grid search: the same fold scores and the same winner as scikit-learn's ``GridSearchCV``.

``GridSearchCV`` over a pipeline imputes, scales and resamples every fold again for every candidate. Here a fold is
prepared once, every candidate is fitted on it, and then it is let go; the numbers that come out are the same because
each fit sees the same arrays. A search that was interrupted goes on from the fits it is told of.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from job.metrics import DECISION_SCORINGS, RANKING_SCORINGS, Array
from job.training import models
from job.training.candidates import Candidate, Grid, ModelName, candidates
from job.training.preparation import PreparedFold
from job.training.techniques import Sampler

Place: TypeAlias = tuple[int, int]
"""A candidate's index and a fold's."""


@dataclass(frozen=True)
class Fit:
    """One finished fit: the candidate's score on the fold's validation rows, and the CPU seconds it took."""

    score: float
    cpu_seconds: float


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    candidates : tuple of dict
        In ``ParameterGrid`` order.
    fold_scores : float64 ndarray of shape (n_candidates, n_folds)
    best_index : int
        The first maximum of the folds' mean.
    valid_targets : tuple of int8 ndarray, one for each fold; empty unless scores were asked for
    valid_scores : tuple of ndarray, one for each fold; empty unless they were asked for
        The winner's probabilities of default on the validation rows.
    cpu_seconds : float
        What all the fits took, those of an earlier attempt included.
    """

    candidates: tuple[Candidate, ...]
    fold_scores: Array
    best_index: int
    valid_targets: tuple[Array, ...]
    valid_scores: tuple[Array, ...]
    cpu_seconds: float

    @property
    def best(self) -> Candidate:
        """The winning candidate."""
        return self.candidates[self.best_index]


def first_maximum(fold_scores: Array) -> int:
    """Return the index of the first candidate with the highest mean over its folds."""
    return int(np.argmax(np.average(fold_scores, axis=1)))


def search(
    model: ModelName,
    grid: Grid,
    folds: Sequence[Callable[[], PreparedFold]],
    *,
    sampler: Sampler,
    seed: int,
    scoring: str,
    keep_scores: bool = False,
    known: Mapping[Place, Fit] | None = None,
    on_fit: Callable[[Place, Fit], None] = lambda _place, _fit: None,
) -> SearchResult:
    """Fit every candidate on every fold.

    Parameters
    ----------
    model : str
    grid : mapping of parameter names to values
    folds : sequence of callables that return a PreparedFold
        Called one after the other, and only for folds that have something to fit; one fold is held at a time.
    sampler : str
        What resampled the folds.
    seed : int
    scoring : str
        One of :data:`job.metrics.SCORINGS`.
    keep_scores : bool
        Whether to return the winner's probabilities of default on the validation rows.
    known : dict of Place to Fit
        Fits that need not be made again.
    on_fit : callable
        Told of each fit as it is finished.
    """
    points = candidates(grid)
    fits: dict[Place, Fit] = {}
    kept: dict[Place, Array] = {}
    for f, prepare in enumerate(folds):
        told = {(c, f): fit for c in range(len(points)) if (fit := (known or {}).get((c, f))) is not None}
        fits |= told
        if len(told) == len(points):
            continue
        fold = prepare()
        for c, candidate in enumerate(points):
            if (c, f) in told:
                continue
            start = time.process_time()
            estimator = models.fit(model, candidate, fold.X_train, fold.y_train, sampler=sampler, seed=seed)
            value = _score(estimator, fold, scoring)
            if keep_scores:
                kept[c, f] = models.score(estimator, fold.X_valid)
            fits[c, f] = Fit(value, time.process_time() - start)
            on_fit((c, f), fits[c, f])
    shape = len(points), len(folds)
    fold_scores = np.array([[fits[c, f].score for f in range(shape[1])] for c in range(shape[0])], dtype=np.float64)
    best = first_maximum(fold_scores)
    targets: list[Array] = []
    scores: list[Array] = []
    for f, prepare in enumerate(folds if keep_scores else ()):
        fold = prepare()
        if (best, f) not in kept:  # fitted by an earlier attempt, which left its score alone
            estimator = models.fit(model, points[best], fold.X_train, fold.y_train, sampler=sampler, seed=seed)
            kept[best, f] = models.score(estimator, fold.X_valid)
        targets.append(np.asarray(fold.y_valid))
        scores.append(kept[best, f])
    cpu_seconds = sum(fit.cpu_seconds for fit in fits.values())
    return SearchResult(tuple(points), fold_scores, best, tuple(targets), tuple(scores), cpu_seconds)


def _score(estimator: Any, fold: PreparedFold, scoring: str) -> float:
    if scoring in RANKING_SCORINGS:
        return RANKING_SCORINGS[scoring](fold.y_valid, models.ranking(estimator, fold.X_valid))
    return DECISION_SCORINGS[scoring](fold.y_valid, models.decide(estimator, fold.X_valid))
