"""The real pool: worker processes over memory-mapped features and shared folds in a scratch directory."""

from __future__ import annotations

import shutil
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Protocol, Self

import numpy as np

from job.arrays import CPU, Device
from job.console import Console
from job.data.processed import ProcessedInfo, load_processed
from job.errors import GpuMemoryShort, NoSpaceLeft, ProcessedDataInvalid, StorageError
from job.executions.executions import Execution
from job.executions.neighbours import Group, saved
from job.metrics import Array
from job.planning.loss import CHECKPOINT_S
from job.planning.memory import MIB, WORKER, workers_that_fit
from job.planning.scratch import room_for_folds
from job.planning.shards import Shard
from job.running.beside import reference_rows
from job.running.compared import Compares, clear, lay
from job.running.machine import available_bytes
from job.running.news import Begun, Failed, FallBack, FitMade, Made, ScratchFull, Task, Warned
from job.running.scratch import scratch_directory
from job.running.serving import Work
from job.running.workers import Outcome, WorkerPool
from job.store import Store
from job.training import models
from job.training import unit as training
from job.training.candidates import Grid, ModelName
from job.training.layout import Layout, layout_of
from job.training.preparation import FoldCache
from job.training.search import Fit, Place
from job.training.techniques import Sampler, Technique, chain, sampler_of
from job.training.together import run_units
from job.training.unit import Unit, UnitResult
from job.warned import hear_warnings


class Pool(Protocol):
    """What runs tasks; :class:`~job.running.workers.WorkerPool` is the real one."""

    def run(self, tasks: Any, stopped: Callable[[], bool], *, alone: bool = False) -> Any:
        """Yield outcomes, notes, and None now and then; with `alone`, one task at a time and nothing beside it."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes
    ----------
    workers : int
        Processes that share the work, and cores to use: where there are fewer processes, for want of memory or of work
        items, fits get threads. Results do not depend on it.
    scratch_dir : pathlib.Path
        Where to make a directory for what they share.
    checkpoint_s : float
        How often the finished fits of a unit in flight are saved, at most.
    give_up_s : float
        For how long the storage may stay away.
    scratch_bytes : int or None
        How much of the scratch directory prepared folds may take up; None for as much as they need, but for what
        has to stay free (:func:`job.planning.scratch.room_for_folds`).
    shard : Shard or None
        Which part of the units to run.
    max_s : float or None
        After how many seconds to stop in good order.
    gpu_workers : int
        How many of the workers use the GPU, where the run has one.
    """

    workers: int = 1
    scratch_dir: Path = Path()
    checkpoint_s: float = CHECKPOINT_S
    give_up_s: float = 600.0
    scratch_bytes: int | None = None
    shard: Shard | None = None
    max_s: float | None = None
    gpu_workers: int = 0


@dataclass(frozen=True)
class _Setup:
    """What a worker needs to know once: picklable."""

    scratch: Path
    scratch_bytes: int | None
    protocol: training.Protocol
    grids: Mapping[tuple[ModelName, Technique], Grid]
    layouts: Mapping[str, Layout]
    device: Device = CPU

    def __call__(self) -> Work:
        data: dict[str, tuple[Array, Array]] = {}
        warned: SimpleQueue[str] = SimpleQueue()
        hear_warnings(warned.put)

        def make(task: Task, note: Callable[[Any], None], threads: Callable[[], int]) -> None:
            dataset, model = task.units[0].dataset, task.units[0].model
            models.load_libraries(model)
            if dataset not in data:
                X = np.load(self.scratch / f"{dataset}_X.npy", mmap_mode="r")
                data[dataset] = (X, np.load(self.scratch / f"{dataset}_y.npy"))
            cache = FoldCache(
                self.scratch,
                self.scratch_bytes,
                lambda: note(ScratchFull()),
                lambda rows: note(FallBack(rows)),
                self.device,
                lambda dataset, seed: Compares(self.scratch, (dataset, seed), note),
            )
            _Item(self, task, *data[dataset], self.layouts[dataset], cache, note, threads).run()
            while not warned.empty():  # told here, for any thread may warn, and a pipe takes one at a time
                note(Warned(warned.get()))

        return make


