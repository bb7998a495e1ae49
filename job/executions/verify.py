"""Reading results back: verified one by one, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from job import bounds
from job.errors import ObjectTooLarge, ResultInvalid, StorageError
from job.executions.executions import Execution
from job.executions.provenance import differing, plain, provenance
from job.executions.recovery import read_binding
from job.executions.results import StoredResult, decode, mismatch, most_readers
from job.planning.searches import Searches
from job.store import Store
from job.training.unit import Unit


@dataclass(frozen=True)
class Verified:
    """What stands in the store for some units.

    Attributes
    ----------
    results : dict of Unit to StoredResult
        Whole, and of this execution; without their predictions, so that thousands fit into memory.
    damaged : dict of Unit to str
        What is wrong with those that cannot be read.
    unreadable : dict of Unit to StorageError
        Why the storage does not give those that it has, or may have.
    foreign : dict of Unit to str
        What those are of that are whole and of something else: other data, another grid, another version.
    missing : tuple of Unit
    seen : dict of Unit to anything
        What the caller's `look` made of each result while its predictions were there.
    """

    results: dict[Unit, StoredResult]
    damaged: dict[Unit, str]
    foreign: dict[Unit, str]
    missing: tuple[Unit, ...]
    unreadable: dict[Unit, StorageError] = field(default_factory=dict)
    seen: dict[Unit, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Foreign:
    what: str


def verify(
    store: Store, execution: Execution, units: Iterable[Unit], look: Callable[[StoredResult], Any] | None = None
) -> Verified:
    """Read the results of `units` and verify that each is whole and is what the execution asks for.

    What the storage does not give is an answer like the others; only where the data's binding cannot be read either,
    there is none.

    Parameters
    ----------
    look : callable, optional
        Called with each verified result and its predictions, which are let go afterwards.

    Raises
    ------
    StorageError
    """
    units = list(units)
    fingerprints: dict[str, str] = {}
    rows: dict[str, int] = {}
    for dataset in dict.fromkeys(unit.dataset for unit in units):
        binding = read_binding(store, execution, dataset)  # without it no result can be held against the data
        fingerprints[dataset] = "" if binding is None else str(binding["fingerprint"])
        rows[dataset] = _most_rows(binding)
    searches = Searches(execution.spec)
    grids = {asked: plain(searches.points(unit)) for asked, unit in {(u.model, u.technique): u for u in units}.items()}
    read = partial(_read, store, execution, fingerprints, rows, grids, look)
    with ThreadPoolExecutor(most_readers(max(rows.values(), default=1))) as readers:
        found = list(readers.map(read, units))
    results: dict[Unit, StoredResult] = {}
    damaged: dict[Unit, str] = {}
    foreign: dict[Unit, str] = {}
    unreadable: dict[Unit, StorageError] = {}
    missing: list[Unit] = []
    seen: dict[Unit, Any] = {}
    for unit, answer in zip(units, found, strict=True):
        if answer is None:
            missing.append(unit)
        elif isinstance(answer, str):
            damaged[unit] = answer
        elif isinstance(answer, StorageError):
            unreadable[unit] = answer
        elif isinstance(answer, _Foreign):
            foreign[unit] = answer.what
        else:
            results[unit], seen[unit] = answer
    return Verified(results, damaged, foreign, tuple(missing), unreadable, seen)


def _most_rows(binding: dict[str, Any] | None) -> int:
    """Return how many rows a result can have: no more than its dataset."""
    found = None if binding is None else binding.get("rows")
    return min(found, bounds.ROWS) if isinstance(found, int) and found > 0 else bounds.ROWS


def _read(
    store: Store,
    execution: Execution,
    fingerprints: dict[str, str],
    rows: dict[str, int],
    grids: dict[tuple[Any, Any], list[dict[str, Any]]],
    look: Callable[[StoredResult], Any] | None,
    unit: Unit,
) -> tuple[StoredResult, Any] | str | StorageError | _Foreign | None:
    key = execution.result_key(unit)
    try:
        data = store.get(key, bounds.RESULT_BYTES)
        if data is None:
            return None
        result = decode(data, store.where(key), rows[unit.dataset])
    except StorageError as error:
        return error
    except (ResultInvalid, ObjectTooLarge) as error:
        return error.what
    expected = provenance(execution.identity, unit, fingerprints[unit.dataset])
    named = differing(result.record, expected, unit, grids[unit.model, unit.technique])
    if named:
        return _Foreign(mismatch(store.where(key), named).what)
    return result.without_predictions(), None if look is None else look(result)
