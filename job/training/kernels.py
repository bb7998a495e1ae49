"""What makes numbers the same on every processor of an architecture: one thread, and one set of kernels.

These variables must be set before NumPy is loaded, so workers are started with them. Some fits may have more threads
where cores would be idle; what changes with their number does not get any.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
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
"""How many threads a fit of each model may have: as many as never change a bit of what it predicts.

"""


def single() -> int:
    """Return one: how many threads a fit has that nobody gives more."""
    return 1


@contextmanager
def openmp_threads(count: int) -> Iterator[None]:
    """Let OpenMP have `count` threads for a while, and what the environment says of it afterwards.

    XGBoost takes no more threads than that, whatever its parameters say; scikit-learn's neighbours take all that they
    may, and which of two equally near ones they find depends on it.
    """
    if count == 1:
        yield
        return
    from threadpoolctl import threadpool_limits

    with threadpool_limits(count, user_api="openmp"):
        yield


def numeric_environment() -> dict[str, str]:
    """Return the environment variables that a worker needs for identical results."""
    variables = dict.fromkeys(_THREADS, "1")
    if _is_x86():
        variables |= {_BLAS: other_blas_kernels() or DEFAULT_BLAS_KERNELS, **_NUMPY}
    return variables


def other_blas_kernels() -> str | None:
    """Return the BLAS kernels that the environment asks for, where they are not those that all results are made with.

    The logistic model and the MLP differ in the last bits between sets of kernels, so other kernels are part of what an
    execution is.
    """
    asked = os.environ.get(_BLAS, "").strip()
    return None if not _is_x86() or not asked or asked.lower() == DEFAULT_BLAS_KERNELS.lower() else asked


def _is_x86() -> bool:
    return platform.machine().lower() in ("x86_64", "amd64")
