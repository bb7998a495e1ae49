"""A local directory for what workers share, removed when the run ends — or by the next run, where it was killed."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job.errors import SystemRefused

_PREFIX = "ldp-scratch-"


@contextmanager
def scratch_directory(parent: Path) -> Iterator[Path]:
    """Make a directory under `parent` for the time of the block, and remove those of runs that are no more.

    Raises
    ------
    SystemRefused
        Where none can be made there.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f"{_PREFIX}*"):
            _remove_if_abandoned(left)
        directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise SystemRefused(
            f"the scratch directory {parent} cannot be used: {error.strerror or error}",
            "Set LDP_SCRATCH_DIR to a directory with room that can be written.",
        ) from error
    try:
        with (directory / "owner").open("w") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX)  # held until this process ends, however it ends
            yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _remove_if_abandoned(directory: Path) -> None:
    try:
        with (directory / "owner").open("r+") as owner:
            fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
    except OSError:  # in use, being made just now, or somebody else's
        return
