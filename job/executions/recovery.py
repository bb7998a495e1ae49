"""What a power cut left empty or cut is made again from what stands: manifests and bindings, never results.

A binding follows from the fingerprints in the results, a manifest from what is asked, where that is what the
execution was made from: its id says so, or the records of its results do.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from job import bounds
from job.console import Console
from job.errors import (
    BindingDamaged,
    ExecutionMismatch,
    ManifestDamaged,
    ObjectTooLarge,
    ResultInvalid,
    StorageRefused,
    one_line,
)
from job.executions.bindings import bind, bound, encode_binding
from job.executions.executions import Execution, create, encode_manifest
from job.executions.identity import Identity
from job.executions.provenance import differing, plain, provenance
from job.executions.results import StoredResult, decode, most_readers
from job.planning.searches import Searches
from job.store import Store, binding_key, manifest_key, results_prefix


def create_or_rebuild(store: Store, identity: Identity, execution_id: str, console: Console) -> tuple[Execution, bool]:
    """Create an execution under an id, or join the one that stands there; a manifest that is cut is made again.

    Returns
    -------
    (Execution, bool)
        Whether this call created it.

    Raises
    ------
    ExecutionMismatch
        Where the one that stands there has another identity, or where its manifest is cut and its results are of
        something else.
    """
    try:
        return create(store, identity, execution_id)
    except ManifestDamaged as damage:
        if not _is_id_of(execution_id, identity):
            _check_records(store, identity, execution_id, damage)
        store.put(manifest_key(execution_id), encode_manifest(identity, execution_id))
        console.warning(
            "manifest_rebuilt",
            f"{damage.what}: made again, and the results that stand are kept",
            execution=execution_id,
        )
        return Execution(execution_id, identity), False


def bind_or_rebuild(
    store: Store, execution: Execution, dataset: str, fingerprint: str, facts: dict[str, Any], console: Console
) -> str:
    """Bind an execution to a dataset's fingerprint where it is not bound yet, and return what it is bound to.

    A binding that is cut is made again: from the results that stand, else from what is asked.

    Raises
    ------
    ExecutionMismatch
        Where it is cut and the results that stand are of different data.
    """
    try:
        return bind(store, execution, dataset, fingerprint, facts)
    except BindingDamaged as damage:
        standing = _fingerprint_of_results(store, execution, dataset) or fingerprint
        known = facts if standing == fingerprint else {}
        store.put(binding_key(execution.id, dataset), encode_binding(standing, known))
        console.warning("binding_rebuilt", f"{damage.what}: made again", execution=execution.id, dataset=dataset)
        return standing


def known_data(store: Store, execution: Execution, dataset: str) -> dict[str, Any] | None:
    """Return what an execution knows of a dataset, or None; where its binding is cut, what its results know.

    Raises
    ------
    ExecutionMismatch
        Where it is cut and the results that stand are of different data.
    """
    try:
        return bound(store, execution, dataset)
    except BindingDamaged:
        standing = _fingerprint_of_results(store, execution, dataset)
        return None if standing is None else {"fingerprint": standing}


def read_binding(
    store: Store, execution: Execution, dataset: str, console: Console | None = None
) -> dict[str, Any] | None:
    """Return what an execution knows of a dataset; None too where that cannot be read, which `console` is told."""
    try:
        return known_data(store, execution, dataset)
    except ExecutionMismatch as error:
        if console is not None:
            console.warning("binding_unreadable", f"{error.what}: left out", execution=execution.id, dataset=dataset)
        return None


def _is_id_of(execution_id: str, identity: Identity) -> bool:
    tail = execution_id.removeprefix(identity.stem)
    return tail != execution_id and tail.isascii() and tail.isdigit()


def _check_records(store: Store, identity: Identity, execution_id: str, damage: ManifestDamaged) -> None:
    """Refuse where a whole result says that the execution was made from something else than is asked for."""
    units = set(identity.spec.units())
    searches = Searches(identity.spec)
    for key, result in _whole_results(store, results_prefix(execution_id)):
        unit = result.unit
        named = ["a unit that the spec has not"]
        if unit in units:
            expected = provenance(identity, unit, str(result.record.get("fingerprint")))
            named = differing(result.record, expected, unit, plain(searches.points(unit)))
        if named:
            raise ExecutionMismatch(
                f"{damage.what}, and {store.where(key)} is of {', '.join(named)}",
                "Run it with the spec (--spec), the versions and the device that made it, or leave out --execution-id "
                "to start another one.",
            )


def _fingerprint_of_results(store: Store, execution: Execution, dataset: str) -> str | None:
    """Return the fingerprint that the whole results of a dataset have, or None where there are none."""
    found: dict[str, str] = {}
    for key, result in _whole_results(store, f"{results_prefix(execution.id)}{dataset}/"):
        found.setdefault(str(result.record.get("fingerprint")), key)
    if len(found) > 1:
        (one, of_one), (other, of_other) = list(found.items())[:2]
        raise ExecutionMismatch(
            f"{store.where(binding_key(execution.id, dataset))} is cut, and the results are of different data: "
            f"{of_one} of {one_line(one, 12)}, {of_other} of {one_line(other, 12)}",
            "Move the results away that are not of this execution's data, then run the same command again.",
        )
    return next(iter(found), None)


def _whole_results(store: Store, prefix: str) -> list[tuple[str, StoredResult]]:
    keys = sorted(info.key for info in store.objects(prefix) if info.size > 0)

    def read(key: str) -> StoredResult | None:
        try:
            data = store.get(key, bounds.RESULT_BYTES)
            return None if data is None else decode(data).without_predictions()
        except (ResultInvalid, ObjectTooLarge, StorageRefused):
            return None

    with ThreadPoolExecutor(most_readers(bounds.ROWS)) as readers:
        found = zip(keys, readers.map(read, keys), strict=True)
        return [(key, result) for key, result in found if result is not None]
