"""Forests grown and asked a few trees at a time, so that memory never holds more of them.

A forest of 200 trees is twenty-five forests of 8 that draw their seeds one after the other from one ``RandomState``,
and its probability of default is a sum over its trees in their order. So the trees of a stretch can go once they have
been asked, and what comes out is scikit-learn's to the last bit. A fully grown tree on a million rows takes up 30 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from typing import Any, Final

import numpy as np

from job.metrics import Array

TREES_HELD: Final = 8
"""How many trees are held at once; a multiple of the threads that may grow them, so that none waits for others."""


def growing_probabilities(
    forest: Any, X: Array, target: Array, asked: Array, sizes: AbstractSet[int], threads: Callable[[], int]
) -> Iterator[Array]:
    """Grow a forest and say what its first trees predict, as forests of those sizes would.

    Parameters
    ----------
    forest : RandomForestClassifier
        Unfitted, with an integer as its random state; left with the last of its trees.
    X : float32 ndarray of shape (n, p), C-contiguous
    target : int8 ndarray of shape (n,)
        Both classes are in it.
    asked : float32 ndarray of shape (k, p), C-contiguous
        The rows to predict.
    sizes : set of int
        Numbers of trees, the forest's own at most.
    threads : callable
        Asked before each stretch how many threads may grow it. They change no bit: each tree has a seed of its own.

    Yields
    ------
    float64 ndarray of shape (k, 2)
        For each size, ascending: ``predict_proba`` of the forest of that size.
    """
    # As RandomForestClassifier with one thread adds its trees up: one after the other, in float64.
    total = np.zeros((asked.shape[0], 2))
    for count, tree in enumerate(_trees(forest, X, target, threads), 1):
        total += tree.predict_proba(asked, check_input=False)
        if count in sizes:
            yield total / count


def _trees(forest: Any, X: Array, target: Array, threads: Callable[[], int]) -> Iterator[Any]:
    from sklearn.utils import check_random_state

    left, draws = forest.n_estimators, check_random_state(forest.random_state)
    while left:
        stretch = min(left, TREES_HELD)
        forest.set_params(n_estimators=stretch, random_state=draws, n_jobs=min(threads(), stretch))
        forest.fit(X, target)
        yield from forest.estimators_
        left -= stretch
