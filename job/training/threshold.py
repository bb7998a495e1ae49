"""Threshold moving: the decision threshold that does best on the validation folds.

To the last bit what scikit-learn's ``TunedThresholdClassifierCV`` with 100 thresholds and balanced accuracy finds on
the same folds, computed from scores that the search already has instead of fitting every fold again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from job.metrics import Array, balanced_accuracy
from job.training.splits import Inapplicable

THRESHOLDS = 100


def tune_threshold(targets: Sequence[Array], scores: Sequence[Array]) -> Array:
    """Return the best threshold as a scalar of the scores' own float type; the decision is score ≥ threshold.

    Each fold is scored at thresholds spread evenly between its lowest and highest score; the folds' curves are
    interpolated onto one such range over all folds and averaged; the first maximum wins.

    Parameters
    ----------
    targets : sequence of int8 ndarray of shape (k_i,)
        The validation folds' targets.
    scores : sequence of ndarray of shape (k_i,)
        Their probabilities of default.

    Raises
    ------
    Inapplicable
        Where a fold's scores are constant.
    """
    grids = [np.linspace(np.min(fold), np.max(fold), THRESHOLDS) for fold in scores]
    for i, grid in enumerate(grids):
        if np.isclose(grid[0], grid[-1]):
            raise Inapplicable(f"the winner's scores on fold_{i} are constant, so there is no threshold to seek")
    curves = [
        np.array([balanced_accuracy(target, fold >= threshold) for threshold in grid])
        for target, fold, grid in zip(targets, scores, grids, strict=True)
    ]
    lowest = min(grid.min() for grid in grids)
    highest = max(grid.max() for grid in grids)
    thresholds = np.linspace(lowest, highest, THRESHOLDS)
    mean = np.mean([np.interp(thresholds, grid, curve) for grid, curve in zip(grids, curves, strict=True)], axis=0)
    best: Array = thresholds[int(mean.argmax())]
    return best
