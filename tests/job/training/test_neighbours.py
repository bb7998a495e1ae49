"""Tomek links and SMOTE's neighbours are imbalanced-learn's, byte for byte, whatever the rows are like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import TomekLinks
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from job.arrays import Device
from job.errors import GpuMemoryShort
from job.training import resampling
from job.training.comparing import FEW, TREE, Place, Rows, certain
from job.training.distances import Uncertain
from job.training.neighbours import neighbours, tomek_links
from job.training.resampling import resample
from tests.job.fake_cupy import FakeGpu, fake_cupy
from tests.job.training.kinds_of_rows import DECIDED, KINDS, rows_of

SEEDS = st.integers(0, 2**32 - 1)
ROWS = st.integers(FEW, FEW + 700)
FEATURES = st.integers(TREE + 1, 60)
SHARES = st.sampled_from([0.0, 0.05, 0.3, 0.5, 0.9])
# Each example asks imbalanced-learn for all pairs.
few_examples = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))


def theirs(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the rows that imbalanced-learn takes away."""
    with threadpool_limits(1):
        tomek = TomekLinks(sampling_strategy="all")
        tomek.fit_resample(X, y)
    links = np.ones(len(X), dtype=bool)
    links[tomek.sample_indices_] = False
    return links


# One row among thousands may be so far out that float32 has too few bits to tell the others apart.
FAR_OUT = "with outliers"


def their_neighbours(X: np.ndarray) -> np.ndarray:
    with threadpool_limits(1):
        return NearestNeighbors(n_neighbors=4).fit(X).kneighbors(X, return_distance=False)[:, 1:]


@pytest.mark.parametrize("kind", DECIDED)
@few_examples
@given(SEEDS, ROWS, FEATURES, SHARES)
def test_tomek_links_are_those_of_imbalanced_learn(kind: str, seed: int, n: int, p: int, share: float) -> None:
    X, y = rows_of(kind, seed, n, p, share)
    try:
        found = tomek_links(X, y)
    except Uncertain:
        assert kind == FAR_OUT
        return
    np.testing.assert_array_equal(found, theirs(X, y))


@pytest.mark.parametrize("kind", DECIDED)
@few_examples
@given(SEEDS, ROWS, FEATURES)
def test_neighbours_are_those_of_scikit_learn(kind: str, seed: int, n: int, p: int) -> None:
    X, _ = rows_of(kind, seed, n, p, 0.5)
    try:
        found = neighbours(X, 3)
    except Uncertain:
        assert kind in ("rounded", "one-hot", FAR_OUT), "only these have rows that are equally far"
        return
    np.testing.assert_array_equal(X[found], X[their_neighbours(X)])  # equal rows can stand for each other


@pytest.mark.parametrize("kind", KINDS)
@few_examples
@given(SEEDS, ROWS, st.integers(2, 60), SHARES)
def test_rows_after_smote_and_tomek_are_those_of_imbalanced_learn_whoever_finds_the_neighbours(
    kind: str, seed: int, n: int, p: int, share: float
) -> None:
    X, y = rows_of(kind, seed, n, max(p, 4), share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resampling, "MANY_TO_INTERPOLATE", 0)
        smote = resample("smote", X, y, 7)
    with threadpool_limits(1):
        expected = SMOTE(k_neighbors=3, random_state=7).fit_resample(X, y)
    assert_same(smote, expected)
    assert_same(resample("smote_tomek", X, y, 7), (X[~theirs(X, y)], y[~theirs(X, y)]))


def assert_same(found: tuple[Any, Any], expected: tuple[Any, Any]) -> None:
    for ours, wanted in zip(found, expected, strict=True):
        assert (ours.dtype, ours.shape, ours.tobytes()) == (wanted.dtype, wanted.shape, wanted.tobytes())
        assert ours.flags.c_contiguous


@pytest.mark.parametrize("kind", DECIDED)
def test_each_kind_of_rows_has_links_to_find(kind: str) -> None:
    X, y = rows_of(kind, 3, FEW, 20, 0.3)
    assert theirs(X, y).sum() > 20


