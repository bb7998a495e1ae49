"""The runner: the units that have no result yet, spread over worker processes, each committed as it finishes."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from job.arrays import Device
from job.console import Console
from job.data.processed import ProcessedInfo, describe_processed, load_processed
from job.errors import Interrupted, ProcessedDataInvalid, one_line
from job.experiment.executions import Execution, present_results
from job.experiment.plan import Plan, plan
from job.experiment.resolve import resolve
from job.experiment.results import commit, encode
from job.experiment.scratch import scratch_directory
from job.experiment.signals import watch_signals
from job.experiment.spec import Spec
from job.experiment.verify import verify
from job.experiment.workers import Outcome, WorkerPool
from job.metrics import Array
from job.store import Store, failure_key, failures_prefix
from job.training.candidates import Grid
from job.training.preparation import FoldCache
from job.training.techniques import sampler_of
from job.training.unit import Protocol, Unit, UnitResult, run_unit


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    Attributes
    ----------
    execution : Execution
    finished : int
        Units that this run finished.
    present : int
        Units asked for that have a verified result now.
    wanted : int
        Units asked for.
    failures : dict of Unit to str
        Units that raised or whose worker died, with one line each.
    left_out : dict
        Datasets of the spec that were not run, with the reason.
    """

    execution: Execution
    finished: int
    present: int
    wanted: int
    failures: dict[Unit, str]
    left_out: dict[str, str]


@dataclass(frozen=True)
class _Made:
    result: UnitResult
    started: str
    wall_seconds: float


@dataclass(frozen=True)
class _Setup:
    """What a worker needs to know once: picklable."""

    scratch: Path
    protocol: Protocol
    grids: Mapping[tuple[str, str], Grid]

    def __call__(self) -> Callable[[Unit], _Made]:
        data: dict[str, tuple[Array, Array]] = {}
        cache = FoldCache(self.scratch)

        def make(unit: Unit) -> _Made:
            if unit.dataset not in data:
                X = np.load(self.scratch / f"{unit.dataset}_X.npy", mmap_mode="r")
                data[unit.dataset] = (X, np.load(self.scratch / f"{unit.dataset}_y.npy"))
            started, start = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
            grid = self.grids[unit.model, unit.technique]
            result = run_unit(unit, grid, self.protocol, *data[unit.dataset], cache)
            return _Made(result, started, time.monotonic() - start)

        return make


def _setup(setup: _Setup) -> Callable[[Unit], _Made]:
    return setup()


def run_experiment(
    store: Store,
    spec: Spec,
    *,
    device: Device,
    workers: int,
    scratch_dir: Path,
    console: Console,
    only: tuple[str, ...] = (),
    execution_id: str | None = None,
    skip_resume: bool = False,
) -> RunReport:
    """Run what is missing of an execution.

    Parameters
    ----------
    only : tuple of str
        Datasets to run; empty for all that are processed.
    workers : int
        Processes that share the work; results do not depend on it.
    scratch_dir : pathlib.Path
        Where to make a directory for what they share.

    Raises
    ------
    Interrupted
        On SIGTERM and SIGINT, when everything finished is stored.
    """
    planned = plan(store, spec, only=only, workers=workers)
    infos = _describe(store, planned)
    execution = resolve(store, spec, device, infos, execution_id=execution_id, skip_resume=skip_resume, console=console)
    for name, reason in planned.left_out.items():
        if not only:
            console.warning("dataset_left_out", f"{name} is left out: {reason}", dataset=name)
    run = _Run(store, execution, infos, workers, scratch_dir, console)
    run.everything(planned.units)
    return RunReport(
        execution,
        run.finished,
        len(planned.units) - len(run.failures),
        len(planned.units),
        run.failures,
        planned.left_out,
    )


def _describe(store: Store, planned: Plan) -> dict[str, ProcessedInfo]:
    infos = {}
    for name in dict.fromkeys(unit.dataset for unit in planned.units):
        info = describe_processed(store, name)
        if info is None:
            raise ProcessedDataInvalid(f"the processed data of {name} went away", f"Run `ldp data process {name}`.")
        infos[name] = info
    return infos


