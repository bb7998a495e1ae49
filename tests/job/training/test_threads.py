"""Whatever number of threads a fit has, it predicts the same to the last bit: on a million rows, for every model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job.training.candidates import MODELS, ModelName
from job.training.fitting import Trainer
from job.training.kernels import MOST_THREADS, numeric_environment
from job.training.preparation import PreparedFold

ROWS, ASKED, FEATURES = 1_000_000, 50_000, 12
# LightGBM's would differ on these rows.
CANDIDATES: dict[ModelName, dict[str, Any]] = {
    "logistic_regression": {"max_iter": 2},
    "random_forest": {"n_estimators": 4, "max_depth": 6, "max_features": 2, "class_weight": "balanced"},
    "lightgbm": {"n_estimators": 8, "num_leaves": 31, "learning_rate": 1.5, "class_weight": 5},
    "xgboost": {"n_estimators": 8, "max_depth": 5, "learning_rate": 1.0, "scale_pos_weight": 5, "subsample": 0.8},
    "mlp": {"hidden_layer_sizes": (4,), "max_iter": 1, "batch_size": 200},
}
THREADED = [model for model in MODELS if MOST_THREADS[model] > 1]


def credit() -> PreparedFold:
    """Return rows whose gradients add up otherwise in another order: half are in one bin, defaulters are rare."""
    rng = np.random.default_rng(13)
    X = rng.standard_normal((ROWS + ASKED, FEATURES), dtype=np.float32)
    X[:, 8:] = rng.random((ROWS + ASKED, 4)) < [0.02, 0.1, 0.3, 0.5]
    default = 6 * (X[:, :4].sum(axis=1) + X[:, 4] * X[:, 5] + X[:, 8] - X[:, 10]) + rng.logistic(size=ROWS + ASKED)
    y = (default > np.quantile(default, 0.97)).astype(np.int8)
    return PreparedFold(X[:ROWS], y[:ROWS], X[ROWS:], y[ROWS:], 0.0)


def watched(function: Any) -> int:
    """Return by how many the threads of this process grew, at most, while it ran."""
    tasks, most, ended = Path("/proc/self/task"), 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not ended.is_set():
            most = max(most, len(list(tasks.iterdir())))
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    before = len(list(tasks.iterdir()))
    function()
    ended.set()
    watcher.join()
    return most - before


def tell(model: ModelName) -> None:
    """In a process of its own, with a worker's environment: predict with 1, 2 and 4 threads, and say what came out."""
    from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

    fold = credit()
    told = []
    for threads in (1, 2, 4):
        trainer = Trainer(model, fold, sampler="none", seed=1, threads=lambda n=threads: n)  # type: ignore[misc]
        found: list[Any] = []
        more = watched(lambda of=trainer, into=found: into.extend(of.fit([CANDIDATES[model]])))  # type: ignore[misc]
        (fitted,) = found
        told.append({
            "threads": threads,
            "more": more,
            "score": np.asarray(fitted.prediction.score, np.float64).tobytes().hex(),
            "lowest": float(fitted.prediction.score.min()),
            "left": _openmp_effective_n_threads(),
        })  # fmt: skip
    json.dump(told, sys.stdout)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts a process's threads in /proc")
@pytest.mark.parametrize("model", THREADED)
def test_on_a_million_rows_threads_change_no_bit_and_are_really_there(model: ModelName) -> None:
    command = [sys.executable, "-c", f"from tests.job.training.test_threads import tell; tell({model!r})"]
    environment = {**os.environ, **numeric_environment()}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    one, two, four = json.loads(done.stdout)
    assert one["score"] == two["score"] == four["score"]
    assert len(set(np.frombuffer(bytes.fromhex(one["score"])))) > 100
    assert one["more"] == 0
    assert two["more"] >= 1
    assert four["more"] >= 3
    # Resampling in the same process has one thread, before and after.
    assert one["left"] == two["left"] == four["left"] == 1


@pytest.mark.parametrize("model", MODELS)
def test_models_ask_for_no_more_threads_than_they_are_held_equal_with(model: ModelName) -> None:
    fold = credit_of_few_rows()
    asked: list[int] = []

    def threads() -> int:
        asked.append(1)
        return 64

    trainer = Trainer(model, fold, sampler="none", seed=1, threads=threads)
    (many,) = trainer.fit([CANDIDATES[model]])
    assert bool(asked) == (model in THREADED)
    (one,) = Trainer(model, fold, sampler="none", seed=1).fit([CANDIDATES[model]])
    np.testing.assert_array_equal(many.prediction.score, one.prediction.score)


def credit_of_few_rows() -> PreparedFold:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((600, FEATURES), dtype=np.float32)
    y = (X[:, 0] + rng.standard_normal(600) > 1).astype(np.int8)
    return PreparedFold(X[:500], y[:500], X[500:], y[500:], 0.0)
