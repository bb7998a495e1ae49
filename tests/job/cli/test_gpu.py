"""``ldp data process --use-gpu``: on a stand-in for a GPU, and on one whose memory runs out."""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import pytest

from tests.job.fake_cupy import FakeGpu, fake_cupy


@pytest.fixture
def cupy(monkeypatch: pytest.MonkeyPatch) -> Any:
    module = fake_cupy(FakeGpu())
    monkeypatch.setitem(sys.modules, "cupy", module)
    return module


def test_processing_computes_on_the_gpu_and_says_on_which(ldp: Any, cupy: Any) -> None:
    assert ldp("data", "sample", "taiwan_credit", "--rows", "300")[0] == 0
    assert ldp("data", "process")[0] == 0
    sent: list[int] = []
    cupy.asarray = lambda array: sent.append(len(array)) or np.asarray(array)
    code, _, err = ldp("data", "process", "--use-gpu", "--force")
    assert code == 0
    assert sent.count(300) >= 20, "columns go there"
    environment, processed = (json.loads(line) for line in err.splitlines())
    assert (environment["device"], environment["gpu"]) == ("gpu", "Tesla T4")
    (here,) = [json.loads(line) for line in ldp("data", "process", "--force")[2].splitlines()][1:]
    assert processed["fingerprint"] == here["fingerprint"]


def test_memory_of_the_gpu_that_runs_out_is_an_error_with_its_remedy(ldp: Any, cupy: Any) -> None:
    assert ldp("data", "sample", "taiwan_credit", "--rows", "300")[0] == 0

    def full(array: np.ndarray) -> np.ndarray:
        if len(array) == 300:
            raise RuntimeError("OutOfMemoryError: Out of memory allocating 2,400 bytes")
        return array

    cupy.asarray = full
    code, _, err = ldp("data", "process", "--use-gpu")
    assert code == 1
    said = json.loads(err.splitlines()[-1])
    assert said["message"].startswith("the memory of Tesla T4 ran out")
    assert "without --use-gpu" in said["remedy"]
