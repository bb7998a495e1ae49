"""A job that cannot do its work within one attempt: it leaves before its time-out, and the attempts add up.

The clock is simulated; the runner, its deadline and its checkpoints are the real ones. What the simulated platform does
is what AWS Batch does: it ends an attempt at its time-out and then starts no other, and starts one anew after 143.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.arrays import CPU
from job.console import Console
from job.errors import Interrupted, OutOfTime
from job.executions.neighbours import folder_of, saved
from job.planning.costs import ItemCost, item_costs
from job.planning.deadline import LEAVE_EARLY_S, MOST_ATTEMPTS, MOST_SHARDS, SPARE_ATTEMPTS, fit, seconds_to_work
from job.planning.division import divide
from job.planning.items import Item, items_of
from job.planning.searches import Searches
from job.planning.spec import read_spec
from job.running.news import Compared, FitMade, Made
from job.running.processes import Options
from job.running.runner import Means, RunReport, run_experiment
from job.running.workers import Note, Outcome
from job.signals import Stop
from job.training.search import Fit
from tests.faults.simulation import CANDIDATES, FOLDS, World, compute, number, spec
from tests.faults.test_schedules import world

ROWS, FEATURES = 1_350_000, 42
"""Lending Club's finished loans."""


@dataclass(frozen=True)
class Size:
    rows: int
    features: int
    default_rate: float = 0.2


def lending_club(spec_name: str) -> tuple[dict[Item, ItemCost], Searches, float]:
    """Return the work items of a spec on Lending Club at full size, what they take, and the most of it in one go."""
    chosen = read_spec(spec_name)
    searches = Searches(chosen)
    units = [unit for unit in chosen.units() if unit.dataset.startswith("lending_club")]
    assert units
    infos = {unit.dataset: Size(ROWS, FEATURES) for unit in units}
    costs = item_costs(searches, items_of(units), infos)
    longest = max(cost.unbroken_s for cost in costs.values())
    return costs, searches, longest


def dealt_whole(items_s: Sequence[float], workers: int) -> Callable[[int], float]:
    """Return how long the longest of so many shards takes if items are dealt to workers one by one, none divided."""

    def shard_s(count: int) -> float:
        loads = [0.0] * (count * workers)
        for item in sorted(items_s, reverse=True):
            loads[loads.index(min(loads))] += item
        return max(loads)

    return shard_s


class SlowPool:
    """One worker after the other makes a fit that takes `fit_s` seconds; the platform ends everything at a moment."""

    def __init__(self, now: World, fit_s: float, ends_at: float) -> None:
        self._world, self._fit_s, self._ends_at = now, fit_s, ends_at

    def run(self, tasks: Any, stopped: Any, *, alone: bool = False) -> Iterator[Any]:
        for task in tasks:
            for unit in task.units:
                made = dict(task.known.get(unit, {}))
                for place in [(c, f) for f in range(FOLDS) for c in range(CANDIDATES) if (c, f) not in made]:
                    until = self._world.now + self._fit_s
                    while self._world.now < until:  # a pool looks at the wish while a fit goes on
                        if stopped():
                            return
                        self._world.now += min(30.0, until - self._world.now)
                        if self._world.now >= self._ends_at:
                            raise TimedOut
                        yield None
                    made[place] = Fit(number(unit, place), self._fit_s)
                    yield Note(task, FitMade(unit, place, made[place]))
                yield Note(task, Made(compute(unit, made), "2026-01-01T00:00:00+00:00", 1.0))
            yield Outcome(task)


class SeekingPool(SlowPool):
    """The first fold's neighbours are sought in stretches that take `fit_s` seconds each; all else takes nothing."""

    def run(self, tasks: Any, stopped: Any, *, alone: bool = False) -> Iterator[Any]:
        unit = tasks[0].units[0]
        (execution,) = self._world.store.children("executions/")
        known = dict(saved(self._world.store, execution, [(unit.dataset, unit.seed)], Console.silent()))
        for row in range(STRETCHES):
            name = f"{folder_of((unit.dataset, unit.seed))}/{'0' * 32}-{row}"
            until = self._world.now + (0 if name in known else self._fit_s)
            while self._world.now < until:
                if stopped():
                    return
                self._world.now += min(30.0, until - self._world.now)
                yield None
            yield Note(tasks[0], Compared(name, b"found"))
        self._fit_s = 0.0
        yield from super().run(tasks, stopped, alone=alone)


