"""What the machine, or the container on it, says of its memory. Linux tells; other systems say nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

from job.control_groups import groups, number, statistic, text


def available_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory that this process and its children may still take: the machine's, or its container's.

    Parameters
    ----------
    root : pathlib.Path
        Where ``proc`` and ``sys`` are.

    Returns
    -------
    int or None
        None where the system does not say.
    """
    bounds = [_machine(root)]
    for folder, limit, usage, reclaimable in (
        *((folder, "memory.max", "memory.current", "inactive_file") for folder in groups(root)),
        *(
            (folder, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            for folder in groups(root, "memory")
        ),
    ):
        most, used = number(folder / limit), number(folder / usage)
        if most is not None and used is not None:
            bounds.append(max(0, most - used + statistic(folder / "memory.stat", reclaimable)))
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None


def out_of_memory_kills(root: Path = Path("/")) -> int:
    """Return how many processes of this container, or control group, the kernel has killed for want of memory."""
    seen = groups(root)
    # Those in between count what was killed in other containers beside this one too.
    return max(statistic(folder / "memory.events", "oom_kill") for folder in (seen[0], seen[-1]))


def prefer_to_be_killed() -> None:
    """Ask the kernel to end this process rather than its parent where memory runs out: the parent can tell of it."""
    with contextlib.suppress(OSError):  # elsewhere than on Linux there is no such file
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


def _machine(root: Path) -> int | None:
    for line in text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return None
