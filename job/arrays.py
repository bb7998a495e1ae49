"""The device that computes, and the only two ways of an array to it and back.

A GPU that was asked for and cannot be used is an error, never a silent run on the CPU: it is proved before anything
starts (:mod:`job.probing`). What decides which rows a model sees is the same on every device, to the last bit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, Literal

from job.probing import prove_cupy, prove_lightgbm, prove_xgboost

DeviceKind = Literal["cpu", "gpu"]


@dataclass(frozen=True)
class Device:
    """What computes.

    Attributes
    ----------
    kind : {'cpu', 'gpu'}
    name : str
        The GPU's model as its driver has it, such as ``Tesla T4``; ``cpu`` where there is none.
    driver : str
        The NVIDIA driver's release, and the CUDA that it is made for; empty where there is none.
    """

    kind: DeviceKind
    name: str
    driver: str = ""

    def __str__(self) -> str:
        return f"{self.name} (driver {self.driver})" if self.driver else self.name

    @property
    def gpu(self) -> str | None:
        """The GPU's model, which results of models that are fitted on one depend on; None on the CPU."""
        return self.name if self.kind == "gpu" else None


CPU: Final = Device("cpu", "cpu")

TWO_LIBRARIES: Final = ("xgboost", "lightgbm")
"""The libraries that fit on a GPU."""


def require_device(use_gpu: bool, libraries: Collection[str] = TWO_LIBRARIES) -> Device:
    """Return the device to compute on, which works.

    Parameters
    ----------
    use_gpu : bool
        Whether a GPU is asked for, by ``--use-gpu`` or ``LDP_USE_GPU``.
    libraries : collection of str
        Which of :data:`TWO_LIBRARIES` have to find the GPU as well, where they are installed; whether they have to be
        installed a spec says.

    Raises
    ------
    DeviceUnavailable
        Where a GPU is asked for and something is missing: CuPy, the driver, a GPU, memory on it, right products, an
        XGBoost built with CUDA, an OpenCL device of NVIDIA for LightGBM. Each has an error of its own.
    """
    if not use_gpu:
        return CPU
    name, driver = prove_cupy()
    if "xgboost" in libraries:
        prove_xgboost()
    if "lightgbm" in libraries:
        prove_lightgbm()
    return Device("gpu", name, driver)


def to_device(array: Any, device: Device) -> Any:
    """Return a host array on the device; on the CPU it is the array itself.

    Parameters
    ----------
    array : ndarray
    device : Device

    Returns
    -------
    ndarray or cupy.ndarray
        Of the same shape and type.
    """
    if device.kind == "cpu":
        return array
    import cupy

    return cupy.asarray(array)


def to_host(array: Any) -> Any:
    """Return an array of any device as an ndarray; what is one is returned itself."""
    import numpy as np

    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "get"):  # CuPy's, whose transfers go over its own streams
        return array.get()
    return np.from_dlpack(array, device="cpu")


def namespace(array: Any) -> Any:
    """Return the functions of the Python array API standard for an array of any device.

    Those of an ndarray are NumPy's own, which has the standard's names: what :mod:`array_api_compat` would put around
    them imports ``numpy.f2py``, which takes as long as NumPy itself.
    """
    import numpy as np

    if isinstance(array, np.ndarray):
        return np
    from array_api_compat import array_namespace

    return array_namespace(array)


def release(device: Device) -> None:
    """Give the device's memory that no array uses any more back to the other libraries of this process."""
    if device.kind == "gpu":
        import cupy

        cupy.get_default_memory_pool().free_all_blocks()
