"""How many processors a container leaves: its quota counts as well as the processors a process may run on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from job.control_groups import groups, processor_quota
from job.settings import Settings, available_processors

V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/cpu"


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v1(folder: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": f"{period}\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({f"{V2}/cpu.max": "200000 100000\n"}, 2),  # --cpus 2
        ({f"{V2}/cpu.max": "50000 100000\n"}, 1),  # --cpus 0.5
        ({f"{V2}/cpu.max": "250000 100000\n"}, 3),  # --cpus 2.5: rounded up, as joblib does
        ({f"{V2}/cpu.max": "1000 100000\n"}, 1),
        ({f"{V2}/cpu.max": "3200 1000\n"}, 4),
        ({f"{V2}/cpu.max": "max 100000\n"}, None),
        ({f"{V2}/cpu.max": "300000\n"}, 3),
        ({f"{V2}/cpu.max": "\n"}, None),
        ({f"{V2}/cpu.max": "nonsense 5\n"}, None),
        ({f"{V2}/cpu.max": "100000 0\n"}, None),
        (v1(V1, 200_000), 2),
        (v1(V1, 50_000), 1),
        (v1(V1, -1), None),
        (v1(V1, 150_000, 50_000), 3),
        (v1(f"{V2}/cpu,cpuacct", 200_000), 2),
        ({}, None),
    ],
)
def test_the_quota_is_counted_in_processors(files: dict[str, str], expected: int | None, tmp_path: Path) -> None:
    assert processor_quota(machine(tmp_path, files)) == expected


@pytest.mark.parametrize(("outer", "middle", "inner"), [(8, 3, 5), (3, 8, 5), (5, 8, 3)])
def test_of_groups_inside_groups_the_smallest_counts(outer: int, middle: int, inner: int, tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a.slice/b.slice/job.scope\n"}
    for folder, limit in (("a.slice", outer), ("a.slice/b.slice", middle), ("a.slice/b.slice/job.scope", inner)):
        files[f"{V2}/{folder}/cpu.max"] = f"{limit}00000 100000\n"
    assert processor_quota(machine(tmp_path / "2", files)) == 3
    files = {"proc/self/cgroup": "7:memory:/x\n4:cpu,cpuacct:/batch/job\n0::/\n"} | v1(V1, outer * 100_000)
    files |= v1(f"{V1}/batch", middle * 100_000) | v1(f"{V1}/batch/job", inner * 100_000)
    assert processor_quota(machine(tmp_path / "1", files)) == 3


def test_the_group_of_another_process_is_not_ours(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/mine\n",
        f"{V2}/mine/cpu.max": "400000 100000\n",
        f"{V2}/other/cpu.max": "100000 100000\n",
    }
    assert processor_quota(machine(tmp_path, files)) == 4


@pytest.mark.parametrize("line", ["0::/../../outside", "nonsense", "", "0::", ":::::", "1:name=systemd:/x"])
def test_odd_lines_say_nothing(line: str, tmp_path: Path) -> None:
    root = machine(tmp_path, {"proc/self/cgroup": f"{line}\n"})
    assert groups(root) == [root / V2]
    assert processor_quota(root) is None


def test_workers_are_as_many_as_the_quota_and_the_affinity_allow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert available_processors(tmp_path) == 64
    assert available_processors(machine(tmp_path / "two", {f"{V2}/cpu.max": "200000 100000\n"})) == 2
    assert available_processors(machine(tmp_path / "many", {f"{V2}/cpu.max": "9900000 100000\n"})) == 64
    monkeypatch.setattr("job.settings.processor_quota", lambda _: 2)
    assert Settings().workers() == 2
    assert Settings(n_jobs=5).workers() == 5
    assert Settings(n_jobs=5).workers(7) == 7


def test_without_affinity_the_machine_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert available_processors(tmp_path) == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert available_processors(tmp_path) == 1
