"""A stand-in for CuPy: a GPU that computes with NumPy, and as many ways of failing as a real one has."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np


@dataclass
class FakeGpu:
    """What the stand-in says of its GPU."""

    driver: int = 13000
    runtime: int = 12090
    gpus: int = 1
    name: str = "Tesla T4"
    free: int = 15 << 30
    total: int = 16 << 30
    bits: int = 24
    failing: str = ""
    freed: list[bool] = field(default_factory=list)


def fake_cupy(gpu: FakeGpu) -> Any:
    def matmul(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        if gpu.failing == "product":
            raise RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED")
        mantissa, exponent = np.frexp(left)
        rounded = np.ldexp(np.round(mantissa * 2.0**gpu.bits) / 2.0**gpu.bits, exponent)
        return np.asarray(rounded.astype(np.float32) @ right)

    def properties(_: int) -> dict[str, Any]:
        if gpu.failing == "properties":
            raise RuntimeError("cudaErrorECCUncorrectable: uncorrectable ECC error encountered")
        return {"name": gpu.name.encode()}

    runtime = SimpleNamespace(
        driverGetVersion=lambda: gpu.driver,
        runtimeGetVersion=lambda: gpu.runtime,
        getDeviceProperties=properties,
        memGetInfo=lambda: (gpu.free, gpu.total),
    )
    pool = SimpleNamespace(free_all_blocks=lambda: gpu.freed.append(True))
    return SimpleNamespace(
        __spec__=SimpleNamespace(name="cupy"),
        cuda=SimpleNamespace(runtime=runtime),
        is_available=lambda: gpu.gpus > 0,
        asarray=np.asarray,
        asnumpy=np.asarray,
        matmul=matmul,
        get_default_memory_pool=lambda: pool,
    )