@dataclass
class _Item:
    """A worker's work on one item."""

    setup: _Setup
    task: Task
    X: Array
    target: Array
    layout: Layout
    cache: FoldCache
    note: Callable[[Any], None]
    threads: Callable[[], int]

    def __post_init__(self) -> None:
        self.fits = {unit: dict(self.task.known.get(unit, {})) for unit in self.task.units}
        self.started, self.start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()

    def run(self) -> None:
        """Run the units together; where that raises, those that are left one by one, so that each fails for itself."""
        self.note(Begun(self.task.units))
        left = list(self.task.units)
        if len(left) > 1:
            with suppress(Exception):
                for unit in self._finish(left):
                    left.remove(unit)
        for unit in left:
            try:
                list(self._finish([unit]))
            except Exception as error:  # noqa: BLE001 - a unit that raises is recorded, and the others go on
                crowded = isinstance(error, GpuMemoryShort)
                self.note(Failed(unit, f"{type(error).__name__}: {error}", traceback.format_exc(), crowded))

    def _finish(self, units: Sequence[Unit]) -> Iterator[Unit]:
        results = run_units(
            {unit: self.setup.grids[unit.model, unit.technique] for unit in units},
            self.setup.protocol,
            self.X,
            self.target,
            self.cache,
            layout=self.layout,
            known={unit: dict(self.fits[unit]) for unit in units},
            on_fit=self._fitted,
            device=self.setup.device,
            threads=self.threads,
            only=None if self.task.part is None else self.task.part.has,
        )
        for result in results:
            self.note(Made(self._with_references(result), self.started, time.monotonic() - self.start))
            yield result.unit

    def _with_references(self, result: UnitResult) -> UnitResult:
        setup = self.setup
        found = reference_rows(setup.scratch, result.unit, self.layout, setup.protocol, self.X, self.target)
        return result if found is None else replace(result, beside={**result.beside, "references": found})

    def _fitted(self, unit: Unit, place: Place, fit: Fit) -> None:
        self.fits[unit][place] = fit
        self.note(FitMade(unit, place, fit))


def _setup(setup: _Setup) -> Work:
    return setup()


