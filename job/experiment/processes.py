"""The real pool: worker processes over memory-mapped features and shared folds in a scratch directory."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from job.data.processed import ProcessedInfo, load_processed
from job.errors import ProcessedDataInvalid
from job.experiment.executions import Execution
from job.experiment.flight import Made, Task
from job.experiment.scratch import scratch_directory
from job.experiment.shards import Shard
from job.experiment.workers import Outcome, WorkerPool
from job.metrics import Array
from job.store import Store
from job.training import unit as training
from job.training.candidates import Grid, ModelName
from job.training.preparation import FoldCache
from job.training.techniques import Sampler, Technique, sampler_of
from job.training.unit import Unit


class Pool(Protocol):
    """What runs tasks; :class:`~job.experiment.workers.WorkerPool` is the real one."""

    def run(self, tasks: Any, stopped: Callable[[], bool]) -> Any:
        """Yield outcomes, notes, and None now and then."""


@dataclass(frozen=True)
class Options:
    """How to run.

    Attributes
    ----------
    workers : int
        Processes that share the work; results do not depend on it.
    scratch_dir : pathlib.Path
        Where to make a directory for what they share.
    checkpoint_s : float
        How often the finished fits of a unit in flight are saved, at most.
    give_up_s : float
        For how long the storage may stay away.
    shard : Shard or None
        Which part of the units to run.
    """

    workers: int = 1
    scratch_dir: Path = Path()
    checkpoint_s: float = 30.0
    give_up_s: float = 600.0
    shard: Shard | None = None


def processes(
    store: Store, execution: Execution, tasks: tuple[Task, ...], options: Options, infos: Mapping[str, ProcessedInfo]
) -> AbstractContextManager[Pool]:
    """Return the real pool: worker processes over memory-mapped features in a scratch directory."""
    return _Processes(store, execution, tasks, options, infos)


@dataclass(frozen=True)
class _Setup:
    """What a worker needs to know once: picklable."""

    scratch: Path
    protocol: training.Protocol
    grids: Mapping[tuple[ModelName, Technique], Grid]

    def __call__(self) -> Callable[[Task, Callable[[Any], None]], Made]:
        data: dict[str, tuple[Array, Array]] = {}
        cache = FoldCache(self.scratch)

        def make(task: Task, note: Callable[[Any], None]) -> Made:
            unit = task.unit
            if unit.dataset not in data:
                X = np.load(self.scratch / f"{unit.dataset}_X.npy", mmap_mode="r")
                data[unit.dataset] = (X, np.load(self.scratch / f"{unit.dataset}_y.npy"))
            started, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
            result = training.run_unit(
                unit,
                self.grids[unit.model, unit.technique],
                self.protocol,
                *data[unit.dataset],
                cache,
                known=task.known,
                on_fit=lambda place, fit: note((place, fit)),
            )
            return Made(result, started, time.monotonic() - start)

        return make


def _setup(setup: _Setup) -> Callable[[Task, Callable[[Any], None]], Made]:
    return setup()


class _Processes(AbstractContextManager["_Processes"]):
    """Worker processes, and the scratch directory that they share."""

    def __init__(
        self,
        store: Store,
        execution: Execution,
        tasks: tuple[Task, ...],
        options: Options,
        infos: Mapping[str, ProcessedInfo],
    ) -> None:
        self._store, self._execution, self._options, self._infos = store, execution, options, infos
        self._tasks = tasks
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with self._stack:
            self._scratch = self._stack.enter_context(scratch_directory(self._options.scratch_dir))
            units = [task.unit for task in self._tasks]
            for dataset in dict.fromkeys(unit.dataset for unit in units):
                self._spill(dataset)
            spec = self._execution.spec
            grids = {(unit.model, unit.technique): spec.grid(unit) for unit in units}
            setup = _Setup(self._scratch, spec.protocol, grids)
            count = min(self._options.workers, len(units))
            self._pool = self._stack.enter_context(WorkerPool(count, _setup, (setup,)))
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, tasks: tuple[Task, ...], stopped: Callable[[], bool]) -> Any:
        """Yield the pool's events; folds that no unit needs any more are removed on the way."""
        left = Counter(_folds(task.unit) for task in tasks)
        for event in self._pool.run(tasks, stopped):
            yield event
            if isinstance(event, Outcome):
                folds = _folds(event.task.unit)
                left[folds] -= 1
                if not left[folds]:
                    shutil.rmtree(FoldCache.place(self._scratch, *folds), ignore_errors=True)

    def _spill(self, dataset: str) -> None:
        """Put a dataset where every worker can map it into memory."""
        data = load_processed(self._store, dataset)
        if data.fingerprint != self._infos[dataset].fingerprint:
            raise ProcessedDataInvalid(
                f"the processed data of {dataset} changed while the run started", "Run the same command again."
            )
        np.save(self._scratch / f"{dataset}_X.npy", data.X)
        np.save(self._scratch / f"{dataset}_y.npy", data.target)


def _folds(unit: Unit) -> tuple[str, Sampler, int]:
    """Return what units that share prepared folds have in common."""
    return unit.dataset, sampler_of(unit.technique), unit.seed
