"""Files under a local directory: whole or not there at all, and still there after a power cut.

A file is written under a name of its own beside its place, brought to disk, and only then given its name: by a hard
link where the name must be free, by renaming where it may be taken. Its directory is brought to disk after that, and
every directory above it once. Whatever stands where a file belongs and is none (a directory, a pipe, a link that leads
nowhere) is refused, never waited for.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import re
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

_STAGED = re.compile(r"#([A-Za-z0-9]*-\d+-[0-9a-f]{16}|\d+)$")  # the digits alone are of earlier versions
_OURS = re.compile(r"#[A-Za-z0-9]*-\d+-[0-9a-f]{16}$")
_ABANDONED_AFTER_S = 24 * 3600.0
_CANNOT_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP})
_CANNOT_LINK = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class TooLarge(Exception):
    """A file has more bytes than it may; `size` of them."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class Directory:
    """Files under one directory, by keys.

    Parameters
    ----------
    root : pathlib.Path
        Made, with its parents, where it is missing.

    Notes
    -----
    Every method raises OSError where the system refuses: ``EISDIR``, ``ENXIO`` or ``ELOOP`` where something else than
    a file stands under a key.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._settled: set[Path] = set()
        self._tidied: set[Path] = set()
        missing = [place for place in (root, *root.parents) if not place.exists()]
        root.mkdir(parents=True, exist_ok=True)
        for place in reversed(missing):
            _sync_directory(place.parent)

    def read(self, key: str, most: int) -> bytes | None:
        """Return a file's bytes, or None where there is none.

        Raises
        ------
        TooLarge
            Where there are more than `most`.
        """
        try:
            with self.open(key) as file:
                size = os.fstat(file.fileno()).st_size
                if size > most:
                    raise TooLarge(size)
                return file.read(most)
        except FileNotFoundError:
            return None

    def open(self, key: str) -> BinaryIO:
        """Open a file for reading.

        Raises
        ------
        FileNotFoundError
        """
        path = self.root / key
        try:
            # Without blocking: a pipe that nobody writes into would never be opened.
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            _check_kind(path)
            raise
        try:
            _check_mode(os.fstat(descriptor).st_mode, path)
        except OSError:
            os.close(descriptor)
            raise
        return os.fdopen(descriptor, "rb")

    def stat(self, key: str) -> os.stat_result | None:
        """Return a file's status, or None where there is none."""
        path = self.root / key
        try:
            found = path.stat()
        except FileNotFoundError:
            _check_kind(path)
            return None
        _check_mode(found.st_mode, path)
        return found

    @contextmanager
    def writer(self, key: str, *, create: bool = False, durable: bool = True) -> Iterator[BinaryIO]:
        """Open a file to write into; it appears under its key when the block ends without an error.

        Parameters
        ----------
        create : bool
            Refuse where the key is taken.
        durable : bool
            Whether it must be on disk when this returns. Else a power cut may lose or cut it.

        Raises
        ------
        FileExistsError
            With `create`, where the key is taken.
        """
        path = self.root / key
        staged, file = self._stage(path, durable=durable)
        try:
            with file:
                yield file
                if durable:
                    file.flush()
                    _sync(file.fileno())
            if create:
                _create(staged, path)
            else:
                _check_kind(path)
                staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        if durable:
            _sync_directory(path.parent)

    def delete(self, key: str) -> None:
        """Delete a file; nothing happens where there is none."""
        (self.root / key).unlink(missing_ok=True)

    def walk(self, prefix: str) -> Iterator[tuple[str, os.stat_result]]:
        """Yield the keys of all files under `prefix` and their status. Directories that may not be read are left out.

        What is asked for or written in them names them.
        """
        top = self.root / prefix
        try:
            yield from self._walk(top, prefix.rstrip("/"), ())
        except (FileNotFoundError, NotADirectoryError):
            return

    def children(self, prefix: str) -> list[str]:
        """Return the sorted names of the directories directly under `prefix`."""
        try:
            with os.scandir(self.root / prefix) as entries:
                return sorted(entry.name for entry in entries if _is_name(entry.name) and entry.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _walk(self, place: Path, key: str, above: tuple[tuple[int, int], ...]) -> Iterator[tuple[str, os.stat_result]]:
        with os.scandir(place) as entries:
            found = [entry for entry in entries if _is_name(entry.name) and not _STAGED.search(entry.name)]
        for entry in found:
            try:
                status = entry.stat()
            except OSError:  # gone meanwhile, or a link that leads nowhere
                continue
            below = f"{key}/{entry.name}" if key else entry.name
            if stat.S_ISREG(status.st_mode):
                yield below, status
            elif stat.S_ISDIR(status.st_mode) and (status.st_dev, status.st_ino) not in above:
                with suppress(PermissionError, FileNotFoundError):
                    yield from self._walk(Path(entry.path), below, (*above, (status.st_dev, status.st_ino)))

    def _stage(self, path: Path, *, durable: bool) -> tuple[Path, BinaryIO]:
        """Open a file beside `path` under a name that nobody else has, in this container or in another."""
        host = re.sub(r"[^A-Za-z0-9]", "", platform.node())[:20]
        staged = path.with_name(f"{path.name}#{host}-{os.getpid()}-{secrets.token_hex(8)}")
        for last in (False, True):
            if durable:
                self._settle(path.parent)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
            try:
                file = staged.open("xb")
                break
            except FileNotFoundError:
                if last:
                    raise
                self._settled.clear()  # somebody has removed the directory since
        if path.parent not in self._tidied:
            self._tidied.add(path.parent)
            _remove_abandoned(path.parent)
        return staged, file

    def _settle(self, directory: Path) -> None:
        """Make a directory, and see that it is on disk with all that are above it, once in a process.

        Somebody else may have made one of them a moment ago, and not have brought it to disk yet.
        """
        if directory in self._settled:
            return
        if directory == self.root:
            directory.mkdir(parents=True, exist_ok=True)
        else:
            self._settle(directory.parent)
            directory.mkdir(exist_ok=True)
            _sync_directory(directory.parent)
        self._settled.add(directory)


def _create(staged: Path, path: Path) -> None:
    """Give a staged file its name if that is free."""
    try:
        os.link(staged, path, follow_symlinks=False)
    except FileExistsError:
        _check_kind(path)
        raise
    except OSError as error:
        if error.errno not in _CANNOT_LINK:
            raise
        _create_without_links(staged, path)


def _create_without_links(staged: Path, path: Path) -> None:
    """Do the same on a file system that has no hard links: one after another, by a lock on the directory."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)  # let go of when it is closed, or its process dies
        if os.path.lexists(path):
            _check_kind(path)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        staged.rename(path)
    finally:
        os.close(directory)


def _sync(descriptor: int) -> None:
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:  # else a file system that has nothing to bring to disk
            raise


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(descriptor)
    finally:
        os.close(descriptor)


def _remove_abandoned(directory: Path) -> None:
    """Remove what those that were killed while they wrote left here: only what is ours by its name, and a day old."""
    old = time.time() - _ABANDONED_AFTER_S
    with os.scandir(directory) as entries:
        for entry in entries:
            if _OURS.search(entry.name):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < old:
                        Path(entry.path).unlink()


def _is_name(name: str) -> bool:
    """Return whether a name can be part of a key: one that is no UTF-8 cannot."""
    return name.isascii() or not any("\udc80" <= character <= "\udcff" for character in name)


def _check_kind(path: Path) -> None:
    """Refuse what stands at `path` where it is no file; nothing need stand there."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        try:
            mode = path.stat().st_mode
        except OSError:
            raise OSError(errno.ELOOP, "a link that leads nowhere stands there", str(path)) from None
    _check_mode(mode, path)


def _check_mode(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "a directory stands there", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.ENXIO, "something that is no file stands there", str(path))
