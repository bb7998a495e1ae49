"""The ROC AUC of one test set with its sampling error, by DeLong: of one score, and of two on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.metrics import Array


@dataclass(frozen=True)
class AucInterval:
    """A ROC AUC and its interval; the standard error is that of drawing other test rows, nothing else."""

    auc: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class AucDifference:
    """The first AUC less the second, its interval, and the two-sided p-value of there being no difference."""

    difference: float
    error: float
    low: float
    high: float
    p: float


def auc_interval(target: Array, score: Array, level: float = 0.95) -> AucInterval:
    """Return the AUC with DeLong's interval, on the logit scale so that it stays within 0 and 1.

    DeLong, DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
    characteristic curves", Biometrics 44 (1988), 837-845. The logit transformation is Pepe's (2003).

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1; each class at least twice, rows independent of each other.
    score : float64 ndarray of shape (n,)
    """
    from scipy.stats import norm

    (auc,), covariance = delong(target, score[None, :])
    error = float(np.sqrt(covariance[0, 0]))
    if not 0 < auc < 1 or error == 0:
        return AucInterval(float(auc), error, float(auc), float(auc))
    logit, half = np.log(auc / (1 - auc)), float(norm.ppf((1 + level) / 2)) * error / (auc * (1 - auc))
    low, high = 1 / (1 + np.exp(-(logit - half))), 1 / (1 + np.exp(-(logit + half)))
    return AucInterval(float(auc), error, float(low), float(high))


def auc_difference(target: Array, first: Array, second: Array, level: float = 0.95) -> AucDifference:
    """Compare the AUCs of two scores of the same rows by DeLong's test.

    Parameters
    ----------
    target : ndarray of shape (n,)
    first, second : float64 ndarray of shape (n,)
    """
    from scipy.stats import norm

    aucs, covariance = delong(target, np.stack([first, second]))
    difference = float(aucs[0] - aucs[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    error = float(np.sqrt(max(variance, 0.0)))
    if error <= 1e-12:  # the same ranking twice
        return AucDifference(difference, 0.0, difference, difference, 1.0 if abs(difference) <= 1e-12 else 0.0)
    half = float(norm.ppf((1 + level) / 2)) * error
    p = 2 * float(norm.sf(abs(difference) / error))
    return AucDifference(difference, error, difference - half, difference + half, p)


def delong(target: Array, scores: Array) -> tuple[Array, Array]:
    """Return the AUCs of several scores and their covariance matrix.

    By midranks: Sun and Xu, "Fast implementation of DeLong's algorithm", IEEE Signal Processing Letters 21 (2014),
    1389-1393.

    Parameters
    ----------
    target : ndarray of shape (n,)
    scores : float64 ndarray of shape (k, n)

    Returns
    -------
    (ndarray of shape (k,), ndarray of shape (k, k))
    """
    from scipy.stats import rankdata

    positive = target == 1
    m, n = int(positive.sum()), int((~positive).sum())
    every = rankdata(scores, axis=1)
    above = (every[:, positive] - rankdata(scores[:, positive], axis=1)) / n  # others below each defaulter
    below = 1 - (every[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m  # defaulters above each other
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return above.mean(axis=1), covariance
