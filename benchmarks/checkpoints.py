"""What checkpoints cost, as a share of the CPU time of the `default` spec on the Taiwan data.

    python -m benchmarks.checkpoints

Measured: the CPU seconds that one finished fit costs beside the fit itself (the worker tells the runner through a real
pipe, the runner takes note of it), and those of one save of the spec's largest unit to a local directory and to memory.
A difference of two whole runs would drown in the machine's noise: the share is far below it.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from job.console import Console
from job.data.processed import ProcessedInfo
from job.executions.attempts import Attempt
from job.executions.executions import create_next
from job.executions.identity import Identity
from job.planning.costs import item_costs
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.spec import read_spec
from job.running.flight import Flight
from job.running.news import Task
from job.running.outbox import Outbox
from job.running.workers import Note, Work, WorkerPool
from job.store import Store
from job.training.search import Fit

NOTES, SAVES = 50_000, 200
CHECKPOINT_S = 30.0
TAIWAN = ProcessedInfo("taiwan_credit", "f", 1, "r", 30_000, 26, 0.2212, False)


def tell() -> Work:
    def work(count: int, note: Callable[[Any], None], _: Callable[[], int]) -> None:
        for i in range(count):
            note(((i % 64, i % 5), Fit(0.5 + i / 1e9, 0.1)))

    return work


def cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def flight(store: Store, checkpoint_s: float, tasks: Sequence[Task] = ()) -> Flight:
    execution = create_next(store, Identity.here(read_spec("default"), "cpu"))
    console = Console.silent()
    made = Flight(
        store, execution, {"taiwan_credit": "f"}, Attempt.begin(), Outbox(console, time.monotonic, 600), console,
        time.monotonic, checkpoint_s,
    )  # fmt: skip
    made.begin(tasks, [])
    return made


def seconds_per_note(count: int) -> float:
    """Return the CPU seconds of one note, in worker and runner together, the start of a process included."""
    units = [unit for unit in read_spec("default").units() if unit.dataset == "taiwan_credit"]
    runner = flight(Store.open("memory:///"), 3600.0)
    start = cpu()
    with WorkerPool(1, tell, ()) as pool:
        for event in pool.run([count]):
            if isinstance(event, Note):
                runner.note(units[0], *event.value)
            runner.pump()
    return (cpu() - start) / count


def seconds_per_save(store: Store, fits: int) -> float:
    """Return the CPU seconds of one save of a unit with `fits` finished fits."""
    unit = next(read_spec("default").units())
    known = {(i, 0): Fit(0.5 + i / 1e9, 0.1) for i in range(fits)}
    runner = flight(store, 0.0, [Task((unit,), {unit: known})])
    start = time.process_time()
    for i in range(SAVES):
        runner.note(unit, (i, 1), Fit(0.5, 0.1))
        runner.pump()
    return (time.process_time() - start) / SAVES


def main() -> None:
    spec = read_spec("default")
    units = [unit for unit in spec.units() if unit.dataset == "taiwan_credit"]
    costs = item_costs(Searches(spec), items_of(units), {"taiwan_credit": TAIWAN})
    total_s = sum(cost.cpu_seconds for cost in costs.values())
    fits, largest = sum(spec.fits(unit) for unit in units), max(spec.fits(unit) for unit in units)
    note_s = seconds_per_note(NOTES)
    with tempfile.TemporaryDirectory() as place:
        local_s = seconds_per_save(Store.open(str(Path(place))), largest)
    memory_s = seconds_per_save(Store.open("memory:///"), largest)
    share = (fits * note_s + total_s / CHECKPOINT_S * local_s) / total_s
    print(f"default spec on Taiwan: {len(units)} units, {fits:,} fits, about {total_s / 3600:.1f} CPU hours")
    print(f"a note: {1e6 * note_s:.0f} µs; a save of {largest} fits: {1e3 * local_s:.2f} ms on disk, "
          f"{1e3 * memory_s:.2f} ms in memory")  # fmt: skip
    print(f"checkpoints every {CHECKPOINT_S:.0f} s cost {100 * share:.3f} % of the CPU time")


if __name__ == "__main__":
    main()
