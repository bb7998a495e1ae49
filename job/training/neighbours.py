"""Tomek links and SMOTE's neighbours: the very rows that scikit-learn's brute force finds, without all pairs of rows.

scikit-learn computes the distance of every row to every other in float64. Here most pairs are ruled out by float32
products, on the CPU or on a GPU (:mod:`job.training.comparing`). What is left, a few pairs for each row, is decided on
the host, and where it is close by scikit-learn's own float64 numbers (:mod:`job.training.distances`). So the answer is
scikit-learn's on every device, or `Uncertain`.
"""

from __future__ import annotations

import numpy as np

from job.metrics import Array
from job.training.comparing import HOST, Place, Rows


def tomek_links(X: Array, target: Array, where: Place = HOST) -> Array:
    """Find the rows that are each other's nearest neighbour and of different classes.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p), C-contiguous
    target : int8 ndarray of shape (n,)
        0 and 1.
    where : Place
        Where rows are compared.

    Returns
    -------
    bool ndarray of shape (n,)
        Those that imbalanced-learn's ``TomekLinks(sampling_strategy="all")`` takes away, computing with one thread.

    Raises
    ------
    Uncertain
        Where imbalanced-learn has to be asked.

    Notes
    -----
    Tomek (1976). Only a row whose nearest neighbour is of the other class can be in a link, so most rows of the rarer
    class are done with once a row of their own is known to be nearer than all others.
    """
    rarer = int(2 * np.count_nonzero(target) <= len(target))
    rows = Rows(X, [np.flatnonzero(target == rarer), np.flatnonzero(target != rarer)], where)
    own, others = rows.sides
    places = np.arange(rows.starts[own.stop])
    best = rows.nearer(places, rows.within_own_block(places, 1), own)
    limit = rows.limit(places, best[:, 0])[:, None]
    found = rows.nearer(places, limit, others)
    asking = np.flatnonzero(found < limit)
    i = rows.order[places[asking]]
    j = rows.nearest(places[asking], np.minimum(best, found)[asking], 1)[:, 0]
    i, j = i[target[i] != target[j]], j[target[i] != target[j]]
    partners = np.sort(rows.place[np.unique(j)])
    best = rows.nearer(partners, rows.within_own_block(partners, 1), range(len(rows.starts) - 1))
    back = np.full(len(X), -1)
    back[rows.order[partners]] = rows.nearest(partners, best, 1)[:, 0]
    links = np.zeros(len(X), dtype=bool)
    mutual = back[j] == i
    links[i[mutual]] = links[j[mutual]] = True
    return links


def neighbours(X: Array, k: int, where: Place = HOST) -> Array:
    """Find each row's nearest others.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p), C-contiguous
    k : int
    where : Place
        Where rows are compared.

    Returns
    -------
    int64 ndarray of shape (n, k)
        What ``NearestNeighbors(n_neighbors=k + 1).fit(X).kneighbors(X)`` of scikit-learn has in its columns but the
        first, in its order; equal rows can stand for each other.

    Raises
    ------
    Uncertain
        Where scikit-learn has to be asked: also where different rows are equally far, since then its answer depends
        on the order in which it came across them.
    """
    rows = Rows(X, [np.arange(len(X))], where)
    places = np.arange(len(X))
    best = rows.nearer(places, rows.within_own_block(places, k), rows.sides[0])
    found = np.empty((len(X), k), dtype=np.int64)
    found[rows.order] = rows.nearest(places, best, k)
    return found
