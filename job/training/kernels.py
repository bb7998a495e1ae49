"""What makes numbers the same on every processor of an architecture: one thread, and one set of kernels.

These variables must be set before NumPy is loaded, so workers are started with them. What may have more threads than
one all the same has them by other means, and does not change with their number.
"""

from __future__ import annotations

import os
import platform
from typing import Final

from job.training.candidates import ModelName

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
_BLAS = "OPENBLAS_CORETYPE"
DEFAULT_BLAS_KERNELS: Final = "Haswell"
# NumPy's own exp, log, log1p and pow give other last bits where they may use AVX-512.
_NUMPY = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR"}


MOST_THREADS: Final[dict[ModelName, int]] = {
    "logistic_regression": 1,
    "random_forest": 8,
    "lightgbm": 1,
    "xgboost": 1,
    "mlp": 1,
}
"""How many threads a fit of each model may have where cores would be idle: one, or as many as never change a bit.

A tree of a forest is grown by one thread, whichever, from a seed of its own. LightGBM and XGBoost add gradients up in
as many parts as there are threads, and a sum of floating-point numbers depends on its order. Mostly the bits are the
same; on a million rows with rare defaulters they are not (`python -m benchmarks.threads`).
"""


def single() -> int:
    """Return one: how many threads a fit has that nobody gives more."""
    return 1


def numeric_environment() -> dict[str, str]:
    """Return the environment variables that a worker needs for identical results."""
    variables = dict.fromkeys(_THREADS, "1")
    if _is_x86():
        variables |= {_BLAS: other_blas_kernels() or DEFAULT_BLAS_KERNELS, **_NUMPY}
    return variables


def gpu_environment() -> dict[str, str]:
    """Return the environment variables that a worker on a GPU needs besides: float32 products are of float32 numbers.

    With TensorFloat-32 cuBLAS would round them to 11 bits, which the bounds of :mod:`job.training.comparing` know
    nothing of. It is off unless somebody asks for it; NVIDIA's own variable overrules who does.
    """
    return {"NVIDIA_TF32_OVERRIDE": "0", "CUPY_TF32": "0"}


def other_blas_kernels() -> str | None:
    """Return the BLAS kernels that the environment asks for, where they are not those that all results are made with.

    The logistic model and the MLP differ in the last bits between sets of kernels, so other kernels are part of what an
    execution is.
    """
    asked = os.environ.get(_BLAS, "").strip()
    return None if not _is_x86() or not asked or asked.lower() == DEFAULT_BLAS_KERNELS.lower() else asked


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