class TimedOut(BaseException):
    """AWS Batch ended the attempt: the job is FAILED, and not retried."""


class SimulatedStop(Stop):
    def ask(self, number: signal.Signals, reason: str) -> None:
        self.signal, self._reason = number, reason


def attempt(
    now: World, *, timeout_s: int, fit_s: float, leaves: bool = True, kind: type[SlowPool] = SlowPool
) -> RunReport | int:
    """Run one attempt as the platform does, and return its report or its exit code."""
    stop = SimulatedStop()

    @contextmanager
    def signals() -> Iterator[Stop]:
        yield stop

    @contextmanager
    def pool(*_: Any) -> Iterator[SlowPool]:
        yield kind(now, fit_s, started + timeout_s)

    def sleep(seconds: float) -> None:
        now.now += seconds

    started = now.now
    means = Means(pool=pool, signals=signals, clock=lambda: now.now, sleep=sleep)
    options = Options(1, Path(), max_s=seconds_to_work(timeout_s) if leaves else None)
    try:
        return run_experiment(now.store, spec(), device=CPU, console=Console.silent(), options=options, means=means)
    except (Interrupted, OutOfTime) as error:
        return error.exit_code


def job(
    now: World, *, attempts: int, timeout_s: int, fit_s: float, leaves: bool = True, kind: type[SlowPool] = SlowPool
) -> tuple[str, int]:
    """Run a job as AWS Batch does and return its state, and how many attempts it had."""
    for count in range(1, attempts + 1):
        end = attempt(now, timeout_s=timeout_s, fit_s=fit_s, leaves=leaves, kind=kind)
        if isinstance(end, RunReport):
            return "SUCCEEDED", count
        if end != 143:
            return f"FAILED with {end}", count
    return "FAILED: no attempt left", attempts


UNITS = 8
STRETCHES = 20
WORK = UNITS * FOLDS * CANDIDATES
"""How many fits the simulated execution has."""


def test_a_job_whose_work_takes_several_attempts_ends_complete() -> None:
    timeout, needed = 24 * 3600, 5.5
    fit_s = needed * seconds_to_work(timeout) / WORK
    found = fit(dealt_whole([fit_s * FOLDS * CANDIDATES] * UNITS, 1), fit_s, workers=1, timeout_s=timeout)
    assert found.slices is not None
    assert found.attempts is not None
    state, count = job(world(1), attempts=found.attempts, timeout_s=timeout, fit_s=fit_s)
    assert state == "SUCCEEDED"
    assert count <= found.attempts
    assert count > 5, "or the test shows nothing"


def test_without_the_deadline_such_a_job_is_lost_to_its_time_out() -> None:
    timeout = 24 * 3600
    fit_s = 3.0 * timeout / WORK
    with pytest.raises(TimedOut):
        job(world(1), attempts=10, timeout_s=timeout, fit_s=fit_s, leaves=False)


def test_a_job_whose_first_fold_takes_several_attempts_to_make_ends_complete() -> None:
    timeout = 3600
    state, count = job(world(4), attempts=10, timeout_s=timeout, fit_s=600.0, kind=SeekingPool)
    assert state == "SUCCEEDED"
    assert count == pytest.approx(STRETCHES * 600 / seconds_to_work(timeout), abs=1.5)
    assert count > 3


def test_an_attempt_that_saves_nothing_new_fails_instead_of_being_retried_for_ever() -> None:
    timeout = 3600
    assert job(world(1), attempts=10, timeout_s=timeout, fit_s=2.0 * timeout) == ("FAILED with 1", 1)


