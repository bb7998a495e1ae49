"""Whether a GPU works: asked before anything starts, with one clear error for each way in which it can be missing."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from job.errors import DeviceUnavailable
from job.opencl import PARAMETERS, objection

LEAST_FREE_BYTES = 1 << 30
"""Of a GPU's memory: what CUDA, XGBoost and a small dataset take."""
_WITHOUT = "or leave out --use-gpu and unset LDP_USE_GPU"
_SIZE = 64
_PROBE_S = 300.0
# XGBoost and LightGBM use the first GPU as well.
_GPU = 0
_LIGHTGBM = """
import lightgbm, numpy
X = numpy.random.default_rng(0).random((2000, 4))
data = lightgbm.Dataset(X, X[:, 0] > 0.5)
lightgbm.train({"objective": "binary", "verbosity": 1, "num_threads": 1, **%r}, data, 1)
"""
_RELEASE = re.compile(r"\b\d{3}\.\d+(?:\.\d+)?\b")
_DRIVER_FILE = Path("/proc/driver/nvidia/version")


def prove_cupy() -> tuple[str, str]:
    """Prove that CuPy finds a GPU that has memory left and computes as the host does; return its model and driver.

    Raises
    ------
    DeviceUnavailable
    """
    if find_spec("cupy") is None:
        raise DeviceUnavailable(
            "a GPU was asked for, and what computes on one is not installed here (CuPy): this is the CPU image, or an "
            "environment made from requirements.txt",
            f"Use the GPU image (make docker-build GPU=true; docker run --gpus all … ldp:gpu), {_WITHOUT}.",
        )
    import cupy

    runtime = cupy.cuda.runtime
    cuda = _driver_of(runtime)
    if not cupy.is_available():
        raise DeviceUnavailable(
            f"a GPU was asked for, and CUDA finds none on this machine, which has a driver for CUDA {_dotted(cuda)}",
            f"Start the container with --gpus all, or look at nvidia-smi and CUDA_VISIBLE_DEVICES, {_WITHOUT}.",
        )
    try:
        name = runtime.getDeviceProperties(_GPU)["name"]
        free, total = runtime.memGetInfo()
    except Exception as error:
        raise _not_answering(error) from error
    name = name.decode() if isinstance(name, bytes) else str(name)
    if free < LEAST_FREE_BYTES:
        raise DeviceUnavailable(
            f"a GPU was asked for, and {name} has {free >> 20:,} MiB of its {total >> 20:,} MiB left: something else "
            "uses it",
            f"End what nvidia-smi shows on that GPU, or wait for it, {_WITHOUT}.",
        )
    _prove_product(cupy, name)
    return name, _release_and(_dotted(cuda))


def prove_xgboost() -> None:
    """Prove that XGBoost, where it is installed, was built with CUDA: without, it trains on the CPU and says nothing.

    Raises
    ------
    DeviceUnavailable
    """
    if find_spec("xgboost") is None:
        return
    import xgboost

    if not xgboost.build_info().get("USE_CUDA"):
        raise DeviceUnavailable(
            f"a GPU was asked for, and XGBoost {xgboost.__version__} is built without CUDA here (xgboost-cpu)",
            f"Use the GPU image, or install 'ldp[gpu]' in an environment of its own, {_WITHOUT}.",
        )


