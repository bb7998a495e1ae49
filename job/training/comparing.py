"""Rows in blocks of near ones, compared by float32 products on whichever device they are.

A row is compared with a block only where the block's box is near enough. What a product of float32 numbers can be wrong
by is added to every bound (:meth:`Rows.limit`), so that what is left out cannot matter: neither the order in which a
device adds up, nor how many rows it takes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final

import numpy as np

from job.arrays import Device, namespace, to_device, to_host
from job.metrics import Array
from job.training.distances import Distances, Uncertain, ranked, reproduced

FEW = 4096  # fewer rows are not worth it, and of few scikit-learn decides ties in another way
TREE = 15  # up to so many features scikit-learn asks a tree
MANY = 512  # with more features than that turning the rows to their principal axes does not pay
LEAD = 6  # principal axes that blocks are cut along, and that boxes are made of
MOST_PAIRS = 64  # a row, on average: where more are left, rows repeat too often
_GROUPS = 32
_AT_ONCE = 4096  # rows that the host turns to their axes
_FAR = 1e30
_TINY = 1e-35  # what float32 loses where squares vanish; the largest coordinate is about 1
_U32, _U64 = 2.0**-24, 2.0**-53


@dataclass(frozen=True)
class Place:
    """Where rows are compared, and how many at once: no answer depends on it.

    Attributes
    ----------
    put : callable
        Takes a host array there.
    block : int
        Rows of a block.
    chunk : int
        Rows that are compared with one block after the other.
    """

    put: Callable[[Array], Any]
    block: int = 512
    chunk: int = 4096


HOST: Final = Place(np.asarray)


def place_of(device: Device) -> Place:
    """Return where a device compares rows.

    On a GPU a product has up to 512 × 32768 numbers, 64 MiB. With what is made of it that is about half a GiB beside
    the rows themselves, whatever their number.
    """
    return HOST if device.kind == "cpu" else Place(partial(to_device, device=device), chunk=32_768)


def certain(rows: int, features: int) -> bool:
    """Whether scikit-learn compares all pairs of so many rows, and asking for less can pay."""
    return rows >= FEW and TREE < features <= MANY


class _Axes:
    """The principal axes of rows, the longest first, scaled by a power of two: coordinates are at most about 1."""

    def __init__(self, X: Array) -> None:
        self._centre = X.mean(axis=0, dtype=np.float64)
        moments, largest = np.zeros((X.shape[1], X.shape[1])), 0.0
        for part in _slices(len(X), _AT_ONCE):
            centred = X[part] - self._centre
            moments += centred.T @ centred
            largest = max(largest, float(np.abs(centred).max()))
        if not np.isfinite(moments).all():
            raise Uncertain
        self._axes = np.linalg.eigh(moments)[1][:, ::-1]
        self.scale = float(2.0 ** -np.ceil(np.log2(largest))) if largest else 1.0

    def turn(self, X: Array, axes: int) -> Array:
        """Return the first coordinates of rows, in float32; the distances of rows are what they were, scaled."""
        turned: Array = ((X - self._centre) @ (self._axes[:, :axes] * self.scale)).astype(np.float32)
        return turned


@dataclass(frozen=True)
class _Asking:
    """Some rows that are compared with blocks: arrays of the device, but for `places`, which ascend."""

    places: Array
    left: Any
    squares: Any
    lead: Any


class Rows:
    """Rows in blocks of near ones, each block of rows of one side, in the order of their *places*.

    Attributes
    ----------
    order : int64 ndarray of shape (n,)
        The row at each place; `place` is its inverse.
    starts : int64 ndarray of shape (blocks + 1,)
        The place where each block starts, and n.
    sides : list of range
        The blocks of each side.
    """

    def __init__(self, X: Array, sides: Sequence[Array], where: Place) -> None:
        if not (certain(*X.shape) and reproduced(X)):
            raise Uncertain
        (n, p), axes = X.shape, _Axes(X)
        lead = np.concatenate([axes.turn(X[part], LEAD) for part in _slices(n, _AT_ONCE)])
        blocks = [[rows[run] for run in _cut(lead[rows], where.block)] for rows in sides]
        ends = np.cumsum([0, *map(len, blocks)]).tolist()
        self.sides = [range(a, b) for a, b in pairwise(ends)]
        runs = [run for side in blocks for run in side]
        self.starts = np.cumsum([0, *map(len, runs)])
        self.order = np.concatenate(runs)
        self.place = np.empty(n, dtype=np.int64)
        self.place[self.order] = np.arange(n)
        # A point is followed by its squared length: one product gives |y|² − 2 x·y.
        points = np.empty((n, p + 1), dtype=np.float32)
        for part in _slices(n, _AT_ONCE):
            points[part, :p] = axes.turn(X[self.order[part]], p)
            points[part, p] = np.square(points[part, :p], dtype=np.float64).sum(axis=1)
        lead = np.ascontiguousarray(points[:, :LEAD].T)
        self._middles = np.add.reduceat(lead, self.starts[:-1], axis=1).T / np.diff(self.starts)[:, None]
        low, high = (of.reduceat(lead, self.starts[:-1], axis=1).T for of in (np.minimum, np.maximum))
        put = where.put
        self._where, self._points, self._lead = where, put(points), put(lead)
        self._low, self._high = (put(np.ascontiguousarray(side)[:, :, None]) for side in (low, high))
        self._xp = namespace(self._points)
        self._lengths, self._scale, self._distances = np.sqrt(points[:, p]), axes.scale, Distances(X)

    def limit(self, places: Array, best: Array) -> Array:
        """Return a bound for the products of all rows that scikit-learn can take for as near as those at `best`.

        A product of float32 numbers is wrong by at most e (|x|² + |y|²): e counts its additions, the rounding of the
        rows and of their lengths, and |y| is at most |x| and the distance. To this comes scikit-learn's own error, on
        rows that are not centred. Both count for the row at `best` and for the other one; and once more for its box.
        """
        features = self._points.shape[1] - 1
        apart = np.sqrt(np.maximum(best, 0, dtype=np.float64))
        here, uncentred = self._lengths[places], self._distances.lengths[self.order[places]] * self._scale
        error = 4.5 * (features + 12) * _U32 * (here**2 + (here + apart) ** 2)
        error += 5 * (features + 4) * _U64 * (2 * uncentred + apart) ** 2 + _TINY
        limit: Array = np.nextafter((best + 3 * error).astype(np.float32), np.float32(np.inf))
        return limit

    def within_own_block(self, places: Array, k: int) -> Array:
        """Return the k least products of rows with others of their blocks, in ascending order: shape (places, k)."""
        xp, found = self._xp, np.full((len(places), k), _FAR, dtype=np.float32)
        cuts = np.searchsorted(places, self.starts)
        for block in np.flatnonzero(np.diff(cuts)).tolist():
            part = slice(cuts[block], cuts[block + 1])
            asking = self._asking(places[part])
            itself = self._where.put(places[part][None, :] == np.arange(*self.starts[block : block + 2])[:, None])
            few = self._minima(xp.where(itself, _FAR, self._product(asking.left, block)), k) + asking.squares
            found[part, : few.shape[0]] = to_host(xp.sort(few, axis=0)[:k, :].T)
        return found

    def nearer(self, places: Array, best: Array, blocks: range) -> Array:
        """Lower the k least products of rows by those with other blocks than their own.

        Parameters
        ----------
        places : int64 ndarray of shape (m,), ascending
        best : float32 ndarray of shape (m, k)
        blocks : range
        """
        xp, k, found = self._xp, best.shape[1], best.copy()
        for part in _slices(len(places), self._where.chunk):
            asking, least = self._asking(places[part]), self._where.put(found[part])
            for block in self._nearest_first(places[part], blocks):
                near = self._near(asking, block, least[:, -1], itself=False)
                rows = xp.nonzero(near)[0]
                if rows.shape[0] == 0:
                    continue
                product = self._product(xp.take(asking.left, rows, axis=0), block)
                few = self._minima(product, k) + xp.take(asking.squares, rows)
                better = xp.min(few, axis=0) < xp.take(least[:, -1], rows)
                at = xp.nonzero(better)[0]
                if at.shape[0]:
                    both = xp.concat([xp.take(least, xp.take(rows, at), axis=0), xp.take(few, at, axis=1).T], axis=1)
                    near[near] = better
                    least[near] = xp.sort(both, axis=1)[:, :k]
            found[part] = to_host(least)
        return found

    def nearest(self, places: Array, best: Array, k: int) -> Array:
        """Return the k nearest others of rows as scikit-learn has them.

        Parameters
        ----------
        places : int64 ndarray of shape (m,), ascending
        best : float32 ndarray of shape (m, k)
            The products of k others.

        Returns
        -------
        int64 ndarray of shape (m, k)
        """
        found = np.empty((len(places), k), dtype=np.int64)
        limit = self.limit(places, best[:, -1])
        for part in _slices(len(places), self._where.chunk):
            at, j = self._pairs(places[part], limit[part])
            found[part] = ranked(self._distances, self.order[places[part]], at, self.order[j], k)
        return found

    def _pairs(self, places: Array, limit: Array) -> tuple[Array, Array]:
        """Return all pairs within the limits, a row with itself too: indices into `places`, and places."""
        xp, asking, count = self._xp, self._asking(places), 0
        within = self._where.put(limit)
        edge = within - asking.squares
        found = []
        for block in range(len(self.starts) - 1):
            rows = xp.nonzero(self._near(asking, block, within, itself=True))[0]
            if rows.shape[0] == 0:
                continue
            product = self._product(xp.take(asking.left, rows, axis=0), block)
            flat = to_host(xp.nonzero(xp.reshape(product <= xp.take(edge, rows), (-1,)))[0])
            count += len(flat)
            if count > MOST_PAIRS * self._where.chunk:
                raise Uncertain
            found.append((to_host(rows)[flat % product.shape[1]], flat // product.shape[1] + self.starts[block]))
        at, there = (np.concatenate(each) for each in zip(*found, strict=True))
        return at, there

    def _nearest_first(self, places: Array, blocks: range) -> list[int]:
        """Return blocks in an order in which bounds become low soon."""
        own = np.unique(np.searchsorted(self.starts, places, side="right") - 1)
        away = np.square(self._middles[blocks.start : blocks.stop] - self._middles[own].mean(axis=0)).sum(axis=1)
        order: list[int] = (np.argsort(away) + blocks.start).tolist()
        return order

    def _asking(self, places: Array) -> _Asking:
        xp, at = self._xp, self._where.put(places)
        points = xp.take(self._points, at, axis=0)
        left = xp.concat([points[:, :-1] * -2.0, xp.ones_like(points[:, -1:])], axis=1)
        return _Asking(places, left, points[:, -1], xp.take(self._lead, at, axis=1))

    def _near(self, asking: _Asking, block: int, limit: Any, *, itself: bool) -> Any:
        """Return which rows a block may have something within the limit of; of their own block only if `itself`."""
        xp = self._xp
        gap = xp.minimum(xp.maximum(asking.lead, self._low[block, ...]), self._high[block, ...]) - asking.lead
        near = xp.sum(gap * gap, axis=0) <= limit
        a, b = (int(cut) for cut in np.searchsorted(asking.places, self.starts[block : block + 2]))
        if a < b and not itself:
            near[a:b] = False
        return near

    def _product(self, left: Any, block: int) -> Any:
        """Return squared distances less |x|²: shape (rows of the block, rows)."""
        return self._xp.matmul(self._points[int(self.starts[block]) : int(self.starts[block + 1]), :], left.T)

    def _minima(self, product: Any, k: int) -> Any:
        """Return the least of each column, or if k > 1 those of some groups of it: of different rows, k or more."""
        xp = self._xp
        if k == 1:
            return xp.min(product, axis=0)[None, :]
        groups = max(1, product.shape[0] // _GROUPS)
        whole = product.shape[0] // groups * groups
        few = xp.min(xp.reshape(product[:whole, :], (groups, -1, product.shape[1])), axis=0)
        return xp.concat([few, product[whole:, :]], axis=0)


def _cut(lead: Array, block: int) -> Iterator[Array]:
    """Yield runs of at most `block` rows that lie close together: cut in halves along the widest side."""
    todo = [np.arange(len(lead))] if len(lead) else []
    while todo:
        rows = todo.pop()
        if len(rows) <= block:
            yield rows
            continue
        part = lead[rows]
        half = len(rows) // 2
        rows = rows[np.argpartition(part[:, np.ptp(part, axis=0).argmax()], half)]
        todo += [rows[half:], rows[:half]]


def _slices(n: int, step: int) -> Iterator[slice]:
    return (slice(first, first + step) for first in range(0, n, step))
