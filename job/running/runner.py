"""The runner: finds the execution, runs what has no result yet, verifies what stood there before."""

from __future__ import annotations

import functools
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

from job.arrays import Device
from job.console import Console
from job.errors import Interrupted, StorageError, UsageError
from job.executions import checkpoints, neighbours
from job.executions.attempts import Attempt
from job.executions.executions import Execution, present_results
from job.executions.resolve import resolve
from job.planning.costs import item_costs
from job.planning.forecast import Forecast
from job.planning.items import Item, Part, items_of
from job.planning.memory import item_bytes, thread_bytes
from job.planning.plan import Plan, plan
from job.planning.shards import deal
from job.planning.spec import Spec
from job.running.deadline import TimedStop
from job.running.dispatch import Dispatch
from job.running.division import Division, division_of
from job.running.flight import Flight
from job.running.news import Task
from job.running.notice import noticing
from job.running.outbox import Outbox, patiently
from job.running.processes import Options, Pool, Processes
from job.running.soundness import unsound
from job.running.track import Track
from job.running.whereabouts import instance_facts
from job.signals import FLUSH_S, Stop, polled_signals
from job.store import Store, failures_prefix
from job.training.kernels import MOST_THREADS
from job.training.on_gpu import device_of
from job.training.search import Fit, Place
from job.training.unit import Unit


