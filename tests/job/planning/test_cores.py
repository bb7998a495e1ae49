"""Cores that no item needs go to the fits of those that run."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.planning.cores import threads_of

LIMITS = st.lists(st.integers(1, 8), min_size=1, max_size=12)


@given(st.integers(1, 64), LIMITS)
def test_every_item_has_a_thread_and_none_more_than_it_is_good_for(cores: int, most: list[int]) -> None:
    threads = threads_of(cores, most)
    assert len(threads) == len(most)
    assert all(1 <= count <= limit for count, limit in zip(threads, most, strict=True))


@given(st.integers(1, 64), LIMITS)
def test_no_core_is_idle_that_an_item_could_use_and_none_has_two_threads(cores: int, most: list[int]) -> None:
    assert sum(threads_of(cores, most)) == max(len(most), min(cores, sum(most)))


@given(st.integers(1, 64), LIMITS)
def test_the_rest_is_dealt_out_evenly(cores: int, most: list[int]) -> None:
    threads = threads_of(cores, most)
    wanting = [count for count, limit in zip(threads, most, strict=True) if count < limit]
    assert all(max(threads) - count <= 1 for count in wanting)


@pytest.mark.parametrize(
    ("cores", "most", "expected"),
    [(4, [8], (4,)), (4, [8, 8, 8], (2, 1, 1)), (4, [1, 1], (1, 1)), (4, [1, 8], (1, 3)), (2, [8] * 4, (1, 1, 1, 1))],
)
def test_for_example(cores: int, most: list[int], expected: tuple[int, ...]) -> None:
    assert threads_of(cores, most) == expected


def busy_share(items: list[tuple[float, int, int]], cores: int, workers: int) -> float:
    """Run items through workers in their order, and return the share of core time that was used.

    An item is (CPU seconds of a fit, fits, threads its fits are good for); it looks for cores before each fit.
    """
    waiting, now, used = list(items), 0.0, 0.0
    running: dict[int, tuple[float, int, int]] = {}
    ends: list[tuple[float, int]] = []

    def begin(key: int) -> None:
        keys = sorted(running)
        seconds, _, _ = running[key]
        threads = threads_of(cores, [running[k][2] for k in keys])[keys.index(key)]
        heapq.heappush(ends, (now + seconds / threads, key))

    while waiting or running:
        while waiting and len(running) < workers:
            key = len(items) - len(waiting)
            running[key] = waiting.pop(0)
            begin(key)
        now, key = heapq.heappop(ends)
        seconds, fits, most = running.pop(key)
        used += seconds
        if fits > 1:
            running[key] = (seconds, fits - 1, most)
            begin(key)
    return used / (now * cores)


def test_at_the_end_of_the_queue_and_where_memory_is_short_the_cores_stay_busy() -> None:
    # Fifteen items as of one seed of `default`, the longest first; the forests' threads come between stretches.
    items = [(40.0, 60, 8)] * 3 + [(25.0, 80, 8)] * 3 + [(20.0, 80, 8)] * 3 + [(30.0, 30, 1)] * 3 + [(4.0, 40, 1)] * 3
    assert busy_share(items, cores=4, workers=4) >= 0.85
    assert busy_share(items[:9], cores=4, workers=1) >= 0.99
    alone = [(seconds, fits, 1) for seconds, fits, _ in items]
    assert busy_share(alone, cores=4, workers=1) <= 0.26
