"""What the machine, or the container on it, says of its memory."""

from __future__ import annotations

from pathlib import Path

from job.planning.memory import MIB
from job.running.machine import available_bytes, out_of_memory_kills


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


def test_of_groups_inside_groups_the_smallest_limit_counts(tmp_path: Path) -> None:
    files = {**MEMINFO, "proc/self/cgroup": "0::/pods/mine\n", "sys/fs/cgroup/pods/memory.events": "oom_kill 9\n"}
    for folder, limit in (("pods", 700), ("pods/mine", 2000)):
        files[f"sys/fs/cgroup/{folder}/memory.max"] = f"{limit * MIB}\n"
        files[f"sys/fs/cgroup/{folder}/memory.current"] = f"{100 * MIB}\n"
    files["sys/fs/cgroup/pods/mine/memory.events"] = "oom_kill 1\n"
    assert available_bytes(machine(tmp_path, files)) == 600 * MIB
    assert out_of_memory_kills(tmp_path) == 1
