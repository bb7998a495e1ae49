"""What a dataset declares to be learnt in the folds before medians and scales: ends drawn in, missing values marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.data.declared import Steps
from job.metrics import Array


@dataclass(frozen=True)
class ColumnSteps:
    """:class:`~job.data.declared.Steps` by the positions of the features; the standard is nothing.

    Attributes
    ----------
    winsor : float or None
    winsorised, indicators : tuple of int
    """

    winsor: float | None = None
    winsorised: tuple[int, ...] = ()
    indicators: tuple[int, ...] = ()


def by_position(steps: Steps, feature_names: tuple[str, ...]) -> ColumnSteps:
    """Return steps by the positions of the features; names that are no feature's do nothing."""
    place = {name: i for i, name in enumerate(feature_names)}
    winsorised, indicators = (
        tuple(place[name] for name in names if name in place) for names in (steps.winsorised, steps.indicators)
    )
    return ColumnSteps(steps.winsor, winsorised, indicators)


def draw_in(train: Array, others: Array, steps: ColumnSteps) -> None:
    """Draw the ends of the declared columns in to the training rows' quantiles, in place.

    Parameters
    ----------
    train : float32 ndarray of shape (m, p)
        The quantiles are those of its values that are not missing, interpolated linearly. A column without any stays.
    others : float32 ndarray of shape (k, p)
    """
    if steps.winsor is None:
        return
    for column in steps.winsorised:
        known = train[:, column][~np.isnan(train[:, column])]
        if not known.size:
            continue
        low, high = np.quantile(known, [steps.winsor, 1 - steps.winsor])
        for part in (train, others):
            np.clip(part[:, column], low, high, out=part[:, column])


def with_indicators(X: Array, steps: ColumnSteps) -> Array:
    """Return rows with a column more, 1 where the value is missing, for each of the declared features.

    Parameters
    ----------
    X : float32 ndarray of shape (m, p)

    Returns
    -------
    float32 ndarray of shape (m, p + number of indicators)
    """
    if not steps.indicators:
        return X
    return np.hstack([X, np.isnan(X[:, list(steps.indicators)]).astype(np.float32)])