@pytest.mark.parametrize(("spec_name", "cpu_hours", "attempts_needed"), [("thesis", 120, 2), ("default", 50, 1)])
def test_lending_club_at_full_size_ends_complete_under_the_platforms_limits(
    spec_name: str, cpu_hours: int, attempts_needed: int
) -> None:
    """The plan says what it takes; a job with that many attempts, whose fits take as long in all, is simulated."""
    costs, searches, longest = lending_club(spec_name)
    timeout, workers = 24 * 3600, 4

    def shard_s(count: int) -> float:
        return divide(costs, searches, count, workers).longest_s

    found = fit(shard_s, longest, workers=workers, timeout_s=timeout)
    assert found.hours * workers > cpu_hours, "or it is not the full size"
    share = shard_s(found.shards or 1)
    slices = fit(lambda _: share, longest, workers=1, timeout_s=timeout).slices
    assert slices is not None
    attempts = slices + SPARE_ATTEMPTS
    assert attempts <= MOST_ATTEMPTS
    state, count = job(world(2), attempts=attempts, timeout_s=timeout, fit_s=share / WORK)
    assert state == "SUCCEEDED"
    assert attempts_needed <= count <= slices + 1


def test_shards_divide_an_item_that_is_too_long_for_one() -> None:
    """An item stays whole only where it need not be divided: its folds and candidates go to several shards."""
    costs, searches, longest = lending_club("thesis")
    item, cost = max(costs.items(), key=lambda one: one[1].cpu_seconds)
    timeout = int(cost.cpu_seconds / 10)
    assert longest < timeout - LEAVE_EARLY_S - 120, "or no attempt could make its longest fit"

    def shard_s(count: int) -> float:
        return divide({item: cost}, searches, count, 1).longest_s

    found = fit(shard_s, longest, workers=1, timeout_s=timeout)
    assert found.slices is not None
    assert found.slices > MOST_ATTEMPTS - SPARE_ATTEMPTS
    assert found.shards is not None
    assert found.shards > 1
    assert fit(dealt_whole([cost.cpu_seconds], 1), longest, workers=1, timeout_s=timeout).shards is None, "dealt whole"


@pytest.mark.parametrize("hours", [1, 24, 120])
def test_an_attempt_leaves_ten_minutes_before_its_time_out(hours: int) -> None:
    now = world(3)
    started = now.now
    assert attempt(now, timeout_s=hours * 3600, fit_s=1000.0 * hours) == 143
    took = now.now - started
    assert hours * 3600 - LEAVE_EARLY_S <= took <= hours * 3600 - LEAVE_EARLY_S + 60


def test_more_work_than_ten_attempts_do_is_divided_into_no_more_shards_than_it_needs() -> None:
    day = 24 * 3600
    shard_s = dealt_whole([day / 10] * 400, 4)
    found = fit(shard_s, 600.0, workers=4, timeout_s=day)
    assert (found.attempts, found.slices is not None and found.slices > 7) == (None, True)
    assert found.shards is not None
    alone = fit(lambda _: shard_s(found.shards or 1), 600.0, workers=4, timeout_s=day)
    assert alone.attempts is not None
    assert alone.attempts <= MOST_ATTEMPTS
    fewer = fit(lambda _: shard_s((found.shards or 1) - 1), 600.0, workers=4, timeout_s=day)
    assert fewer.attempts is None, "no fewer would do"


@given(st.integers(2, MOST_SHARDS))
def test_the_least_number_of_shards_is_found(least: int) -> None:
    day = 24 * 3600
    found = fit(lambda count: 1.0 if count >= least else 100.0 * day, 1.0, workers=1, timeout_s=day)
    assert found.shards == least


def test_what_no_number_of_attempts_can_do_is_said() -> None:
    day = 24 * 3600
    assert fit(lambda _: 10.0, 2.0 * day, workers=4, timeout_s=day).slices is None, "one fit is longer than an attempt"
    assert fit(lambda _: 10.0, 1.0, workers=0, timeout_s=day).slices is None, "no memory for one worker"
    assert fit(lambda _: 100.0 * day, 10.0, workers=4, timeout_s=day).shards is None, "no number of shards is enough"
