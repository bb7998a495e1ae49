"""Reading results back: verified one by one, many at a time."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from job.errors import ResultInvalid
from job.executions.executions import Execution, bound
from job.executions.results import StoredResult, decode
from job.store import Store
from job.training.unit import Unit

_READERS = 16  # requests in flight: what hides an object store's latency


@dataclass(frozen=True)
class Verified:
    """What stands in the store for some units.

    Attributes
    ----------
    results : dict of Unit to StoredResult
        Whole, and of this execution; without their predictions, so that thousands fit into memory.
    damaged : dict of Unit to str
        What is wrong with the others.
    missing : tuple of Unit
    """

    results: dict[Unit, StoredResult]
    damaged: dict[Unit, str]
    missing: tuple[Unit, ...]


def verify(store: Store, execution: Execution, units: Iterable[Unit]) -> Verified:
    """Read and verify the results of `units`: digest, unit, and the data's fingerprint."""
    units = list(units)
    fingerprints: dict[str, str | None] = {}
    for dataset in dict.fromkeys(unit.dataset for unit in units):
        binding = bound(store, execution, dataset)
        fingerprints[dataset] = None if binding is None else str(binding["fingerprint"])
    with ThreadPoolExecutor(_READERS) as readers:
        found = list(readers.map(lambda unit: _read(store, execution, unit, fingerprints[unit.dataset]), units))
    results: dict[Unit, StoredResult] = {}
    damaged: dict[Unit, str] = {}
    missing: list[Unit] = []
    for unit, answer in zip(units, found, strict=True):
        if answer is None:
            missing.append(unit)
        elif isinstance(answer, str):
            damaged[unit] = answer
        else:
            results[unit] = answer
    return Verified(results, damaged, tuple(missing))


def _read(store: Store, execution: Execution, unit: Unit, fingerprint: str | None) -> StoredResult | str | None:
    key = execution.result_key(unit)
    data = store.get(key)
    if data is None:
        return None
    try:
        result = decode(data, store.where(key))
    except ResultInvalid as error:
        return error.what
    if result.unit != unit:
        return f"{store.where(key)} is the result of another unit, {result.unit}"
    if result.record.get("fingerprint") != fingerprint:
        return f"{store.where(key)} was made from other data"
    return result.without_predictions()
