"""The only door to files and object storage: a local directory, memory, S3 or what else obstore opens.

A key means the same under a directory and under ``s3://bucket/prefix``. Whatever is written appears whole or not at
all: a reader never sees half an object, and a failed write leaves nothing behind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, MemoryStore, from_url

from job.errors import LdpError, NoSpaceLeft, SettingInvalid, StorageError

# ── keys ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def raw_keys(dataset: str) -> tuple[str, str]:
    """Return where a dataset's raw file may lie: plain, and compressed with gzip."""
    return f"data/raw/{dataset}.csv", f"data/raw/{dataset}.csv.gz"


def sample_key(dataset: str) -> str:
    """Return the key of the note that says which raw file is a synthetic sample."""
    return f"data/raw/{dataset}.sample.json"


def interim_key(dataset: str) -> str:
    """Return the key of the cleaned, typed, still readable table."""
    return f"data/interim/{dataset}.parquet"


def features_key(dataset: str) -> str:
    """Return the key of the float32 features."""
    return f"data/processed/{dataset}_X.parquet"


def target_key(dataset: str) -> str:
    """Return the key of the target, with `group` and `time` where the dataset has them."""
    return f"data/processed/{dataset}_y.parquet"


EXECUTIONS = "executions"


def manifest_key(execution: str) -> str:
    """Return the key of what an execution was asked to do."""
    return f"{EXECUTIONS}/{execution}/manifest.json"


def binding_key(execution: str, dataset: str) -> str:
    """Return the key of the fingerprint of the data that an execution runs on."""
    return f"{EXECUTIONS}/{execution}/datasets/{dataset}.json"


def results_prefix(execution: str) -> str:
    """Return the prefix of an execution's results."""
    return f"{EXECUTIONS}/{execution}/results/"


def result_key(execution: str, dataset: str, model: str, technique: str, seed: int) -> str:
    """Return the key of one finished unit."""
    return f"{results_prefix(execution)}{dataset}/{model}/{technique}/seed_{seed}.parquet"


def failures_prefix(execution: str) -> str:
    """Return the prefix of an execution's records of failed units."""
    return f"{EXECUTIONS}/{execution}/failures/"


def failure_key(execution: str, dataset: str, model: str, technique: str, seed: int) -> str:
    """Return the key of the record of a unit that raised."""
    return f"{failures_prefix(execution)}{dataset}/{model}/{technique}/seed_{seed}.json"


def progress_prefix(execution: str) -> str:
    """Return the prefix of what is saved of units in flight."""
    return f"{EXECUTIONS}/{execution}/progress/"


def attempts_prefix(execution: str) -> str:
    """Return the prefix of the records of an execution's attempts."""
    return f"{EXECUTIONS}/{execution}/attempts/"


def report_key(execution: str, name: str) -> str:
    """Return the key of a file of an execution's report, such as ``tables/summary.csv``."""
    return f"reports/{execution}/{name}"


# ── the store ───────────────────────────────────────────────────────────────────────────────────────────────────────


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

    Made by :meth:`Store.open`. Every method raises :class:`~job.errors.StorageError` where the storage refuses or
    cannot be reached, and :class:`~job.errors.NoSpaceLeft` where it is full.
    """

    def __init__(self, backend: Any, url: str, scratch_dir: Path | None = None) -> None:
        self._backend = backend
        self._root = Path(str(backend.prefix)) if isinstance(backend, LocalStore) else None
        self._scratch_dir = scratch_dir
        self.url = url

    @classmethod
    def open(cls, url: str = ".", scratch_dir: Path | None = None, retries: int = 10) -> Store:
        """Open a directory (made if it is missing) or a URL.

        Parameters
        ----------
        url : str
            A path, or ``file://``, ``memory://``, ``s3://bucket/prefix`` or another URL that obstore opens. What a
            cloud needs (region, endpoint, credentials) comes from its usual environment variables, such as
            ``AWS_REGION`` and ``AWS_ENDPOINT_URL``.
        scratch_dir : pathlib.Path, optional
            Where large objects are gathered before they are sent; the system's temporary directory by default.
        retries : int
            How often a request to an object store that fails for a passing reason (5xx, a lost connection) is sent
            again, with growing pauses, for half a minute in all.

        Raises
        ------
        SettingInvalid
            Where `url` cannot be opened.
        """
        scheme = urlsplit(url).scheme
        try:
            if len(scheme) < 2 or scheme == "file":  # a scheme of one letter is a Windows drive
                path = Path(urlsplit(url).path if scheme == "file" else url).expanduser().absolute()
                path.mkdir(parents=True, exist_ok=True)
                return cls(LocalStore(path), str(path), scratch_dir)
            if scheme == "memory":
                return cls(MemoryStore(), url, scratch_dir)
            options: dict[str, Any] = {
                "retry_config": {"max_retries": retries, "retry_timeout": timedelta(seconds=30)},
                "client_options": {"connect_timeout": "5s", "timeout": "30s"},
            }
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                options["client_options"]["allow_http"] = True
            return cls(from_url(url, **options), url.rstrip("/"), scratch_dir)
        except (BaseError, OSError, ValueError) as error:
            raise SettingInvalid(
                f"the storage '{url}' cannot be opened: {_first_line(error)}",
                "Set LDP_STORAGE_URL to a directory or to a URL such as s3://bucket/prefix.",
            ) from error

    def where(self, key: str) -> str:
        """Return `key` as a path or URL for messages."""
        return f"{self.url.rstrip('/')}/{key}"

    def local_path(self, key: str) -> Path | None:
        """Return the file that `key` is, where the store is a directory."""
        return None if self._root is None else self._root / key

    def get(self, key: str) -> bytes | None:
        """Return an object's bytes, or None where there is none."""
        with self._errors("read", key):
            try:
                return bytes(obstore.get(self._backend, key).bytes())
            except FileNotFoundError:
                return None

    def info(self, key: str) -> ObjectInfo | None:
        """Return an object's size and time, or None where there is none."""
        with self._errors("look up", key):
            try:
                meta = obstore.head(self._backend, key)
            except FileNotFoundError:
                return None
        return ObjectInfo(str(meta["path"]), int(meta["size"]), meta["last_modified"])

    def put(self, key: str, data: bytes) -> None:
        """Write an object, replacing what stood there in one step."""
        with self._errors("write", key):
            obstore.put(self._backend, key, data)

    def put_if_absent(self, key: str, data: bytes) -> bytes:
        """Write an object unless the key is taken, and return the bytes that now stand there.

        The answer equals `data` where this call wrote it, and also where an earlier try of this very write landed
        and its answer was lost; otherwise it is what somebody else wrote first. Of any number of callers at once,
        all get the same bytes.
        """
        with self._errors("write", key):
            while True:
                try:
                    obstore.put(self._backend, key, data, mode="create")
                    return data
                except AlreadyExistsError:
                    standing = self.get(key)
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
            except FileNotFoundError:
                return

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        try:
            yield
        except (LdpError, FileNotFoundError):
            raise
        except (BaseError, OSError) as error:
            reason = _first_line(error)
            if getattr(error, "errno", None) == 28 or "No space left" in reason or "os error 28" in reason:
                raise NoSpaceLeft(
                    f"no room to {verb} {self.where(key)}: {reason}", "Free some space, then run the command again."
                ) from error
            raise StorageError(
                f"cannot {verb} {self.where(key)}: {reason}",
                "Check that the storage is reachable and that you may do this there, then run the command again.",
            ) from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
