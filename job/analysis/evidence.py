"""What a unit's figures rest on: test rows, defaults among them, groups with a default; and its KS, one-sided."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.executions.results import StoredResult
from job.metrics import Array

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Evidence:
    """What the test part of one unit has.

    Attributes
    ----------
    rows, positives : int
        Test rows, and the defaults among them.
    positive_blocks : int or None
        By group or time: groups or months with a default. None by row, where results do not tell groups.
    ks : float or None
        One-sided: records of before have the two-sided one. None with one class.
    """

    rows: int
    positives: int
    positive_blocks: int | None
    ks: float | None


def evidence_of(result: StoredResult) -> Evidence:
    """Look at a result's predictions."""
    positive = result.target == 1
    blocks = None if result.block is None else int(np.unique(result.block[positive]).size)
    return Evidence(result.target.size, int(positive.sum()), blocks, _ks(result, positive))


def _ks(result: StoredResult, positive: Array) -> float | None:
    """Return the one-sided KS, without sorting the scores where the record's has to be that.

    A ROC curve that is k below its diagonal somewhere has an area of at most 1 − k. So a KS above 1 − AUC, of whichever
    sides, is reached above the diagonal.
    """
    told = result.record.get("metrics") or {}
    ks, auc = told.get("ks"), told.get("roc_auc")
    if ks is not None and auc is not None and ks > 1 - auc + _ROUNDING:
        return float(ks)
    return one_sided_ks(result.score[~positive], result.score[positive])


def one_sided_ks(others: Array, defaulters: Array) -> float | None:
    """Return by how much the others' cumulative score distribution is above the defaulters' at most.

    That is the statistic of ``scipy.stats.ks_2samp(others, defaulters, alternative="greater")``.

    Parameters
    ----------
    others, defaulters : float64 ndarray
        Scores of rows of each class.
    """
    if not (others.size and defaulters.size):
        return None
    others, defaulters = np.sort(others), np.sort(defaulters)
    # The difference is largest just below a defaulter's score, if it is not 0.
    below = np.searchsorted(others, defaulters, "left") / others.size
    return max(0.0, float(np.max(below - np.searchsorted(defaulters, defaulters, "left") / defaulters.size)))
