"""A GPU is proved before anything starts; each way in which it can be missing has an error and a remedy of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest

from job import probing
from job.arrays import CPU, Device, release, require_device, to_device, to_host
from job.errors import DeviceUnavailable
from job.opencl import objection
from job.probing import check_lightgbm, prove_xgboost
from tests.job.fake_cupy import FakeGpu, fake_cupy

TRAINED = (
    "[LightGBM] [Info] This is the GPU trainer!!\n"
    "[LightGBM] [Info] Using GPU Device: {}, Vendor: {}\n"
    "[LightGBM] [Info] Compiling OpenCL Kernel with 256 bins...\n"
)
ON_T4 = TRAINED.format("Tesla T4", "NVIDIA Corporation")
ON_POCL = TRAINED.format("cpu-haswell-Intel(R) Xeon(R) Processor", "GenuineIntel")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> FakeGpu:
    found = FakeGpu()
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(found))
    return found


def test_without_a_wish_for_a_gpu_nothing_is_asked() -> None:
    assert require_device(False) is CPU
    assert (CPU.gpu, str(CPU)) == (None, "cpu")
    assert "cupy" not in sys.modules


def test_a_gpu_that_works_is_named_with_its_driver(gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "prove_xgboost", lambda: None)
    device = require_device(True, libraries=())
    assert device.kind == "gpu"
    assert device.gpu == "Tesla T4"
    assert device.driver.endswith("CUDA 13.0")
    assert str(device) == f"Tesla T4 (driver {device.driver})"


@pytest.mark.parametrize(
    ("changes", "what", "remedy"),
    [
        ({"driver": 0}, "there is no NVIDIA driver", "--gpus all"),
        ({"driver": 11080}, "made for CUDA 11.8, too old for the CUDA 12.9 of CuPy", "newer NVIDIA driver"),
        ({"gpus": 0}, "CUDA finds none on this machine", "CUDA_VISIBLE_DEVICES"),
        ({"failing": "properties"}, "does not work: RuntimeError: cudaErrorECCUncorrectable", "nvidia-smi"),
        ({"failing": "product"}, "does not work: RuntimeError: CUBLAS_STATUS", "nvidia-smi"),
        ({"free": 900 << 20}, "Tesla T4 has 900 MiB of its 16,384 MiB left", "nvidia-smi shows"),
        ({"bits": 11}, "rounded to fewer bits", "Unset CUPY_TF32"),
    ],
)
def test_each_way_of_missing_a_gpu_has_its_own_error(
    gpu: FakeGpu, changes: dict[str, Any], what: str, remedy: str
) -> None:
    for name, value in changes.items():
        setattr(gpu, name, value)
    with pytest.raises(DeviceUnavailable) as refused:
        require_device(True, libraries=())
    assert what in refused.value.what
    assert remedy in refused.value.remedy
    assert "leave out --use-gpu" in refused.value.remedy


def test_without_cupy_the_gpu_image_is_the_remedy() -> None:
    with pytest.raises(DeviceUnavailable, match="not installed here") as refused:
        require_device(True)
    assert "make docker-build GPU=true" in refused.value.remedy


def test_an_xgboost_that_is_built_without_cuda_is_refused(gpu: FakeGpu) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    if xgboost.build_info()["USE_CUDA"]:
        pytest.skip("this XGBoost is built with CUDA")
    with pytest.raises(DeviceUnavailable, match="built without CUDA here") as refused:
        require_device(True)
    assert "ldp[gpu]" in refused.value.remedy


def test_an_xgboost_that_is_built_with_cuda_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    xgboost = pytest.importorskip("xgboost", reason="XGBoost is not installed")
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    prove_xgboost()


@pytest.mark.parametrize(
    ("returncode", "said", "what", "remedy"),
    [
        (1, "lightgbm.basic.LightGBMError: No OpenCL device found\n", "finds no OpenCL device", "nvidia.icd"),
        (1, "LightGBMError: GPU Tree Learner was not enabled in this build.\n", "built without OpenCL", "own wheel"),
        (-6, ON_T4, "ends by SIGABRT", "clinfo"),
        (-9, "", "ends by SIGKILL", "clinfo"),
        (1, "Traceback\nLightGBMError: Build Program Failure\n", "it: LightGBMError: Build Program Failure", "clinfo"),
        (0, ON_POCL, "cpu-haswell-Intel(R) Xeon(R) Processor of GenuineIntel", "(pocl)"),
        (0, "", "its log names no GPU", "nvidia.icd"),
    ],
)
def test_lightgbm_has_to_train_on_a_gpu_of_nvidia(returncode: int, said: str, what: str, remedy: str) -> None:
    check_lightgbm(0, ON_T4)
    with pytest.raises(DeviceUnavailable) as refused:
        check_lightgbm(returncode, said)
    assert what in refused.value.what
    assert remedy in refused.value.remedy


def test_a_lightgbm_that_does_not_come_back_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, timeout: float, **__: object) -> None:
        raise subprocess.TimeoutExpired("python", timeout)

    monkeypatch.setattr(probing.subprocess, "run", hang)
    with pytest.raises(DeviceUnavailable, match="in 300 seconds"):
        probing.prove_lightgbm()


def test_lightgbm_is_asked_in_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine it ends with one of the errors, unless there is an NVIDIA GPU."""
    asked: list[list[str]] = []
    run: Callable[..., Any] = subprocess.run

    def listening(command: list[str], **options: Any) -> Any:
        asked.append(command)
        return run(command, **options)

    monkeypatch.setattr(probing.subprocess, "run", listening)
    try:
        probing.prove_lightgbm()
    except DeviceUnavailable as refused:
        assert "a GPU was asked for, and LightGBM" in refused.what  # noqa: PT017 - with an NVIDIA GPU nothing is raised
    (command,) = asked
    assert command[0] == sys.executable
    assert "'gpu_use_dp': True" in command[-1]


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (ON_T4, None),
        (TRAINED.format("NVIDIA H100 80GB HBM3", "NVIDIA Corporation"), None),
        (ON_POCL, "no GPU of NVIDIA"),
        (TRAINED.format("gfx90a", "Advanced Micro Devices, Inc."), "no GPU of NVIDIA"),
        ("", "names no GPU"),
        ("[LightGBM] [Info] Number of positive: 3, number of negative: 7\n", "names no GPU"),
        (
            ON_T4 + "[LightGBM] [Warning] GPU acceleration is disabled because no non-trivial dense features can be "
            "found\n",
            "GPU acceleration is disabled",
        ),
        (ON_T4 + "[LightGBM] [Warning] Using CPU instead\n", "Using CPU"),
    ],
)
def test_the_log_of_a_fit_tells_whether_a_gpu_of_nvidia_made_it(log: str, words: str | None) -> None:
    found = objection(log)
    assert found is None if words is None else words in str(found)


def test_arrays_come_back_from_a_device_as_they_went(gpu: FakeGpu) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert to_device(array, CPU) is array
    assert to_host(array) is array
    for there in (
        to_device(array, Device("gpu", "Tesla T4")),
        array_api_strict.asarray(array, device=array_api_strict.Device("device1")),
    ):
        np.testing.assert_array_equal(to_host(there), array, strict=True)


def test_memory_that_no_array_uses_is_given_back(gpu: FakeGpu) -> None:
    release(CPU)
    assert gpu.freed == []
    release(Device("gpu", "Tesla T4"))
    assert gpu.freed == [True]
