"""Whether features and scores stay what they were: the population stability index, from one time to another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.metrics import Array

BINS = 10
LEAST_ALARM = 0.1


@dataclass(frozen=True)
class Shift:
    """How far a distribution has moved from its reference.

    Attributes
    ----------
    index : float
        Σ (q − p)·ln(q/p) over the bins.
    bins : int
        Deciles of the reference; those that ties make one are one. What is missing has a bin of its own.
    threshold : float
        What drawing both samples from one distribution exceeds once in twenty times.
    alarm : bool
        Whether `index` exceeds both that and 0.1.
    """

    index: float
    bins: int
    threshold: float
    alarm: bool


def population_stability(reference: Array, later: Array) -> Shift | None:
    """Compare two samples; None where one is empty or the reference has a single value.

    Of features it is also called the characteristic stability index. Its threshold is χ²(B − 1; 0.95)·(1/n + 1/m):
    Yurdakul and Naranjo, "Statistical properties of the population stability index", Journal of Risk Model Validation
    14 (2020), 89-100. Each bin counts half a row more than it has, so that an empty one has a logarithm.

    Parameters
    ----------
    reference, later : float ndarray of shape (n,) and (m,)
        Missing values as NaN.
    """
    from scipy.stats import chi2

    known = reference[~np.isnan(reference)]
    if not (reference.size and later.size) or np.unique(known).size + (known.size < reference.size) < 2:
        return None
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower")) if known.size else known
    counts = np.stack([_counted(sample, edges) for sample in (reference, later)])
    counts = counts[:, counts.any(axis=0)]
    if counts.shape[1] < 2:
        return None
    p, q = (counts + 0.5) / (counts + 0.5).sum(axis=1, keepdims=True)
    index = float(np.sum((q - p) * np.log(q / p)))
    bins = counts.shape[1]
    threshold = float(chi2.ppf(0.95, bins - 1)) * (1 / reference.size + 1 / later.size)
    return Shift(index, bins, threshold, index > max(threshold, LEAST_ALARM))


def _counted(sample: Array, edges: Array) -> Array:
    """Return how many values lie up to each edge, beyond the last, and are missing."""
    missing = np.isnan(sample)
    bins = np.searchsorted(edges, sample[~missing], "left")
    counts: Array = np.append(np.bincount(bins, minlength=edges.size + 1), missing.sum())
    return counts
