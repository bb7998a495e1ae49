"""What is saved of a unit in flight: the finished fits of its search.

Each attempt writes checkpoints of its own and reads everybody's, so that two attempts that overlap do not undo each
other's. A checkpoint proves itself by a digest; a damaged one is named and left out, which costs time and nothing
else. All of a unit's checkpoints go when it is committed.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from job import bounds
from job.console import Console
from job.errors import ResultInvalid, StorageRefused
from job.executions.executions import Execution
from job.records import Malformed, is_number, read_object
from job.store import Store, progress_prefix
from job.training.candidates import count_candidates
from job.training.search import Fit, Place
from job.training.unit import Unit


def checkpoint_key(execution: Execution, unit: Unit, attempt: str) -> str:
    """Return the key of one attempt's checkpoint of a unit."""
    return f"{progress_prefix(execution.id)}{unit}/{attempt}.json"


def encode(unit: Unit, fingerprint: str, fits: Mapping[Place, Fit]) -> bytes:
    """Encode finished fits as the bytes of a checkpoint."""
    body = json.dumps(
        {
            "unit": str(unit),
            "fingerprint": fingerprint,
            "fits": [[c, f, fit.score, fit.cpu_seconds] for (c, f), fit in sorted(fits.items())],
        },
        separators=(",", ":"),
        allow_nan=False,
    )
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{digest}\n{body}\n".encode()


def decode(data: bytes, unit: Unit, fingerprint: str, shape: tuple[int, int] | None = None) -> dict[Place, Fit]:
    """Read a checkpoint's bytes and verify them.

    Parameters
    ----------
    shape : tuple of (int, int), optional
        How many candidates the unit has, and how many folds: fits of others are damage.

    Raises
    ------
    ResultInvalid
        Where they are damaged, or another unit's, or of other data.
    """
    try:
        digest, body = data.decode().removesuffix("\n").split("\n")
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            raise Malformed("its digest does not match")
        content = read_object(body.encode())
        if (content.get("unit"), content.get("fingerprint")) != (str(unit), fingerprint):
            raise Malformed("it belongs to another unit or to other data")
        fits = {}
        for c, f, score, cpu in content.get("fits") or ():
            if not (_is_place(c, f, shape) and is_number(score) and is_number(cpu) and cpu >= 0):
                raise Malformed("a fit in it is none of this unit's")
            fits[c, f] = Fit(float(score), float(cpu))
        return fits
    except (ValueError, TypeError) as error:
        raise ResultInvalid(f"a checkpoint is damaged: {error}", "It is left out; its fits are made again.") from error


def _is_place(candidate: Any, fold: Any, shape: tuple[int, int] | None) -> bool:
    if not all(isinstance(part, int) and not isinstance(part, bool) and part >= 0 for part in (candidate, fold)):
        return False
    return shape is None or (candidate < shape[0] and fold < shape[1])


def load(
    store: Store, execution: Execution, units: Iterable[Unit], fingerprints: Mapping[str, str], console: Console
) -> dict[Unit, dict[Place, Fit]]:
    """Return the fits that earlier attempts saved of `units`; damaged checkpoints are named and removed."""
    wanted = {str(unit): unit for unit in units}
    prefix = progress_prefix(execution.id)
    found: dict[Unit, dict[Place, Fit]] = defaultdict(dict)
    for info in sorted(store.objects(prefix), key=lambda info: info.key):
        name = info.key.removeprefix(prefix).rsplit("/", 1)[0]
        unit = wanted.get(name)
        if unit is None:
            continue
        try:
            data = store.get(info.key, bounds.CHECKPOINT_BYTES) if info.size <= bounds.CHECKPOINT_BYTES else b""
            if data is None:  # its unit was committed this moment
                continue
            shape = count_candidates(execution.spec.grid(unit)), execution.spec.protocol.folds
            found[unit] |= decode(data, unit, fingerprints[unit.dataset], shape)
        except ResultInvalid as damage:
            console.warning(
                "checkpoint_damaged", f"{store.where(info.key)}: {damage.what}; its fits are made again", key=info.key
            )
            store.delete(info.key)
        except StorageRefused as error:
            console.warning("checkpoint_unreadable", f"{error.what}; its fits are made again", key=info.key)
    return dict(found)


def remove(store: Store, execution: Execution, unit: Unit) -> None:
    """Remove all checkpoints of a unit that is done."""
    for info in list(store.objects(f"{progress_prefix(execution.id)}{unit}/")):
        store.delete(info.key)


def tidy(store: Store, execution: Execution, done: Iterable[Unit]) -> None:
    """Remove what an attempt left that was killed between committing a unit and removing its checkpoints."""
    left = in_flight(store, execution)
    for unit in done:
        if str(unit) in left:
            remove(store, execution, unit)


def in_flight(store: Store, execution: Execution) -> set[str]:
    """Return the names of the units that have checkpoints."""
    prefix = progress_prefix(execution.id)
    return {info.key.removeprefix(prefix).rsplit("/", 1)[0] for info in store.objects(prefix)}
