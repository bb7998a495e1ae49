"""Neighbours that scikit-learn itself has to seek, some thousand rows at a time: what is found outlives the search.

Among a million rows it takes an hour. scikit-learn answers each row by itself, :data:`_AT_ONCE` of them at a time from
the first on, so that stretches of whole such groups get the very answers that all rows get together; of few rows it
decides in another way, which is why the last stretch is never short.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final, Protocol

import numpy as np

from job.metrics import Array
from job.training.kernels import numeric_environment

_AT_ONCE: Final = 256  # scikit-learn's chunk
_FEW: Final = 4 * _AT_ONCE  # up to so many rows, one thread divides what is compared with and not who asks
STRETCH: Final = 64 * _AT_ONCE
"""Rows of a stretch: a minute and a half among a million rows of 42 features."""
PATIENCE_S: Final = 2.0
"""What takes less than so many seconds is not worth keeping by itself."""


class Kept(Protocol):
    """Where stretches are kept, by name."""

    def get(self, name: str) -> bytes | None:
        """Return what was kept under a name; None where nothing is."""

    def put(self, name: str, data: bytes) -> None:
        """Keep something; where there is no room for it, it is not kept."""


class _Nowhere:
    def get(self, _name: str) -> bytes | None:
        return None

    def put(self, _name: str, _data: bytes) -> None:
        pass


NOWHERE: Final[Kept] = _Nowhere()


def stretches(rows: int, stretch: int = STRETCH) -> Iterator[slice]:
    """Yield stretches of so many rows, the last of them longer where it would be short."""
    start = 0
    while start < rows:
        end = start + stretch if rows - start - stretch > _FEW else rows
        yield slice(start, end)
        start = end


def nearest_of_all(
    X: Array,
    k: int,
    kept: Kept = NOWHERE,
    seek: Callable[[Array], Array] | None = None,
    *,
    stretch: int = STRETCH,
    patience_s: float = PATIENCE_S,
) -> Array:
    """Find each row's nearest rows, itself among them, as scikit-learn does with one thread.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p), C-contiguous
    k : int
    kept : Kept
        Asked for each stretch before it is sought, and told of it afterwards, once what it does not know yet has taken
        `patience_s` seconds. What is wrong there is sought again.
    seek : callable, optional
        From some of the rows to their nearest rows, where somebody has prepared for that.
    stretch : int
        A multiple of 256, larger than 1,024.

    Returns
    -------
    int32 ndarray of shape (n, k)
        What ``NearestNeighbors(n_neighbors=k).fit(X).kneighbors(X, return_distance=False)`` returns.
    """
    if len(X) <= stretch + _FEW:  # a single one, over before it is worth keeping
        kept = NOWHERE
    identity = "" if kept is NOWHERE else _identity(X, k)
    found = np.empty((len(X), k), np.int32)
    untold: list[tuple[str, Array]] = []
    since = time.monotonic()
    for rows in stretches(len(X), stretch):
        name, here = f"{identity}-{rows.start}", found[rows]
        known = _read(kept.get(name), here.shape, len(X))
        if known is not None:
            here[:] = known
            continue
        seek = seek or _seeker(X, k)
        here[:] = seek(X[rows])
        untold.append((name, here))
        if time.monotonic() - since >= patience_s:
            for one, neighbours in untold:
                kept.put(one, neighbours.astype("<i4").tobytes())
            untold.clear()
            since = time.monotonic()
    return found


def _seeker(X: Array, k: int) -> Callable[[Array], Array]:
    from sklearn.neighbors import NearestNeighbors

    return partial(NearestNeighbors(n_neighbors=k).fit(X).kneighbors, return_distance=False)


def _read(data: bytes | None, shape: tuple[int, ...], rows: int) -> Array | None:
    if data is None or len(data) != 4 * shape[0] * shape[1]:
        return None
    found = np.frombuffer(data, "<i4").reshape(shape)
    return found if found.min() >= 0 and found.max() < rows else None


def _identity(X: Array, k: int) -> str:
    """Return what tells a search from every other whose answer might differ."""
    import scipy
    import sklearn

    made_with = (sklearn.__version__, scipy.__version__, np.__version__, sorted(numeric_environment().items()))
    digest = hashlib.blake2b(repr((made_with, k, X.shape)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()
