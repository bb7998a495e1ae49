"""How many workers fit into the memory, and what the machine or its container says of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from job.data.processed import ProcessedInfo
from job.experiment.machine import available_bytes, out_of_memory_kills
from job.experiment.memory import MIB, WORKER, worker_bytes, workers_that_fit
from job.experiment.spec import parse_spec
from job.training.unit import Unit
from tests.specs import TINY


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MEMINFO = {"proc/meminfo": "MemTotal:  8000000 kB\nMemAvailable:   4194304 kB\n"}


def test_without_a_limit_the_machine_says_what_is_available(tmp_path: Path) -> None:
    files = {**MEMINFO, "sys/fs/cgroup/memory.max": "max\n", "sys/fs/cgroup/memory.current": "123\n"}
    assert available_bytes(machine(tmp_path, files)) == 4096 * MIB


def test_a_container_has_what_its_limit_leaves_and_what_its_cache_gives_back(tmp_path: Path) -> None:
    files = {
        **MEMINFO,
        "sys/fs/cgroup/memory.max": f"{1024 * MIB}\n",
        "sys/fs/cgroup/memory.current": f"{600 * MIB}\n",
        "sys/fs/cgroup/memory.stat": f"anon 5\ninactive_file {200 * MIB}\n",
        "sys/fs/cgroup/memory.events": "oom 3\noom_kill 2\n",
    }
    assert available_bytes(machine(tmp_path, files)) == 624 * MIB
    assert out_of_memory_kills(tmp_path) == 2


def test_the_older_kind_of_control_group_is_understood_too(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/memory/batch/job"
    files = {
        **MEMINFO,
        "proc/self/cgroup": "5:memory:/batch/job\n4:cpu,cpuacct:/\n",
        f"{group}/memory.limit_in_bytes": f"{512 * MIB}\n",
        f"{group}/memory.usage_in_bytes": f"{100 * MIB}\n",
        f"{group}/memory.stat": "total_inactive_file 0\n",
    }
    assert available_bytes(machine(tmp_path, files)) == 412 * MIB


def test_a_system_that_says_nothing_bounds_nothing(tmp_path: Path) -> None:
    assert available_bytes(tmp_path) is None
    assert out_of_memory_kills(tmp_path) == 0
    assert workers_that_fit(8, 10**9, None) == 8


@pytest.mark.parametrize(("available", "expected"), [(10_000, 8), (800, 8), (799, 7), (250, 2), (50, 1), (0, 1)])
def test_workers_are_as_many_as_fit_and_at_least_one(available: int, expected: int) -> None:
    assert workers_that_fit(8, 100, available) == expected


def info(rows: int, features: int) -> ProcessedInfo:
    from dataclasses import fields

    values = dict.fromkeys((field.name for field in fields(ProcessedInfo)), None)
    return ProcessedInfo(**{**values, "rows": rows, "features": features})  # type: ignore[arg-type]


def test_a_deep_forest_on_many_rows_needs_more_than_a_shallow_one() -> None:
    text = TINY + "\n[models.random_forest.grid]\nn_estimators = 200\nmax_depth = {}\n"
    unit = Unit("taiwan_credit", "random_forest", "smote", 1)
    data = info(1_000_000, 40)
    deep, shallow = (worker_bytes(parse_spec(text.format(d), "s", "s"), unit, data) for d in (30, 5))
    assert deep > shallow > WORKER + 3 * 4 * 40_000_000
    other = Unit("taiwan_credit", "logistic_regression", "smote", 1)
    assert worker_bytes(parse_spec(text.format(5), "s", "s"), other, data) < shallow


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")
@pytest.mark.parametrize("model", ["logistic_regression", "xgboost"])
def test_a_worker_takes_no_more_than_is_reckoned_with(model: str) -> None:
    command = [sys.executable, "-m", "benchmarks.memory", "--model", model, "--technique", "smote", "--rows", "60000"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    _, _, base, peak, reckoned = told.stdout.split()
    assert int(base) > 50
    assert int(base) + int(peak) <= int(reckoned)
