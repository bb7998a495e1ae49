"""Which rows of a table may be ranked together, in which order, and which the best is not distinguishable from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from job.analysis.resampled import LEAST_REPETITIONS, corrected_t, holm
from job.metrics import Array

LOWER_IS_BETTER = frozenset({"brier", "log_loss"})
LEAST_POSITIVES = 10
LEVEL = 0.05


@dataclass(frozen=True)
class Standing:
    """Where a row stands at one metric.

    Attributes
    ----------
    rank : int or None
        From 1, the best; equal values share one. None where the row is not ranked.
    unranked : str or None
        Why it is not.
    tied : bool or None
        Whether it is not distinguishable from the best; None where nothing was tested.
    """

    rank: int | None = None
    unranked: str | None = None
    tied: bool | None = None


def why_unranked(
    seeds: Sequence[tuple[int, ...]], values: Sequence[float | None], fewest_positives: int | None, one: str = "seed"
) -> list[str | None]:
    """Say of each row of a dataset why it cannot be ranked with the others; None where it can.

    Parameters
    ----------
    seeds : sequence of tuple of int
        The repetitions of each row. Rows over the set that most rows have are ranked; of two that are as common, the
        larger one.
    values : sequence of float or None
    fewest_positives : int or None
        Defaults in the smallest test part of the dataset; None where it is unknown.
    one : str
        What a repetition is: a seed or an origin.
    """
    counted = Counter(found for found, value in zip(seeds, values, strict=True) if value is not None)
    usual = max(counted, key=lambda found: (counted[found], len(found), found), default=())
    reasons: list[str | None] = []
    for found, value in zip(seeds, values, strict=True):
        if value is None:
            reasons.append("undefined or inapplicable")
        elif fewest_positives is not None and (few := too_few(fewest_positives)):
            reasons.append(few)
        elif found != usual:
            reasons.append(f"over other {one}s than the rows that are ranked")
        else:
            reasons.append(None)
    return reasons


def too_few(positives: int) -> str | None:
    """Say that nothing can be concluded from so many defaults; None where something can."""
    if positives >= LEAST_POSITIVES:
        return None
    return f"{positives} defaults in a test part are too few; at least {LEAST_POSITIVES} are needed"


def ranks(values: Sequence[float | None], metric: str) -> list[int | None]:
    """Return ranks from 1, the best, where there is a value; equal values share one."""
    known = [_key(value, metric) for value in values if value is not None]
    return [None if value is None else 1 + sum(_key(value, metric) > other for other in known) for value in values]


def tied_with_best(
    values: Sequence[Mapping[int, float]], test_to_train: float | None, metric: str
) -> list[bool | None]:
    """Tell of each row whether it is not distinguishable from the best.

    All pairs are tested by :func:`~job.analysis.resampled.corrected_t`, with Holm's adjustment over all of them; the
    best is not distinguishable from itself. Every value is None with fewer than three repetitions.

    Parameters
    ----------
    values : sequence of dict of int to float
        By repetition, which are the same for all rows.
    test_to_train : float or None
        Rows of the test part divided by those of the training part.
    """
    if not values or test_to_train is None or len(values[0]) < LEAST_REPETITIONS:
        return [None] * len(values)
    matrix = np.array([[row[seed] for seed in sorted(row)] for row in values])
    adjusted = all_pairs(matrix, test_to_train)
    best = min(range(len(values)), key=lambda i: _key(float(matrix[i].mean()), metric))
    return [i == best or bool(adjusted[i, best] > LEVEL) for i in range(len(values))]


def all_pairs(matrix: Array, test_to_train: float) -> Array:
    """Return the Holm-adjusted p-values of all pairs of rows, symmetric with ones on the diagonal.

    Parameters
    ----------
    matrix : float64 ndarray of shape (combinations, repetitions)
    """
    first, second = np.triu_indices(matrix.shape[0], 1)
    p = np.array([corrected_t(matrix[i] - matrix[j], test_to_train).p for i, j in zip(first, second, strict=True)])
    table = np.ones((matrix.shape[0], matrix.shape[0]))
    table[first, second] = table[second, first] = holm(p)
    return table


def _key(value: float, metric: str) -> float:
    return value if metric in LOWER_IS_BETTER else -value