@dataclass
class _Run:
    store: Store
    execution: Execution
    infos: Mapping[str, ProcessedInfo]
    workers: int
    scratch_dir: Path
    console: Console
    finished: int = 0
    failures: dict[Unit, str] = field(default_factory=dict)

    def everything(self, units: tuple[Unit, ...]) -> None:
        """Run what has no result, then verify what stood there before, and run again what is damaged."""
        present = present_results(self.store, self.execution)
        before = tuple(unit for unit in units if unit in present)
        todo = tuple(unit for unit in units if unit not in present)
        if before:
            self.console.info(
                "resuming",
                f"resuming {self.execution.id}: {len(before)} of {len(units)} units have a result",
                execution=self.execution.id,
                done=len(before),
                total=len(units),
            )
        else:
            self.console.info(
                "starting", f"starting {self.execution.id}: {len(units)} units", execution=self.execution.id,
                total=len(units),
            )  # fmt: skip
        self._run(todo)
        damaged = verify(self.store, self.execution, before).damaged
        for what in damaged.values():
            self.console.warning("result_damaged", f"{what}: computing it again", execution=self.execution.id)
        for unit in damaged:
            self.store.delete(self.execution.result_key(unit))
        self._run(tuple(damaged))

    def _run(self, units: tuple[Unit, ...]) -> None:
        if not units:
            return
        failed_before = {info.key for info in self.store.objects(failures_prefix(self.execution.id))}
        left = Counter((unit.dataset, sampler_of(unit.technique), unit.seed) for unit in units)
        with (
            scratch_directory(self.scratch_dir) as scratch,
            watch_signals() as stop,
            self.console.progress(self.execution.id, len(units)) as progress,
        ):
            for dataset in dict.fromkeys(unit.dataset for unit in units):
                self._spill(dataset, scratch)
            setup = _Setup(scratch, self.execution.spec.protocol, self._grids(units))
            with WorkerPool(min(self.workers, len(units)), _setup, (setup,)) as pool:
                for outcome in pool.run(units, stop):
                    self._take(outcome, failed_before)
                    progress.advance()
                    unit = outcome.task
                    group = (unit.dataset, sampler_of(unit.technique), unit.seed)
                    left[group] -= 1
                    if not left[group]:
                        shutil.rmtree(FoldCache.place(scratch, *group), ignore_errors=True)
            if stop():
                raise Interrupted(
                    f"stopped by {stop.signal.name if stop.signal else 'a signal'}: "
                    f"{self.finished} units finished in this run are stored in {self.execution.id}",
                    "Run the same command again to resume.",
                    stop.exit_code,
                )

    def _grids(self, units: tuple[Unit, ...]) -> dict[tuple[str, str], Grid]:
        return {(unit.model, unit.technique): self.execution.spec.grid(unit) for unit in units}

    def _spill(self, dataset: str, scratch: Path) -> None:
        """Put a dataset where every worker can map it into memory."""
        data = load_processed(self.store, dataset)
        if data.fingerprint != self.infos[dataset].fingerprint:
            raise ProcessedDataInvalid(
                f"the processed data of {dataset} changed while the run started", "Run the same command again."
            )
        np.save(scratch / f"{dataset}_X.npy", data.X)
        np.save(scratch / f"{dataset}_y.npy", data.target)

    def _take(self, outcome: Outcome, failed_before: set[str]) -> None:
        unit: Unit = outcome.task
        key = failure_key(self.execution.id, unit.dataset, unit.model, unit.technique, unit.seed)
        where = {"execution": self.execution.id, "unit": str(unit)}
        if outcome.error is not None:
            self.failures[unit] = one_line(outcome.error, 300)
            record = {"unit": str(unit), "error": outcome.error, "traceback": outcome.traceback, **_host()}
            self.store.put(key, json.dumps(record, indent=1).encode())
            self.console.error("unit_failed", f"{unit} failed: {self.failures[unit]}", **where)
            return
        made: _Made = outcome.value
        identity = self.execution.identity
        provenance = {
            "protocol": identity.protocol,
            "versions": identity.versions,
            "device": identity.device,
            "fingerprint": self.infos[unit.dataset].fingerprint,
        }
        run = {"started": made.started, "wall_seconds": made.wall_seconds, **_host()}
        committed = commit(
            self.store, self.execution.result_key(unit), encode(made.result, provenance, run), self.console
        )
        self.finished += 1
        if key in failed_before:
            self.store.delete(key)
        metrics = made.result.metrics
        self.console.detail(
            "unit_finished",
            f"{unit}: {made.result.reason or made.result.status}",
            status=made.result.status,
            commit=committed,
            balanced_accuracy=metrics.get("balanced_accuracy"),
            cpu_seconds=round(made.result.cpu_seconds, 2),
            **where,
        )


def _host() -> dict[str, Any]:
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "machine": platform.machine(),
        "attempt": os.environ.get("AWS_BATCH_JOB_ATTEMPT"),
        "job": os.environ.get("AWS_BATCH_JOB_ID"),
    }
