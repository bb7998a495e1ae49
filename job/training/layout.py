"""How a dataset's rows lie in an experiment: how they are split, what they are split by, what is learnt beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from job.data.processed import ProcessedData
from job.metrics import Array
from job.training.blocks import (
    ByGroup,
    ByRow,
    ByTime,
    Calendar,
    Origin,
    Split,
    shared_groups,
    split_by_group,
    split_by_time,
)
from job.training.splits import Inapplicable, Splits, split
from job.training.steps import ColumnSteps, by_position


@dataclass(frozen=True)
class Layout:
    """How the n rows of a dataset lie in an experiment; the standard is rows without ties.

    Attributes
    ----------
    split : ByRow, ByGroup or ByTime
    group : int32 ndarray of shape (n,), or None
        A dense code of the groups, in the order of their names.
    calendar : Calendar or None
        By time.
    steps : ColumnSteps
    random_state : int or None
        Of samplers and models, where it is not the repetition's own number.
    terms : int8 ndarray of shape (n,), or None
        Months until a row's outcome is due, where that is not the same for all.
    feature_names : tuple of str
    """

    split: Split = field(default_factory=ByRow)
    group: Array | None = None
    calendar: Calendar | None = None
    steps: ColumnSteps = field(default_factory=ColumnSteps)
    random_state: int | None = None
    terms: Array | None = None
    feature_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Division:
    """The splits of one repetition, and what is to be said of them.

    Attributes
    ----------
    splits : Splits
    block : int32 ndarray of shape (n,), or None
        By group or time: a dense code of what was kept together.
    origin : Origin or None
        By time.
    shared : float or None
        By row, of data with groups: the share of the test rows whose group has rows in the training part.
    """

    splits: Splits
    block: Array | None = None
    origin: Origin | None = None
    shared: float | None = None


def layout_of(data: ProcessedData, split: Split, first_seed: int) -> Layout:
    """Return how processed data lie in an experiment.

    Parameters
    ----------
    first_seed : int
        The spec's, which by time is the random state of every origin.
    """
    declared = data.info.declared
    calendar = None
    if data.time is not None and isinstance(split, ByTime):
        as_of = None if declared.as_of is None else int(np.datetime64(declared.as_of, "M").astype(np.int64))
        calendar = Calendar(data.time.astype("datetime64[M]").astype(np.int32), data.horizon, as_of)
    return Layout(
        split,
        None if data.group is None else dense(data.group),
        calendar,
        by_position(declared.steps, data.feature_names),
        first_seed if isinstance(split, ByTime) else None,
        data.horizon if data.horizon is not None and np.unique(data.horizon).size > 1 else None,
        data.feature_names,
    )


def dense(values: Any) -> Array:
    """Return a dense int32 code of values in their order; what is missing is one value, the first."""
    texts = np.array(["" if value is None else value for value in values], dtype=object)
    _, codes = np.unique(texts, return_inverse=True)
    return codes.astype(np.int32)


def divide(layout: Layout, target: Array, *, seed: int, folds: int, test_share: float) -> Division:
    """Split rows for one repetition.

    Parameters
    ----------
    target : int8 ndarray of shape (n,)
    seed : int
        The repetition's number: the random state of a split by row or group, the origin's number by time.

    Raises
    ------
    Inapplicable
        Where it cannot be done.
    """
    how = layout.split
    if isinstance(how, ByGroup):
        if layout.group is None:
            raise Inapplicable("the data have no groups to be split by")
        splits = split_by_group(target, layout.group, seed=seed, folds=folds, test_share=test_share)
        return Division(splits, layout.group)
    if isinstance(how, ByTime):
        if layout.calendar is None:
            raise Inapplicable("the data have no dates to be split by")
        splits, origin = split_by_time(target, layout.calendar, how, origin=seed, folds=folds)
        return Division(splits, np.unique(layout.calendar.month, return_inverse=True)[1].astype(np.int32), origin)
    splits = split(target, seed=seed, folds=folds, test_share=test_share)
    return Division(splits, shared=None if layout.group is None else shared_groups(layout.group, splits))
