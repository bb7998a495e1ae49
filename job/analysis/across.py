"""Combinations compared over datasets: Friedman's test, and Nemenyi's for all pairs. Only from ten datasets on.

With fewer, ranks over datasets have next to no power, and a diagram of them would show ties whatever is true: then
differences are told dataset by dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.errors import UsageError
from job.metrics import Array

LEAST_DATASETS = 10


@dataclass(frozen=True)
class Friedman:
    """Ranks over datasets.

    Attributes
    ----------
    statistic, p : float
        Friedman's χ², with k − 1 degrees of freedom.
    ranks : float64 ndarray of shape (k,)
        Mean ranks, 1 the best.
    nemenyi : float64 ndarray of shape (k, k)
        p-values of all pairs.
    """

    statistic: float
    p: float
    ranks: Array
    nemenyi: Array


def friedman(values: Array, lower_is_better: bool = False) -> Friedman:
    """Test whether combinations rank alike over datasets.

    Demšar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006), 1-30.

    Parameters
    ----------
    values : float64 ndarray of shape (datasets, k)
        Means of a metric, k ≥ 3 combinations.

    Raises
    ------
    UsageError
        With fewer than ten datasets.
    """
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    datasets, k = values.shape
    if datasets < LEAST_DATASETS:
        raise UsageError(
            f"{datasets} datasets are too few to compare ranks over them",
            f"From {LEAST_DATASETS} on it says something; below, compare dataset by dataset.",
        )
    test = friedmanchisquare(*values.T)
    ranks = rankdata(values if lower_is_better else -values, axis=1).mean(axis=0)
    distance = np.abs(ranks[:, None] - ranks) / np.sqrt(k * (k + 1) / (6 * datasets))
    nemenyi: Array = np.asarray(studentized_range.sf(distance * np.sqrt(2), k, np.inf))
    np.fill_diagonal(nemenyi, 1.0)
    return Friedman(float(test.statistic), float(test.pvalue), ranks, nemenyi)
