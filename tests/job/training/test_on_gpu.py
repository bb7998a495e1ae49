"""Every fit that was to be made on a GPU is asked where it was made, and fails where that was no GPU of NVIDIA."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job.arrays import CPU, Device
from job.errors import DeviceNotUsed, GpuMemoryShort
from job.opencl import PARAMETERS
from job.training import models, on_gpu
from job.training.candidates import Candidate, ModelName
from job.training.fitting import Fitted, Trainer
from job.training.preparation import PreparedFold, prepare
from job.training.splits import Fold

T4 = Device("gpu", "Tesla T4", "580.65.06, CUDA 13.0")
CANDIDATES: dict[ModelName, Candidate] = {
    "logistic_regression": {"alpha": 1e-3},
    "random_forest": {"n_estimators": 3, "max_depth": 3},
    "lightgbm": {"n_estimators": 3, "num_leaves": 4},
    "xgboost": {"n_estimators": 3, "max_depth": 2},
    "mlp": {"hidden_layer_sizes": (4,)},
}


@pytest.fixture(scope="module")
def fold() -> PreparedFold:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 6)).astype(np.float32)
    y = (X[:, 0] + rng.normal(size=len(X)) > 1).astype(np.int8)
    rows = np.arange(len(X))
    return prepare(X, y, Fold("fold_0", rows[:1500], rows[1500:]), sampler="none", seed=1)


def fit(model: ModelName, fold: PreparedFold, device: Device, *points: Candidate) -> list[Fitted]:
    trainer = Trainer(model, fold, sampler="none", seed=1, device=device)
    return list(trainer.fit(points or (CANDIDATES[model],)))


@pytest.mark.parametrize("model", CANDIDATES)
def test_on_the_cpu_no_fit_names_a_gpu(model: ModelName, fold: PreparedFold) -> None:
    (made,) = fit(model, fold, CPU)
    assert made.prediction.gpu is None


@pytest.mark.parametrize("model", ["logistic_regression", "random_forest", "mlp"])
def test_models_without_a_gpu_of_ours_are_fitted_on_the_cpu_and_are_the_same(
    model: ModelName, fold: PreparedFold
) -> None:
    (there,), (here,) = fit(model, fold, T4), fit(model, fold, CPU)
    assert there.prediction.gpu is None
    np.testing.assert_array_equal(there.prediction.score, here.prediction.score)


def test_an_xgboost_that_falls_back_to_the_cpu_fails_its_fit(fold: PreparedFold) -> None:
    """No stand-in: without a GPU, XGBoost trains on the CPU when it is asked for CUDA, and says nothing."""
    import xgboost

    if xgboost.build_info()["USE_CUDA"]:
        pytest.skip("this XGBoost may find a GPU; tests/gpu has more on that")
    estimator = models.build("xgboost", {}, sampler="none", target=fold.y_train, seed=1, device=T4)
    assert estimator.get_xgb_params()["device"] == "cuda"
    with pytest.raises(DeviceNotUsed, match="XGBoost was to fit on Tesla T4, and fitted on 'cpu'"):
        fit("xgboost", fold, T4)


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_an_xgboost_that_was_on_the_gpu_names_it(device: str) -> None:
    class Booster:
        def save_config(self) -> str:
            return f'{{"learner": {{"generic_param": {{"device": "{device}"}}}}}}'

    assert on_gpu.require_cuda(Booster(), T4) == "Tesla T4"
    assert on_gpu.require_cuda(Booster(), CPU) is None


def test_lightgbm_without_a_device_fails_its_fit(fold: PreparedFold, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its log names no GPU: here it is not told of one."""
    import lightgbm

    monkeypatch.setattr(on_gpu, "PARAMETERS", {})
    with pytest.raises(DeviceNotUsed, match="LightGBM was to fit on Tesla T4, and did not: its log names no GPU"):
        fit("lightgbm", fold, T4)
    assert lightgbm.basic._LOGGER is not None


