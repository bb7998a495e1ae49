"""Test rows gathered by score: what every metric needs, and what can be drawn again thousands of times."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from job.metrics import Array, metrics_of_counts

BINNED_ROWS, BINS = 50_000, 10_000
THRESHOLD_METRICS = frozenset({"balanced_accuracy", "g_mean", "f1", "precision", "sensitivity", "specificity", "mcc"})


@dataclass(frozen=True)
class Gathered:
    """Test rows by distinct score and decision.

    Attributes
    ----------
    score : float64 ndarray of shape (k,)
        Rising; a score with both decisions stands there twice.
    decision : int8 ndarray of shape (k,)
    place : int64 ndarray of shape (n,)
        Which of the k each row is.
    target : int8 ndarray of shape (n,)
    """

    score: Array
    decision: Array
    place: Array
    target: Array

    def counts(self, weight: Array | None = None) -> Array:
        """Return how many rows of each class, others first, have each score and decision.

        Parameters
        ----------
        weight : ndarray of shape (n,), optional
            How often each row counts.

        Returns
        -------
        float64 ndarray of shape (2, k)
        """
        both = 2 * self.place + self.target
        flat = np.bincount(both, weight, minlength=2 * self.score.size)
        return np.ascontiguousarray(flat.astype(np.float64).reshape(-1, 2).T)

    def metric(self, metric: str, counts: Array) -> float | None:
        """Compute a metric from counts; None where it is undefined."""
        others, defaulters = counts
        if metric in THRESHOLD_METRICS:
            called = self.decision == 1
            tp, fp = float(defaulters[called].sum()), float(others[called].sum())
            return metrics_of_counts(others.sum() - fp, fp, defaulters.sum() - tp, tp)[metric]
        if not (others.any() and defaulters.any()):
            return None
        return _SCORED[metric](self.score, others, defaulters)


def gather(target: Array, score: Array, decision: Array) -> Gathered:
    """Gather test rows.

    Above 50,000 rows scores are put into 10,000 bins of about as many rows each, which stand for their mean; what is
    decided stays exact.

    Parameters
    ----------
    target, score, decision : ndarray of shape (n,)
    """
    if score.size > BINNED_ROWS:
        edges = np.unique(np.quantile(score, np.linspace(0, 1, BINS + 1)[1:-1]))
        bins = np.searchsorted(edges, score, "right")
        score = (np.bincount(bins, score) / np.maximum(np.bincount(bins), 1))[bins]
    order = np.lexsort((decision, score))
    new = np.ones(score.size, bool)
    new[1:] = (np.diff(score[order]) != 0) | (np.diff(decision[order]) != 0)
    place = np.empty(score.size, np.int64)
    place[order] = np.cumsum(new) - 1
    first = order[new]
    return Gathered(score[first], decision[first], place, target.astype(np.int64))


def _merged(score: Array, counts: Array) -> Array:
    """Return counts by score alone."""
    starts = np.flatnonzero(np.r_[True, np.diff(score) != 0])
    merged: Array = counts if starts.size == score.size else np.add.reduceat(counts, starts)
    return merged


def _roc_auc(score: Array, others: Array, defaulters: Array) -> float:
    others, defaulters = _merged(score, others), _merged(score, defaulters)
    below = np.cumsum(others) - others / 2
    return float(defaulters @ below / (others.sum() * defaulters.sum()))


def _ks(score: Array, others: Array, defaulters: Array) -> float:
    others, defaulters = _merged(score, others), _merged(score, defaulters)
    return max(0.0, float(np.max(np.cumsum(others) / others.sum() - np.cumsum(defaulters) / defaulters.sum())))


def _pr_auc(score: Array, others: Array, defaulters: Array) -> float:
    others, defaulters = _merged(score, others)[::-1], _merged(score, defaulters)[::-1]
    hits = np.cumsum(defaulters)
    called = hits + np.cumsum(others)
    return float(np.sum(defaulters[called > 0] * hits[called > 0] / called[called > 0]) / hits[-1])


def _brier(score: Array, others: Array, defaulters: Array) -> float:
    return float((others @ score**2 + defaulters @ (1 - score) ** 2) / (others.sum() + defaulters.sum()))


def _log_loss(score: Array, others: Array, defaulters: Array) -> float:
    clipped = np.clip(score, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    loss = others @ np.log1p(-clipped) + defaulters @ np.log(clipped)
    return float(-loss / (others.sum() + defaulters.sum()))


_SCORED: Mapping[str, Callable[[Array, Array, Array], float]] = {
    "roc_auc": _roc_auc,
    "gini": lambda *counted: 2 * _roc_auc(*counted) - 1,
    "pr_auc": _pr_auc,
    "ks": _ks,
    "brier": _brier,
    "log_loss": _log_loss,
}
