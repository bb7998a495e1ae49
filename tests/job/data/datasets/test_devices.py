"""Features are the same to the last bit on a device that has a memory of its own, and array code is no NumPy code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import array_api_strict
import numpy as np
import pytest

from job.arrays import Device
from job.catalogue import DATASET_IDS
from job.console import Console
from job.data.datasets.registry import dataset, source_of
from job.data.datasets.samples import write_sample
from job.data.processed import fingerprint
from job.data.processing import process
from job.data.raw.place import require_raw
from job.data.raw.rawfile import RawTable, read_raw
from job.store import Store
from tests.job.fake_cupy import FakeGpu, fake_cupy

ELSEWHERE = array_api_strict.Device("device1")  # which refuses to hand its arrays to NumPy unasked


def parts_of(store: Store, name: str) -> list[RawTable]:
    definition = dataset(store, name)
    key = require_raw(store, name, source_of(definition))
    return read_raw(store, key, definition.columns, definition.key).parts


@pytest.mark.parametrize("name", DATASET_IDS)
def test_features_have_one_fingerprint_on_every_device(name: str, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, name, rows=3000, seed=3)
    sent: list[int] = []

    def put(array: np.ndarray) -> Any:
        sent.append(len(array))
        return array_api_strict.asarray(array, device=ELSEWHERE)

    derive = dataset(store, name).derive
    for part in parts_of(store, name):
        here, there = derive(part, np.asarray), derive(part, put)
        assert all(isinstance(column, np.ndarray) for column in there.features.values())
        assert fingerprint(there.features) == fingerprint(here.features)
        assert list(there.interim) == list(here.interim)
        for column, values in here.interim.items():
            same = there.interim[column]
            equal = np.array_equal(values, same, equal_nan=True) if values_are_numbers(values) else same.equals(values)
            assert equal, column
    assert len(sent) >= len(here.features) // 3, "features are computed there"


def values_are_numbers(values: Any) -> bool:
    return isinstance(values, np.ndarray)


@pytest.mark.parametrize("name", DATASET_IDS)
def test_a_run_on_a_gpu_writes_what_one_on_the_cpu_writes(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, name, rows=2000, seed=3)
    expected = process(store, name, Console.silent()).info
    gpu = FakeGpu()
    monkeypatch.setitem(sys.modules, "cupy", fake_cupy(gpu))
    found = process(store, name, Console.silent(), force=True, device=Device("gpu", "Tesla T4"))
    assert not found.up_to_date
    assert found.info == expected
    assert gpu.freed, "its memory is given back"
