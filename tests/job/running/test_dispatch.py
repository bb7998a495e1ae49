"""What workers tell while they work reaches the log."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from job.console import Console
from job.running.dispatch import Dispatch
from job.running.news import Failed, FallBack, Made, News, Task, Warned
from job.running.workers import Note, Outcome
from job.training.search import Fit
from job.training.unit import Unit, UnitResult


def said(*news: News) -> list[dict[str, Any]]:
    """Return the records of a run whose workers tell so much."""
    stream = io.StringIO()
    idle: Any = SimpleNamespace(pump=lambda: None, ended=lambda: None, show=lambda **_: None)
    pool: Any = SimpleNamespace(run=lambda *_, **__: [Note(None, one) for one in news])
    console = Console(stream, "json")
    Dispatch(pool, idle, idle, cast("Any", lambda: False), cast("Any", []), console, lambda _: None).everything(())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


UNITS = (Unit("d", "xgboost", "baseline", 1), Unit("d", "xgboost", "smote", 1))


class Crowd:
    """A pool whose only item has a unit that finds the GPU's memory full, so many times, and one that does not."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.ran: list[tuple[bool, tuple[Unit, ...]]] = []

    def run(self, tasks: tuple[Task, ...], stopped: Any, *, alone: bool = False) -> Any:
        for task in tasks:
            self.ran.append((alone, task.units))
            for unit in task.units:
                if unit == UNITS[1] and self.times:
                    self.times -= 1
                    yield Note(task, Failed(unit, "GpuMemoryShort: the memory of Tesla T4 ran out", None, True))
                else:
                    yield Note(task, Made(UnitResult(unit, "inapplicable", "for a test"), "", 1.0))
            yield Outcome(task)


class Landing:
    """A flight that takes note of what lands and what fails."""

    def __init__(self) -> None:
        self.landed: list[Unit] = []
        self.failed: dict[Unit, str] = {}

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None

    def fits_of(self, unit: Unit) -> dict[Any, Any]:
        return {(0, 0): Fit(0.5, 1.0, "Tesla T4")}

    def land(self, made: Made) -> None:
        self.landed.append(made.result.unit)

    def fail(self, unit: Unit, error: str, trace: str | None) -> None:
        self.failed[unit] = error


def crowd(times: int) -> tuple[Crowd, Landing]:
    pool, landing = Crowd(times), Landing()
    idle: Any = SimpleNamespace(show=lambda **_: None, landed=lambda _: None)
    everywhere: Any = (pool, landing, idle, lambda: False, [], Console.silent(), lambda _: None)
    Dispatch(*everywhere).everything((Task(UNITS, gpu=True),))
    return pool, landing


def test_a_unit_that_finds_the_gpu_s_memory_full_is_tried_once_more_alone() -> None:
    pool, landing = crowd(times=1)
    assert pool.ran == [(False, UNITS), (True, UNITS[1:])]
    assert landing.landed == list(UNITS)
    assert landing.failed == {}


def test_a_unit_for_which_the_gpu_is_too_small_fails_by_name_and_the_others_finish() -> None:
    pool, landing = crowd(times=2)
    assert [alone for alone, _ in pool.ran] == [False, True]
    assert landing.landed == [UNITS[0]]
    assert landing.failed == {UNITS[1]: "GpuMemoryShort: the memory of Tesla T4 ran out"}


@pytest.mark.parametrize(("rows", "level"), [(5000, "info"), (1_200_000, "warning")])
def test_a_fold_whose_neighbours_scikit_learn_seeks_is_told_of_and_loudly_where_that_takes_long(
    rows: int, level: str
) -> None:
    (record,) = said(FallBack(rows))
    assert (record["event"], record["level"], record["rows"]) == ("all_pairs", level, rows)


def test_each_such_fold_is_told_of() -> None:
    assert [record["rows"] for record in said(FallBack(5000), FallBack(6000))] == [5000, 6000]


def test_what_a_library_warns_of_in_every_worker_is_said_once() -> None:
    (record,) = said(Warned("UserWarning: overflow"), Warned("UserWarning: overflow"))
    assert (record["level"], record["event"], record["message"]) == (
        "warning",
        "library_warning",
        "UserWarning: overflow",
    )
