"""A disk that keeps, at a power cut, what was brought to it, and of the rest what it likes.

The contents of a file are kept as they were when the file was last brought to disk, the names in a directory as they
were when the directory was. Whatever else was written is gone, or there and empty, cut or full of zeros.
"""

from __future__ import annotations

import os
import random
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest


class Disk:
    """The directory `root`, whose fsync is watched.

    Parameters
    ----------
    before_sync : callable, optional
        Called before each fsync: what it raises is a crash at that moment.
    """

    def __init__(self, root: Path, rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.before_sync: Any = lambda: None
        self.syncs = 0
        self._rng = rng
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {}
        original = os.fsync

        def fsync(descriptor: int) -> None:
            self.before_sync()
            original(descriptor)
            self._note(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)

    def _note(self, descriptor: int) -> None:
        self.syncs += 1
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            self._names[status.st_ino] = {entry.name: entry.inode() for entry in os.scandir(descriptor)}
        else:
            self._contents[status.st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()

    def keep_all(self) -> None:
        """Count everything that is there now as brought to disk."""
        for place in (self.root, *self.root.rglob("*")):
            descriptor = os.open(place, os.O_RDONLY)
            self._note(descriptor)
            os.close(descriptor)

    def cut(self) -> None:
        """Cut the power: what stands in `root` afterwards is what a machine finds when it starts again."""
        after = self._after(self.root)
        for place in self.root.iterdir():
            shutil.rmtree(place) if place.is_dir() else place.unlink()
        for path, data in after.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(data)
        self._contents.clear()  # other inodes now
        self._names.clear()
        self.keep_all()

    def _after(self, directory: Path) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        inode = directory.stat().st_ino
        kept = self._names.get(inode, {})
        now = {entry.name: entry.inode() for entry in os.scandir(directory)}
        for name in sorted(now | kept):
            path = directory / name
            durable = kept.get(name)
            if durable is None or durable != now.get(name):
                # The name was given, taken away or given anew since: both are possible.
                durable = self._rng.choice([durable, now.get(name)])
            if durable is None:
                continue
            if durable == now.get(name) and path.is_dir():
                found |= self._after(path)
            else:
                found[str(path.relative_to(self.root))] = self._content(durable, path)
        return found

    def _content(self, inode: int, path: Path) -> bytes:
        if inode in self._contents:
            return self._contents[inode]
        there = path.read_bytes() if path.exists() else b""
        return self._rng.choice([b"", there[: self._rng.randrange(len(there) + 1)], bytes(len(there))])
