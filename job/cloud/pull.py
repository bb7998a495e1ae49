"""``ldp cloud pull``: results and reports, verified before a file gets its name; what is here is not fetched again."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from job import bounds
from job.cloud.transfers import is_fetched, is_sound, prefixes_of
from job.errors import ExecutionMismatch, ObjectTooLarge, ResultInvalid
from job.executions.executions import check_id, load_execution
from job.executions.results import decode
from job.store import ObjectInfo, Store, manifest_key, results_prefix

_AT_ONCE = 8


@dataclass
class Pulled:
    """What became of an execution's objects.

    Attributes
    ----------
    execution : str
    fetched, here : int
        Objects that were fetched, and that were here already.
    megabytes : float
        That were fetched.
    damaged : list of str
        Keys of results that are damaged in the bucket, or of objects out of all proportion; they are not written.
    refused : list of str
        Keys that name no file below the execution's folder; they are not written.
    """

    execution: str
    fetched: int = 0
    here: int = 0
    megabytes: float = 0.0
    damaged: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def pull(bucket: Store, local: Store, execution: str, told: Callable[[int, int], None] = lambda *_: None) -> Pulled:
    """Fetch an execution.

    Parameters
    ----------
    told : callable
        Told how many objects of how many are through.

    Raises
    ------
    ExecutionNotFound
        If the bucket has none of that id.
    ExecutionMismatch
        If another execution has that id here.
    StorageError
        Where the bucket or the directory fails; run again, it goes on.
    """
    load_execution(bucket, check_id(execution))
    _join(bucket, local, execution)
    pulled = Pulled(execution)
    wanted: list[ObjectInfo] = []
    for prefix in prefixes_of(execution):
        for info in bucket.objects(prefix):
            if not is_sound(info.key, prefix):
                pulled.refused.append(info.key)
            elif is_fetched(info.key, prefix):
                wanted.append(info)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = pool.map(lambda info: _one(bucket, local, execution, info), wanted)
        for done, (key, size) in enumerate(outcomes, start=1):
            if size is None:
                pulled.damaged.append(key)
            elif size:
                pulled.fetched += 1
                pulled.megabytes += size / 1e6
            else:
                pulled.here += 1
            told(done, len(wanted))
    return pulled


def _join(bucket: Store, local: Store, execution: str) -> None:
    """Write the manifest first, unless another execution's stands here."""
    key = manifest_key(execution)
    theirs = bucket.get(key, bounds.MANIFEST_BYTES) or b""
    if local.put_if_absent(key, theirs, bounds.MANIFEST_BYTES) != theirs:
        raise ExecutionMismatch(
            f"{local.where(key)} is another execution of that id than the bucket's",
            "Pull it into another directory (LDP_STORAGE_URL).",
        )


def _one(bucket: Store, local: Store, execution: str, info: ObjectInfo) -> tuple[str, int | None]:
    """Fetch an object; return its key and how many bytes came: 0 where it is here, None where it is damaged."""
    is_result = info.key.startswith(results_prefix(execution))
    if _is_here(local, info, is_result=is_result):
        return info.key, 0
    try:
        data = bucket.get(info.key, bounds.RESULT_BYTES if is_result else bounds.OBJECT_BYTES)
        if data is None:  # it was deleted since it was listed
            return info.key, 0
        if is_result:
            decode(data, bucket.where(info.key))
    except (ResultInvalid, ObjectTooLarge):
        return info.key, None
    local.put(info.key, data)
    return info.key, max(len(data), 1)


def _is_here(local: Store, info: ObjectInfo, *, is_result: bool) -> bool:
    standing = local.info(info.key)
    if standing is None or standing.size != info.size or not is_result:
        return False
    try:
        decode(local.get(info.key, bounds.RESULT_BYTES) or b"", local.where(info.key))
    except (ResultInvalid, ObjectTooLarge):
        return False
    return True
