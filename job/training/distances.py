"""Squared distances of chosen pairs of rows: the very float64 numbers that scikit-learn compares.

Its brute force takes |x|² − 2 x·y + |y|², with the products of chunks of 256 rows by chunks of 256 rows, and lengths by
BLAS's dot. What BLAS makes of a pair depends on its kernels, and on where in its chunk the pair is.
"""

from __future__ import annotations

import numpy as np

from job.metrics import Array

_CHUNK = 256  # scikit-learn's default, which nothing here changes
_PROBE = 700  # rows: chunks that are whole, and one that is not
_PRODUCTS = 20_000  # of chunks that are always worth it: ten seconds
_SHARE = 1 / 40  # of the products that scikit-learn makes, which are worth it too
_SLICE = 1 << 21  # numbers of a temporary array: 16 MiB
_U64 = 2.0**-53


class Uncertain(Exception):
    """What is asked cannot be told for certain, or only at a price: scikit-learn has to be asked."""


class Distances:
    """Squared distances between float32 rows.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p), C-contiguous
    """

    def __init__(self, X: Array) -> None:
        self._X = X
        self.lengths: Array = np.sqrt(np.einsum("ij,ij->i", X, X, dtype=np.float64))
        self._bound = 4 * (X.shape[1] + 4) * _U64
        self._products_left = max(_PRODUCTS, (len(X) / _CHUNK) ** 2 * _SHARE)

    def close(self, i: Array, j: Array) -> tuple[Array, Array]:
        """Return squared distances as sums of squared differences, and by how much scikit-learn's can differ.

        Parameters
        ----------
        i, j : int64 ndarray of shape (m,)
            Positions of the rows.
        """
        found = np.empty(len(i))
        step = max(1, _SLICE // self._X.shape[1])
        for at in range(0, len(i), step):
            difference = self._X[i[at : at + step]].astype(np.float64)
            difference -= self._X[j[at : at + step]]
            np.einsum("ij,ij->i", difference, difference, out=found[at : at + step])
        return found, self._bound * (self.lengths[i] + self.lengths[j]) ** 2

    def differ(self, i: Array, j: Array) -> bool:
        """Whether any pair is of rows that are not equal."""
        return bool((self._X[i] != self._X[j]).any())

    def exact(self, i: Array, j: Array) -> Array:
        """Return scikit-learn's own numbers.

        Raises
        ------
        Uncertain
            Where all pairs that were asked for lie in too many chunks.
        """
        from scipy.linalg.blas import ddot, dgemm

        found = np.empty(len(i))
        chunks = i // _CHUNK * (len(self._X) // _CHUNK + 1) + j // _CHUNK
        order = np.argsort(chunks, kind="stable")
        cuts = np.flatnonzero(np.diff(chunks[order])) + 1
        self._products_left -= len(cuts) + 1
        if self._products_left < 0:
            raise Uncertain
        for pairs in np.split(order, cuts) if len(order) else ():
            a, b = i[pairs[0]] // _CHUNK * _CHUNK, j[pairs[0]] // _CHUNK * _CHUNK
            left, right = (self._X[at : at + _CHUNK].astype(np.float64) for at in (a, b))
            # As scikit-learn has it multiplied: row by row, which to BLAS is transposed.
            found[pairs] = dgemm(-2.0, right.T, left.T, trans_a=True)[j[pairs] - b, i[pairs] - a]
        rows, at = np.unique(np.concatenate([i, j]), return_inverse=True)
        squares = np.array([ddot(row, row) for row in self._X[rows].astype(np.float64)])
        numbers: Array = np.maximum(0.0, (squares[at[: len(i)]] + found) + squares[at[len(i) :]])
        return numbers


def reproduced(X: Array) -> bool:
    """Whether :meth:`Distances.exact` gives scikit-learn's numbers here: of some rows it is asked too."""
    from sklearn.neighbors import NearestNeighbors

    some = X[:_PROBE]
    asked = NearestNeighbors(n_neighbors=3, algorithm="brute", metric="sqeuclidean").fit(some)
    theirs, j = asked.kneighbors(some)
    return np.array_equal(Distances(some).exact(np.repeat(np.arange(len(some)), 3), j.ravel()), theirs.ravel())


def ranked(distances: Distances, rows: Array, at: Array, j: Array, k: int) -> Array:
    """Return what scikit-learn takes for the k nearest of rows after the first, mostly the row itself.

    Parameters
    ----------
    rows : int64 ndarray of shape (m,)
    at, j : int64 ndarray
        Pairs of `rows` and all rows that can be among their k + 1 nearest.
    """
    close, error = distances.close(rows[at], j)
    order = np.lexsort((close, at))
    at, j, close, error = (values[order] for values in (at, j, close, error))
    first = np.searchsorted(at, np.arange(len(rows)))
    ranks = first[:, None] + np.arange(k + 1)
    reach = (close + error)[ranks].max(axis=1)
    doubt = close - error <= reach[at]
    # Certain is the order of those that are clear of the one before and the one behind.
    counts = np.bincount(at[doubt], minlength=len(rows))
    clear = (close - error)[ranks[:, 1:]] > (close + error)[ranks[:, :-1]]
    unsure = (counts > k + 1) | ~clear.all(axis=1)
    found: Array = j[ranks[:, 1:]]
    if unsure.any():
        asked = doubt & unsure[at]
        found[unsure] = _asked(distances, rows, at[asked], j[asked], k)
    return found


def _asked(distances: Distances, rows: Array, at: Array, j: Array, k: int) -> Array:
    """Return what scikit-learn takes for the k nearest after the first, by its own numbers and its rule for ties."""
    distance = distances.exact(rows[at], j)
    order = np.lexsort((j, distance, at))
    at, j, distance = at[order], j[order], distance[order]
    _, first, counts = np.unique(at, return_index=True, return_counts=True)
    if k == 1:  # of two it keeps the first row at the second distance, which may be the first distance as well
        second: Array = np.where(distance[first] == distance[first + 1], first, first + 1)
        return j[second][:, None]
    tied = (np.diff(at) == 0) & (np.diff(distance) == 0) & (distance[1:] <= np.repeat(distance[first + k], counts)[1:])
    if distances.differ(j[1:][tied], j[:-1][tied]):
        raise Uncertain
    few: Array = j[first[:, None] + np.arange(1, k + 1)]
    return few
