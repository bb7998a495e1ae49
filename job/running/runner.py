"""The runner: finds the execution, runs what has no result yet, verifies what stood there before."""

from __future__ import annotations

import functools
import signal
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any

from job.arrays import Device
from job.console import Console
from job.data.processed import ProcessedInfo, describe_processed
from job.errors import Interrupted, ProcessedDataInvalid, UsageError
from job.executions import checkpoints
from job.executions.attempts import Attempt
from job.executions.executions import Execution, present_results
from job.executions.resolve import resolve
from job.executions.verify import verify
from job.planning.costs import item_cpu_seconds
from job.planning.items import Item, items_of
from job.planning.plan import Plan, plan
from job.planning.shards import deal
from job.planning.spec import Spec
from job.running.flight import Failed, FitMade, Flight, Made, News, Task
from job.running.notice import metadata_endpoint, watch_notices
from job.running.outbox import Outbox, patiently
from job.running.processes import Options, Pool, Processes
from job.running.signals import FLUSH_S, Stop, watch_signals
from job.running.workers import Note, Outcome
from job.store import Store, failures_prefix
from job.training.unit import Unit


@dataclass(frozen=True)
class Means:
    """What the runner works with, so that tests can put something else in its place."""

    pool: Callable[..., AbstractContextManager[Pool]] = Processes
    signals: Callable[[], AbstractContextManager[Stop]] = watch_signals
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
    """

    execution: Execution
    finished: int
    present: int
    wanted: int
    failures: dict[Unit, str]
    left_out: dict[str, str]
    fits: int = 0


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
        On SIGTERM, SIGINT, SIGHUP or a Spot notice, when everything finished is stored.
    StorageError
        Where the storage stayed away for too long.
    """
    means = means or Means()
    if options.shard is not None and skip_resume and execution_id is None:
        raise UsageError(
            "--skip-resume with a shard would start another execution for each shard", "Give --execution-id too."
        )
    outbox = Outbox(console, means.clock, options.give_up_s)
    ask = functools.partial(patiently, outbox=outbox, sleep=means.sleep)
    planned: Plan = ask(lambda: plan(store, spec, only=only, workers=options.workers))
    infos = ask(lambda: _describe(store, planned))
    items = items_of(planned.units)
    if options.shard is not None:
        items = deal(items, lambda item: item_cpu_seconds(spec, item, infos[item[0].dataset]), options.shard)
    units = tuple(unit for item in items for unit in item)
    execution: Execution = ask(
        lambda: resolve(store, spec, device, infos, execution_id=execution_id, skip_resume=skip_resume, console=console)
    )
    for name, reason in planned.left_out.items():
        if not only:
            console.warning("dataset_left_out", f"{name} is left out: {reason}", dataset=name)
    run = _Run(store, execution, infos, options, console, means, outbox)
    run.everything(units)
    present = len(units) - len(run.failures)
    return RunReport(execution, run.finished, present, len(units), run.failures, planned.left_out, run.fits)


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
    options: Options
    console: Console
    means: Means
    outbox: Outbox
    finished: int = 0
    fits: int = 0
    failures: dict[Unit, str] = field(default_factory=dict)
    scratch_full: bool = False

    def ask(self, operation: Callable[[], Any]) -> Any:
        return patiently(operation, self.outbox, self.means.sleep)

    def everything(self, units: tuple[Unit, ...]) -> None:
        """Run what has no result, then verify what stood there before, and run again what is damaged."""
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
        attempt = Attempt.begin(None if self.options.shard is None else str(self.options.shard))
        self.ask(lambda: checkpoints.tidy(self.store, self.execution, before))
        self._fly(todo, attempt)
        damaged = self.ask(lambda: verify(self.store, self.execution, before)).damaged
        for what in damaged.values():
            self.console.warning("result_damaged", f"{what}: computing it again", execution=self.execution.id)
        self._fly(tuple(damaged), attempt)

    def _fly(self, units: tuple[Unit, ...], attempt: Attempt) -> None:
        """Run units until they are done, or somebody asks to stop."""
        if not units:
            return
        prints = {name: info.fingerprint for name, info in self.infos.items()}
        known = self.ask(lambda: checkpoints.load(self.store, self.execution, units, prints, self.console))
        prefix = failures_prefix(self.execution.id)
        failed = self.ask(lambda: [info.key for info in self.store.objects(prefix)])
        # The longest first: what is left over at the end, while other workers have nothing to do, is short.
        items = sorted(items_of(units), key=self._cost, reverse=True)
        tasks = tuple(Task(item, {unit: known[unit] for unit in item if unit in known}) for item in items)
        if known:
            saved = sum(len(fits) for fits in known.values())
            self.console.info(
                "checkpoints_found", f"going on from {saved} fits of {len(known)} units in flight", fits=saved
            )
        with ExitStack() as stack:
            stop = stack.enter_context(self.means.signals())
            flight = Flight(
                self.store, self.execution, prints, attempt, self.outbox, self.console, self.means.clock,
                self.options.checkpoint_s,
            )  # fmt: skip
            self._watch_notices(stack, stop, flight)
            pool = stack.enter_context(
                self.means.pool(self.store, self.execution, tasks, self.options, self.infos, self.console)
            )
            progress = stack.enter_context(self.console.progress(self.execution.id, len(units)))
            flight.begin(tasks, failed)
            try:
                self._events(pool, tasks, stop, flight, progress.advance)
                if not stop():
                    flight.ended()
                    self._drain(stop, flight)
            finally:
                self.finished += flight.finished
                self.fits += flight.fits
                self.failures |= flight.failures
            if stop():
                flight.interrupted(self.means.clock() + FLUSH_S)
                raise Interrupted(
                    f"stopped by {stop.reason}: {flight.finished} units that this run finished, and the fits of "
                    f"{len(flight)} in flight, are stored in {self.execution.id}",
                    "Run the same command again to resume.",
                    stop.exit_code,
                )

    def _cost(self, item: Item) -> float:
        return item_cpu_seconds(self.execution.spec, item, self.infos[item[0].dataset])

    def _events(
        self, pool: Pool, tasks: tuple[Task, ...], stop: Stop, flight: Flight, advance: Callable[[], None]
    ) -> None:
        killed = self._work(pool, tasks, stop, flight, advance, alone=False)
        if killed and not stop():
            self._work(pool, killed, stop, flight, advance, alone=True)
        self._drain(stop, flight)

    def _work(
        self,
        pool: Pool,
        tasks: tuple[Task, ...],
        stop: Stop,
        flight: Flight,
        advance: Callable[[], None],
        *,
        alone: bool,
    ) -> tuple[Task, ...]:
        """Run tasks; return what is left of those whose worker was killed, to be tried again alone."""
        left = {unit for task in tasks for unit in task.units}
        killed = []

        def finished(unit: Unit) -> None:
            left.discard(unit)
            advance()

        for event in pool.run(tasks, stop, alone=alone):
            if isinstance(event, Note):
                self._take(event.value, flight, finished)
            elif isinstance(event, Outcome) and event.error is not None:
                units = tuple(unit for unit in event.task.units if unit in left)
                if units and event.killed and not alone:
                    self.console.warning("worker_killed", f"{_names(units)}: {event.error}; trying again alone")
                    killed.append(Task(units, {unit: flight.fits_of(unit) for unit in units}))
                    continue
                for unit in units:
                    flight.fail(unit, event.error, event.traceback)
                    finished(unit)
            flight.pump()
        return tuple(killed)

    def _take(self, news: News, flight: Flight, finished: Callable[[Unit], None]) -> None:
        if isinstance(news, FitMade):
            flight.note(news.unit, news.place, news.fit)
        elif isinstance(news, Made):
            flight.land(news)
            finished(news.result.unit)
        elif isinstance(news, Failed):
            flight.fail(news.unit, news.error, news.traceback)
            finished(news.unit)
        elif not self.scratch_full:
            self.scratch_full = True
            self.console.warning(
                "scratch_full",
                "the scratch directory has no room for more prepared folds: they are made again where they are needed, "
                "which costs time and nothing else (LDP_SCRATCH_MIB allows more)",
            )

    def _drain(self, stop: Stop, flight: Flight) -> None:
        """Wait for the storage to take what it has not taken yet."""
        while len(self.outbox) and not stop():
            self.means.sleep(0.25)
            flight.pump()

    def _watch_notices(self, stack: ExitStack, stop: Stop, flight: Flight) -> None:
        endpoint = metadata_endpoint()
        if endpoint is None:
            return
        ended = threading.Event()
        stack.callback(ended.set)

        def interruption(words: str) -> None:
            self.console.warning("spot_notice", words)
            stop.ask(signal.SIGTERM, words)

        watch_notices(endpoint, on_interruption=interruption, on_rebalance=flight.hurry, ended=ended)


def _names(units: tuple[Unit, ...]) -> str:
    return str(units[0]) if len(units) == 1 else f"{units[0]} and {len(units) - 1} more units"