class Processes(AbstractContextManager["Processes"]):
    """The real pool: worker processes over memory-mapped features and shared folds in a scratch directory."""

    def __init__(
        self,
        store: Store,
        execution: Execution,
        tasks: tuple[Task, ...],
        options: Options,
        infos: Mapping[str, ProcessedInfo],
        console: Console,
        device: Device = CPU,
    ) -> None:
        self._console = console
        self._device = device
        self._store, self._execution, self._options, self._infos = store, execution, options, infos
        self._tasks = tasks
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._scratch = self._stack.enter_context(scratch_directory(self._options.scratch_dir))
            (self._scratch / "folds").mkdir()
            units = [unit for task in self._tasks for unit in task.units]
            layouts = {name: self._spill(name) for name in dict.fromkeys(unit.dataset for unit in units)}
            spec = self._execution.spec
            grids = {(unit.model, unit.technique): spec.grid(unit) for unit in units}
            self._bring_neighbours()
            setup = _Setup(self._scratch, self._room(), spec.protocol, grids, layouts)
            count, room = self._count()
            self._pool = self._stack.enter_context(
                WorkerPool(
                    count,
                    _setup,
                    (setup,),
                    self._short,
                    cores=self._options.workers,
                    most_threads=lambda task: task.threads,
                    memory=lambda task: task.memory - WORKER,
                    thread_memory=lambda task: task.thread_memory,
                    room=room,
                    owners=min(count, self._owners()),
                    owner_args=(replace(setup, device=self._device),),
                    needs_owner=lambda task: task.gpu,
                )
            )
            self._stack = self._stack.pop_all()
        return self

    def _bring_neighbours(self) -> None:
        """Lay what earlier attempts found of neighbours where workers look for it; without it they seek again."""
        count = 0
        try:
            for name, data in saved(self._store, self._execution.id, self._groups(), self._console):
                lay(self._scratch, name, data)
                count += 1
        except StorageError as error:
            self._console.warning("neighbours_unreadable", f"{error.what}; they are sought again")
        if count:
            what = f"going on from {count} stretches of neighbours that were found before"
            self._console.info("neighbours_found", what, stretches=count)

    def _groups(self) -> set[Group]:
        """Return the datasets and seeds of which neighbours may have to be sought."""
        folds = {fold for task in self._tasks for fold in _folds(task)}
        return {(dataset, seed) for dataset, sampler, seed in folds if sampler in ("smote", "smote_tomek")}

    def _room(self) -> int:
        """Return how many bytes prepared folds may take: where nobody says, not all that is free."""
        given = self._options.scratch_bytes
        return room_for_folds(shutil.disk_usage(self._scratch).free) if given is None else given

    def _owners(self) -> int:
        """Return how many workers are to use the GPU; none where no task wants it."""
        return min(max(self._options.gpu_workers, 1), sum(task.gpu for task in self._tasks))

    def _count(self) -> tuple[int, int | None]:
        """Return how many workers to start, and how many bytes all that they run may need beside their libraries."""
        asked = min(self._options.workers, len(self._tasks))
        largest, smallest = (of(task.memory for task in self._tasks) for of in (max, min))
        available = available_bytes()
        count, side_by_side = (workers_that_fit(asked, each, available) for each in (smallest, largest))
        free = "unknown" if available is None else f"{available / MIB:,.0f} MiB"
        on_gpu = min(count, self._owners())
        who = f"{count} workers" + (f" ({on_gpu} on the GPU)" if on_gpu else "")
        words = f"{who} of {smallest / MIB:,.0f} to {largest / MIB:,.0f} MiB each; free memory: {free}"
        fields = {"workers": count, "asked": asked, "worker_mib": largest // MIB}
        if available is not None and largest > available:
            self._console.warning("memory_short", f"memory may run out: {words}", **fields)
        elif side_by_side < asked:
            self._console.warning(
                "memory_short",
                f"memory allows {side_by_side} of {asked} of the largest work items side by side; smaller ones fill "
                f"the room, and fits that can get threads: {words}",
                **fields,
            )
        else:
            self._console.detail("workers", words, **fields)
        return count, None if available is None else available - count * WORKER

    def _short(self, count: int) -> None:
        self._console.warning(
            "processes_short",
            f"the system allows no more processes: going on with {count} workers (ulimit -u, or the container's limit)",
            workers=count,
        )

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, tasks: tuple[Task, ...], stopped: Callable[[], bool], *, alone: bool = False) -> Any:
        """Yield the pool's events; folds that no work item needs any more are removed on the way."""
        left = Counter(folds for task in tasks for folds in _folds(task))
        for event in self._pool.run(tasks, stopped, alone=alone):
            yield event
            if isinstance(event, Outcome):
                for folds in _folds(event.task):
                    left[folds] -= 1
                    if not left[folds]:
                        shutil.rmtree(FoldCache.place(self._scratch, *folds), ignore_errors=True)
                        dataset, _, seed = folds
                        if not any(count for (one, _, other), count in left.items() if (one, other) == (dataset, seed)):
                            clear(self._scratch, (dataset, seed))

    def _spill(self, dataset: str) -> Layout:
        """Put a dataset where every worker can map it into memory, and return how its rows lie."""
        data = load_processed(self._store, dataset)
        if data.fingerprint != self._infos[dataset].fingerprint:
            raise ProcessedDataInvalid(
                f"the processed data of {dataset} changed while the run started", "Run the same command again."
            )
        try:
            np.save(self._scratch / f"{dataset}_X.npy", data.X)
            np.save(self._scratch / f"{dataset}_y.npy", data.target)
        except OSError as error:
            needed = (data.X.nbytes + data.target.nbytes) / MIB
            raise NoSpaceLeft(
                f"no room for the features of {dataset} in {self._options.scratch_dir}: they need {needed:,.1f} MiB "
                f"({error.strerror or error})",
                "Free some space there, or name a larger directory with LDP_SCRATCH_DIR.",
            ) from error
        spec = self._execution.spec
        return layout_of(data, spec.split(dataset), spec.seeds[0])


def _folds(task: Task) -> set[tuple[str, Sampler, int]]:
    """Return which prepared folds a work item needs: dataset, sampler, seed."""
    return {(unit.dataset, sampler, unit.seed) for unit in task.units for sampler in chain(sampler_of(unit.technique))}
