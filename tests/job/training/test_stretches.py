"""Neighbours sought stretch by stretch are those that scikit-learn finds at once, and none is sought twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.under_sampling import TomekLinks
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from job.training import resampling, stretches
from job.training.resampling import resample
from job.training.stretches import NOWHERE, Kept, nearest_of_all
from tests.job.training.kinds_of_rows import KINDS

STRETCH = 1280  # the least that is a multiple of scikit-learn's 256 and that it divides like more of them


class Remembered(dict[str, bytes]):
    """Keeps everything, and ends the process, as it were, when it has been told so often."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.most = most

    def put(self, name: str, data: bytes) -> None:
        if len(self) == self.most:
            raise InterruptedError
        self[name] = data


def drawn(kind: str, seed: int, n: int, p: int) -> np.ndarray:
    return np.ascontiguousarray(KINDS[kind](np.random.default_rng(seed), n, p), dtype=np.float32)


def sought(X: np.ndarray, k: int, kept: Kept = NOWHERE, seek: Any = None) -> np.ndarray:
    """What is found in short stretches, each of which is kept."""
    return nearest_of_all(X, k, kept, seek, stretch=STRETCH, patience_s=0.0)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 2**32 - 1),
    st.integers(3, 6000),
    st.integers(4, 40),
    st.integers(1, 3),
)
def test_they_are_those_that_all_rows_get_together(kind: str, seed: int, n: int, p: int, k: int) -> None:
    X = drawn(kind, seed, n, p)
    with threadpool_limits(1):
        wanted = NearestNeighbors(n_neighbors=k).fit(X).kneighbors(X, return_distance=False)
        np.testing.assert_array_equal(sought(X, k), wanted)


@given(st.integers(0, 200_000))
def test_stretches_cover_all_rows_in_whole_groups_and_none_is_short(n: int) -> None:
    parts = list(stretches.stretches(n, STRETCH))
    assert [row for part in parts for row in (part.start, part.stop)][1:-1:2] == [part.start for part in parts[1:]]
    assert (parts[0].start, parts[-1].stop) == (0, n) if n else not parts
    assert all(part.start % 256 == 0 for part in parts)
    assert len(parts) < 2 or all(part.stop - part.start > 1024 for part in parts)


def test_an_interrupted_search_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    X = drawn("repeated", 1, 6000, 20)
    asked = count_rows(monkeypatch)
    with threadpool_limits(1):
        wanted = nearest_of_all(X, 2)
        kept, asked[:] = Remembered(most=2), []
        with pytest.raises(InterruptedError):
            sought(X, 2, kept)
        assert sum(asked) == 3 * STRETCH, "the third was sought, and could not be kept"
        kept.most, asked[:] = None, []
        np.testing.assert_array_equal(sought(X, 2, kept), wanted)
    assert sum(asked) == 6000 - 2 * STRETCH


def count_rows(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    asked: list[int] = []
    theirs = NearestNeighbors.kneighbors

    def kneighbors(self: NearestNeighbors, X: np.ndarray, **options: object) -> object:
        asked.append(len(X))
        return theirs(self, X, **options)

    monkeypatch.setattr(NearestNeighbors, "kneighbors", kneighbors)
    return asked


@pytest.mark.parametrize("damage", [b"", b"\x01", (6000).to_bytes(4, "little") * 2 * STRETCH, b"\xff" * 8 * STRETCH])
def test_what_cannot_be_neighbours_is_sought_again(damage: bytes) -> None:
    X = drawn("repeated", 1, 6000, 20)
    kept = Remembered()
    with threadpool_limits(1):
        wanted = sought(X, 2, kept)
        kept[next(iter(kept))] = damage
        np.testing.assert_array_equal(sought(X, 2, kept), wanted)


def test_other_rows_or_another_number_of_neighbours_are_another_search() -> None:
    X = drawn("repeated", 1, 6000, 20)
    kept = Remembered()
    with threadpool_limits(1):
        sought(X, 2, kept)
        before = len(kept)
        sought(X, 3, kept)
        X[-1, -1] += 1
        sought(X, 2, kept)
    assert len(kept) == 3 * before


def test_a_search_that_is_over_in_one_stretch_is_not_kept() -> None:
    kept = Remembered()
    sought(drawn("repeated", 1, 2000, 20), 2, kept)
    assert not kept


def test_a_short_search_is_not_kept_however_many_stretches_it_has() -> None:
    kept = Remembered()
    nearest_of_all(drawn("repeated", 1, 6000, 20), 2, kept, stretch=STRETCH, patience_s=3600.0)
    assert not kept


@pytest.mark.parametrize(("kind", "p"), [("spread", 5), ("in clusters", 20)])
def test_rows_after_an_interrupted_search_are_those_of_imbalanced_learn(
    kind: str, p: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resampling, "nearest_of_all", sought)
    X = drawn(kind, 1, 7000, p)
    y = (np.random.default_rng(2).random(7000) < 0.3).astype(np.int8)
    with threadpool_limits(1):
        wanted = TomekLinks(sampling_strategy="all").fit_resample(X, y)
    kept = Remembered(most=3)
    with pytest.raises(InterruptedError):
        resample("smote_tomek", X, y, 1, kept=kept)
    kept.most = None
    found = resample("smote_tomek", X, y, 1, kept=kept)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
