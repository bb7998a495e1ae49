"""The neighbours that workers have found, stretch by stretch: in the scratch directory, and told to who stores them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from job.running.news import Compared

FOLDER = "neighbours"


@dataclass(frozen=True)
class Compares:
    """A worker's :class:`~job.training.stretches.Kept`.

    Attributes
    ----------
    scratch : pathlib.Path
    note : callable
        Told of each stretch.
    """

    scratch: Path
    note: Callable[[Compared], None]

    def get(self, name: str) -> bytes | None:
        """Return what this attempt or an earlier one found."""
        try:
            return (self.scratch / FOLDER / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        """Keep what was found, here for another worker and in the store for another attempt."""
        lay(self.scratch, name, data)
        self.note(Compared(name, data))


def lay(scratch: Path, name: str, data: bytes) -> None:
    """Put a stretch where workers find it; where there is no room, they do without."""
    place = scratch / FOLDER / name
    staged = place.with_name(f"{name}.{os.getpid()}.new")
    try:
        place.parent.mkdir(exist_ok=True)
        staged.write_bytes(data)
        staged.replace(place)
    except OSError:
        staged.unlink(missing_ok=True)
