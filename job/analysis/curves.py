"""How a score ranks, seen whole: ROC, precision-recall and CAP curves, where KS is, lift, capture, the H-measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.metrics import Array

DEPTHS = (0.05, 0.10, 0.20)


@dataclass(frozen=True)
class Curves:
    """Every curve by falling score; k distinct scores, the first point calls nobody a default.

    Attributes
    ----------
    score : float64 ndarray of shape (k + 1,)
        From which score on a row is called a default; the first is infinite.
    called : float64 ndarray of shape (k + 1,)
        Share of the rows that are called: the CAP curve's abscissa.
    true_positive_rate, false_positive_rate : float64 ndarray of shape (k + 1,)
        The first is also recall and the CAP curve's ordinate.
    precision : float64 ndarray of shape (k + 1,)
        1 at the first point, as scikit-learn has it.
    """

    score: Array
    called: Array
    true_positive_rate: Array
    false_positive_rate: Array
    precision: Array


@dataclass(frozen=True)
class Depth:
    """The riskiest share of the rows.

    Attributes
    ----------
    share : float
    capture : float
        Share of all defaults that is among them; rows that tie at the edge count in part.
    lift : float
        `capture` over `share`.
    """

    share: float
    capture: float
    lift: float


def curves(target: Array, score: Array) -> Curves:
    """Return the curves.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1, both present.
    score : float64 ndarray of shape (n,)
    """
    distinct, place = np.unique(score, return_inverse=True)
    defaults = np.bincount(place, target, minlength=distinct.size)[::-1]
    rows = np.bincount(place, minlength=distinct.size)[::-1]
    hits, called = np.r_[0, np.cumsum(defaults)], np.r_[0, np.cumsum(rows)]
    precision = np.r_[1.0, hits[1:] / called[1:]]
    others = called - hits
    return Curves(np.r_[np.inf, distinct[::-1]], called / target.size, hits / hits[-1], others / others[-1], precision)


def ks_place(found: Curves) -> tuple[float, float]:
    """Return the one-sided KS, and from which score on it is reached; the highest where several are as good."""
    gaps = found.true_positive_rate - found.false_positive_rate
    best = int(np.argmax(gaps))
    return float(gaps[best]), float(found.score[best])


def depths(found: Curves, shares: tuple[float, ...] = DEPTHS) -> list[Depth]:
    """Return capture and lift at each depth, between the points of the CAP curve."""
    captured = np.interp(shares, found.called, found.true_positive_rate)
    return [Depth(share, float(one), float(one) / share) for share, one in zip(shares, captured, strict=True)]


def hull(target: Array, score: Array) -> tuple[Array, Array]:
    """Return the false and true positive rates of the ROC curve's convex hull, from (0, 0) to (1, 1)."""
    from scipy.optimize import isotonic_regression

    found = curves(target, score)
    steps_f, steps_t = np.diff(found.false_positive_rate), np.diff(found.true_positive_rate)
    prior = float(np.mean(target))
    rows = steps_t * prior + steps_f * (1 - prior)
    edges = isotonic_regression(steps_t * prior / rows, weights=rows, increasing=False).blocks
    return found.false_positive_rate[edges], found.true_positive_rate[edges]


def h_measure(target: Array, score: Array, severity: tuple[float, float] | None = None) -> float:
    """Return the H-measure: by which share of the worst a score lowers the expected cost of its mistakes.

    Hand, "Measuring classifier performance: a coherent alternative to the area under the ROC curve", Machine Learning
    77 (2009), 103-123. The cost of calling a good borrower a default, as a share of both costs, has a Beta prior: by
    default Beta(1 + π₁, 1 + π₀), whose mode is the default rate π₁ (Hand and Anagnostopoulos, "A better Beta for the H
    measure", Pattern Recognition Letters 40 (2014), 41-46).

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1, both present.
    score : float64 ndarray of shape (n,)
    severity : (float, float), optional
        The Beta prior's parameters.
    """
    from scipy.stats import beta

    prior = float(np.mean(target))
    a, b = severity or (1 + prior, 2 - prior)
    f, t = hull(target, score)
    gain, loss = prior * np.diff(t), (1 - prior) * np.diff(f)
    turns = np.r_[1.0, gain / (gain + loss), 0.0]  # costs at which the best threshold moves on
    mean = a / (a + b)
    good = mean * beta.cdf(turns, a + 1, b)  # ∫ c·w(c) from 0
    bad = (1 - mean) * beta.cdf(turns, a, b + 1)  # ∫ (1 − c)·w(c) from 0
    cost = float(np.sum((1 - prior) * f * -np.diff(good) + prior * (1 - t) * -np.diff(bad)))
    # Nobody or everybody is called a default: the better of the two at each cost.
    all_good = (1 - prior) * mean * beta.cdf(prior, a + 1, b)
    none_bad = prior * (1 - mean) * beta.sf(prior, a, b + 1)
    return 1 - cost / float(all_good + none_bad)
