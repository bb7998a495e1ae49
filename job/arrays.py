"""The device that computes. A GPU that was asked for and is not there is an error, never a silent CPU run."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Literal

from job.errors import DeviceUnavailable

Device = Literal["cpu", "gpu"]


def require_device(use_gpu: bool) -> Device:
    """Return the device to compute on.

    Parameters
    ----------
    use_gpu : bool
        Whether a GPU is asked for, by ``--use-gpu`` or ``LDP_USE_GPU``.

    Raises
    ------
    DeviceUnavailable
        Where a GPU is asked for and CuPy is not installed, as in the CPU image, or finds no GPU. Where it finds one
        too: this version computes on the CPU only.
    """
    if not use_gpu:
        return "cpu"
    without = "or leave out --use-gpu and unset LDP_USE_GPU"
    if find_spec("cupy") is None:
        raise DeviceUnavailable(
            "a GPU was asked for, and what computes on one is not installed here (CuPy): this is the CPU image, or an "
            "environment made from requirements.txt",
            f"Use the GPU image (make docker-build GPU=true; docker run --gpus all … ldp:gpu), {without}.",
        )
    import cupy

    if not cupy.is_available():
        raise DeviceUnavailable(
            "a GPU was asked for, and CUDA finds none on this machine",
            f"Start the container with --gpus all on a machine with an NVIDIA driver, {without}.",
        )
    raise DeviceUnavailable(
        "a GPU was asked for, and this version of ldp computes on the CPU only",
        "Leave out --use-gpu and unset LDP_USE_GPU.",
    )
