"""The rows that a sampler adds to a fold and takes away from it: those of imbalanced-learn, byte for byte.

What takes long there are the neighbours of every row among all. :mod:`job.training.neighbours` finds them; where that
is uncertain imbalanced-learn does, which takes an hour for a million rows: stretch by stretch, so that a worker that is
ended in that hour loses one of them (:mod:`job.training.stretches`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from job.arrays import CPU, Device, release
from job.metrics import Array
from job.training import on_gpu
from job.training.comparing import FEW, Place, place_of
from job.training.distances import Uncertain
from job.training.neighbours import neighbours, tomek_links
from job.training.stretches import NOWHERE, Kept, nearest_of_all
from job.training.techniques import SMOTE_NEIGHBORS, Sampler

MANY_TO_INTERPOLATE = 20_000  # rows of the rarer class, from which on SMOTE's neighbours are found sooner by blocks


def resample(
    sampler: Sampler,
    X: Array,
    target: Array,
    seed: int,
    on_fall_back: Callable[[int], None] = lambda _rows: None,
    device: Device = CPU,
    kept: Kept = NOWHERE,
) -> tuple[Array, Array]:
    """Resample the training rows of a fold, as imbalanced-learn does with ``random_state = seed`` and one thread.

    Parameters
    ----------
    sampler : str
        Any but 'none'.
    X : float32 ndarray of shape (n, p)
        Without missing values; scaled, since neighbours are sought by Euclidean distance. For SMOTE-Tomek, SMOTE's
        result with the same seed.
    target : int8 ndarray of shape (n,)
    on_fall_back : callable
        Told, before it begins, of how many rows scikit-learn itself seeks the neighbours; not of few.
    device : Device
        Where rows are compared with each other; the answer is the same. No memory of it stays taken.
    kept : Kept
        Where neighbours are kept that scikit-learn itself seeks among many rows.

    Returns
    -------
    (float32 ndarray of shape (m, p), int8 ndarray of shape (m,))
        C-contiguous.

    Notes
    -----
    SMOTE: Chawla et al. (2002); SMOTE-Tomek: Batista et al. (2003), here Tomek links of both classes removed after
    that same seeded SMOTE.
    """
    from imblearn.under_sampling import RandomUnderSampler
    from threadpoolctl import threadpool_limits

    X, target = np.asarray(X), np.asarray(target)  # a view of what is mapped into memory
    with threadpool_limits(1):  # how scikit-learn decides between rows that are equally far depends on its threads
        if sampler == "random_under_sampling":
            X, target = RandomUnderSampler(random_state=seed).fit_resample(X, target)
        elif sampler == "smote":
            X, target = _smote(X, target, seed, on_fall_back, device, kept)
        else:
            X, target = _without_tomek_links(X, target, on_fall_back, device, kept)
    return np.ascontiguousarray(X, dtype=np.float32), target


def _without_tomek_links(
    X: Array, target: Array, on_fall_back: Callable[[int], None], device: Device, kept: Kept
) -> tuple[Array, Array]:
    from imblearn.under_sampling import TomekLinks

    try:
        with _there(device) as where:
            links = tomek_links(X, target, where)
    except Uncertain:
        if len(X) >= FEW:
            on_fall_back(len(X))
        links = TomekLinks.is_tomek(target, nearest_of_all(X, 2, kept)[:, 1], (0, 1))
    return X[~links], target[~links]


def _smote(
    X: Array, target: Array, seed: int, on_fall_back: Callable[[int], None], device: Device, kept: Kept
) -> tuple[Array, Array]:
    from imblearn.over_sampling import SMOTE
    from sklearn.neighbors import NearestNeighbors

    class Neighbours(NearestNeighbors):  # type: ignore[misc]
        """Finds the neighbours of all rows by blocks."""

        def kneighbors(self, X: Array, **_options: Any) -> Array:
            try:
                with _there(device) as where:
                    found = neighbours(X, self.n_neighbors - 1, where)
            except Uncertain:
                on_fall_back(len(X))
                theirs = partial(super().kneighbors, return_distance=False)
                return nearest_of_all(X, self.n_neighbors, kept, theirs)
            return np.column_stack([np.arange(len(X)), found])

    rarer = min(np.count_nonzero(target), np.count_nonzero(target == 0))
    k: Any = SMOTE_NEIGHBORS if rarer < MANY_TO_INTERPOLATE else Neighbours(n_neighbors=SMOTE_NEIGHBORS + 1)
    resampled: tuple[Array, Array] = SMOTE(k_neighbors=k, random_state=seed).fit_resample(X, target)
    return resampled


@contextmanager
def _there(device: Device) -> Iterator[Place]:
    """Compare rows on a device inside; what that took of its memory is given back."""
    try:
        with on_gpu.memory_named(device):
            yield place_of(device)
    finally:
        release(device)
