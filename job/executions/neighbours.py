"""What is saved of a search for a fold's neighbours that takes an hour: the stretches of it that are done.

They lie beside the checkpoints of units, for all attempts and shards of an execution, under names that say what was
searched: whoever has the same rows to search finds them. Each proves itself by a digest; a damaged one is named and
left out, which costs time and nothing else. All of them go when the execution is complete.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from job import bounds
from job.console import Console
from job.errors import StorageRefused
from job.store import Store, neighbours_prefix

_NAME = re.compile(r"[0-9a-f]{32}-[0-9]{1,9}")
_DIGEST_BYTES = 32


def stretch_key(execution: str, name: str) -> str:
    """Return the key of a stretch."""
    return f"{neighbours_prefix(execution)}{name}"


def encode(data: bytes) -> bytes:
    """Return a stretch with its digest before it."""
    return hashlib.sha256(data).digest() + data


def saved(store: Store, execution: str, console: Console) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of what earlier attempts saved, at most :data:`job.bounds.STRETCHES` of them.

    Raises
    ------
    StorageError
        Where the storage is away.
    """
    prefix = neighbours_prefix(execution)
    for count, info in enumerate(sorted(store.objects(prefix), key=lambda info: info.key)):
        name = info.key.removeprefix(prefix)
        if count == bounds.STRETCHES:
            break
        try:
            small = _NAME.fullmatch(name) and info.size <= bounds.STRETCH_BYTES
            data = store.get(info.key, bounds.STRETCH_BYTES) if small else b""
        except StorageRefused as error:
            console.warning("neighbours_unreadable", f"{error.what}; they are sought again", key=info.key)
            continue
        if data is None:  # the execution was completed this moment
            continue
        if not small or hashlib.sha256(data[_DIGEST_BYTES:]).digest() != data[:_DIGEST_BYTES]:
            what = f"{store.where(info.key)}: neighbours that were saved are damaged; they are sought again"
            console.warning("neighbours_damaged", what, key=info.key)
            continue
        yield name, data[_DIGEST_BYTES:]


def remove(store: Store, execution: str) -> None:
    """Remove what an execution that is complete has no use for."""
    for info in list(store.objects(neighbours_prefix(execution))):
        store.delete(info.key)
