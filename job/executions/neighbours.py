"""What is saved of a search for a fold's neighbours that takes long: the stretches of it that are done.

They lie beside the checkpoints of units, by dataset and seed, for all attempts and shards of an execution. Their names
say what was searched: whoever has the same rows to search finds them. Each proves itself by a digest; a damaged one is
named and removed, which costs time and nothing else. They go when all units of their dataset and seed have a result.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final, TypeAlias

from job import bounds
from job.console import Console
from job.errors import ObjectTooLarge, StorageRefused
from job.executions.executions import Execution, present_results
from job.store import Store, neighbours_prefix

Group: TypeAlias = tuple[str, int]
"""A dataset and a seed."""

_NAME: Final = re.compile(r"([a-z0-9][a-z0-9_]{0,59})/seed_([0-9]{1,10})/[0-9a-f]{32}-[0-9]{1,9}")
_DIGEST_BYTES: Final = 32
_READERS: Final = 8


def folder_of(group: Group) -> str:
    """Return what the names of a group's stretches begin with."""
    dataset, seed = group
    return f"{dataset}/seed_{seed}"


def stretch_key(execution: str, name: str) -> str:
    """Return the key of a stretch."""
    return f"{neighbours_prefix(execution)}{name}"


def encode(data: bytes) -> bytes:
    """Return a stretch with its digest before it."""
    return hashlib.sha256(data).digest() + data


def saved(store: Store, execution: str, groups: Collection[Group], console: Console) -> Iterator[tuple[str, bytes]]:
    """Yield the names and bytes of what earlier attempts saved of some groups.

    Raises
    ------
    StorageError
        Where the storage is away.
    """
    found = [key for key, group in _stretches(store, execution) if group in groups]
    if len(found) > bounds.STRETCHES:
        what = (
            f"{len(found):,} stretches of neighbours are saved; {bounds.STRETCHES:,} are used, the others sought again"
        )
        console.warning("neighbours_left_out", what, stretches=len(found))
        del found[bounds.STRETCHES :]
    with ThreadPoolExecutor(_READERS) as pool:
        for key, data in zip(found, pool.map(lambda key: _read(store, key), found), strict=True):
            if isinstance(data, StorageRefused):
                console.warning("neighbours_unreadable", f"{data.what}; they are sought again", key=key)
            elif data is not None and hashlib.sha256(data[_DIGEST_BYTES:]).digest() == data[:_DIGEST_BYTES]:
                yield key.removeprefix(neighbours_prefix(execution)), data[_DIGEST_BYTES:]
            elif data is not None:
                what = f"{store.where(key)}: neighbours that were saved are damaged; they are sought again"
                console.warning("neighbours_damaged", what, key=key)
                with suppress(StorageRefused):  # then it is named again the next time
                    store.delete(key)


def tidy(store: Store, execution: Execution) -> None:
    """Remove what nobody will need: of groups whose units all have a result.

    Raises
    ------
    StorageError
        Where the storage is away, or refuses to delete; what is left costs room and nothing else.
    """
    found = _stretches(store, execution.id)
    if not found:
        return
    left = set(execution.spec.units()) - set(present_results(store, execution))
    needed = {(unit.dataset, unit.seed) for unit in left}
    for key, group in found:
        if group not in needed:
            store.delete(key)


def _stretches(store: Store, execution: str) -> list[tuple[str, Group]]:
    """Return the keys of stretches and their groups; what has another name is none of ours."""
    prefix = neighbours_prefix(execution)
    keys = sorted(info.key for info in store.objects(prefix))
    named = ((key, _NAME.fullmatch(key.removeprefix(prefix))) for key in keys)
    return [(key, (name[1], int(name[2]))) for key, name in named if name is not None]


def _read(store: Store, key: str) -> bytes | StorageRefused | None:
    """Return a stretch with its digest, empty where it is too large, or what refused it; None where it has gone."""
    try:
        return store.get(key, bounds.STRETCH_BYTES)
    except ObjectTooLarge:
        return b""
    except StorageRefused as error:
        return error
