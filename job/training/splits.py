"""Which rows train, which validate, which test. The one place that decides, and that says when it cannot be done."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from job.metrics import Array
from job.training.techniques import SMOTE_NEIGHBORS, Sampler


class Inapplicable(Exception):
    """A unit that cannot work on these data, however often it is tried. Its text is the reason, for people."""


@dataclass(frozen=True)
class Fold:
    """One pair of training and validation rows.

    Attributes
    ----------
    train, valid : int64 ndarray
        Row positions in the processed data. For the refit, `valid` is the test part.
    name : str
        ``fold_0`` …, or ``refit``.
    """

    name: str
    train: Array
    valid: Array


@dataclass(frozen=True)
class Splits:
    """All folds of a unit: those of the cross-validation, and the refit on the whole training part."""

    folds: tuple[Fold, ...]
    refit: Fold


def split(target: Array, *, seed: int, folds: int, test_share: float) -> Splits:
    """Split rows as the protocol says: stratified train/test, then stratified folds of the training part.

    Parameters
    ----------
    target : int8 ndarray of shape (n,)
    seed : int
        ``random_state`` of both splits.
    folds : int
    test_share : float
        Share of the rows that are held out for the test, between 0 and 1.

    Raises
    ------
    Inapplicable
        Where the test part, or the training or validation part of a fold, would lack a class.
    """
    from sklearn.model_selection import StratifiedKFold, train_test_split

    counts = np.bincount(target, minlength=2)
    n_test = math.ceil(test_share * target.size)
    if counts.min() < 2 or min(n_test, target.size - n_test) < 2:
        raise Inapplicable(
            f"{int(counts.min())} rows of the rarer class among {target.size} cannot be split into train and test"
        )
    train, test = train_test_split(np.arange(target.size), test_size=test_share, stratify=target, random_state=seed)
    if np.unique(target[test]).size < 2:
        raise Inapplicable("the test part lacks a class")
    in_train = np.bincount(target[train], minlength=2)
    if in_train.min() < folds:
        raise Inapplicable(
            f"{int(in_train.min())} rows of the rarer class in the training part are too few for {folds} folds"
        )
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return of_parts(target, train, test, splitter.split(train, target[train]))


def of_parts(target: Array, train: Array, test: Array, pairs: Iterable[tuple[Array, Array]]) -> Splits:
    """Return the splits of a training and a test part.

    Parameters
    ----------
    train, test : int64 ndarray
        Row positions.
    pairs : iterable of (int64 ndarray, int64 ndarray)
        The folds' training and validation rows, as positions in `train`.

    Raises
    ------
    Inapplicable
        Where the training or validation part of a fold lacks a class.
    """
    made = tuple(Fold(f"fold_{i}", train[inner], train[outer]) for i, (inner, outer) in enumerate(pairs))
    for fold in made:
        if any(np.unique(target[rows]).size < 2 for rows in (fold.train, fold.valid)):
            raise Inapplicable(f"a part of {fold.name} lacks a class")
    return Splits(made, Fold("refit", train, test))


def check_sampler(sampler: Sampler, splits: Splits, target: Array) -> None:
    """Check that a sampler can work on every fold.

    Raises
    ------
    Inapplicable
        Where SMOTE has no more rows of the rarer class than neighbours.
    """
    if sampler not in ("smote", "smote_tomek"):
        return
    for fold in (*splits.folds, splits.refit):
        positives = int(np.bincount(target[fold.train], minlength=2).min())
        if positives <= SMOTE_NEIGHBORS:
            raise Inapplicable(
                f"SMOTE needs more than {SMOTE_NEIGHBORS} rows of the rarer class, {fold.name} trains on {positives}"
            )
