"""Percentile intervals of any metric on one test set, by drawing its rows again, or whole groups or months of them.

Rows that are independent of each other are drawn one by one: for ROC AUC, KS and balanced accuracy each class by
itself, since those say nothing of the share of defaulters; for everything else all together. Where rows hang together,
by group or by month, whole clusters are drawn, for everything. What is drawn again is the test part only: that another
training part would have given another model is *not* in these intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from job.analysis.gathered import Gathered
from job.metrics import Array

REPLICATES = 2_000
LEAST_CLUSTERS = 20
LEAST_MONTHS = 12
NO_TRAINING_VARIANCE = "the test part drawn again; that training on other rows gives another model is not in it"
_BY_CLASS = frozenset({"balanced_accuracy", "roc_auc", "gini", "ks"})


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval.

    Attributes
    ----------
    value : float or None
        On the test rows as they are; None where it is undefined.
    low, high : float or None
        None where there is no interval.
    why : str or None
        Why there is none.
    replicates, dropped : int
        Drawn, and of those left out because they lacked a class.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    why: str | None = None
    replicates: int = 0
    dropped: int = 0


def metric_intervals(
    rows: Gathered,
    metrics: Sequence[str],
    *,
    seed: int,
    block: Array | None = None,
    replicates: int = REPLICATES,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Return the interval of each metric.

    KS, which is a maximum and grows by drawing again, has Efron's bias-corrected percentiles ("Nonparametric standard
    errors and confidence intervals", Canadian Journal of Statistics 9 (1981), 139-158); the others plain ones.

    Parameters
    ----------
    block : int ndarray of shape (n,), optional
        Codes of the groups or months that rows come from; whole ones are drawn. No interval under 20 with a default.
    seed : int
        Of the draws.
    """
    counts = rows.counts()
    values = dict(zip(metrics, rows.metrics(metrics, counts), strict=True))
    why = _too_few(rows.target, block)
    if why is not None or not (counts[0].any() and counts[1].any()):
        return {metric: Interval(value, why=why or "a class is absent") for metric, value in values.items()}
    found: dict[str, Interval] = {}
    for by_class in (True, False):
        own = [metric for metric in metrics if (metric in _BY_CLASS) == by_class]
        if not own:
            continue
        draws = _draws(rows.target, block, by_class, replicates, seed)
        drawn = _measured(draws, partial(_all_of, rows, own))
        for i, metric in enumerate(own):
            found[metric] = _interval(values[metric], drawn, i, replicates, level, corrected=metric == "ks")
    return {metric: found[metric] for metric in metrics}


def month_difference(
    first: Gathered,
    second: Gathered,
    metrics: Sequence[str],
    month: Array,
    *,
    seed: int,
    replicates: int = REPLICATES,
    level: float = 0.95,
) -> dict[str, Interval]:
    """Return by how much the first is above the second on one origin's test rows, whole months drawn again.

    Parameters
    ----------
    first, second : Gathered
        Of the same rows in the same order.
    month : int ndarray of shape (n,)
        No interval under 12 of them.
    """
    both = [(one, one.counts()) for one in (first, second)]
    values = [one.metrics(metrics, counts) for one, counts in both]
    known = [a - b if a is not None and b is not None else None for a, b in zip(*values, strict=True)]
    months = np.unique(month).size
    if months < LEAST_MONTHS:
        why = f"{months} test months are too few; at least {LEAST_MONTHS} are needed"
        return {metric: Interval(value, why=why) for metric, value in zip(metrics, known, strict=True)}

    def differences(weight: Array) -> list[float] | None:
        measured = [_all_of(one, metrics, weight) for one in (first, second)]
        if measured[0] is None or measured[1] is None:
            return None
        return [a - b for a, b in zip(measured[0], measured[1], strict=True)]

    drawn = _measured(_draws(first.target, month, False, replicates, seed), differences)
    return {
        metric: _interval(value, drawn, i, replicates, level)
        for i, (metric, value) in enumerate(zip(metrics, known, strict=True))
    }


def _too_few(target: Array, block: Array | None) -> str | None:
    if block is None:
        return None
    positive = np.unique(block[target == 1]).size
    if positive >= LEAST_CLUSTERS:
        return None
    return f"{positive} groups or months with a default are too few; at least {LEAST_CLUSTERS} are needed"


def _draws(target: Array, block: Array | None, by_class: bool, replicates: int, seed: int) -> Iterator[Array]:
    """Yield how often each row counts, once for each replicate."""
    rng = np.random.default_rng(seed)
    if block is not None:
        _, code = np.unique(block, return_inverse=True)
        clusters = int(code.max()) + 1
        for _ in range(replicates):
            yield np.bincount(rng.integers(0, clusters, clusters), minlength=clusters)[code]
        return
    parts = [np.flatnonzero(target == label) for label in (0, 1)] if by_class else [np.arange(target.size)]
    for _ in range(replicates):
        weight = np.zeros(target.size, np.int64)
        for part in parts:
            weight[part] = np.bincount(rng.integers(0, part.size, part.size), minlength=part.size)
        yield weight


def _all_of(rows: Gathered, metrics: Sequence[str], weight: Array) -> list[float] | None:
    """Return the metrics of a replicate; None where it lacks a class."""
    counts = rows.counts(weight)
    if not (counts[0].any() and counts[1].any()):
        return None
    found = rows.metrics(metrics, counts)
    return [float("nan") if value is None else value for value in found]


def _measured(draws: Iterator[Array], measure: Callable[[Array], list[float] | None]) -> Array:
    """Return one row for each replicate that has both classes."""
    kept = [found for weight in draws if (found := measure(weight)) is not None]
    return np.array(kept)


def _interval(
    value: float | None, drawn: Array, column: int, replicates: int, level: float, corrected: bool = False
) -> Interval:
    dropped = replicates - len(drawn)
    if value is None or not len(drawn):
        return Interval(value, why="undefined", replicates=replicates, dropped=dropped)
    values = drawn[:, column]
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if corrected:
        from scipy.stats import norm

        share = (np.mean(values < value) + np.mean(values <= value)) / 2
        inside = np.clip(share, 0.5 / len(values), 1 - 0.5 / len(values))
        tails = norm.cdf(2 * norm.ppf(inside) + norm.ppf(tails))
    low, high = np.quantile(values, tails)
    return Interval(value, float(low), float(high), None, replicates, dropped)
