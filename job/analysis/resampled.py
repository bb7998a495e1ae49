"""Whether two combinations differ, over repeated splits whose training and test parts overlap.

Seeds are no independent repetitions: their training parts have most rows in common. An ordinary paired t-test takes
the differences for independent and finds far too many; these tests widen the variance by what the overlap adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from job.metrics import Array

LEAST_REPETITIONS = 3
# Differences of no practical interest, by metric: what is within them is equivalent to a lender.
EQUIVALENT: Mapping[str, float] = {"balanced_accuracy": 0.01, "ks": 0.01, "roc_auc": 0.005, "brier": 0.002}


@dataclass(frozen=True)
class CorrectedT:
    """A corrected resampled t-test of J paired differences.

    Attributes
    ----------
    mean : float
        Of the differences.
    low, high : float
        The confidence interval of the mean difference.
    statistic : float
        Infinite where all differences are the same and not 0.
    p : float
        Two-sided.
    degrees : int
        Of freedom: J − 1.
    """

    mean: float
    low: float
    high: float
    statistic: float
    p: float
    degrees: int


@dataclass(frozen=True)
class Posterior:
    """How probable it is that a difference is practically below, within or above the region of equivalence."""

    below: float
    within: float
    above: float


def corrected_t(differences: Array, test_to_train: float, level: float = 0.95) -> CorrectedT:
    """Test whether the mean of paired differences over repeated splits is 0.

    The corrected resampled t-test of Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52
    (2003), 239-281: the variance of the mean is (1/J + n_test/n_train)·s², with J − 1 degrees of freedom.

    Parameters
    ----------
    differences : ndarray of shape (J,)
        One for each repetition, J ≥ 2.
    test_to_train : float
        Rows of the test part divided by rows of the training part.
    level : float
        Of the confidence interval.
    """
    from scipy.stats import t

    J = differences.size
    mean, scale = float(np.mean(differences)), _scale(differences, 1 / J + test_to_train)
    if scale == 0:
        p, statistic = (1.0, 0.0) if mean == 0 else (0.0, float(np.copysign(np.inf, mean)))
        return CorrectedT(mean, mean, mean, statistic, p, J - 1)
    half = float(t.ppf((1 + level) / 2, J - 1)) * scale
    statistic = mean / scale
    return CorrectedT(mean, mean - half, mean + half, statistic, 2 * float(t.sf(abs(statistic), J - 1)), J - 1)


def posterior(differences: Array, test_share: float, region: float) -> Posterior:
    """Return the probabilities that the true difference is below, within and above ±`region`.

    The Bayesian correlated t-test of Corani and Benavoli, "A Bayesian approach for comparing cross-validated algorithms
    on multiple data sets", Machine Learning 100 (2015), 285-304; with ρ = n_test/n and a flat prior the posterior is
    Student's t with J − 1 degrees of freedom around the mean, of scale √((1/J + ρ/(1 − ρ))·s²).

    Parameters
    ----------
    differences : ndarray of shape (J,)
        J ≥ 2.
    test_share : float
        ρ: rows of the test part divided by all rows.
    region : float
        Half the width of the region of practical equivalence; what lies on its edge is within.
    """
    from scipy.stats import t

    J = differences.size
    mean, scale = float(np.mean(differences)), _scale(differences, 1 / J + test_share / (1 - test_share))
    if scale == 0:
        return Posterior(float(mean < -region), float(abs(mean) <= region), float(mean > region))
    below = float(t.cdf(-region, J - 1, mean, scale))
    above = float(t.sf(region, J - 1, mean, scale))
    return Posterior(below, max(0.0, 1 - below - above), above)


def holm(p: Array) -> Array:
    """Return p-values adjusted for all of them being looked at, in the same order.

    Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979), 65-70.

    Parameters
    ----------
    p : float64 ndarray of shape (m,)
    """
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate((p.size - np.arange(p.size)) * p[order])
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def _scale(differences: Array, factor: float) -> float:
    """Return the standard error; 0 where all differences are the same, but for the rounding of their last bits."""
    spread = float(np.std(differences, ddof=1))
    return 0.0 if spread <= 1e-14 * max(1.0, float(np.max(np.abs(differences)))) else float(np.sqrt(factor)) * spread
