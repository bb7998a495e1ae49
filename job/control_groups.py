"""Linux control groups: the limits that a container, a batch system or a service manager puts on this process.

Of groups inside groups every one limits, so that the smallest limit counts. Both kinds are read: version 2 has one tree
of groups, version 1 one for each controller. Standard library only.
"""

from __future__ import annotations

import math
from pathlib import Path

_TREES = "sys/fs/cgroup"


def groups(root: Path, controller: str = "") -> list[Path]:
    """Return the folders of this process's control groups, the outermost that is seen from here first.

    Parameters
    ----------
    root : pathlib.Path
        Where ``proc`` and ``sys`` are.
    controller : str
        Of version 1, such as 'memory' or 'cpu'; empty for version 2.
    """
    base = root / _TREES / controller
    folders = [base]
    for line in text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        parts = Path(path).parts[1:]  # without the leading /
        if controller not in controllers.split(",") or ".." in parts:
            continue  # a group outside of what this process may see
        folders += [base.joinpath(*parts[:depth]) for depth in range(1, len(parts) + 1)]
    return folders


def processor_quota(root: Path = Path("/")) -> int | None:
    """Return how many processors' time this process and those beside it in its groups may take, rounded up.

    Parameters
    ----------
    root : pathlib.Path
        Where ``proc`` and ``sys`` are.

    Returns
    -------
    int or None
        At least 1; None where nothing limits it, or the system does not say.
    """
    shares = [_share(*(text(folder / "cpu.max").split() or [""])) for folder in groups(root)]
    for name in ("cpu", "cpu,cpuacct"):
        # The two controllers are mounted together mostly, with a link for each; some systems leave the links out.
        base = root / _TREES
        shares += [
            _share(text(folder / "cpu.cfs_quota_us"), text(folder / "cpu.cfs_period_us"))
            for folder in (base / name / group.relative_to(base / "cpu") for group in groups(root, "cpu"))
        ]
    known = [share for share in shares if share is not None]
    return max(1, math.ceil(min(known))) if known else None


def number(path: Path) -> int | None:
    """Return the whole number that a file has, or None: no file, or no limit ('max', -1)."""
    found = text(path).strip()
    return int(found) if found.isascii() and found.isdigit() else None


def statistic(path: Path, name: str) -> int:
    """Return a number by its name from a file of such lines; 0 where it is not there."""
    for line in text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def text(path: Path) -> str:
    """Return a file's text, empty where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _share(quota: str, period: str = "100000") -> float | None:
    """Return a quota in processors, or None where there is none ('max', -1)."""
    quota, period = quota.strip(), period.strip()
    if quota.isascii() and quota.isdigit() and period.isascii() and period.isdigit() and int(quota) and int(period):
        return int(quota) / int(period)
    return None
