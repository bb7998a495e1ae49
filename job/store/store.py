"""Objects under one root, wherever that is."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import MemoryStore, from_url

from job.address import parse_address
from job.bounds import OBJECT_BYTES
from job.errors import LdpError, NoSpaceLeft, ObjectTooLarge, SettingInvalid, StorageRefused, masked, one_line
from job.store.directory import Directory, TooLarge
from job.store.refusals import hides_its_code, is_panic, names_missing_bucket, opening_remedy, refusal
from job.store.s3 import find_access
from job.store.spool import spool_file

_OBJECT_NOT_FOUND = "Object at location"
IDLE_S = 30.0
_NO_TIMEOUT = timedelta(days=30)
_SMALL_BYTES = 256 << 10
_SENT_WHILE_IDLE = 2 << 20  # bytes of a body that may take as long as a silence: 70 kB/s
_PART_BYTES, _PARTS_AT_ONCE = 8 << 20, 4
_CHUNK_BYTES = 256 << 10
_MOST_TRIES = 5  # of creating what is taken, and gone again when it is read


@dataclass(frozen=True)
class ObjectInfo:
    """What a listing says of an object.

    Attributes
    ----------
    key : str
    size : int
        In bytes.
    modified : datetime
        With time zone.
    """

    key: str
    size: int
    modified: datetime


class Store:
    """Objects under one root.

    Made by :meth:`Store.open`. Every method raises :class:`~job.errors.StorageError` where the storage cannot be
    reached or fails, :class:`~job.errors.StorageRefused` where it refuses and would refuse again, and
    :class:`~job.errors.NoSpaceLeft` where it is full.
    """

    def __init__(
        self,
        backend: Any,
        url: str,
        scratch_dir: Path | None = None,
        *,
        renews: bool = False,
        reopen: Callable[[int], Any] | None = None,
    ) -> None:
        self._backend = backend
        self._directory = backend if isinstance(backend, Directory) else None
        self._remote = not isinstance(backend, Directory | MemoryStore)
        self._answered = False
        self._renews = renews
        self._reopen = reopen
        self._scratch_dir = scratch_dir
        self.url = url

    @classmethod
    def open(
        cls,
        url: str = ".",
        scratch_dir: Path | None = None,
        retries: int = 10,
        idle_s: float = IDLE_S,
        region: str | None = None,
    ) -> Store:
        """Open a directory (made if it is missing) or a URL.

        Parameters
        ----------
        url : str
            A path, or a URL of a known scheme: see :func:`job.address.parse_address`. What a
            cloud needs (region, endpoint, credentials) comes from its usual variables and files: for S3 see
            :mod:`job.store.s3`.
        scratch_dir : pathlib.Path, optional
            Where large objects are gathered before they are sent; the system's temporary directory by default.
        retries : int
            How often a request to an object store that fails for a passing reason (5xx, a lost connection) is sent
            again, with growing pauses, for half a minute in all.
        idle_s : float
            After how many seconds without a byte a request to an object store counts as failed. How long a transfer
            takes altogether does not matter.
        region : str, optional
            Of an S3 bucket, where it is not the environment's.

        Raises
        ------
        SettingInvalid
            Where `url` cannot be opened, or the environment cannot be used with it.
        """
        address = parse_address(url)
        try:
            if address.path is not None:
                return cls(Directory(address.path), str(address), scratch_dir)
            if address.scheme == "memory":
                return cls(MemoryStore(), "memory:///", scratch_dir)
            access = find_access(region) if address.scheme == "s3" else None

            def connect(sending: int = 0) -> Any:
                """Open the backend for requests whose bodies have so many bytes: its clock runs while they are sent."""
                options: dict[str, Any] = {} if access is None else dict(access.options)
                options["retry_config"] = {"max_retries": retries, "retry_timeout": timedelta(seconds=30)}
                options["client_options"] = {
                    "connect_timeout": timedelta(seconds=min(5.0, idle_s)),
                    "read_timeout": timedelta(seconds=idle_s * (1 + sending / _SENT_WHILE_IDLE)),
                    "timeout": _NO_TIMEOUT,
                    **({} if access is None else {"allow_http": access.plain_http}),
                }
                return from_url(str(address), **options)

            renews = access is not None and access.renews
            return cls(connect(), str(address), scratch_dir, renews=renews, reopen=connect)
        except LdpError:
            raise
        except (BaseError, OSError, ValueError) as error:
            raise SettingInvalid(
                f"the storage '{address}' cannot be opened: {masked(one_line(str(error).split('Debug source:')[0]))}",
                opening_remedy(error, address.scheme),
            ) from error

    def where(self, key: str) -> str:
        """Return `key` as a path or URL for messages."""
        return f"{self.url.rstrip('/')}/{key}"

    def local_path(self, key: str) -> Path | None:
        """Return the file that `key` is, where the store is a directory."""
        return None if self._directory is None else self._directory.root / key

    def get(self, key: str, most: int = OBJECT_BYTES) -> bytes | None:
        """Return an object's bytes, or None where there is none.

        Parameters
        ----------
        most : int
            How many bytes it may have: see :mod:`job.bounds`.

        Raises
        ------
        ObjectTooLarge
            Where it has more; its contents are not read then.
        """
        with self._errors("read", key):
            try:
                if self._directory is not None:
                    return self._directory.read(key, most)
                found = obstore.get(self._backend, key)
                if found.meta["size"] > most:
                    raise TooLarge(found.meta["size"])
                return bytes(found.bytes())
            except TooLarge as found:
                raise ObjectTooLarge(
                    f"{self.where(key)} cannot be read: it has {found.size:,} bytes, where at most {most:,} can be",
                    "See what it is, and remove it.",
                ) from None
            except FileNotFoundError as error:
                self._missing(error, "read", key)
                return None

    def info(self, key: str) -> ObjectInfo | None:
        """Return an object's size and time, or None where there is none."""
        with self._errors("look up", key):
            if self._directory is not None:
                status = self._directory.stat(key)
                return None if status is None else _local_info(key, status)
            try:
                meta = obstore.head(self._backend, key)
            except FileNotFoundError:
                if self._remote and not self._answered:  # once it has answered, the bucket is there
                    self._ask_why("look up", key)
                return None
            except BaseError as error:
                if self._remote and hides_its_code(error):
                    self._ask_why("look up", key)
                raise
        return ObjectInfo(str(meta["path"]), int(meta["size"]), meta["last_modified"])

    def put(self, key: str, data: bytes, *, durable: bool = True) -> None:
        """Write an object, replacing what stood there in one step.

        Parameters
        ----------
        durable : bool
            Whether it must outlast a power cut from now on. What can be made again need not: it may then be lost, or
            be there and cut. Object storage keeps everything that it has taken.
        """
        with self._errors("write", key):
            if self._directory is None:
                obstore.put(self._sender(len(data)), key, data, use_multipart=False)
                return
            with self._directory.writer(key, durable=durable) as file:
                file.write(data)

    def put_if_absent(self, key: str, data: bytes, most: int = OBJECT_BYTES) -> bytes:
        """Write an object unless the key is taken, and return the bytes that now stand there.

        The answer equals `data` where this call wrote it, and also where an earlier try of this very write landed
        and its answer was lost; otherwise it is what somebody else wrote first. Of any number of callers at once,
        all get the same bytes. Of what stands there, at most `most` bytes are read, as by :meth:`get`.
        """
        with self._errors("write", key):
            for _ in range(_MOST_TRIES):
                try:
                    self._create(key, data)
                    return data
                except (AlreadyExistsError, FileExistsError):
                    standing = self.get(key, most)
                if standing is not None:  # else: deleted since; try again
                    return standing
            raise StorageRefused(
                f"cannot write {self.where(key)}: the name is taken, and nothing can be read there",
                "Look at what stands there, and move it away; then run the command again.",
            )

    def _create(self, key: str, data: bytes) -> None:
        if self._directory is None:
            obstore.put(self._sender(len(data)), key, data, mode="create", use_multipart=False)
            return
        with self._directory.writer(key, create=True) as file:
            file.write(data)

    @contextmanager
    def writer(self, key: str) -> Iterator[BinaryIO]:
        """Open a file to write a large object into; it appears under `key` when the block ends without an error."""
        with self._errors("write", key):
            if self._directory is not None:
                with self._directory.writer(key) as file:
                    yield file
                return
            with spool_file(self._scratch_dir) as spool:
                with self._room("write", key):
                    yield cast("BinaryIO", spool)
                    spool.flush()
                sender = self._sender(_PART_BYTES * _PARTS_AT_ONCE)
                obstore.put(sender, key, Path(spool.name), chunk_size=_PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    @contextmanager
    def reader(self, key: str) -> Iterator[BinaryIO]:
        """Open an object to read it from its beginning.

        Raises
        ------
        FileNotFoundError
            Where there is none.
        """
        if self._directory is not None:
            with ExitStack() as opened:
                with self._errors("read", key):
                    file = opened.enter_context(self._directory.open(key))
                yield file
            return
        with self._errors("read", key), spool_file(self._scratch_dir) as spool:
            for chunk in self._chunks(key):
                with self._room("read", key):
                    spool.write(chunk)
            with self._room("read", key):
                spool.seek(0)
            yield cast("BinaryIO", spool)

    def objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what lies under `prefix` (which ends in ``/``), in no particular order."""
        with self._errors("list", prefix):
            if self._directory is not None:
                for key, status in self._directory.walk(prefix):
                    yield _local_info(key, status)
                return
            for batch in obstore.list(self._backend, prefix):
                for meta in batch:
                    yield ObjectInfo(str(meta["path"]), int(meta["size"]), meta["last_modified"])

    def children(self, prefix: str) -> list[str]:
        """Return the sorted names that stand directly under `prefix` and have objects below them."""
        with self._errors("list", prefix):
            if self._directory is not None:
                return self._directory.children(prefix)
            listing = obstore.list_with_delimiter(self._backend, prefix)
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in listing["common_prefixes"])

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens where there is none."""
        with self._errors("delete", key):
            if self._directory is not None:
                self._directory.delete(key)
                return
            try:
                obstore.delete(self._backend, key)
            except FileNotFoundError as error:
                self._missing(error, "delete", key)

    def _sender(self, sending: int) -> Any:
        """Return the backend for a request with a body of so many bytes."""
        return self._backend if self._reopen is None or sending < _SMALL_BYTES else self._reopen(sending)

    def _chunks(self, key: str) -> Iterator[Any]:
        """Yield an object's bytes; where the connection breaks, go on from there, as long as any arrive."""
        found = obstore.get(self._backend, key)
        size, tag = found.meta["size"], found.meta["e_tag"]
        done = before = 0
        while True:
            try:
                for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
                    done += len(chunk)
                    yield chunk
                return
            except (BaseError, OSError):
                if done == before or done >= size or tag is None:
                    raise
                before = done
            # Of what stood there when reading began: whatever else stands there now is refused.
            found = obstore.get(self._backend, key, options={"range": {"offset": done}, "if_match": tag})

    @contextmanager
    def _room(self, verb: str, key: str) -> Iterator[None]:
        """Say of a full disk here that it is not the storage's."""
        try:
            yield
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            place = self._scratch_dir or tempfile.gettempdir()
            raise NoSpaceLeft(
                f"no room in {place} to {verb} {self.where(key)}",
                "Free some space there, or name a larger directory with LDP_SCRATCH_DIR.",
            ) from error

    def _missing(self, error: FileNotFoundError, verb: str, key: str) -> None:
        """Return where an object is missing, and raise where it is the bucket."""
        if names_missing_bucket(error):
            raise refusal(error, verb, self.where(key)) from error

    def _ask_why(self, verb: str, key: str) -> None:
        """Ask again with a request whose answer has a body: that to a HEAD never says why."""
        try:
            obstore.get_range(self._backend, key, start=0, length=1)
        except FileNotFoundError as error:
            self._missing(error, verb, key)

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except LdpError:
            raise
        except FileNotFoundError as error:
            if verb == "read" or not str(error).startswith(_OBJECT_NOT_FOUND):
                self._missing(error, verb, key)
                raise
            raise refusal(error, verb, self.where(key)) from error
        except (BaseError, OSError) as error:
            raise refusal(error, verb, self.where(key), renews=self._renews) from error
        except BaseException as error:
            if not is_panic(error):
                raise
            raise refusal(error, verb, self.where(key)) from error
        self._answered = True


def _local_info(key: str, status: os.stat_result) -> ObjectInfo:
    return ObjectInfo(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
