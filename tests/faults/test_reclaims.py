"""What a plan says of instances that are taken away, beside what then becomes of the real runner.

Clock, instances and fits are simulated; the runner, its checkpoints, its deadline and its commits are the real ones.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from job.arrays import CPU
from job.cloud.simulation import Piece, World, percentile, simulate
from job.console import Console
from job.errors import Interrupted
from job.planning.deadline import START_S
from job.planning.items import items_of
from job.planning.loss import CHECKPOINT_S
from job.running.news import FitMade, Made, Task
from job.running.processes import Options
from job.running.runner import Means, RunReport, run_experiment
from job.running.workers import Note, Outcome
from job.settings import Settings
from job.training.search import Fit, Place
from job.training.unit import Unit
from tests.faults import simulation
from tests.faults.simulation import CANDIDATES, FOLDS, compute, number, spec
from tests.faults.test_deadline import UNITS, SimulatedStop
from tests.faults.test_schedules import digests, uninterrupted, world

TICK_S = 5.0
JOBS = 60
PLACES: tuple[Place, ...] = tuple((c, f) for f in range(FOLDS) for c in range(CANDIDATES))


class TakenAway(BaseException):
    """The instance is no more."""


@dataclass
class Worker:
    """What one worker is at: the fits that its item still needs, and when the one in progress is done."""

    task: Task
    todo: list[tuple[Unit, Place]]
    made: dict[Unit, dict[Place, Fit]]
    until: float


class Instance:
    """Workers whose every fit takes `fit_s`, on an instance that is taken away at a moment."""

    def __init__(self, now: simulation.World, where: World, fit_s: float, gone_at: float, stop: SimulatedStop) -> None:
        self._now, self._where, self._fit_s, self._gone_at, self._stop = now, where, fit_s, gone_at, stop

    def run(self, tasks: tuple[Task, ...], stopped: Callable[[], bool], *, alone: bool = False) -> Iterator[Any]:
        waiting, busy = list(tasks), list[Worker]()
        while waiting or busy:
            while waiting and len(busy) < self._where.workers:
                busy.append(self._begin(waiting.pop(0)))
            self._now.now = min(self._now.now + TICK_S, *(worker.until for worker in busy), self._gone_at)
            if self._now.now >= self._gone_at:
                if not self._where.noticed:
                    raise TakenAway
                self._stop.ask(signal.SIGTERM, "a Spot notice")
            if stopped():
                return
            for worker in [one for one in busy if one.until <= self._now.now]:
                yield from self._finish(worker)
                if not worker.todo:
                    busy.remove(worker)
                    yield Outcome(worker.task)
            yield None

    def _begin(self, task: Task) -> Worker:
        made = {unit: dict(task.known.get(unit, {})) for unit in task.units}
        todo = [(unit, place) for unit in task.units for place in PLACES if place not in made[unit]]
        return Worker(task, todo, made, self._now.now + (self._fit_s if todo else 0.0))

    def _finish(self, worker: Worker) -> Iterator[Note]:
        if worker.todo:
            unit, place = worker.todo.pop(0)
            worker.made[unit][place] = Fit(number(unit, place), self._fit_s)
            yield Note(worker.task, FitMade(unit, place, worker.made[unit][place]))
            worker.until += self._fit_s
        for unit in [one for one, fits in worker.made.items() if len(fits) == len(PLACES)]:
            yield Note(worker.task, Made(compute(unit, worker.made.pop(unit)), "2026-01-01T00:00:00+00:00", 1.0))


def attempt(now: simulation.World, where: World, fit_s: float, gone_at: float) -> bool:
    """Run one attempt; return whether it did all that was left."""
    stop = SimulatedStop()

    @contextmanager
    def signals() -> Iterator[SimulatedStop]:
        yield stop

    @contextmanager
    def pool(*_: Any) -> Iterator[Instance]:
        yield Instance(now, where, fit_s, gone_at, stop)

    def sleep(seconds: float) -> None:
        now.now += seconds

    means = Means(pool=pool, signals=signals, clock=lambda: now.now, sleep=sleep)
    options = Options(where.workers, Path(), max_s=where.attempt_s)
    try:
        report = run_experiment(now.store, spec(), device=CPU, console=Console.silent(), options=options, means=means)
    except (Interrupted, TakenAway):
        return False
    assert isinstance(report, RunReport)
    return True


def job(seed: int, where: World, fit_s: float) -> float:
    """Run a job as AWS Batch does until it is through, and return how long it took, in seconds."""
    now, rng = world(seed), random.Random(seed)
    for _ in range(where.attempts):
        now.now += where.boot_s
        began = now.now
        gone = rng.expovariate(where.reclaims_per_hour / 3600) if where.reclaims_per_hour else float("inf")
        if gone < START_S:
            now.now += gone
            continue
        now.now += START_S
        if attempt(now, where, fit_s, began + gone):
            assert digests(now.store) == uninterrupted()
            return now.now
    raise AssertionError("no attempt left")


def pieces(fit_s: float) -> list[Piece]:
    """Return the work of the simulated execution as a plan has it."""
    return [Piece(item[0].model, len(item) * len(PLACES) * fit_s, fit_s) for item in items_of(spec().units())]


@pytest.mark.parametrize(
    ("fit_s", "noticed", "attempt_s"),
    [(60.0, True, 1e6), (60.0, False, 1e6), (8.0, False, 1e6), (300.0, True, 1e6), (60.0, True, 600.0)],
)
def test_what_reclaims_do_to_the_real_runner_is_what_the_plan_says(
    fit_s: float, noticed: bool, attempt_s: float, record_property: Callable[[str, object], None]
) -> None:
    work_s = fit_s * len(PLACES) * UNITS / 2
    where = World(
        workers=2, side_by_side=1, reclaims_per_hour=1.5 * 3600 / work_s, attempt_s=attempt_s, attempts=100,
        noticed=noticed, boot_s=60.0,
    )  # fmt: skip
    calm = World(workers=2, side_by_side=1, boot_s=60.0)
    (expected,) = simulate([pieces(fit_s)], calm, seed=1, draws=1, exact=True)
    assert job(0, calm, fit_s) / 3600 == pytest.approx(expected.hours), "without reclaims they are the same"

    drawn = simulate([pieces(fit_s)], where, seed=1, draws=500, exact=True)
    took = [job(seed, where, fit_s) / 3600 for seed in range(JOBS)]
    low, high = (percentile([one.hours for one in drawn], share) for share in (0.1, 0.9))
    inside = sum(low <= hours <= high for hours in took) / JOBS
    lost, planned = mean(took) - expected.hours, mean(one.hours for one in drawn) - expected.hours
    record_property(
        "figures",
        f"plan against runner, fits of {fit_s:.0f} s, {'noticed' if noticed else 'killed'}, at most {attempt_s:.0f} s: "
        f"{inside:.0%} of {JOBS} jobs in p10-p90 ({3600 * low:.0f}-{3600 * high:.0f} s), beyond the calm run "
        f"{3600 * lost:.0f} s, planned {3600 * planned:.0f} s",
    )
    assert 0.65 <= inside <= 0.95, "of ten jobs eight are in the range"
    assert lost == pytest.approx(planned, rel=0.3)


@pytest.mark.parametrize("noticed", [True, False])
def test_one_reclaim_loses_no_more_than_the_rule_says(noticed: bool) -> None:
    """Whenever it comes: the fits in progress, and those since the last checkpoint where nobody could save."""
    fit_s, calm = 8.0, World(workers=1, side_by_side=1, noticed=noticed)
    whole = fit_s * len(PLACES) * UNITS
    most = 0.0
    for seed in range(40):
        now, gone_at = world(seed), random.Random(seed).uniform(0.0, whole)
        assert not attempt(now, calm, fit_s, gone_at)
        assert attempt(now, calm, fit_s, float("inf"))
        lost = now.now - whole
        assert 0 <= lost <= fit_s + (0.0 if noticed else CHECKPOINT_S + TICK_S)
        most = max(most, lost)
    assert most > fit_s / 2, "or nothing was lost, and the bound shows nothing"


def test_jobs_save_as_often_as_the_plan_takes_them_to() -> None:
    assert Settings().checkpoint_seconds == CHECKPOINT_S == Options(1, Path()).checkpoint_s
