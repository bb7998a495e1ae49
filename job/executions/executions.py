"""Executions: one run of a spec, with an id, that can be interrupted and resumed any number of times.

There are no pointers and no markers. An id is ``{spec}-{hash8}-{n}``: the hash covers everything the results depend
on, the highest n is the current execution of that spec, and completeness is derived from the results present. The
manifest and the data's fingerprints are created with put-if-absent, so that many workers starting at once agree.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, get_args

from job import bounds
from job.arrays import Device
from job.errors import (
    BindingDamaged,
    ExecutionMismatch,
    ExecutionNotFound,
    ManifestDamaged,
    ObjectTooLarge,
    SpecInvalid,
    UsageError,
    did_you_mean,
    shown,
)
from job.planning.spec import Spec, spec_from_mapping
from job.records import Malformed, mapping, read_object, text, text_or_none, whole
from job.store import EXECUTIONS, Store, binding_key, manifest_key, result_key, results_prefix
from job.training.kernels import other_blas_kernels
from job.training.unit import Unit

# Raised whenever the protocol changes in a way that changes results.
PROTOCOL_VERSION = 1
_PACKAGES = {
    "numpy": ("numpy",),
    "scikit-learn": ("scikit-learn",),
    "imbalanced-learn": ("imbalanced-learn",),
    "lightgbm": ("lightgbm",),
    "xgboost": ("xgboost", "xgboost-cpu"),
}
_REBUILT = "Run the command that started the execution again: this is made again, and the results that stand are kept."
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def versions() -> dict[str, str]:
    """Return the versions that results depend on, by the packages' common names."""
    found = {}
    for name, distributions in _PACKAGES.items():
        for distribution in distributions:
            try:
                found[name] = metadata.version(distribution)
                break
            except metadata.PackageNotFoundError:
                continue
        else:
            found[name] = "missing"
    return found


@dataclass(frozen=True)
class Identity:
    """Everything that the results of an execution depend on, but for the data.

    Attributes
    ----------
    spec : Spec
    device : {'cpu', 'gpu'}
    versions : dict
    protocol : int
    kernels : str or None
        The BLAS kernels, where they are not the usual ones.
    """

    spec: Spec
    device: Device
    versions: dict[str, str]
    protocol: int = PROTOCOL_VERSION
    kernels: str | None = None

    @classmethod
    def here(cls, spec: Spec, device: Device) -> Identity:
        """Return the identity that this installation would give an execution."""
        return cls(spec, device, versions(), kernels=other_blas_kernels())

    def content(self) -> dict[str, Any]:
        """Return the identity as plain JSON values; what is as usual is left out, so that ids stay what they were."""
        return {
            "spec": self.spec.canonical(),
            "device": self.device,
            "versions": self.versions,
            "protocol": self.protocol,
            **({} if self.kernels is None else {"kernels": self.kernels}),
        }

    @property
    def hash8(self) -> str:
        """The first 8 hexadecimal digits of the SHA-256 of the content."""
        text = json.dumps(self.content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def stem(self) -> str:
        """What the ids of all executions with this identity begin with."""
        return f"{self.spec.name}-{self.hash8}-"


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
    data = _read(store, manifest_key(check_id(execution_id)), bounds.MANIFEST_BYTES)
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
    standing = _standing(store, key, mine, bounds.MANIFEST_BYTES)
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


def check_identity(execution_id: str, standing: Identity, wanted: Identity) -> None:
    """Refuse, naming what differs, where an execution was made from something else than is wanted.

    Raises
    ------
    ExecutionMismatch
    """
    differing = differences(standing, wanted)
    if differing and execution_id.startswith(wanted.stem):
        raise ExecutionMismatch(
            f"the manifest of {execution_id} is not what it was made with, as the id says: {'; '.join(differing)}",
            "Bring the manifest back as it was, or start another execution with --skip-resume.",
        )
    if differing:
        raise ExecutionMismatch(
            f"the execution {execution_id} was made from something else: {'; '.join(differing)}",
            "Use what it was made from, or leave out --execution-id to start another one.",
        )


def differences(standing: Identity, wanted: Identity) -> list[str]:
    """Return what differs between two identities, each in a few words."""
    ours, theirs = wanted.content(), standing.content()
    differing = []
    for key in dict.fromkeys([*ours, *theirs]):
        there, here = theirs.get(key, "as usual"), ours.get(key, "as usual")  # kernels stand there where they are not
        if there == here:
            continue
        if not isinstance(here, dict):
            differing.append(f"{key} {there} there, {here} here")
            continue
        for part in sorted(set(ours[key]) | set(theirs[key])):
            there, here = theirs[key].get(part), ours[key].get(part)
            if there != here:
                differing.append(f"{part} {there} there, {here} here" if key == "versions" else f"{key}.{part}")
    return differing


def bind(store: Store, execution: Execution, dataset: str, fingerprint: str, facts: dict[str, Any]) -> str:
    """Bind an execution to a dataset's fingerprint where it is not bound yet, and return what it is bound to.

    Raises
    ------
    BindingDamaged
        Where what stands there is empty or cut.
    """
    key = binding_key(execution.id, dataset)
    standing = _standing(store, key, encode_binding(fingerprint, facts), bounds.BINDING_BYTES)
    return str(_binding(standing, store.where(key))["fingerprint"])


def encode_binding(fingerprint: str, facts: dict[str, Any]) -> bytes:
    """Return the bytes of a binding."""
    return (json.dumps({"fingerprint": fingerprint, **facts}, sort_keys=True, indent=1) + "\n").encode()


def bound(store: Store, execution: Execution, dataset: str) -> dict[str, Any] | None:
    """Return what an execution knows of a dataset (fingerprint, shape, whether it is synthetic), or None.

    Raises
    ------
    BindingDamaged
        Where what stands there is empty or cut.
    ExecutionMismatch
        Where it is whole and something else.
    """
    key = binding_key(execution.id, dataset)
    data = _read(store, key, bounds.BINDING_BYTES)
    return None if data is None else _binding(data, store.where(key))


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


def _read(store: Store, key: str, most: int) -> bytes | None:
    with _refusing_large():
        return store.get(key, most)


def _standing(store: Store, key: str, mine: bytes, most: int) -> bytes:
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


def _binding(data: bytes, where: str) -> dict[str, Any]:
    try:
        found = read_object(data)
        text(found, "fingerprint")
        for name, most in (("rows", bounds.ROWS), ("features", bounds.FEATURES)):
            whole(found, name, 0, most=most)
        if found.get("synthetic") not in (None, True, False):
            raise Malformed("its synthetic is neither true nor false")
        return found
    except ValueError as error:
        if _is_cut(data):
            raise BindingDamaged(f"{where} cannot be read: it is empty or cut", _REBUILT) from error
        raise ExecutionMismatch(
            f"{where} cannot be read: {error}", "Start another execution with --skip-resume."
        ) from error


def _is_cut(data: bytes) -> bool:
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
        if device not in get_args(Device):
            raise Malformed("its device is unknown")
        return Identity(
            spec, device, {name: text(versions, name) for name in versions}, whole(raw, "protocol"), kernels
        )
    except ValueError as error:
        if _is_cut(data):
            raise ManifestDamaged(f"the manifest {where} cannot be read: it is empty or cut", _REBUILT) from error
        reason = error.what if isinstance(error, SpecInvalid) else str(error)
        raise ExecutionMismatch(
            f"the manifest {where} cannot be read: {reason}",
            "Start another execution with --skip-resume, or delete this one.",
        ) from error
