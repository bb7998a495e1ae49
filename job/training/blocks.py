"""Splits that keep rows together which belong together: all of a group on one side, all of a month on one side.

*By group*: the outer split is scikit-learn's ``StratifiedGroupKFold(10, shuffle=True, random_state=seed)``, whose first
folds are the test part; the inner folds are ``StratifiedGroupKFold`` again.

*By time*: rolling origins. The test parts are windows of whole months that follow one another; the last one ends with
the last month whose rows were all due when outcomes were looked up. A model of an origin learns from earlier months
alone, and from outcomes that were *known at the cut*, the beginning of its test window: those of rows that were due by
then, whatever became of them. A default that showed earlier does not let its row in, since the good rows of its month
would have to wait. The inner folds are ``TimeSeriesSplit`` over the sorted distinct months, mapped to rows.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from job.metrics import Array
from job.training.splits import Inapplicable, Splits, of_parts

OUTER_FOLDS = 10
LEAST_IN_TRAINING = 5
LEAST_IN_TEST = 3
Labels = Literal["known_at_cut", "hindsight"]


@dataclass(frozen=True)
class ByRow:
    """Rows are drawn one by one."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"by": "row"}

    def __str__(self) -> str:
        return "by row"


@dataclass(frozen=True)
class ByGroup:
    """All rows of a group stay together."""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"by": "group"}

    def __str__(self) -> str:
        return "by group"


@dataclass(frozen=True)
class ByTime:
    """The past learns, the future tests.

    Attributes
    ----------
    origins : int
        Test windows, each with a model of its own.
    months : int
        How many months a test window has.
    gap : int
        Months before each test window, and between the months of a fold's two parts, that nothing learns from.
    labels : {'known_at_cut', 'hindsight'}
        Whether an outcome counts in training only where it was due by the cut, or whenever it became known.
    term : int or None
        Only rows whose outcome is due after so many months; None for all.
    """

    origins: int = 3
    months: int = 6
    gap: int = 0
    labels: Labels = "known_at_cut"
    term: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        found = {"by": "time", **asdict(self)}
        if self.term is None:
            del found["term"]
        return found

    def __str__(self) -> str:
        gap = f", a gap of {self.gap}" if self.gap else ""
        term = f", terms of {self.term} months only" if self.term is not None else ""
        labels = "outcomes known at the cut" if self.labels == "known_at_cut" else "outcomes in hindsight"
        return f"by time, {_count(self.origins, 'origin')} of {_count(self.months, 'month')}{gap}, {labels}{term}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


Split: TypeAlias = ByRow | ByGroup | ByTime


@dataclass(frozen=True)
class Calendar:
    """When rows begin and when their outcomes are due; n rows.

    Attributes
    ----------
    month : int32 ndarray of shape (n,)
        Since January 1970.
    horizon : int8 ndarray of shape (n,), or None
        Months until the outcome is due.
    as_of : int or None
        The month at which outcomes were looked up.
    """

    month: Array
    horizon: Array | None = None
    as_of: int | None = None


@dataclass(frozen=True)
class Origin:
    """The months of one test window and of what learnt for it, each as ``2013-04``."""

    cut: str
    train: tuple[str, str]
    test: tuple[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"cut": self.cut, "train": list(self.train), "test": list(self.test)}


def split_by_group(target: Array, group: Array, *, seed: int, folds: int, test_share: float) -> Splits:
    """Split rows so that no group is on both sides, of the test and of every fold.

    Parameters
    ----------
    target : int8 ndarray of shape (n,)
    group : int32 ndarray of shape (n,)
    seed : int
        ``random_state`` of both splits.
    folds : int
    test_share : float
        In tenths.

    Raises
    ------
    Inapplicable
        Where fewer than 5 groups with a default are in the training part, or fewer than 3 in the test part, or a part
        lacks a class.
    """
    if np.unique(group).size < OUTER_FOLDS:
        raise Inapplicable(f"{np.unique(group).size} groups are too few to be split")
    held_out = round(test_share * OUTER_FOLDS)
    outer = [part for _, part in _grouped(OUTER_FOLDS, target, group, seed)]
    is_test = np.zeros(target.size, bool)
    is_test[np.concatenate(outer[:held_out])] = True
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    for rows, part, least in ((train, "training", LEAST_IN_TRAINING), (test, "test", LEAST_IN_TEST)):
        positive = np.unique(group[rows][target[rows] == 1]).size
        if positive < least:
            raise Inapplicable(
                f"{positive} groups with a default in the {part} part are too few; at least {least} are needed"
            )
        if target[rows].all():
            raise Inapplicable(f"the {part} part lacks a class")
    if np.unique(group[train]).size < folds:
        raise Inapplicable(f"{np.unique(group[train]).size} groups in the training part are too few for {folds} folds")
    return of_parts(target, train, test, _grouped(folds, target[train], group[train], seed))


