"""The pool at work: the longest items first; a worker that is killed gets another chance."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from job.arrays import CPU
from job.console import Console
from job.planning.costs import item_cost
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.spec import Spec
from job.running.news import Begun, FitMade, Task
from job.running.processes import Options, Processes
from job.running.runner import Means, RunReport, run_experiment
from job.running.workers import Note
from job.store import Store
from tests.job.planning.test_memory import info
from tests.job.running.test_runner import digests


class Killing:
    """The real pool, whose workers are killed when they have made `fits` fits of a unit; `times` times."""

    def __init__(self, inner: Any, victim: Callable[[Any], bool], times: int) -> None:
        self.inner, self.victim, self.times = inner, victim, times
        self.begun: list[Task] = []

    def run(self, tasks: tuple[Task, ...], stopped: Callable[[], bool], *, alone: bool = False) -> Iterator[Any]:
        self.begun.extend(tasks)
        for event in self.inner.run(tasks, stopped, alone=alone):
            if isinstance(event, Note) and self.times and self.victim(event.value):
                self.times -= 1
                for worker in self.inner._pool._workers:
                    if worker.task is event.task:
                        os.kill(worker.process.pid, signal.SIGKILL)
            yield event


def run_killing(
    store: Store, spec: Spec, scratch: Path, times: int, *, at_once: bool = False
) -> tuple[RunReport, Killing]:
    """Kill the worker of one unit when it has made a fit; `at_once` when it begins, so that it cannot be through."""
    pools: list[Killing] = []

    def is_time(news: Any) -> bool:
        if at_once:
            return isinstance(news, Begun) and victim in news.units
        return isinstance(news, FitMade) and news.unit == victim

    @contextmanager
    def pool(*arguments: Any) -> Iterator[Killing]:
        with Processes(*arguments) as real:
            pools.append(Killing(real, is_time, times))
            yield pools[-1]

    victim = max(spec.units())
    report = run_experiment(
        store,
        spec,
        device=CPU,
        console=Console(sys.stderr, "json"),
        options=Options(2, scratch),
        means=Means(pool=pool),
    )
    return report, pools[0]


def test_a_killed_worker_s_units_are_tried_again_alone_from_the_fits_they_had(
    store: Store, tiny: Spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, pool = run_killing(store, tiny, tmp_path, times=1)
    assert (report.finished, report.failures) == (12, {})
    assert "trying again alone" in capsys.readouterr().err
    assert len(pool.begun) == len(items_of(tiny.units())) + 1
    assert pool.begun[-1].known[max(tiny.units())]
    whole = run_experiment(
        store, tiny, device=CPU, console=Console.silent(), options=Options(1, tmp_path), skip_resume=True
    )
    assert digests(store, whole.execution) == digests(store, report.execution)


def test_units_whose_worker_is_killed_twice_fail_by_name_and_the_others_finish(
    store: Store, tiny: Spec, tmp_path: Path
) -> None:
    report, _ = run_killing(store, tiny, tmp_path, times=2, at_once=True)
    assert max(tiny.units()) in report.failures
    assert all("memory ran out" in words for words in report.failures.values())
    assert report.finished + len(report.failures) == 12
    assert len(report.failures) <= 3


def test_the_longest_items_start_first(store: Store, tiny: Spec, tmp_path: Path) -> None:
    _, pool = run_killing(store, tiny, tmp_path, times=0)
    data = info(500, 26)
    costs = [item_cost(Searches(tiny), task.units, data).cpu_seconds for task in pool.begun]
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) > 1
