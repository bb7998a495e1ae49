"""What is saved of a unit in flight: the finished fits of its search.

Each attempt writes checkpoints of its own and reads everybody's, so that two attempts that overlap do not undo each
other's. A checkpoint proves itself by a digest; a damaged one is named and left out, which costs time and nothing
else. All of a unit's checkpoints go when it is committed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

from job.console import Console
from job.errors import ResultInvalid
from job.executions.executions import Execution
from job.store import Store, bounds, progress_prefix
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


def decode(data: bytes, unit: Unit, fingerprint: str) -> dict[Place, Fit]:
    """Read a checkpoint's bytes and verify them.

    Raises
    ------
    ResultInvalid
        Where they are damaged, or another unit's, or of other data.
    """
    try:
        digest, body = data.decode().removesuffix("\n").split("\n")
        if hashlib.sha256(body.encode()).hexdigest() != digest:
            raise ValueError("its digest does not match")
        content = json.loads(body)
        if (content["unit"], content["fingerprint"]) != (str(unit), fingerprint):
            raise ValueError("it belongs to another unit or to other data")
        fits = {(int(c), int(f)): Fit(float(score), float(cpu)) for c, f, score, cpu in content["fits"]}
        if not all(math.isfinite(fit.score) for fit in fits.values()):
            raise ValueError("a score is not finite")
        return fits
    except (ValueError, KeyError, TypeError) as error:
        raise ResultInvalid(f"a checkpoint is damaged: {error}", "It is left out; its fits are made again.") from error


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
        data = store.get(info.key, bounds.CHECKPOINT_BYTES) if info.size <= bounds.CHECKPOINT_BYTES else b""
        if data is None:  # its unit was committed this moment
            continue
        try:
            found[unit] |= decode(data, unit, fingerprints[unit.dataset])
        except ResultInvalid as damage:
            console.warning(
                "checkpoint_damaged", f"{store.where(info.key)}: {damage.what}; its fits are made again", key=info.key
            )
            store.delete(info.key)
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
