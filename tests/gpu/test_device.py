"""A GPU is proved before anything starts; what hides it is told in one line, by the command itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from job.arrays import Device

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("needs_gpu")


def ldp(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    own = {"LDP_STORAGE_URL": str(place), "PYTHONPATH": path, **environment}
    command = [sys.executable, "-c", "from job.cli import run; run()", *arguments]
    return subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, check=False)


def test_the_device_has_a_name_and_a_driver(device: Device) -> None:
    assert device.gpu
    assert device.driver


def test_processing_says_what_it_computes_on(device: Device, tmp_path: Path) -> None:
    assert ldp(tmp_path, "data", "sample", "taiwan_credit", "--rows", "500").returncode == 0
    run = ldp(tmp_path, "data", "process", "--use-gpu")
    assert run.returncode == 0, run.stderr
    assert device.name in run.stderr + run.stdout


@pytest.mark.parametrize(
    ("hidden", "words"),
    [
        ({"CUDA_VISIBLE_DEVICES": ""}, "CUDA finds none"),
        ({"OCL_ICD_VENDORS": "/nowhere", "OCL_ICD_FILENAMES": ""}, "LightGBM finds no OpenCL device"),
    ],
)
def test_a_gpu_that_is_hidden_is_one_clear_error(hidden: dict[str, str], words: str, tmp_path: Path) -> None:
    assert ldp(tmp_path, "data", "sample", "taiwan_credit", "--rows", "500").returncode == 0
    run = ldp(tmp_path, "experiment", "run", "--use-gpu", "--spec", "quick", **hidden)
    assert run.returncode == 1
    assert words in run.stderr
    assert "Traceback" not in run.stderr