def test_ordinary_rows_never_fall_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither SMOTE's nor Tomek's neighbours are asked of scikit-learn."""
    X, y = rows_of("spread", 5, 3 * FEW, 20, 0.4)
    monkeypatch.setattr(resampling, "MANY_TO_INTERPOLATE", FEW)
    asked: list[int] = []
    monkeypatch.setattr(resampling, "neighbours", lambda X, k, where: asked.append(len(X)) or neighbours(X, k, where))
    told: list[int] = []
    after = resample("smote", X, y, 1, told.append)
    resample("smote_tomek", *after, 1, told.append)
    assert asked == [y.sum()]
    assert asked[0] >= FEW
    assert told == []


@pytest.mark.parametrize(("kind", "p"), [("all equal", 20), ("in clusters", 20), ("spread", TREE)])
def test_rows_that_are_hopeless_fall_back_and_that_is_told(kind: str, p: int) -> None:
    X, y = rows_of(kind, 2, FEW, p, 0.4)
    told: list[int] = []
    assert_same(resample("smote_tomek", X, y, 1, told.append), (X[~theirs(X, y)], y[~theirs(X, y)]))
    assert told == [FEW]


def test_few_rows_are_left_to_imbalanced_learn_without_a_word() -> None:
    X, y = rows_of("spread", 2, FEW - 1, 20, 0.4)
    told: list[int] = []
    assert_same(resample("smote_tomek", X, y, 1, told.append), (X[~theirs(X, y)], y[~theirs(X, y)]))
    assert told == []
    assert not certain(FEW - 1, 20)


def test_numbers_of_blas_that_cannot_be_reproduced_are_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.training.comparing.reproduced", lambda _: False)
    X, y = rows_of("spread", 2, FEW, 20, 0.4)
    with pytest.raises(Uncertain):
        tomek_links(X, y)
    assert_same(resample("smote_tomek", X, y, 1), (X[~theirs(X, y)], y[~theirs(X, y)]))


def test_a_probe_sees_that_numbers_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from job.training import distances

    X, _ = rows_of("spread", 2, FEW, 20, 0.4)
    assert distances.reproduced(X)
    monkeypatch.setattr(distances, "_CHUNK", 250)
    exact = distances.Distances.exact
    monkeypatch.setattr(distances.Distances, "exact", lambda self, i, j: np.nextafter(exact(self, i, j), np.inf))
    assert not distances.reproduced(X)


def test_rows_that_are_not_finite_are_refused_by_imbalanced_learn() -> None:
    X, y = rows_of("spread", 2, FEW, 20, 0.4)
    X[17, 3] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        resample("smote_tomek", X, y, 1)


@pytest.mark.parametrize(("block", "chunk"), [(512, 4096), (512, 32_768), (300, 700)])
@pytest.mark.parametrize("kind", ["interpolated", "spread", "nearly repeated"])
def test_the_device_is_any_array_library_with_memory_of_its_own(kind: str, block: int, chunk: int) -> None:
    """Nothing that NumPy alone has is asked of it, and no array goes there or back unseen: such a device refuses."""
    device = array_api_strict.Device("device1")
    there = Place(lambda array: array_api_strict.asarray(array, device=device), block, chunk)
    X, y = rows_of(kind, 4, FEW + 100, 20, 0.5)
    np.testing.assert_array_equal(tomek_links(X, y, there), theirs(X, y))
    np.testing.assert_array_equal(X[neighbours(X, 3, there)], X[their_neighbours(X)])


def test_what_goes_to_a_device_is_all_that_takes_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows once, and beside them products whose size does not grow with the rows."""
    X, y = rows_of("spread", 4, 4 * FEW, 20, 0.5)
    sizes: dict[int, int] = {}

    def product(self: Any, left: Any, block: int) -> Any:
        made = multiply(self, left, block)
        sizes[len(X)] = max(sizes.get(len(X), 0), made.size)
        return made

    multiply = Rows._product
    monkeypatch.setattr(Rows, "_product", product)
    sent: list[int] = []
    there = Place(lambda array: sent.append(array.nbytes) or array, 512, 1024)
    tomek_links(X, y, there)
    assert 0 < sizes[len(X)] <= 512 * 1024
    assert max(sent) == X.nbytes // 20 * 21


def test_the_memory_of_a_gpu_is_given_back_after_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu()
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(gpu))
    X, y = rows_of("spread", 2, FEW, 20, 0.4)
    after = resample("smote_tomek", X, y, 7, device=Device("gpu", "Tesla T4"))
    assert_same(after, resample("smote_tomek", X, y, 7))
    assert gpu.freed == [True]
    monkeypatch.setattr(resampling, "tomek_links", fail)
    with pytest.raises(GpuMemoryShort, match="the memory of Tesla T4 ran out"):
        resample("smote_tomek", X, y, 7, device=Device("gpu", "Tesla T4"))
    assert gpu.freed == [True, True]


def fail(*_: Any) -> None:
    raise RuntimeError("OutOfMemoryError: Out of memory allocating 4,294,967,296 bytes")


@pytest.mark.parametrize("kernels", ["Haswell", "Nehalem", "SkylakeX"])
def test_other_blas_kernels_give_the_links_that_imbalanced_learn_has_with_them(kernels: str) -> None:
    code = (
        "from tests.job.training.test_neighbours import *\n"
        "for kind in ('nearly repeated', 'on a grid', 'far from zero', 'interpolated'):\n"
        "    X, y = rows_of(kind, 11, FEW + 1, 27, 0.4)\n"
        "    assert_same(resample('smote_tomek', X, y, 1), (X[~theirs(X, y)], y[~theirs(X, y)]))\n"
        "    print(kind)\n"
    )
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").is_file() else ""
    if kernels == "SkylakeX" and "avx512f" not in flags:
        pytest.skip("this processor has no AVX-512")
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENBLAS_CORETYPE": kernels},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 4