def prove_lightgbm() -> None:
    """Prove that LightGBM, where it is installed, trains on a GPU of NVIDIA: in a process of its own, which may abort.

    Raises
    ------
    DeviceUnavailable
    """
    if find_spec("lightgbm") is None:
        return
    try:
        run = subprocess.run(  # noqa: S603 - our own interpreter, and a text of ours
            [sys.executable, "-P", "-c", _LIGHTGBM % PARAMETERS],
            capture_output=True, text=True, errors="replace", timeout=_PROBE_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise DeviceUnavailable(
            f"a GPU was asked for, and LightGBM has not trained a tree of 2,000 rows on it in {_PROBE_S:.0f} seconds",
            f"Look at nvidia-smi for what else uses the GPU, {_WITHOUT}.",
        ) from error
    check_lightgbm(run.returncode, run.stdout + run.stderr)


def check_lightgbm(returncode: int, said: str) -> None:
    """Read what a process said that trained one tree, and how it ended.

    Raises
    ------
    DeviceUnavailable
    """
    if "No OpenCL device found" in said or "CL_PLATFORM_NOT_FOUND" in said:
        raise DeviceUnavailable(
            "a GPU was asked for, and LightGBM finds no OpenCL device on this machine",
            "/etc/OpenCL/vendors/nvidia.icd has to name libnvidia-opencl.so.1, which the driver brings "
            f"(NVIDIA_DRIVER_CAPABILITIES=compute,utility in a container), {_WITHOUT}.",
        )
    if "was not enabled in this build" in said:
        raise DeviceUnavailable(
            "a GPU was asked for, and LightGBM is built without OpenCL here",
            f"Install LightGBM's own wheel (pip install --force-reinstall lightgbm), {_WITHOUT}.",
        )
    if returncode < 0:
        raise DeviceUnavailable(
            f"a GPU was asked for, and LightGBM ends by {_signal(-returncode)} when it trains on it",
            f"Look at nvidia-smi and the driver's OpenCL library (clinfo), {_WITHOUT}.",
        )
    if returncode:
        last = next((line for line in reversed(said.splitlines()) if line.strip()), "it said nothing")
        raise DeviceUnavailable(
            f"a GPU was asked for, and LightGBM cannot train on it: {last.strip()}",
            f"Look at nvidia-smi and the driver's OpenCL library (clinfo), {_WITHOUT}.",
        )
    against = objection(said)
    if against is not None:
        raise DeviceUnavailable(
            f"a GPU was asked for, and LightGBM would not train on one of NVIDIA: {against}",
            "/etc/OpenCL/vendors/nvidia.icd has to name libnvidia-opencl.so.1, and no other OpenCL device (pocl) may "
            f"come before it, {_WITHOUT}.",
        )


def _driver_of(runtime: Any) -> int:
    """Return the CUDA version that the driver is made for, as CUDA counts: 12080 for 12.8."""
    try:
        driver, needed = int(runtime.driverGetVersion()), int(runtime.runtimeGetVersion())
    except Exception as error:
        raise _not_answering(error) from error
    if not driver:
        raise DeviceUnavailable(
            "a GPU was asked for, and there is no NVIDIA driver on this machine, or this container does not see it",
            f"Start the container with --gpus all on a machine with an NVIDIA driver, {_WITHOUT}.",
        )
    if driver // 1000 < needed // 1000:
        raise DeviceUnavailable(
            f"a GPU was asked for, and its driver is made for CUDA {_dotted(driver)}, too old for the CUDA "
            f"{_dotted(needed)} of CuPy",
            f"Install a newer NVIDIA driver on the host (nvidia-smi shows it), {_WITHOUT}.",
        )
    return driver


def _prove_product(cupy: Any, name: str) -> None:
    """Prove that a product is the host's: of whole numbers of 12 bits, which TensorFloat-32 would round to 11."""
    import numpy as np

    left = np.arange(_SIZE * _SIZE, dtype=np.float32).reshape(_SIZE, _SIZE)
    right = np.eye(_SIZE, k=1, dtype=np.float32) + np.eye(_SIZE, dtype=np.float32)
    try:
        product = cupy.asnumpy(cupy.matmul(cupy.asarray(left), cupy.asarray(right)))
        cupy.get_default_memory_pool().free_all_blocks()
    except Exception as error:
        raise _not_answering(error) from error
    if not np.array_equal(product, left @ right):
        raise DeviceUnavailable(
            f"a GPU was asked for, and {name} multiplies matrices otherwise than the host: its float32 products are "
            "rounded to fewer bits, or wrong",
            f"Unset CUPY_TF32 and NVIDIA_TF32_OVERRIDE; if that is not it, the GPU is not sound, {_WITHOUT}.",
        )


def _not_answering(error: Exception) -> DeviceUnavailable:
    return DeviceUnavailable(
        f"a GPU was asked for, and there is one that does not work: {type(error).__name__}: {error}",
        f"Look at nvidia-smi, and restart the machine if it shows errors, {_WITHOUT}.",
    )


def _release_and(cuda: str) -> str:
    """Return the driver's release, where the system tells it, and its CUDA version."""
    with suppress(OSError):
        release = _RELEASE.search(_DRIVER_FILE.read_text(errors="replace"))
        if release is not None:
            return f"{release[0]}, CUDA {cuda}"
    return f"for CUDA {cuda}"


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 10}"


def _signal(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return f"signal {number}"
