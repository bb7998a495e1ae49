"""Tests on a real GPU, by `make test-gpu` only: in a plain Python with the GPU image's packages, without a network.

TEST_DEVICE is what they run on: `gpu`, where a GPU that is missing is a failure, or `numpy`, a dry run of their
logic on few rows. Without it, as in `make test`, they are skipped.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

# Before NumPy is loaded: results are compared to the last bit.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

if TYPE_CHECKING:
    import numpy as np

    from job.arrays import Device

HERE = Path(__file__).parent
ON = os.environ.get("TEST_DEVICE", "")


# What this folder imports, by the names of the modules: the GPU image has it all.
NEEDED = (
    "array_api_compat", "cupy", "imblearn", "lightgbm", "numpy", "obstore", "pyarrow", "pydantic", "rich", "scipy",
    "sklearn", "threadpoolctl", "typer", "xgboost",
)  # fmt: skip


def pytest_configure() -> None:
    """End before anything is collected where this Python cannot run the tests, in one line and not in one for each."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if ON == "gpu" and missing:
        pytest.exit(
            f"{sys.executable} has no {', '.join(missing)}.\n"
            "Name a Python that has the GPU image's packages (requirements-gpu.txt): make test-gpu PYTHON=…",
            returncode=1,
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if ON not in ("gpu", "numpy"):
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs an NVIDIA GPU to itself: make test-gpu"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured: `record_property("gpu figures", text)`."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    figures = [text for report in reports for name, text in report.user_properties if name == "gpu figures"]
    if figures:
        terminalreporter.section("figures of the GPU")
        for text in figures:
            terminalreporter.line(str(text))


@pytest.fixture(scope="session")
def device() -> Device:
    from job.arrays import require_device
    from job.errors import DeviceUnavailable

    try:
        return require_device(ON == "gpu")
    except DeviceUnavailable as error:  # no other test would find one
        pytest.exit(f"{error.what}.\n{error.remedy}", returncode=1)


@pytest.fixture(scope="session")
def scale() -> int:
    """Ten where there is a GPU, one in a dry run: what numbers of rows are multiplied with."""
    return 10 if ON == "gpu" else 1


@pytest.fixture(scope="session")
def loans(scale: int, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Features and target of synthetic loans: about 1,000 × scale rows of 42 features, with missing cells."""
    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import load_processed
    from job.data.processing import process
    from job.store import Store

    store = Store.open(str(tmp_path_factory.mktemp("loans")))
    write_sample(store, "lending_club", rows=1600 * scale, seed=1)
    process(store, "lending_club", Console.silent())
    data = load_processed(store, "lending_club")
    return data.X, data.target


@pytest.fixture
def needs_gpu(device: Device) -> None:
    if device.kind != "gpu":
        pytest.skip("a dry run has no GPU to look at")
