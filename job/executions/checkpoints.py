"""What is saved of a unit in flight: the finished fits of its search.

Each attempt writes checkpoints of its own and reads everybody's, so that two attempts that overlap do not undo each
other's. A checkpoint proves itself by a digest; a damaged one is named and left out, which costs time and nothing
else. All of a unit's checkpoints go when it is committed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from job import bounds
from job.arrays import CPU, Device
from job.console import Console
from job.errors import ResultInvalid, StorageRefused
from job.executions.executions import Execution
from job.records import Malformed, is_number, read_object
from job.store import Store, neighbours_prefix, progress_prefix
from job.training.candidates import count_candidates
from job.training.on_gpu import device_of
from job.training.search import Fit, Place
from job.training.unit import Unit


@dataclass(frozen=True)
class Saved:
    """What earlier attempts saved.

    Attributes
    ----------
    fits : dict of Unit to dict of Place to Fit
        Made by the device that is here.
    elsewhere : dict of Unit to set of Place
        Which fits another device made.
    """

    fits: dict[Unit, dict[Place, Fit]]
    elsewhere: dict[Unit, set[Place]]


def checkpoint_key(execution: Execution, unit: Unit, attempt: str) -> str:
    """Return the key of one attempt's checkpoint of a unit."""
    return f"{progress_prefix(execution.id)}{unit}/{attempt}.json"


def encode(unit: Unit, fingerprint: str, fits: Mapping[Place, Fit]) -> bytes:
    """Encode finished fits as the bytes of a checkpoint; each names the GPU that made it, where one did."""
    body = json.dumps(
        {
            "unit": str(unit),
            "fingerprint": fingerprint,
            "fits": [
                [c, f, fit.score, fit.cpu_seconds, *([] if fit.gpu is None else [fit.gpu])]
                for (c, f), fit in sorted(fits.items())
            ],
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
        for c, f, score, cpu, *gpu in content.get("fits") or ():
            if not (_is_place(c, f, shape) and is_number(score) and is_number(cpu) and cpu >= 0 and _is_gpu(gpu)):
                raise Malformed("a fit in it is none of this unit's")
            fits[c, f] = Fit(float(score), float(cpu), *gpu)
        return fits
    except (ValueError, TypeError) as error:
        raise ResultInvalid(f"a checkpoint is damaged: {error}", "It is left out; its fits are made again.") from error


def _is_place(candidate: Any, fold: Any, shape: tuple[int, int] | None) -> bool:
    if not all(isinstance(part, int) and not isinstance(part, bool) and part >= 0 for part in (candidate, fold)):
        return False
    return shape is None or (candidate < shape[0] and fold < shape[1])


def _is_gpu(rest: list[Any]) -> bool:
    return not rest or (len(rest) == 1 and isinstance(rest[0], str) and bool(rest[0]))


def load(
    store: Store,
    execution: Execution,
    units: Iterable[Unit],
    fingerprints: Mapping[str, str],
    console: Console,
    device: Device = CPU,
) -> Saved:
    """Return the fits that earlier attempts saved of `units`; damaged checkpoints are named and removed.

    Parameters
    ----------
    device : Device
        What this attempt fits on. Fits of another GPU model are of no use to it, since a unit's fits are of one; their
        checkpoint stays for whoever has that GPU.
    """
    others: Counter[str] = Counter()
    elsewhere: dict[Unit, set[Place]] = defaultdict(set)
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
            fits = decode(data, unit, fingerprints[unit.dataset], shape)
            here = device_of(unit.model, device).gpu
            for place, fit in fits.items():
                if fit.gpu == here:
                    found[unit][place] = fit
                else:
                    elsewhere[unit].add(place)
                    others[fit.gpu or "the CPU"] += 1
        except ResultInvalid as damage:
            console.warning(
                "checkpoint_damaged", f"{store.where(info.key)}: {damage.what}; its fits are made again", key=info.key
            )
            store.delete(info.key)
        except StorageRefused as error:
            console.warning("checkpoint_unreadable", f"{error.what}; its fits are made again", key=info.key)
    if others:
        named = ", ".join(f"{count} of {gpu}" for gpu, count in sorted(others.items()))
        console.info(
            "fits_of_another_gpu",
            f"saved fits of another device are not used on {device.name}, and made again: {named}",
            fits=others.total(),
        )
    return Saved(dict(found), dict(elsewhere))


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
    prefix, others = progress_prefix(execution.id), neighbours_prefix(execution.id)
    keys = (info.key for info in store.objects(prefix))
    return {key.removeprefix(prefix).rsplit("/", 1)[0] for key in keys if not key.startswith(others)}
