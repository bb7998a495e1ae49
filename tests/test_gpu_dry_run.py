"""The tests of a GPU, `make test-gpu`: without one their logic runs on NumPy, and with no plugin of pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(*arguments: str, **environment: str) -> str:
    own = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "TEST_DEVICE": "", **environment}
    command = (sys.executable, "-m", "pytest", "-c", "tests/gpu/pytest.ini", "tests/gpu", *arguments)
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **own}, capture_output=True, text=True, check=False)
    return f"{done.returncode}\n{done.stdout}{done.stderr}"


def test_the_tests_of_a_gpu_pass_on_numpy_where_they_do_not_look_at_one() -> None:
    said = run(TEST_DEVICE="numpy")
    assert said.startswith("0\n"), said
    passed = re.search(r"(\d+) passed, (\d+) skipped", said)
    assert passed, said
    assert int(passed[1]) > 3 * int(passed[2]), said


def test_without_being_asked_for_they_are_skipped_with_the_reason() -> None:
    said = run()
    assert "passed" not in said
    assert "needs an NVIDIA GPU to itself: make test-gpu" in said


def test_where_a_gpu_is_asked_for_and_missing_they_end_at_once_with_what_to_do() -> None:
    said = run(TEST_DEVICE="gpu")
    assert said.startswith("1\n")
    if find_spec("cupy") is None:
        assert "has no cupy" in said
        assert "make test-gpu PYTHON=" in said
    else:
        assert "a GPU was asked for" in said
    assert "ERROR tests/gpu" not in said, "not once for each test"
