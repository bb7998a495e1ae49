"""Objects under one root, wherever that is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, from_url

from job.address import parse_address
from job.errors import LdpError, ObjectTooLarge, SettingInvalid, one_line
from job.store.bounds import OBJECT_BYTES
from job.store.refusals import hides_its_code, is_panic, names_missing_bucket, opening_remedy, refusal
from job.store.s3 import find_access

_OBJECT_NOT_FOUND = "Object at location"


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

    def __init__(self, backend: Any, url: str, scratch_dir: Path | None = None, *, renews: bool = False) -> None:
        self._backend = backend
        self._remote = not isinstance(backend, LocalStore | MemoryStore)
        self._answered = False
        self._renews = renews
        self._root = Path(str(backend.prefix)) if isinstance(backend, LocalStore) else None
        self._scratch_dir = scratch_dir
        self.url = url

    @classmethod
    def open(cls, url: str = ".", scratch_dir: Path | None = None, retries: int = 10) -> Store:
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

        Raises
        ------
        SettingInvalid
            Where `url` cannot be opened, or the environment cannot be used with it.
        """
        address = parse_address(url)
        try:
            if address.path is not None:
                address.path.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(address.path), str(address), scratch_dir)
            if address.scheme == "memory":
                return cls(MemoryStore(), "memory:///", scratch_dir)
            options: dict[str, Any] = {
                "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=30)},
                "client_options": {"connect_timeout": "5s", "timeout": "30s"},
            }
            if address.scheme != "s3":
                return cls(from_url(str(address), **options), str(address), scratch_dir)
            access = find_access()
            options["client_options"]["allow_http"] = access.plain_http
            backend = from_url(str(address), **access.options, **options)
            return cls(backend, str(address), scratch_dir, renews=access.renews)
        except LdpError:
            raise
        except (BaseError, OSError, ValueError) as error:
            raise SettingInvalid(
                f"the storage '{address}' cannot be opened: {one_line(str(error).split('Debug source:')[0])}",
                opening_remedy(error, address.scheme),
            ) from error

    def where(self, key: str) -> str:
        """Return `key` as a path or URL for messages."""
        return f"{self.url.rstrip('/')}/{key}"

    def local_path(self, key: str) -> Path | None:
        """Return the file that `key` is, where the store is a directory."""
        return None if self._root is None else self._root / key

    def get(self, key: str, most: int = OBJECT_BYTES) -> bytes | None:
        """Return an object's bytes, or None where there is none.

        Parameters
        ----------
        most : int
            How many bytes it may have: see :mod:`job.store.bounds`.

        Raises
        ------
        ObjectTooLarge
            Where it has more; its contents are not read then.
        """
        with self._errors("read", key):
            try:
                found = obstore.get(self._backend, key)
                if found.meta["size"] > most:
                    raise self._too_large(key, found.meta["size"], most)
                return bytes(found.bytes())
            except FileNotFoundError as error:
                self._missing(error, "read", key)
                return None

    def info(self, key: str) -> ObjectInfo | None:
        """Return an object's size and time, or None where there is none."""
        with self._errors("look up", key):
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

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what stood there in one step."""
        with self._errors("write", key):
            obstore.put(self._backend, key, data)

    def put_if_absent(self, key: str, data: bytes, most: int = OBJECT_BYTES) -> bytes:
        """Write an object unless the key is taken, and return the bytes that now stand there.

        The answer equals `data` where this call wrote it, and also where an earlier try of this very write landed
        and its answer was lost; otherwise it is what somebody else wrote first. Of any number of callers at once,
        all get the same bytes. Of what stands there, at most `most` bytes are read, as by :meth:`get`.
        """
        with self._errors("write", key):
            while True:
                try:
                    obstore.put(self._backend, key, data, mode="create")
                    return data
                except AlreadyExistsError:
                    standing = self.get(key, most)
                if standing is not None:  # else: deleted since; try again
                    return standing

    @contextmanager
    def writer(self, key: str) -> Iterator[BinaryIO]:
        """Open a file to write a large object into; it appears under `key` when the block ends without an error."""
        path = self.local_path(key)
        with self._errors("write", key):
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                # LocalStore hides names that end so: its own unfinished writes have them too.
                staged = path.with_name(f"{path.name}#{os.getpid()}")
                try:
                    with staged.open("wb") as file:
                        yield file
                    staged.replace(path)
                finally:
                    staged.unlink(missing_ok=True)
            else:
                with tempfile.NamedTemporaryFile(dir=self._scratch_dir) as spool:
                    yield cast("BinaryIO", spool)
                    spool.flush()
                    obstore.put(self._backend, key, Path(spool.name))

    @contextmanager
    def reader(self, key: str) -> Iterator[BinaryIO]:
        """Open an object to read it from its beginning.

        Raises
        ------
        FileNotFoundError
            Where there is none.
        """
        path = self.local_path(key)
        if path is not None:
            with self._errors("read", key):
                file = path.open("rb")
            with file:
                yield file
            return
        with self._errors("read", key), tempfile.TemporaryFile(dir=self._scratch_dir) as spool:
            for chunk in obstore.get(self._backend, key).stream():
                spool.write(chunk)
            spool.seek(0)
            yield cast("BinaryIO", spool)

    def objects(self, prefix: str) -> Iterator[ObjectInfo]:
        """Yield what lies under `prefix` (which ends in ``/``), in no particular order."""
        with self._errors("list", prefix):
            for batch in obstore.list(self._backend, prefix):
                for meta in batch:
                    yield ObjectInfo(str(meta["path"]), int(meta["size"]), meta["last_modified"])

    def children(self, prefix: str) -> list[str]:
        """Return the sorted names that stand directly under `prefix` and have objects below them."""
        with self._errors("list", prefix):
            listing = obstore.list_with_delimiter(self._backend, prefix)
        return sorted(str(path).rstrip("/").rsplit("/", 1)[-1] for path in listing["common_prefixes"])

    def delete(self, key: str) -> None:
        """Delete an object; nothing happens where there is none."""
        with self._errors("delete", key):
            try:
                obstore.delete(self._backend, key)
            except FileNotFoundError as error:
                self._missing(error, "delete", key)

    def _too_large(self, key: str, size: int, most: int) -> ObjectTooLarge:
        return ObjectTooLarge(
            f"{self.where(key)} cannot be read: it has {size:,} bytes, where at most {most:,} can be",
            "See what it is, and remove it.",
        )

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
