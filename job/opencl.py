"""LightGBM on a GPU: what it is asked for, and what its log says of the device that it used.

LightGBM's wheel knows GPUs by OpenCL. No function tells which device a fit was made on, and an OpenCL device can be the
CPU as well, so its log is read: it has to name a device of NVIDIA.
"""

from __future__ import annotations

import re
from typing import Final

PARAMETERS: Final = {"device_type": "gpu", "gpu_use_dp": True, "gpu_platform_id": -1, "gpu_device_id": -1}
"""Sums in float64: in float32 they depend on the order in which the GPU's threads come. -1 is LightGBM's default: the
first GPU among the OpenCL devices."""

_USED = re.compile(r"Using GPU Device: (?P<name>.*), Vendor: (?P<vendor>.*)")
# What it says where it goes on without a GPU after all.
_NOT_USED = ("GPU acceleration is disabled", "Using CPU")


def device_in(log: str) -> tuple[str, str] | None:
    """Return the name and the vendor of the device that LightGBM trained on, as its log has them; None without one."""
    found = _USED.search(log)
    return None if found is None else (found["name"].strip(), found["vendor"].strip())


def objection(log: str) -> str | None:
    """Return why a fit with this log was not made on an NVIDIA GPU, in a few words; None where it was.

    Parameters
    ----------
    log : str
        Everything that LightGBM said from the fit's begin to its end, at verbosity 1.
    """
    for line in log.splitlines():
        if any(words in line for words in _NOT_USED):
            return f"its log says: {line.strip()}"
    device = device_in(log)
    if device is None:
        return "its log names no GPU"
    name, vendor = device
    if not vendor.upper().startswith("NVIDIA"):
        return f"its OpenCL device is {name} of {vendor}, and no GPU of NVIDIA"
    return None
