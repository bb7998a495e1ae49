"""The neighbours that workers have found, stretch by stretch: in the scratch directory, and told to who stores them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from job.executions.neighbours import Group, folder_of
from job.running.news import Compared

_FOLDER = "neighbours"


@dataclass(frozen=True)
class Compares:
    """A worker's :class:`~job.training.stretches.Kept` of one dataset and seed.

    Attributes
    ----------
    scratch : pathlib.Path
    group : Group
    note : callable
        Told of each stretch.
    """

    scratch: Path
    group: Group
    note: Callable[[Compared], None]

    def get(self, name: str) -> bytes | None:
        """Return what this attempt or an earlier one found."""
        try:
            return (self.scratch / _FOLDER / folder_of(self.group) / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep what was found, here for another worker and in the store for another attempt."""
        whole = f"{folder_of(self.group)}/{name}"
        lay(self.scratch, whole, data)
        self.note(Compared(whole, data))


def lay(scratch: Path, name: str, data: bytes) -> None:
    """Put a stretch where workers find it; where there is no room, they do without."""
    place = scratch / _FOLDER / name
    staged = place.with_name(f"{place.name}.{os.getpid()}.new")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(data)
        staged.replace(place)
    except OSError:
        with suppress(OSError):
            staged.unlink(missing_ok=True)


def clear(scratch: Path, group: Group) -> None:
    """Remove the stretches of a group that no work item needs any more."""
    shutil.rmtree(scratch / _FOLDER / folder_of(group), ignore_errors=True)