def _grouped(folds: int, target: Array, group: Array, seed: int) -> Iterator[tuple[Array, Array]]:
    from sklearn.model_selection import StratifiedGroupKFold

    if np.bincount(target, minlength=2).max() < folds:
        raise Inapplicable(f"{target.size} rows are too few for {folds} folds")
    with warnings.catch_warnings():
        # That the rarer class has fewer rows than there are folds; what matters is looked at afterwards.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        yield from StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(target, target, group)


def split_by_time(target: Array, calendar: Calendar, how: ByTime, *, origin: int, folds: int) -> tuple[Splits, Origin]:
    """Split rows at one of the rolling origins.

    Parameters
    ----------
    target : int8 ndarray of shape (n,)
    origin : int
        From 1, the earliest, to ``how.origins``.
    folds : int

    Raises
    ------
    Inapplicable
        Where there are no such months, or too few of them, or a part lacks a class.
    """
    month, horizon = calendar.month, calendar.horizon
    asked = np.ones(target.size, bool)
    if horizon is None and (how.labels == "known_at_cut" or how.term is not None):
        raise Inapplicable("the dataset does not say when outcomes are due (its horizon), so none is known at a cut")
    if horizon is not None and how.term is not None:
        asked = horizon == how.term
        if not asked.any():
            raise Inapplicable(f"no row has a term of {how.term} months")
    last = int(month[asked].max())
    if horizon is not None and calendar.as_of is not None:
        last = min(last, calendar.as_of - int(horizon[asked].max()))
    end = last - (how.origins - origin) * how.months
    cut = end - how.months + 1
    test = np.flatnonzero(asked & (month >= cut) & (month <= end))
    learns = asked & (month < cut - how.gap)
    known = ""
    if horizon is not None and how.labels == "known_at_cut":
        learns &= month + horizon <= cut
        known = " whose outcomes were due by then"
    train = np.flatnonzero(learns)
    window = f"the test window {name_of(cut)} to {name_of(end)}"
    for rows, what in ((test, f"in {window}"), (train, f"before {window}{known}")):
        counts = np.bincount(target[rows], minlength=2)
        if counts.min() < 2:
            raise Inapplicable(f"{counts[1]:,} defaults and {counts[0]:,} others {what} are too few")
    months = np.unique(month[train])
    if months.size < folds + 1 + how.gap:
        raise Inapplicable(f"{months.size} months before {window}{known} are too few for {folds} folds")
    splits = of_parts(target, train, test, _rolling(month[train], months, folds, how.gap))
    return splits, Origin(name_of(cut), (name_of(months[0]), name_of(months[-1])), (name_of(cut), name_of(end)))


def _rolling(month: Array, months: Array, folds: int, gap: int) -> Iterator[tuple[Array, Array]]:
    from sklearn.model_selection import TimeSeriesSplit

    try:
        pairs = list(TimeSeriesSplit(folds, gap=gap).split(months))
    except ValueError:
        raise Inapplicable(f"{months.size} months are too few for {folds} folds with a gap of {gap}") from None
    for earlier, later in pairs:
        yield tuple(np.flatnonzero(np.isin(month, months[part])) for part in (earlier, later))  # type: ignore[misc]


def name_of(month: int) -> str:
    """Return a month since January 1970 as ``2013-04``."""
    return str(np.datetime64(int(month), "M"))


def shared_groups(group: Array, splits: Splits) -> float:
    """Return the share of the test rows whose group has rows in the training part."""
    return float(np.mean(np.isin(group[splits.refit.valid], group[splits.refit.train])))
