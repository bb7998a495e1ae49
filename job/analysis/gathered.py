"""Test rows gathered by score: what every metric needs, and what can be drawn again thousands of times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
        return self.metrics([metric], counts)[0]

    def metrics(self, metrics: Sequence[str], counts: Array) -> list[float | None]:
        """Compute several metrics from counts, in their order; None where one is undefined."""
        others, defaulters = counts
        n0, n1 = float(others.sum()), float(defaulters.sum())
        found: dict[str, float | None] = {}
        if not THRESHOLD_METRICS.isdisjoint(metrics):
            fp, tp = float(others @ self._called), float(defaulters @ self._called)
            found |= metrics_of_counts(n0 - fp, fp, n1 - tp, tp)
        if n0 and n1:
            by_score = self._by_score(others), self._by_score(defaulters)
            for metric in metrics:
                if metric in self._losses:
                    loss0, loss1 = self._losses[metric]
                    found[metric] = float((others @ loss0 + defaulters @ loss1) / (n0 + n1))
                elif metric in _RANKED:
                    found[metric] = _RANKED[metric](*by_score, n0, n1)
        return [found.get(metric) for metric in metrics]

    @cached_property
    def _called(self) -> Array:
        called: Array = (self.decision == 1).astype(np.float64)
        return called

    @cached_property
    def _losses(self) -> dict[str, tuple[Array, Array]]:
        """What a row of each class loses at each score."""
        clipped = np.clip(self.score, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
        return {
            "brier": (self.score**2, (1 - self.score) ** 2),
            "log_loss": (-np.log1p(-clipped), -np.log(clipped)),
        }

    @cached_property
    def _starts(self) -> Array:
        starts: Array = np.flatnonzero(np.append(True, np.diff(self.score) != 0))
        return starts

    def _by_score(self, counts: Array) -> Array:
        """Return counts by score alone."""
        by_score: Array = counts if self._starts.size == self.score.size else np.add.reduceat(counts, self._starts)
        return by_score


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


def _roc_auc(others: Array, defaulters: Array, n0: float, n1: float) -> float:
    return float(defaulters @ (np.cumsum(others) - others / 2) / (n0 * n1))


def _gini(others: Array, defaulters: Array, n0: float, n1: float) -> float:
    return 2 * _roc_auc(others, defaulters, n0, n1) - 1


def _ks(others: Array, defaulters: Array, n0: float, n1: float) -> float:
    return max(0.0, float(np.max(np.cumsum(others / n0 - defaulters / n1))))


def _pr_auc(others: Array, defaulters: Array, _n0: float, n1: float) -> float:
    hits = np.cumsum(defaulters[::-1])
    called = hits + np.cumsum(others[::-1])
    return float(defaulters[::-1] @ (hits / np.maximum(called, 1)) / n1)


_RANKED: Mapping[str, Callable[[Array, Array, float, float], float]] = {
    "roc_auc": _roc_auc,
    "gini": _gini,
    "pr_auc": _pr_auc,
    "ks": _ks,
}
