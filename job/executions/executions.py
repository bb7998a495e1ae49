"""Executions: one run of a spec, with an id, that can be interrupted and resumed any number of times.

There are no pointers and no markers. An id is ``{spec}-{hash8}-{n}``: the hash covers everything the results depend
on, the highest n is the current execution of that spec, and completeness is derived from the results present. The
manifest and the data's fingerprints are created with put-if-absent, so that many workers starting at once agree.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_args

from job import bounds
from job.arrays import DeviceKind
from job.errors import (
    ExecutionMismatch,
    ExecutionNotFound,
    ManifestDamaged,
    ObjectTooLarge,
    SpecInvalid,
    UsageError,
    did_you_mean,
    shown,
)
from job.executions.identity import Identity, check_identity
from job.planning.spec import Spec, spec_from_mapping
from job.records import Malformed, mapping, read_object, text, text_or_none, whole
from job.store import EXECUTIONS, Store, manifest_key, result_key, results_prefix
from job.training.unit import Unit

REBUILT = "Run the command that started the execution again: this is made again, and the results that stand are kept."
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Execution:
    """An execution that stands in the store."""

    id: str
    identity: Identity

    @property
    def spec(self) -> Spec:
        """What is run."""
        return self.identity.spec

    def result_key(self, unit: Unit) -> str:
        """Return the key of a unit's result."""
        return result_key(self.id, unit.dataset, unit.model, unit.technique, unit.seed)


def list_executions(store: Store) -> list[str]:
    """Return the ids of all executions."""
    return store.children(f"{EXECUTIONS}/")


def load_execution(store: Store, execution_id: str) -> Execution:
    """Read an execution's manifest.

    Raises
    ------
    ExecutionNotFound
        Where there is none of that id.
    ExecutionMismatch
        Where the manifest cannot be used; :class:`~job.errors.ManifestDamaged` where it is empty or cut.
    """
    data = read_small(store, manifest_key(check_id(execution_id)), bounds.MANIFEST_BYTES)
    if data is None:
        known = list_executions(store)
        if execution_id in known:
            raise ExecutionNotFound(
                f"{store.where(EXECUTIONS)}/{execution_id} has no manifest: it is no execution, or what is left of one",
                "Bring back its manifest.json, or name another: `ldp experiment list` has them.",
            )
        raise ExecutionNotFound(
            f"there is no execution {shown(execution_id)} in {store.url}",
            did_you_mean(execution_id, known) if known else "Start one with `ldp experiment run`.",
        )
    return Execution(execution_id, _parse(data, store.where(manifest_key(execution_id))))


def current_execution(store: Store, identity: Identity) -> Execution | None:
    """Return the execution of this identity with the highest number, or None."""
    numbers = _numbers(store, identity)
    return Execution(f"{identity.stem}{numbers[-1]}", identity) if numbers else None


def create_next(store: Store, identity: Identity) -> Execution:
    """Create the execution after the current one; of workers that do so at once, each gets one of its own."""
    number = (_numbers(store, identity) or [0])[-1]
    while True:
        number += 1
        execution, created = create(store, identity, f"{identity.stem}{number}")
        if created:
            return execution


def create(store: Store, identity: Identity, execution_id: str) -> tuple[Execution, bool]:
    """Create an execution under an id, or join the one that stands there.

    Returns
    -------
    (Execution, bool)
        Whether this call created it.

    Raises
    ------
    ExecutionMismatch
        Where the one that stands there has another identity.
    ManifestDamaged
        Where its manifest is empty or cut.
    SpecInvalid
        Where the spec is too large for a manifest.
    """
    key = manifest_key(check_id(execution_id))
    mine = encode_manifest(identity, execution_id)
    standing = create_small(store, key, mine, bounds.MANIFEST_BYTES)
    if standing == mine:
        return Execution(execution_id, identity), True
    check_identity(execution_id, _parse(standing, store.where(key)), identity)
    return Execution(execution_id, identity), False


def encode_manifest(identity: Identity, execution_id: str) -> bytes:
    """Return the bytes of the manifest of an execution that is created now."""
    # The token tells our own write from the equal one of a worker that starts at the same moment.
    creation = {"time": datetime.now(UTC).isoformat(timespec="microseconds"), "token": uuid.uuid4().hex}
    manifest = {"id": execution_id, "created": creation, **identity.content()}
    data = (json.dumps(manifest, sort_keys=True, indent=1) + "\n").encode()
    if len(data) > bounds.MANIFEST_BYTES:
        raise SpecInvalid(
            f"the spec {identity.spec.name} is too large for a manifest, which has at most "
            f"{bounds.MANIFEST_BYTES:,} bytes",
            "Split it into several.",
        )
    return data


def present_results(store: Store, execution: Execution) -> set[Unit]:
    """Return the units of an execution that have a result, by a listing alone."""
    keys = {info.key for info in store.objects(results_prefix(execution.id)) if info.size > 0}
    return {unit for unit in execution.spec.units() if execution.result_key(unit) in keys}


def check_id(execution_id: str) -> str:
    """Return an execution's id if it can be part of a key.

    Raises
    ------
    UsageError
    """
    if not _ID.fullmatch(execution_id):
        raise UsageError(
            f"{shown(execution_id)} cannot be an execution's id",
            "Use 1 to 100 letters, digits, dots, hyphens and underscores, the first a letter or digit.",
        )
    return execution_id


def read_small(store: Store, key: str, most: int) -> bytes | None:
    """Return a manifest's or binding's bytes; what has more than `most` of them is refused unread.

    Raises
    ------
    ExecutionMismatch
    """
    with _refusing_large():
        return store.get(key, most)


def create_small(store: Store, key: str, mine: bytes, most: int) -> bytes:
    """Write a manifest or binding unless one stands there, and return what now does, as :func:`read_small` does.

    Raises
    ------
    ExecutionMismatch
    """
    with _refusing_large():
        return store.put_if_absent(key, mine, most)


@contextmanager
def _refusing_large() -> Iterator[None]:
    try:
        yield
    except ObjectTooLarge as error:
        raise ExecutionMismatch(
            error.what, "Start another execution with --skip-resume, or delete this one."
        ) from error


def _numbers(store: Store, identity: Identity) -> list[int]:
    tails = [name.removeprefix(identity.stem) for name in list_executions(store) if name.startswith(identity.stem)]
    return sorted(int(tail) for tail in tails if _NUMBER.fullmatch(tail))


def is_cut(data: bytes) -> bool:
    """Tell whether bytes are no JSON at all, as a power cut leaves them; what is JSON was written so."""
    try:
        json.loads(data)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False


def _parse(data: bytes, where: str) -> Identity:
    try:
        raw = read_object(data)
        spec = spec_from_mapping(mapping(raw, "spec"), where)
        device: Any = raw.get("device")
        versions, kernels = mapping(raw, "versions"), text_or_none(raw, "kernels")
        if device not in get_args(DeviceKind):
            raise Malformed("its device is unknown")
        return Identity(
            spec, device, {name: text(versions, name) for name in versions}, whole(raw, "protocol"), kernels
        )
    except ValueError as error:
        if is_cut(data):
            raise ManifestDamaged(f"the manifest {where} cannot be read: it is empty or cut", REBUILT) from error
        reason = error.what if isinstance(error, SpecInvalid) else str(error)
        raise ExecutionMismatch(
            f"the manifest {where} cannot be read: {reason}",
            "Start another execution with --skip-resume, or delete this one.",
        ) from error
