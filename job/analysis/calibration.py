"""Whether probabilities of default come true: reliability without bins, recalibration, observed over expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.analysis.proportions import clopper_pearson
from job.metrics import Array


@dataclass(frozen=True)
class Reliability:
    """The Brier score taken apart: brier = miscalibration − discrimination + uncertainty.

    Attributes
    ----------
    score, recalibrated : float64 ndarray of shape (k,)
        The reliability diagram: distinct scores, rising, and the isotonic probability of default at each.
    rows : int64 ndarray of shape (k,)
        Test rows at each.
    """

    brier: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    score: Array
    recalibrated: Array
    rows: Array


@dataclass(frozen=True)
class Recalibration:
    """Logistic recalibration on the log odds of the score.

    Attributes
    ----------
    intercept : float
        With the slope fixed to 1: above 0, too few defaults were expected.
    slope, intercept_with_slope : float
        Fitted together: below 1, probabilities are too extreme.
    clipped : int
        Scores of 0 and 1, which have no log odds, and those nearer to them than 1/(2n): they count as 1/(2n) off.
    """

    intercept: float
    slope: float | None
    intercept_with_slope: float | None
    clipped: int


@dataclass(frozen=True)
class ObservedExpected:
    """Defaults that came about over those expected, with the exact interval of the former."""

    ratio: float
    low: float
    high: float


def reliability(target: Array, score: Array) -> Reliability:
    """Recalibrate by isotonic regression and take the Brier score apart.

    The CORP approach: Dimitriadis, Gneiting and Jordan, "Stable reliability diagrams for probabilistic classifiers",
    PNAS 118 (2021), e2016191118.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1.
    score : float64 ndarray of shape (n,)
    """
    from scipy.optimize import isotonic_regression

    distinct, place, rows = np.unique(score, return_inverse=True, return_counts=True)
    rate = np.bincount(place, target) / rows
    fitted = isotonic_regression(rate, weights=rows).x
    brier = float(np.mean((score - target) ** 2))
    recalibrated = float(np.mean((fitted[place] - target) ** 2))
    base = float(np.mean(target))
    uncertainty = base * (1 - base)
    return Reliability(brier, brier - recalibrated, uncertainty - recalibrated, uncertainty, distinct, fitted, rows)


def recalibration(target: Array, score: Array) -> Recalibration | None:
    """Fit intercept and slope; None where the target has one class.

    Cox, "Two further applications of a model for binary regression", Biometrika 45 (1958), 562-565; Van Calster et al.,
    BMC Medicine 17 (2019), 230. The slope is None where all scores are the same or no finite slope is best.

    Parameters
    ----------
    target : ndarray of shape (n,)
    score : float64 ndarray of shape (n,)
    """
    n = target.size
    if not 0 < target.sum() < n:
        return None
    inside = np.clip(score, 1 / (2 * n), 1 - 1 / (2 * n))
    odds = np.log(inside / (1 - inside))
    intercept = _newton(np.ones((n, 1)), target, odds)
    both = None if np.ptp(odds) == 0 else _newton(np.column_stack([np.ones(n), odds]), target, np.zeros(n))
    clipped = int(np.count_nonzero(inside != score))
    if intercept is None:
        return None
    if both is None:
        return Recalibration(float(intercept[0]), None, None, clipped)
    return Recalibration(float(intercept[0]), float(both[1]), float(both[0]), clipped)


def _newton(design: Array, target: Array, offset: Array) -> Array | None:
    """Return the coefficients of a logistic regression of at most two columns; None where it does not converge."""
    beta: Array = np.zeros(design.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-(design @ beta + offset)))
        gradient = design.T @ (target - p)
        hessian = design.T @ (design * (p * (1 - p))[:, None])
        try:
            step = np.linalg.solve(hessian, gradient)
        except np.linalg.LinAlgError:
            return None
        beta = beta + np.clip(step, -2, 2)
        if np.max(np.abs(beta)) > 1e3:
            return None
        if np.max(np.abs(step)) < 1e-10:
            return beta
    return None


def observed_expected(target: Array, score: Array, level: float = 0.95) -> ObservedExpected | None:
    """Return observed over expected defaults; None where none is expected.

    Parameters
    ----------
    target : ndarray of shape (n,)
    score : float64 ndarray of shape (n,)
    """
    expected = float(score.sum())
    counted = clopper_pearson(int(target.sum()), target.size, level)
    if counted is None or expected <= 0:
        return None
    scale = target.size / expected
    return ObservedExpected(counted.value * scale, counted.low * scale, counted.high * scale)


def spiegelhalter(target: Array, score: Array) -> float | None:
    """Return Spiegelhalter's z; about standard normal where probabilities are right. None where it is undefined.

    Spiegelhalter, "Probabilistic prediction in patient management and clinical trials", Statistics in Medicine 5
    (1986), 421-433. It is undefined where every score is 0, a half or 1.

    Parameters
    ----------
    target : ndarray of shape (n,)
    score : float64 ndarray of shape (n,)
    """
    variance = float(np.sum((1 - 2 * score) ** 2 * score * (1 - score)))
    return float(np.sum((target - score) * (1 - 2 * score))) / np.sqrt(variance) if variance > 0 else None


def brier_skill(target: Array, score: Array, training_rate: float) -> float | None:
    """Return by which share the Brier score is below that of giving everybody the training part's default rate.

    Parameters
    ----------
    target : ndarray of shape (n,)
    score : float64 ndarray of shape (n,)
    training_rate : float
    """
    reference = float(np.mean((training_rate - target) ** 2))
    return 1 - float(np.mean((score - target) ** 2)) / reference if reference > 0 else None
