"""How a run divides: among shards, among the workers of one, and what of it a time limit leaves out.

Everything here is reckoned from what items are expected to cost (:mod:`job.planning.costs`); nothing is measured.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from job.planning.costs import ItemCost
from job.planning.deadline import makespan
from job.planning.items import Item
from job.planning.searches import Searches
from job.planning.shards import deal_all, parts_of

MOST_SHARDS = 1000
WELL_DIVIDED = 1.25
"""How much longer than an ideal division the longest shard may take: the rest of the cores' time is paid for idling."""


@dataclass(frozen=True)
class Division:
    """What becomes of a run in so many shards.

    Attributes
    ----------
    shards : int
    longest_s : float
        Seconds that the longest shard takes, by its workers at work side by side.
    ideal_s : float
        Seconds that each would take if work could be divided at will.
    """

    shards: int
    longest_s: float
    ideal_s: float

    @property
    def stretch(self) -> float:
        """How many times longer than the ideal the longest shard takes; 1 at best."""
        return self.longest_s / self.ideal_s if self.ideal_s else 1.0


@dataclass(frozen=True)
class Reach:
    """What is done when a time limit ends a run.

    Attributes
    ----------
    hours : float
        The limit.
    units : int
        How many have a result by then.
    share : float
        How much of the expected work they are; what is in flight is saved, and counts for the next attempt.
    """

    hours: float
    units: int
    share: float


def divide(costs: Mapping[Item, ItemCost], searches: Searches, shards: int, workers: int) -> Division:
    """Divide items among shards as a run does, and find when the longest is done.

    Parameters
    ----------
    workers : int
        Of each shard.
    """
    dealt = deal_all(parts_of(costs, searches, shards), shards)
    longest = max(makespan(shard.values(), workers) for shard in dealt)
    return Division(shards, longest, sum(cost.cpu_seconds for cost in costs.values()) / (shards * workers))


def best_division(costs: Mapping[Item, ItemCost], searches: Searches, workers: int) -> Division:
    """Return the division into the most shards whose cores all have something to do nearly to the end."""
    for shards in reversed(_counts(MOST_SHARDS)):
        found = divide(costs, searches, shards, workers)
        if found.stretch <= WELL_DIVIDED:
            return found
    return divide(costs, searches, 1, workers)


def heaviest(costs: Mapping[Item, ItemCost], count: int) -> list[tuple[Item, float]]:
    """Return the items that take longest and their expected CPU seconds; of those that differ in their seed, one."""
    found: dict[tuple[object, ...], tuple[Item, float]] = {}
    for item, cost in sorted(costs.items(), key=lambda one: one[1].cpu_seconds, reverse=True):
        alike = item[0].dataset, item[0].model, *(unit.technique for unit in item)
        found.setdefault(alike, (item, cost.cpu_seconds))
    return list(found.values())[:count]


def reach(costs: Mapping[Item, ItemCost], workers: int, hours: float) -> Reach:
    """Tell what one job gets done within a time limit; the longest items go first, as in a run."""
    ordered = sorted(costs, key=lambda item: costs[item].cpu_seconds, reverse=True)
    seconds = [costs[item].cpu_seconds for item in ordered]
    ends = _ends(seconds, workers)
    done = [i for i, end in enumerate(ends) if end <= 3600 * hours]
    total = sum(seconds)
    return Reach(hours, sum(len(ordered[i]) for i in done), sum(seconds[i] for i in done) / total if total else 1.0)


def _ends(seconds: Sequence[float], workers: int) -> list[float]:
    """Return when each piece of work ends that is begun as soon as a worker is free, in the order of the pieces."""
    free = [0.0] * workers
    ends = []
    for each in seconds:
        end = heapq.heappop(free) + each
        heapq.heappush(free, end)
        ends.append(end)
    return ends


def _counts(most: int) -> list[int]:
    """Return numbers of shards to try: all small ones, and larger ones in steps of about a tenth."""
    counts, count = [], 2
    while count <= most:
        counts.append(count)
        count += max(1, count // 10)
    return counts
