"""What plots need of one unit, small enough that those of a whole study are held at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from job.analysis.calibration import reliability
from job.analysis.curves import Curves, curves, ks_place
from job.analysis.figures import unit_figures
from job.analysis.prior import corrected, prior_shift
from job.analysis.selection import fold_score
from job.executions.results import StoredResult
from job.metrics import Array
from job.records import is_number

MOST_POINTS = 300
BINS = 40
_KEPT_OF_BUCKET = 4  # its first and last point, its lowest and highest


@dataclass(frozen=True)
class Trace:
    """A curve, thinned: `x` rises or falls, and what stands between two points is near the line between them.

    Attributes
    ----------
    x, y : float64 ndarray of shape (k,), k ≤ 300
    """

    x: Array
    y: Array


@dataclass(frozen=True)
class Traces:
    """The curves of one test part.

    Attributes
    ----------
    roc : Trace
        False positive rate, true positive rate.
    pr : Trace
        Sensitivity, precision.
    cap : Trace
        Share of the applicants that are refused, the riskiest first; share of all defaults among them.
    lift : Trace
        The same share; the default rate among them over that of all, from the first 1 % on.
    others, defaulters : Trace
        Score, and the share of the class that scores at most that.
    ks : (float, float, float)
        Where the two are farthest apart: the score, and just below it the share of the others and of the defaulters.
    histogram : float64 ndarray of shape (2, 40)
        The share of each class, others first, in each fortieth of the scores from 0 to 1.
    reliability : Trace
        Score, and the isotonic probability of default at it.
    corrected : Trace or None
        The same of probabilities put back to the training part's default rate; None where nothing shifted them.
    """

    roc: Trace
    pr: Trace
    cap: Trace
    lift: Trace
    others: Trace
    defaulters: Trace
    ks: tuple[float, float, float]
    histogram: Array
    reliability: Trace
    corrected: Trace | None


@dataclass(frozen=True)
class UnitLook:
    """One unit as plots and tables show it.

    Attributes
    ----------
    done : bool
    reason : str or None
        Why it is not.
    figures : dict
        As :func:`job.analysis.figures.unit_figures` gives them.
    traces : Traces or None
        None where the test part lacks a class, or scores are no probabilities.
    default_rate : float or None
        Of the test part.
    parameters : dict
        Chosen by the folds, a weight among them.
    threshold, fold_score, cpu_seconds, wall_seconds : float or None
    """

    done: bool
    reason: str | None
    figures: Mapping[str, Any]
    traces: Traces | None
    default_rate: float | None
    parameters: Mapping[str, Any]
    threshold: float | None
    fold_score: float | None
    cpu_seconds: float | None
    wall_seconds: float | None


def look(result: StoredResult, *, bootstrap: int = 0, seed: int = 0) -> UnitLook:
    """Look at a result with its predictions.

    Parameters
    ----------
    bootstrap : int
        Replicates of its intervals; 0 for those that need none.
    seed : int
        Of the draws.
    """
    record, run = result.record, result.run
    figures = unit_figures(result, bootstrap=bootstrap, seed=seed)
    return UnitLook(
        record["status"] == "done",
        record["reason"],
        figures,
        _traces(result) if figures["why"] is None else None,
        float(np.mean(result.target)) if result.target.size else None,
        dict(record.get("parameters") or {}),
        record.get("threshold"),
        fold_score(result),
        _seconds(run.get("cpu_seconds")),
        _seconds(run.get("wall_seconds")),
    )


def _seconds(told: Any) -> float | None:
    return float(told) if is_number(told) and told >= 0 else None


def _traces(result: StoredResult) -> Traces:
    target, score = result.target.astype(np.int64), result.score
    found = curves(target, score)
    shift = prior_shift(result.record)
    shifted = shift is not None and shift.beta != 1
    return Traces(
        thinned(found.false_positive_rate, found.true_positive_rate),
        thinned(found.true_positive_rate, found.precision),
        thinned(found.called, found.true_positive_rate),
        _lift(found),
        *_distributions(found),
        _ks(found),
        histogram(target, score),
        _reliability(target, score),
        _reliability(target, corrected(score, shift.beta)) if shifted and shift is not None else None,
    )


def _lift(found: Curves) -> Trace:
    deep = found.called >= min(0.01, 1.0)
    return thinned(found.called[deep], found.true_positive_rate[deep] / found.called[deep])


def _distributions(found: Curves) -> tuple[Trace, Trace]:
    """Return the share of others and of defaulters that scores at most each score, rising."""
    score = found.score[:0:-1]  # rising, without the infinite first
    up_to = [1 - rate[-2::-1] for rate in (found.false_positive_rate, found.true_positive_rate)]
    return thinned(score, up_to[0]), thinned(score, up_to[1])


def _ks(found: Curves) -> tuple[float, float, float]:
    _, score = ks_place(found)
    place = int(np.flatnonzero(found.score == score)[0])
    # Nobody scores above the infinite first: drawn at 1.
    below = (float(1 - rates[place]) for rates in (found.false_positive_rate, found.true_positive_rate))
    others, defaulters = below
    return min(score, 1.0), others, defaulters


def _reliability(target: Array, probability: Array) -> Trace:
    found = reliability(target, probability)
    return thinned(found.score, found.recalibrated)


def histogram(target: Array, score: Array) -> Array:
    """Return the share of each class in each fortieth of the scores, others first.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1, both present.
    score : float64 ndarray of shape (n,)
        From 0 to 1.
    """
    counted = [np.histogram(score[target == label], BINS, (0.0, 1.0))[0] for label in (0, 1)]
    return np.stack([one / one.sum() for one in counted])


def thinned(x: Array, y: Array, most: int = MOST_POINTS) -> Trace:
    """Return at most so many points of a curve: the ends, and of each stretch its ends, lowest and highest point.

    Parameters
    ----------
    x, y : float64 ndarray of shape (n,)
        `x` rises or falls.
    most : int
        At least 4.
    """
    if x.size <= most:
        return Trace(x, y)
    steps = [np.abs(np.diff(one)) / max(float(np.ptp(one)), 1e-300) for one in (x, y)]
    way = np.r_[0.0, np.cumsum(steps[0] + steps[1])]
    buckets = max(1, most // _KEPT_OF_BUCKET)
    bucket = np.minimum((way / max(way[-1], 1e-300) * buckets).astype(np.int64), buckets - 1)
    kept: set[int] = {0, x.size - 1}
    edges = np.flatnonzero(np.r_[True, np.diff(bucket) != 0, True])
    for first, end in pairwise(edges.tolist()):
        own = y[first:end]
        kept |= {first, end - 1, int(first + np.argmin(own)), int(first + np.argmax(own))}
    places = np.array(sorted(kept))
    return Trace(x[places], y[places])
