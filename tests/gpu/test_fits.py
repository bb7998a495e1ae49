"""Fits on a GPU: the same ten times over, made where they were to be made, and their memory given back."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from job.arrays import Device, release
from job.training.candidates import Candidate, ModelName
from job.training.fitting import Trainer
from job.training.on_gpu import NOT_REPRODUCIBLE
from job.training.preparation import PreparedFold

TIMES = 10
CANDIDATES: dict[ModelName, Candidate] = {
    "xgboost": {"n_estimators": 50, "max_depth": 6, "subsample": 0.8, "colsample_bytree": 0.8, "base_score": 0.5},
    "lightgbm": {"n_estimators": 50, "num_leaves": 63, "min_child_samples": 20},
}
MOST_MIB_PER_MIB = 24
BASE_MIB = 1500  # what CUDA's modules and OpenCL's program take, whatever the rows


@pytest.fixture(scope="module")
def fold(scale: int) -> PreparedFold:
    """10,000 × scale training rows of 40 features, some of which only a few rows have."""
    rng, n = np.random.default_rng(4), 10_000 * scale
    X = rng.normal(size=(n + 5000, 40)).astype(np.float32)
    X[:, 30:] = X[:, 30:] > np.linspace(0, 3, 10)
    y = (X[:, :8].sum(axis=1) + rng.normal(size=len(X)) * 3 > 4).astype(np.int8)
    return PreparedFold(X[:n], y[:n], X[n:], y[n:], 0.0)


def fitted(model: ModelName, fold: PreparedFold, device: Device) -> Any:
    trainer = Trainer(model, fold, sampler="none", seed=1, device=device)
    (found,) = trainer.fit([CANDIDATES[model]])
    return found.prediction


@pytest.mark.parametrize("model", list(CANDIDATES))
def test_ten_fits_are_equal_to_the_last_bit(
    model: ModelName, fold: PreparedFold, device: Device, record_property: Callable[[str, object], None]
) -> None:
    digests = {hashlib.sha256(fitted(model, fold, device).score.tobytes()).hexdigest() for _ in range(TIMES)}
    record_property("gpu figures", f"{model}: {TIMES} fits of {len(fold.y_train):,} rows, {len(digests)} digests")
    if model in NOT_REPRODUCIBLE:
        pytest.skip(f"{model} is recorded as not reproducible: {NOT_REPRODUCIBLE[model]}")
    assert len(digests) == 1


@pytest.mark.parametrize("model", list(CANDIDATES))
def test_a_fit_says_which_gpu_made_it(model: ModelName, fold: PreparedFold, device: Device) -> None:
    assert fitted(model, fold, device).gpu == device.gpu


@pytest.mark.parametrize("model", list(CANDIDATES))
def test_scores_are_near_those_of_the_cpu(model: ModelName, fold: PreparedFold, device: Device) -> None:
    from sklearn.metrics import roc_auc_score

    from job.arrays import CPU

    here, there = (roc_auc_score(fold.y_valid, fitted(model, fold, where).score) for where in (CPU, device))
    assert abs(here - there) < 0.005
    assert there > 0.7


@contextmanager
def device_memory() -> Iterator[dict[str, float]]:
    import cupy

    found: dict[str, float] = {}
    ended, free = threading.Event(), [cupy.cuda.runtime.memGetInfo()[0]]
    before = free[0]

    def watch() -> None:
        while not ended.wait(0.005):
            free.append(min(free[-1], cupy.cuda.runtime.memGetInfo()[0]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    yield found
    ended.set()
    watcher.join()
    found["peak"] = (before - free[-1]) / 2**20
    found["left"] = (before - cupy.cuda.runtime.memGetInfo()[0]) / 2**20


@pytest.mark.usefixtures("needs_gpu")
@pytest.mark.parametrize("what", ["xgboost", "lightgbm", "tomek"])
def test_device_memory_is_bounded_and_given_back(
    what: Any, fold: PreparedFold, device: Device, record_property: Callable[[str, object], None]
) -> None:
    def do() -> None:
        if what == "tomek":
            tomek(fold, device)
        else:
            fitted(what, fold, device)
        release(device)

    do()  # loads modules and compiles kernels, which stay
    with device_memory() as found:
        do()
    rows = fold.X_train.nbytes / 2**20
    record_property(
        "gpu figures",
        f"{what}: {found['peak']:.0f} MiB of the GPU for {rows:.0f} MiB of rows, {found['left']:.0f} kept",
    )
    assert found["peak"] < BASE_MIB + MOST_MIB_PER_MIB * rows
    with device_memory() as again:
        for _ in range(3):
            do()
    assert again["left"] <= max(found["left"], 0) + 64, "memory grows from one fit to the next"


def tomek(fold: PreparedFold, device: Device) -> None:
    from job.training.comparing import place_of
    from job.training.neighbours import tomek_links

    tomek_links(fold.X_train, fold.y_train, place_of(device))