@dataclass(frozen=True)
class Means:
    """What the runner works with, so that tests can put something else in its place."""

    pool: Callable[..., AbstractContextManager[Pool]] = Processes
    signals: Callable[[], AbstractContextManager[Stop]] = polled_signals
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


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
    fits : int
        Fits that this run made.
    waiting : int
        Units asked for whose folds this shard has searched, and which other shards complete.
    """

    execution: Execution
    finished: int
    present: int
    wanted: int
    failures: dict[Unit, str]
    left_out: dict[str, str]
    fits: int = 0
    waiting: int = 0


def run_experiment(
    store: Store,
    spec: Spec,
    *,
    device: Device,
    console: Console,
    options: Options,
    only: tuple[str, ...] = (),
    execution_id: str | None = None,
    skip_resume: bool = False,
    means: Means | None = None,
) -> RunReport:
    """Run what is missing of an execution.

    Parameters
    ----------
    only : tuple of str
        Datasets to run; empty for all that are processed.
    execution_id : str, optional
        Exactly this execution, created where it is new; else the current one of the spec.
    skip_resume : bool
        Start the next execution instead of resuming.

    Raises
    ------
    Interrupted
        On SIGTERM, SIGINT, SIGHUP, a Spot notice or the end of its time, when everything finished is stored.
    OutOfTime
        Where the time that it may take was up before one fit was made.
    StorageError
        Where the storage stayed away for too long.
    """
    means = means or Means()
    started = means.clock()
    if options.shard is not None and skip_resume and execution_id is None:
        raise UsageError(
            "--skip-resume with a shard would start another execution for each shard", "Give --execution-id too."
        )
    outbox = Outbox(console, means.clock, options.give_up_s)
    ask = functools.partial(patiently, outbox=outbox, sleep=means.sleep)
    planned: Plan = ask(lambda: plan(store, spec, only=only, workers=options.workers))
    parts = tuple(map(Part, planned.costs))
    if options.shard is not None:
        parts = deal(planned.costs, planned.searches, options.shard)
    execution: Execution = ask(
        lambda: resolve(
            store, spec, device.kind, planned.infos, execution_id=execution_id, skip_resume=skip_resume, console=console
        ),
        writes=True,
    )
    for name, reason in planned.left_out.items():
        if not only:
            console.warning("dataset_left_out", f"{name} is left out: {reason}", dataset=name)
    units = tuple(dict.fromkeys(unit for part in parts for unit in part.item))
    divided = division_of(planned.searches, execution.spec.protocol.folds, parts)
    run = _Run(store, execution, planned, options, console, means, outbox, units, started, device, divided)
    run.everything()
    present = len(units) - len(run.failures) - len(run.waiting)
    return RunReport(
        execution, run.finished, present, len(units), run.failures, planned.left_out, run.fits, len(run.waiting)
    )


@dataclass
class _Run:
    store: Store
    execution: Execution
    planned: Plan
    options: Options
    console: Console
    means: Means
    outbox: Outbox
    wanted: tuple[Unit, ...]
    started: float
    device: Device
    divided: Division
    waiting: tuple[Unit, ...] = ()
    finished: int = 0
    fits: int = 0
    failures: dict[Unit, str] = field(default_factory=dict)

    def ask(self, operation: Callable[[], Any]) -> Any:
        return patiently(operation, self.outbox, self.means.sleep)

    def everything(self) -> None:
        """Run what has no result, then read everything back, and run again what is damaged or not there after all."""
        units = self.wanted
        present = self.ask(lambda: present_results(self.store, self.execution))
        before = tuple(unit for unit in units if unit in present)
        todo = tuple(unit for unit in units if unit not in present)
        what = f"resuming {self.execution.id}: {len(before)} of {len(units)} units have a result"
        if not before:
            what = f"starting {self.execution.id}: {len(units)} units"
        shard = "" if self.options.shard is None else f" (shard {self.options.shard})"
        self.console.info(
            "resuming" if before else "starting",
            what + shard,
            execution=self.execution.id,
            done=len(before),
            total=len(units),
        )
        mine = None if self.options.shard is None else str(self.options.shard)
        attempt = Attempt.begin(mine, self.planned.infos, instance_facts(), self.options.max_s)
        self.ask(lambda: checkpoints.tidy(self.store, self.execution, before))
        self._fly(todo, attempt)
        self._complete_divided(attempt)
        damaged = self._unsound(tuple(unit for unit in units if unit not in self.waiting))
        for what in damaged.values():
            self.console.warning("result_damaged", f"{what}: computing it again", execution=self.execution.id)
        for unit in damaged:
            self.divided.parts.pop(unit, None)  # nobody else is at it any more
        self._fly(tuple(damaged), attempt)
        for unit, what in self._unsound(tuple(damaged)).items():
            self._refuse(unit, f"{what}, although it was written")
        self._forget_neighbours()

    def _forget_neighbours(self) -> None:
        """Remove what was saved of folds that nobody will make any more; the run is complete without that too."""
        try:
            neighbours.tidy(self.store, self.execution)
        except StorageError as error:
            self.console.warning("not_tidied", f"{error.what}: left there", execution=self.execution.id)

    def _complete_divided(self, attempt: Attempt) -> None:
        """Fit the winners of those divided items whose folds are all searched; the others wait for other shards.

        A shard saves its fits before it looks for those of the others, so that of any number that end at the same
        moment at least one finds them all. Two that do give the same results.
        """
        divided = tuple(unit for unit in self.wanted if unit in self.divided.parts and unit not in self.failures)
        if not divided:
            return
        # Fits first: what is committed meanwhile takes its checkpoints away.
        known = self._load(divided)
        present = self.ask(lambda: present_results(self.store, self.execution))
        # Another shard may have been through with a unit before this one saved its fits a last time.
        self.ask(lambda: checkpoints.tidy(self.store, self.execution, [unit for unit in divided if unit in present]))
        left = tuple(unit for unit in divided if unit not in present)
        ready = tuple(unit for item in items_of(left) if not self.divided.parts_of(item, known) for unit in item)
        self.waiting = tuple(unit for unit in left if unit not in ready)
        self._fly(ready, attempt, known)

    def _load(self, units: tuple[Unit, ...]) -> dict[Unit, dict[Place, Fit]]:
        prints = {name: info.fingerprint for name, info in self.planned.infos.items()}
        found: checkpoints.Saved = self.ask(
            lambda: checkpoints.load(self.store, self.execution, units, prints, self.console, self.device)
        )
        self.divided.elsewhere |= found.elsewhere
        return found.fits

    def _unsound(self, units: tuple[Unit, ...]) -> dict[Unit, str]:
        """Read results back; units that failed have none."""
        give_up_at = self.means.clock() + self.options.give_up_s
        return unsound(
            self.store,
            self.execution,
            units,
            failed=self.failures,
            ask=self.ask,
            refuse=self._refuse,
            pause=self.means.sleep,
            is_over=lambda: self.means.clock() >= give_up_at,
        )

    def _refuse(self, unit: Unit, what: str) -> None:
        self.failures[unit] = what
        self.console.error("unit_failed", f"{unit} failed: {what}", execution=self.execution.id, unit=str(unit))

    def _fly(
        self, units: tuple[Unit, ...], attempt: Attempt, known: Mapping[Unit, Mapping[Place, Fit]] | None = None
    ) -> None:
        """Run units until they are done, or somebody asks to stop."""
        if not units:
            return
        infos = self.planned.infos
        prints = {name: info.fingerprint for name, info in infos.items()}
        known = self._load(units) if known is None else {unit: known[unit] for unit in units if unit in known}
        prefix = failures_prefix(self.execution.id)
        failed = self.ask(lambda: [info.key for info in self.store.objects(prefix)])
        # The longest first: what is left over at the end, while other workers have nothing to do, is short.
        costs = item_costs(self.planned.searches, items_of(units), infos)
        parts = {item: self.divided.parts_of(item, known) for item in costs}
        costs |= {item: costs[item].of_share(self.divided.share(item, some)) for item, some in parts.items() if some}
        tasks = tuple(
            self._task(item, part, known)
            for item in sorted(costs, key=lambda item: costs[item].cpu_seconds, reverse=True)
            for part in tuple(parts[item]) or (None,)
        )
        if known:
            saved = sum(len(fits) for fits in known.values())
            self.console.info(
                "checkpoints_found", f"going on from {saved} fits of {len(known)} units in flight", fits=saved
            )
        with ExitStack() as stack:
            stop = stack.enter_context(self.means.signals())
            progress = stack.enter_context(self.console.progress(self.execution.id))
            workers = min(self.options.workers, len(tasks))
            forecast = Forecast({task.units: costs[task.units] for task in tasks}, known, self._before(units), workers)
            track = Track(forecast, progress, self.means.clock)
            flight = Flight(
                self.store, self.execution, prints, attempt, self.outbox, self.console, self.means.clock,
                self.options.checkpoint_s, track.outlook, self.device,
            )  # fmt: skip
            stack.enter_context(noticing(self.console, functools.partial(stop.ask, signal.SIGTERM), flight.hurry))
            pool = stack.enter_context(
                self.means.pool(self.store, self.execution, tasks, self.options, infos, self.console, self.device)
            )
            flight.begin(tasks, failed)
            timed = TimedStop(stop, self.means.clock, self.started, self.options.max_s)
            dispatch = Dispatch(pool, flight, track, timed, self.outbox, self.console, self.means.sleep)
            try:
                dispatch.everything(tasks)
            finally:
                self.finished += flight.finished
                self.fits += flight.fits
                self.failures |= flight.failures
            if stop():
                flight.interrupted(self.means.clock() + FLUSH_S)
                timed.require_progress(self.execution.id, self.fits + self.finished + flight.stretches)
                raise Interrupted(
                    f"stopped by {stop.reason}: {flight.finished} units that this run finished, and the fits of "
                    f"{len(flight)} in flight, are stored in {self.execution.id}",
                    "Run the same command again to resume.",
                    stop.exit_code,
                )

    def _task(self, item: Item, part: Part | None, known: Mapping[Unit, Mapping[Place, Fit]]) -> Task:
        searches, info = self.planned.searches, self.planned.infos[item[0].dataset]
        gpu = device_of(item[0].model, self.device).kind == "gpu"
        return Task(
            item,
            {unit: known[unit] for unit in item if unit in known},
            item_bytes(searches, item, info, gpu=gpu),
            MOST_THREADS[item[0].model],
            thread_bytes(searches, item, info),
            part,
            gpu,
        )

    def _before(self, units: tuple[Unit, ...]) -> tuple[int, float]:
        """Return how many of the units asked for need not be run, and what they were expected to cost."""
        done = set(self.wanted) - set(units)
        items = items_of(unit for unit in self.wanted if unit in done)
        costs = item_costs(self.planned.searches, items, self.planned.infos)
        return len(done), sum(cost.cpu_seconds for cost in costs.values())
