"""The device that computes. A GPU that was asked for and is not there is an error, never a silent CPU run."""

from __future__ import annotations

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
        Where a GPU is asked for: this version computes on the CPU only.
    """
    if use_gpu:
        raise DeviceUnavailable(
            "a GPU was asked for, and this version of ldp computes on the CPU only",
            "Leave out --use-gpu and unset LDP_USE_GPU.",
        )
    return "cpu"
