"""Exact grid search: the same fold scores and the same winner as scikit-learn's ``GridSearchCV``.

``GridSearchCV`` over a pipeline imputes, scales and resamples every fold again for every candidate. Here a fold is
prepared once, every candidate is fitted on it, and then it is let go; the numbers that come out are the same because
each fit sees the same arrays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from job.metrics import DECISION_SCORINGS, RANKING_SCORINGS, Array
from job.training import models
from job.training.candidates import Candidate, Grid, ModelName, candidates
from job.training.preparation import PreparedFold
from job.training.techniques import Sampler


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
    valid_targets : tuple of int8 ndarray, one for each fold
    valid_scores : tuple, one for each fold, of a tuple of ndarray, one for each candidate
        Probabilities of default on the validation rows; empty unless they were asked for.
    """

    candidates: tuple[Candidate, ...]
    fold_scores: Array
    best_index: int
    valid_targets: tuple[Array, ...]
    valid_scores: tuple[tuple[Array, ...], ...]

    @property
    def best(self) -> Candidate:
        """The winning candidate."""
        return self.candidates[self.best_index]

    @property
    def best_valid_scores(self) -> tuple[Array, ...]:
        """The winner's probabilities of default on each fold's validation rows."""
        return tuple(fold[self.best_index] for fold in self.valid_scores)


def first_maximum(fold_scores: Array) -> int:
    """Return the index of the first candidate with the highest mean over its folds."""
    return int(np.argmax(np.average(fold_scores, axis=1)))


def search(
    model: ModelName,
    grid: Grid,
    folds: Iterable[PreparedFold],
    *,
    sampler: Sampler,
    seed: int,
    scoring: str,
    keep_scores: bool = False,
) -> SearchResult:
    """Fit every candidate on every fold.

    Parameters
    ----------
    model : str
    grid : mapping of parameter names to values
    folds : iterable of PreparedFold
        Taken one after the other; only one is held at a time.
    sampler : str
        What resampled the folds.
    seed : int
    scoring : str
        One of :data:`job.metrics.SCORINGS`.
    keep_scores : bool
        Whether to keep the validation rows' probabilities of default.
    """
    points = candidates(grid)
    columns: list[list[float]] = []
    targets: list[Array] = []
    kept: list[tuple[Array, ...]] = []
    for fold in folds:
        column: list[float] = []
        fold_kept: list[Array] = []
        for candidate in points:
            estimator = models.fit(model, candidate, fold.X_train, fold.y_train, sampler=sampler, seed=seed)
            if scoring in RANKING_SCORINGS:
                column.append(RANKING_SCORINGS[scoring](fold.y_valid, models.ranking(estimator, fold.X_valid)))
            else:
                column.append(DECISION_SCORINGS[scoring](fold.y_valid, models.decide(estimator, fold.X_valid)))
            if keep_scores:
                fold_kept.append(models.score(estimator, fold.X_valid))
        columns.append(column)
        targets.append(np.asarray(fold.y_valid))
        kept.append(tuple(fold_kept))
    fold_scores = np.array(columns, dtype=np.float64).T.copy()
    return SearchResult(
        tuple(points),
        fold_scores,
        first_maximum(fold_scores),
        tuple(targets),
        tuple(kept) if keep_scores else (),
    )
