"""How much memory a worker is reckoned with, and how many workers fit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.data.declared import Declared
from job.data.processed import ProcessedInfo
from job.planning.memory import (
    WORKER,
    next_that_fits,
    thread_bytes,
    threads_that_fit,
    worker_bytes,
    workers_that_fit,
)
from job.planning.searches import Searches
from job.planning.spec import parse_spec
from job.planning.working_memory import working_bytes
from job.training.candidates import Candidate, ModelName
from job.training.kernels import MOST_THREADS
from job.training.unit import Unit
from tests.specs import TINY


@pytest.mark.parametrize(("available", "expected"), [(10_000, 8), (800, 8), (799, 7), (250, 2), (50, 1), (0, 1)])
def test_workers_are_as_many_as_fit_and_at_least_one(available: int, expected: int) -> None:
    assert workers_that_fit(8, 100, available) == expected


@pytest.mark.parametrize(
    ("available", "expected"),
    [(10_000, 8), (250, 7), (249, 6), (209, 2), (200, 2), (10, 2), (None, 8)],
)
def test_threads_are_as_many_as_fit_beside_the_workers(available: int | None, expected: int) -> None:
    assert threads_that_fit(8, 2, 100, 10, available) == expected


def test_threads_that_take_no_memory_are_as_many_as_there_are_cores() -> None:
    assert threads_that_fit(8, 2, 100, 0, 10) == 8


def test_each_further_thread_of_a_forest_is_reckoned_with_and_of_nothing_else() -> None:
    def searches(model: str) -> Searches:
        return Searches(parse_spec(TINY + f"\n[models.{model}.grid]\nmax_depth = 3\n", "s", "s"))

    data = info(1_000_000, 40)
    smote, plain = (
        thread_bytes(searches("random_forest"), (Unit("taiwan_credit", "random_forest", technique, 1),), data)
        for technique in ("smote", "baseline")
    )
    assert smote > plain > 20 * 700_000
    assert thread_bytes(searches("xgboost"), (Unit("taiwan_credit", "xgboost", "smote", 1),), data) == 0


def test_where_the_system_says_nothing_all_workers_asked_for_start() -> None:
    assert workers_that_fit(8, 10**9, None) == 8


def info(rows: int, features: int) -> ProcessedInfo:
    from dataclasses import fields

    values = dict.fromkeys((field.name for field in fields(ProcessedInfo)), None)
    known = {"rows": rows, "features": features, "default_rate": 0.2, "declared": Declared()}
    return ProcessedInfo(**{**values, **known})  # type: ignore[arg-type]


def test_a_deep_forest_on_many_rows_needs_more_than_a_shallow_one() -> None:
    def searches(depth: int) -> Searches:
        grid = f"\n[models.random_forest.grid]\nn_estimators = 200\nmax_depth = {depth}\n"
        return Searches(parse_spec(TINY + grid, "s", "s"))

    unit = Unit("taiwan_credit", "random_forest", "smote", 1)
    data = info(1_000_000, 10)
    deep, shallow = (worker_bytes(searches(d), unit, data) for d in (30, 5))
    assert deep > shallow > WORKER + 3 * 4 * 10_000_000
    other = Unit("taiwan_credit", "logistic_regression", "smote", 1)
    assert worker_bytes(searches(5), other, data) == shallow, "preparing the rows takes more than few nodes"


def test_how_many_trees_a_forest_has_takes_no_memory() -> None:
    def searches(trees: int) -> Searches:
        grid = f"\n[models.random_forest.grid]\nn_estimators = {trees}\n"
        return Searches(parse_spec(TINY + grid, "s", "s"))

    unit = Unit("lending_club", "random_forest", "smote", 1)
    few, many = (worker_bytes(searches(trees), unit, info(1_400_000, 42)) for trees in (10, 10_000))
    assert few == many < 1.5 * 2**30


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads a process's memory from /proc")
@pytest.mark.parametrize(
    ("model", "grid"),
    [
        ("logistic_regression", {}),
        ("random_forest", {}),
        ("xgboost", {"max_depth": [10]}),
        ("lightgbm", {"num_leaves": [1023]}),
        ("mlp", {"hidden_layer_sizes": [[1000]]}),
    ],
)
def test_a_worker_takes_no_more_than_is_reckoned_with(model: ModelName, grid: dict[str, list[Any]]) -> None:
    command = [sys.executable, "-m", "benchmarks.memory", "--model", model, "--technique", "smote", "--rows", "60000"]
    command += ["--threads", str(MOST_THREADS[model]), "--grid", json.dumps(grid)]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    *_, base, peak, reckoned, _ = told.stdout.split()
    assert int(base) > 50
    assert int(base) + int(peak) <= int(reckoned)


@pytest.mark.parametrize(
    ("model", "little", "much"),
    [
        ("xgboost", {"max_depth": 3}, {"max_depth": 12}),
        ("xgboost", {"max_leaves": 8, "max_depth": 0}, {"max_depth": 0}),
        ("xgboost", {"max_bin": 64}, {"max_bin": 4096}),
        ("lightgbm", {"num_leaves": 31}, {"num_leaves": 8191}),
        ("lightgbm", {"num_leaves": 8191, "max_depth": 5}, {"num_leaves": 8191}),
        ("mlp", {"hidden_layer_sizes": (50,)}, {"hidden_layer_sizes": (5000, 5000)}),
        ("mlp", {"solver": "adam"}, {"solver": "lbfgs"}),
    ],
)
def test_what_makes_a_fit_hold_more_is_reckoned_with(model: ModelName, little: Candidate, much: Candidate) -> None:
    least, most = (working_bytes(model, one, 500_000, 40) for one in (little, much))
    assert most > 2 * least > 0


SIZES = st.lists(st.integers(1, 100), max_size=12)


@given(SIZES, SIZES, st.integers(1, 150))
def test_nothing_is_begun_that_does_not_fit_and_something_always_runs(
    waiting: list[int], running: list[int], room: int
) -> None:
    place = next_that_fits(waiting, running, room)
    if place is not None:
        assert not running or sum(running) + waiting[place] <= room
    assert running or not waiting or place == 0
    if waiting and sum(running) + waiting[0] <= room:
        assert place == 0, "the first has its turn wherever it fits"
    assert next_that_fits(waiting, running, None) == (0 if waiting else None)


@given(st.lists(st.tuples(st.integers(1, 100), st.integers(1, 9)), min_size=1, max_size=40), st.integers(1, 8))
def test_small_items_fill_the_room_and_put_the_first_off_no_longer_than_what_runs(
    items: list[tuple[int, int]], workers: int
) -> None:
    """Items of (bytes, steps) in 120 bytes: all get done, in no more room, and nothing puts the first off."""
    room, now = 120, 0
    waiting, running, begun = list(items), [], 0  # type: ignore[var-annotated]
    while waiting or running:
        while waiting and len(running) < workers:
            place = next_that_fits([size for size, _ in waiting], [size for size, _ in running], room)
            if place is None:
                break
            if place:
                still = sum(size for size, _ in running) - max(size for size, _ in running) + waiting[place][0]
                assert still + waiting[0][0] <= room, "it still fits when the largest has ended"
            begun += 1
            size, steps = waiting.pop(place)
            running.append((size, now + steps))
        assert running, "somebody works"
        assert sum(size for size, _ in running) <= room
        now = min(end for _, end in running)
        running = [(size, end) for size, end in running if end > now]
    assert begun == len(items)
