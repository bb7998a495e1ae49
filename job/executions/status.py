"""How far executions are, from listings alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from job import bounds
from job.console import Console
from job.errors import ExecutionMismatch, ExecutionNotFound, StorageRefused, did_you_mean, one_line, shown
from job.executions import checkpoints
from job.executions.attempts import AttemptSummary, read_attempts, summarise_attempts
from job.executions.executions import Execution, load_execution, present_results
from job.executions.headings import read_heading, read_headings
from job.executions.outlook import execution_outlook
from job.executions.recovery import read_binding
from job.progress import Outlook
from job.records import read_object, text
from job.store import Store, failures_prefix


@dataclass(frozen=True)
class DatasetStatus:
    """How far one dataset of an execution is; counts are units.

    Those in flight have a checkpoint and no result; those left have neither, and did not fail.
    """

    dataset: str
    done: int
    in_flight: int
    failed: int
    left: int
    total: int
    synthetic: bool | None
    split: dict[str, Any]


@dataclass(frozen=True)
class ExecutionStatus:
    """How far an execution is."""

    execution: str
    spec: str
    device: str
    created: datetime
    done: int
    in_flight: int
    failed: int
    left: int
    total: int
    complete: bool
    datasets: tuple[DatasetStatus, ...]
    failures: tuple[tuple[str, str], ...]
    attempts: AttemptSummary
    outlook: Outlook

    def as_json(self) -> dict[str, Any]:
        """Return the status as plain JSON values."""
        return {
            **asdict(self),
            "created": self.created.isoformat(timespec="seconds"),
            "failures": [{"unit": unit, "error": error} for unit, error in self.failures],
            "outlook": self.outlook.as_json(),
        }


def status(store: Store, execution: Execution, console: Console | None = None) -> ExecutionStatus:
    """Return how far an execution is. A unit that failed and then succeeded is done.

    What stands among its objects and is none of a unit of its own does not count. A binding that cannot be read is
    named to `console`.
    """
    present = present_results(store, execution)
    done = Counter(unit.dataset for unit in present)
    total = Counter(unit.dataset for unit in execution.spec.units())
    failed: Counter[str] = Counter()
    failures = []
    results = {str(unit) for unit in present}
    waiting = {str(unit) for unit in execution.spec.units()} - results
    for info in sorted(store.objects(failures_prefix(execution.id)), key=lambda info: info.key):
        name = info.key.removeprefix(failures_prefix(execution.id)).removesuffix(".json")
        if name in waiting:
            failed[name.split("/", 1)[0]] += 1
            failures.append((name, _error(store, info.key)))
    begun = (checkpoints.in_flight(store, execution) & waiting) - {name for name, _ in failures}
    in_flight = Counter(name.split("/", 1)[0] for name in begun)
    datasets = []
    bindings = {name: read_binding(store, execution, name, console) for name in execution.spec.datasets}
    for dataset, binding in bindings.items():
        synthetic = None if binding is None else bool(binding.get("synthetic"))
        split = execution.spec.split(dataset).as_json()
        counts = done[dataset], in_flight[dataset], failed[dataset]
        datasets.append(DatasetStatus(dataset, *counts, total[dataset] - sum(counts), total[dataset], synthetic, split))
    now, attempts = datetime.now(UTC), read_attempts(store, execution.id)
    known = {name: binding for name, binding in bindings.items() if binding is not None}
    outlook = execution_outlook(execution.spec, present, known, attempts, now)
    return ExecutionStatus(
        execution.id,
        execution.spec.name,
        execution.identity.device,
        read_heading(store, execution.id).created,
        done.total(),
        in_flight.total(),
        failed.total(),
        total.total() - done.total() - in_flight.total() - failed.total(),
        total.total(),
        done.total() == total.total(),
        tuple(datasets),
        tuple(failures),
        summarise_attempts(attempts, now),
        outlook,
    )


def all_statuses(store: Store, console: Console) -> list[ExecutionStatus]:
    """Return how far every execution is, the latest first; those that cannot be read are named."""
    headings = read_headings(store)
    headings.tell(console)
    found = []
    for heading in headings.found:
        try:
            found.append(status(store, load_execution(store, heading.id), console))
        except (ExecutionMismatch, ExecutionNotFound) as error:
            console.warning("execution_unreadable", f"{error.what}: left out", execution=heading.id)
    return found


def choose_execution(
    store: Store, execution_id: str | None, spec_name: str | None, console: Console | None = None
) -> Execution:
    """Return the execution named, else the one created last (of a spec, where one is named).

    Parameters
    ----------
    spec_name : str, optional
        A spec's own name (:func:`job.planning.spec.spec_name`).
    console : Console, optional
        Told of what stands among the executions and cannot be read.

    Raises
    ------
    ExecutionNotFound
    """
    if execution_id is not None:
        return load_execution(store, execution_id)
    console = console or Console.silent()
    headings = read_headings(store)
    headings.tell(console)
    for heading in headings.found:
        if spec_name not in (None, heading.spec):
            continue
        try:
            return load_execution(store, heading.id)
        except (ExecutionMismatch, ExecutionNotFound) as error:
            console.warning("execution_unreadable", f"{error.what}: left out", execution=heading.id)
    of_spec = f" of the spec {shown(spec_name)}" if spec_name else ""
    others = sorted({heading.spec for heading in headings.found} - {spec_name})
    near = f"{did_you_mean(spec_name, others)} Or start" if spec_name and others else "Start"
    raise ExecutionNotFound(f"there is no execution{of_spec} in {store.url}", f"{near} one with `ldp experiment run`.")


def _error(store: Store, key: str) -> str:
    try:
        return one_line(text(read_object(store.get(key, bounds.FAILURE_BYTES) or b""), "error"), 300)
    except (ValueError, StorageRefused):
        return "its record cannot be read"
