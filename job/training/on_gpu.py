"""Fits on a GPU: what XGBoost and LightGBM are asked for, and what proves that they made a fit there.

Without a GPU XGBoost trains on the CPU and says nothing, and LightGBM on whatever OpenCL finds. So every fit is asked
where it was made, and its unit fails where that was not a GPU of NVIDIA. All other models are fitted on the CPU.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from job.arrays import CPU, Device
from job.errors import DeviceNotUsed, GpuMemoryShort, one_line
from job.opencl import PARAMETERS, objection
from job.training.candidates import ModelName

FITTED_ON_GPU: Final[frozenset[ModelName]] = frozenset({"xgboost", "lightgbm"})

NOT_REPRODUCIBLE: Final[Mapping[ModelName, str]] = {}
"""Models whose fits on one GPU differ from one time to the next, and what showed it. Their results say so, and another
digest of the same unit is no alarm."""

_REMEDY = (
    "Look at nvidia-smi, and run the same command again on a machine whose GPU works; or leave out --use-gpu and unset "
    "LDP_USE_GPU, which starts an execution of its own."
)
_STDERR = 2  # where the compiler writes by itself, whatever sys.stderr is
_COMPILER = re.compile(rb"|\d+ (?:warning|remark)s? generated\.")
# As CuPy, cuBLAS and XGBoost say it, and OpenCL by way of LightGBM: on an H100 whose memory is full NVIDIA's speaks of
# the host's memory, which Python and C++ say otherwise.
_OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "cudaErrorMemoryAllocation",
    "CUDA_ERROR_OUT_OF_MEMORY",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "Memory Object Allocation Failure",
    "CL_MEM_OBJECT_ALLOCATION_FAILURE",
    "Out of Host Memory",
    "CL_OUT_OF_HOST_MEMORY",
    "Out of Resources",
    "CL_OUT_OF_RESOURCES",
)


def device_of(model: ModelName, device: Device) -> Device:
    """Return the device that a model is fitted on where the run has this one."""
    return device if model in FITTED_ON_GPU else CPU


def parameters(model: ModelName, device: Device) -> dict[str, Any]:
    """Return what a model's estimator is told of the device, in its own words; nothing on the CPU."""
    if device_of(model, device).kind == "cpu":
        return {}
    # LightGBM's log says where it computes at this verbosity alone.
    return {"device": "cuda"} if model == "xgboost" else {**PARAMETERS, "verbosity": 1}


def require_cuda(booster: Any, device: Device) -> str | None:
    """Return the GPU that a fit of XGBoost was made on, None on the CPU.

    Raises
    ------
    DeviceNotUsed
        Where it was to be made on a GPU and was not.
    """
    if device.kind == "cpu":
        return None
    used = str(json.loads(booster.save_config())["learner"]["generic_param"]["device"])
    if not used.startswith("cuda"):
        raise DeviceNotUsed(f"XGBoost was to fit on {device.name}, and fitted on {used!r}", _REMEDY)
    return device.name


@contextmanager
def lightgbm_on(device: Device) -> Iterator[None]:
    """Fit one model of LightGBM inside; its log has to say that a GPU of NVIDIA made it, where the device is one.

    Raises
    ------
    DeviceNotUsed
    """
    if device.kind == "cpu":
        yield
        return
    with _listening() as log, _without_compiler():
        yield
    against = objection("\n".join(log))
    if against is not None:
        raise DeviceNotUsed(f"LightGBM was to fit on {device.name}, and did not: {against}", _REMEDY)


@contextmanager
def memory_named(device: Device) -> Iterator[None]:
    """Name the error where the GPU's memory runs out inside.

    Raises
    ------
    GpuMemoryShort
    """
    try:
        yield
    except Exception as error:
        if device.kind == "cpu" or not is_out_of_memory(error):
            raise
        raise GpuMemoryShort(
            f"the memory of {device.name} ran out: {type(error).__name__}: {one_line(str(error), 200)}",
            "Run it with one GPU worker (--jobs 1, LDP_N_JOBS=1) and nothing else on the GPU, on a GPU with more "
            "memory, or without --use-gpu.",
        ) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of CuPy, XGBoost or LightGBM says that a GPU's memory ran out."""
    said = f"{type(error).__name__}: {error}"
    return any(words in said for words in _OUT_OF_MEMORY)


class _Listener:
    """Takes LightGBM's log, as its `register_logger` wants it."""

    def __init__(self, take: Any) -> None:
        self.info = self.warning = take


@contextmanager
def _listening() -> Iterator[list[str]]:
    import lightgbm

    lines: list[str] = []
    lightgbm.register_logger(_Listener(lines.append))
    try:
        yield lines
    finally:  # as it is without anybody who listens
        lightgbm.register_logger(_Listener(lambda line: sys.stdout.write(f"{line}\n")))


@contextmanager
def _without_compiler() -> Iterator[None]:
    """Keep from standard error what the OpenCL compiler counts there for each fit; a log has one record on a line."""
    with tempfile.TemporaryFile() as said:
        before = os.dup(_STDERR)
        try:
            os.dup2(said.fileno(), _STDERR)
            yield
        finally:
            os.dup2(before, _STDERR)
            os.close(before)
            said.seek(0)
            for line in said:
                if not _COMPILER.fullmatch(line.strip()):
                    os.write(_STDERR, line)
