"""How long a job may take, and how many attempts or shards it needs for that. Standard library only: `stacks` reads it.

AWS Batch ends an attempt at its time-out and retries no job that was ended so. An attempt therefore leaves by itself
before that, with the exit code that is retried, and the next one goes on where it stopped. Each attempt is one slice of
the job's work.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

LEAVE_EARLY_S = 600
"""How long before its time-out an attempt leaves: time to save what is in flight, to verify, and for slow storage."""

START_S = 120.0
"""What goes by before an attempt works: loading libraries, reading checkpoints, handing data to workers."""

MOST_ATTEMPTS = 10
"""How often AWS Batch starts a job at most."""

SPARE_ATTEMPTS = 3
"""Attempts beyond those that the work needs: for hosts that are taken away."""

MOST_SHARDS = 10_000
"""The largest array of AWS Batch."""


def seconds_to_work(timeout_s: int) -> int:
    """Return ``LDP_MAX_SECONDS`` of a job whose attempts are ended after `timeout_s` seconds; at least 1."""
    return max(timeout_s - LEAVE_EARLY_S, 1)


def is_over(started_s: float, max_s: float | None, now_s: float) -> bool:
    """Return whether an attempt that started at a moment on the clock has had the seconds that it may take."""
    return max_s is not None and now_s - started_s >= max_s


@dataclass(frozen=True)
class Fit:
    """Whether a job with certain limits can do a piece of work, and in how many slices of time.

    Attributes
    ----------
    workers : int
        Processes that its vCPUs and its memory allow; 0 if its memory is not enough for one.
    hours : float
        How long the whole work takes with these workers.
    slices : int or None
        Attempts that one job needs for it, none of them lost; None if it can never do it.
    attempts : int or None
        What a submission asks for: slices and some to spare. None where that is more than AWS Batch allows.
    shards : int or None
        Into how many jobs the work has to be divided; 1 where one can do it, None if no number is enough.
    """

    workers: int
    hours: float
    slices: int | None
    attempts: int | None
    shards: int | None


def fit(shard_s: Callable[[int], float], unbroken_s: float, *, workers: int, timeout_s: int) -> Fit:
    """Say in how many attempts or shards a job does its work.

    Parameters
    ----------
    shard_s : callable
        Tells in how many seconds the longest of so many shards is done by its workers; of 1, the whole work.
    unbroken_s : float
        The most that is done in one go, within one attempt or not at all: a fold and the longest fit on it.
    workers : int
        Processes of each job; 0 if its memory is not enough for one.
    timeout_s : int
        When an attempt is ended.
    """
    useful_s = seconds_to_work(timeout_s) - START_S
    hours = shard_s(1) / 3600 if workers else 0.0
    if not workers or unbroken_s >= useful_s:
        return Fit(workers, hours, None, None, None)
    slices = max(1, math.ceil(3600 * hours / useful_s))
    most = MOST_ATTEMPTS - SPARE_ATTEMPTS
    if slices <= most:
        return Fit(workers, hours, slices, slices + SPARE_ATTEMPTS, 1)
    return Fit(workers, hours, slices, None, _least_shards(lambda count: shard_s(count) <= most * useful_s))


def _least_shards(enough: Callable[[int], bool]) -> int | None:
    """Return the least number of shards that is enough, as far as steps of a tenth and then of one find it."""
    too_few = 1
    while too_few < MOST_SHARDS:
        count = min(too_few + max(1, too_few // 10), MOST_SHARDS)
        if enough(count):
            return next(one for one in range(too_few + 1, count + 1) if one == count or enough(one))
        too_few = count
    return None


def makespan(items_s: Iterable[float], workers: int) -> float:
    """Return how long `workers` take for items of so many seconds, the longest first, each by whoever is free first."""
    free = [0.0] * workers
    for item in sorted(items_s, reverse=True):
        heapq.heapreplace(free, free[0] + item)
    return max(free)
