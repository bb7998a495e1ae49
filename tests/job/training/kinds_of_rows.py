"""Kinds of rows among which neighbours are hard to find, or hard to tell apart, seeded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

Rng: TypeAlias = np.random.Generator
Kind: TypeAlias = Callable[[Rng, int, int], np.ndarray]


def _spread(rng: Rng, n: int, p: int) -> np.ndarray:
    return rng.normal(size=(n, p))


def _repeated(rng: Rng, n: int, p: int) -> np.ndarray:
    X = rng.normal(size=(n, p))
    X[rng.permutation(n)[: n // 10]] = X[rng.permutation(n)[: n // 10]]
    return X


def _nearly_repeated(rng: Rng, n: int, p: int) -> np.ndarray:
    """Their order is decided by the last bits of scikit-learn's numbers."""
    X, half = rng.normal(size=(n, p)), n // 2
    X[half : 2 * half] = X[:half] * (1 + 1e-7 * rng.normal(size=(half, p)))
    return X


def _on_a_grid(rng: Rng, n: int, p: int) -> np.ndarray:
    """Many are exactly equally far from each other."""
    return rng.integers(0, 4, size=(n, p))


def _rounded(rng: Rng, n: int, p: int) -> np.ndarray:
    return np.round(rng.normal(size=(n, p)), 1)


def _one_hot(rng: Rng, n: int, p: int) -> np.ndarray:
    X = np.zeros((n, p))
    X[np.arange(n), rng.integers(0, p - 3, n)] = 1
    X[:, -3:] = np.round(rng.normal(size=(n, 3)), 2)
    return X


def _with_outliers(rng: Rng, n: int, p: int) -> np.ndarray:
    """Of a row far out, nearly all others are about equally far."""
    return rng.normal(size=(n, p)) * rng.lognormal(0, 2, size=(n, 1))


def _far_from_zero(rng: Rng, n: int, p: int) -> np.ndarray:
    """What scikit-learn's float64 loses by not centring them is more than they differ by."""
    return 100 + 1e-4 * rng.normal(size=(n, p))


def _heavy_tailed(rng: Rng, n: int, p: int) -> np.ndarray:
    return rng.standard_cauchy(size=(n, p))


def _of_low_rank(rng: Rng, n: int, p: int) -> np.ndarray:
    return rng.normal(size=(n, 3)) @ rng.normal(size=(3, p))


def _interpolated(rng: Rng, n: int, p: int) -> np.ndarray:
    """As SMOTE makes them: on the lines between others."""
    X, half = rng.normal(size=(n, p)), n // 2
    one, other = rng.integers(0, half, (2, n - half))
    X[half:] = X[one] + rng.random((n - half, 1)) * (X[other] - X[one])
    return X


def _minute(rng: Rng, n: int, p: int) -> np.ndarray:
    """Their squares vanish in float32."""
    return 1e-30 * rng.normal(size=(n, p))


def _immense(rng: Rng, n: int, p: int) -> np.ndarray:
    """Their squares overflow in float32."""
    return 1e25 * rng.normal(size=(n, p))


def _in_clusters(rng: Rng, n: int, p: int) -> np.ndarray:
    return 1e3 * rng.normal(size=(8, p))[rng.integers(0, 8, n)] + rng.normal(size=(n, p))


def _of_any_magnitude(rng: Rng, n: int, p: int) -> np.ndarray:
    return rng.normal(size=(n, p)) * 10.0 ** rng.integers(-12, 12, size=(n, 1))


def _all_equal(rng: Rng, n: int, p: int) -> np.ndarray:
    return np.broadcast_to(rng.normal(size=p), (n, p))


# Those that are decided without asking scikit-learn for everything, and all.
DECIDED: dict[str, Kind] = {
    "spread": _spread,
    "repeated": _repeated,
    "nearly repeated": _nearly_repeated,
    "rounded": _rounded,
    "one-hot": _one_hot,
    "with outliers": _with_outliers,
    "heavy-tailed": _heavy_tailed,
    "of low rank": _of_low_rank,
    "interpolated": _interpolated,
    "minute": _minute,
    "immense": _immense,
}
KINDS: dict[str, Kind] = {
    **DECIDED,
    "on a grid": _on_a_grid,
    "far from zero": _far_from_zero,
    "in clusters": _in_clusters,
    "of any magnitude": _of_any_magnitude,
    "all equal": _all_equal,
}


def rows_of(kind: str, seed: int, n: int, p: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return float32 rows and their classes, int8; a `share` of 0 makes the class depend on the first feature."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind)])
    X = np.ascontiguousarray(KINDS[kind](rng, n, p), dtype=np.float32)
    y = (rng.random(n) < share).astype(np.int8) if share else (X[:, 0] > np.median(X[:, 0])).astype(np.int8)
    y[:8] = [0, 1] * 4
    return X, y