@pytest.mark.skipif(
    not list(Path("/etc/OpenCL/vendors").glob("*.icd")),
    reason="there is no OpenCL device: apt-get install pocl-opencl-icd ocl-icd-libopencl1",
)
def test_lightgbm_trains_through_pocl_and_is_refused_since_that_is_no_gpu_of_nvidia(
    fold: PreparedFold, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    found: list[str | None] = []

    def reading(log: str) -> None:
        found.append(log)

    points = [{**CANDIDATES["lightgbm"], "n_estimators": rounds} for rounds in (3, 7)]
    with monkeypatch.context() as patched:
        patched.setattr(on_gpu, "objection", reading)
        here = fit("lightgbm", fold, T4, *points)
    (log,) = found
    assert "Using GPU Device:" in str(log)
    for one, other in zip(here, fit("lightgbm", fold, CPU, *points), strict=True):
        np.testing.assert_allclose(one.prediction.score, other.prediction.score, rtol=0, atol=1e-6)
    whole = models.build("lightgbm", points[0], sampler="none", target=fold.y_train, seed=1, device=T4)
    assert whole.get_params().items() >= PARAMETERS.items()
    assert capfd.readouterr() == ("", ""), "neither LightGBM nor the OpenCL compiler speaks into the log"
    whole.set_params(verbosity=-1).fit(fold.X_train, fold.y_train)
    np.testing.assert_array_equal(here[0].prediction.score, whole.predict_proba(fold.X_valid)[:, 1])
    if "NVIDIA" not in str(log):
        with pytest.raises(DeviceNotUsed, match="no GPU of NVIDIA"):
            fit("lightgbm", fold, T4)


def test_what_else_is_said_on_standard_error_stays(capfd: pytest.CaptureFixture[str]) -> None:
    with on_gpu._without_compiler():
        os.write(2, b"1 warning generated.\n2 warnings generated.\nterminate called\n")
    assert capfd.readouterr().err == "terminate called\n"


OUT_OF_MEMORY = [
    # As the libraries say it.
    "cupy.cuda.memory.OutOfMemoryError: Out of memory allocating 4,294,967,296 bytes (allocated so far: 512 bytes).",
    "cudaErrorMemoryAllocation: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    (
        "[12:00:00] /workspace/src/common/device_vector.cu:23: Memory allocation error on worker 0: std::bad_alloc: "
        "cudaErrorMemoryAllocation: out of memory\n- Free memory: 1048576\n- Requested memory: 33554432"
    ),
    "Memory Object Allocation Failure",
    "Out of Host Memory",
    "Out of Resources",
]


@pytest.mark.parametrize("said", OUT_OF_MEMORY)
def test_a_gpu_whose_memory_runs_out_is_named_with_the_remedy(said: str) -> None:
    with pytest.raises(GpuMemoryShort, match="the memory of Tesla T4 ran out") as short, on_gpu.memory_named(T4):
        raise RuntimeError(said)
    assert "one GPU worker" in short.value.remedy
    with pytest.raises(RuntimeError) as other, on_gpu.memory_named(CPU):
        raise RuntimeError(said)
    assert not isinstance(other.value, GpuMemoryShort), "nothing of a GPU is told where there is none"


@pytest.mark.parametrize(
    "error", [MemoryError("Unable to allocate 3.1 GiB"), RuntimeError("std::bad_alloc"), ValueError("out of range")]
)
def test_other_errors_are_left_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as raised, on_gpu.memory_named(T4):
        raise error
    assert raised.value is error


def test_the_memory_of_a_gpu_that_runs_out_in_a_fit_is_named(
    fold: PreparedFold, monkeypatch: pytest.MonkeyPatch
) -> None:
    import xgboost

    def full(*_: Any, **__: Any) -> None:
        raise xgboost.core.XGBoostError(OUT_OF_MEMORY[3])

    monkeypatch.setattr(xgboost, "train", full)
    with pytest.raises(GpuMemoryShort, match="XGBoostError"):
        fit("xgboost", fold, T4)
