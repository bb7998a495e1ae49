"""How far a run is and how long it will still take, reckoned in what its work is expected to cost.

Units are of very different length, and the longest run first, so counting them misleads. What is counted here is
expected CPU seconds: every finished fit counts for what :mod:`job.planning.costs` expected of it. How long such a
second really takes is learnt on the way, for each model on each dataset: an estimate of its own where there is enough
to go by, drawn towards that of the model on all datasets, and of all models, where there is little. The time left is
that of the longest of the workers when what is left is handed out in its order.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from job.planning.costs import ItemCost
from job.planning.items import Item
from job.progress import Outlook
from job.training.search import Place
from job.training.unit import Unit

# How many expected seconds of evidence weigh as much as what is believed without any, as a share of an average item.
_PRIOR_ITEMS = 0.25
_LEAST_PRIOR_S = 0.25


@dataclass
class _Work:
    """One work item on its way; seconds are expected ones but for the times on the clock."""

    item: Item
    cost: ItemCost
    done_s: dict[Unit, float]
    begun_at: float | None = None
    begun_with_s: float = 0.0
    told_at: float = 0.0
    landed: set[Unit] = field(default_factory=set)

    @property
    def total_s(self) -> float:
        return self.cost.cpu_seconds

    @property
    def all_done_s(self) -> float:
        return sum(self.done_s.values())

    @property
    def left_s(self) -> float:
        return max(self.total_s - self.all_done_s, 0.0)

    @property
    def over(self) -> bool:
        return len(self.landed) == len(self.item)

    def next_s(self) -> float:
        """Return what the fit in progress may cost: a refit when the search is done, else the dearest of its fits."""
        parts = [self.cost.units[unit.technique] for unit in self.item if unit not in self.landed]
        if not parts:
            return 0.0
        if self.left_s <= sum(part.refit for part in parts) * (1 + 1e-9):
            return min(self.left_s, parts[0].refit)
        return min(self.left_s, max(max(part.fits) for part in parts))


class Forecast:
    """What a run has done of its work and has left.

    Parameters
    ----------
    costs : mapping of Item to ItemCost
        The work items, in the order in which they are handed out.
    known : mapping of Unit to places
        Fits that earlier attempts made.
    before : tuple of (int, float)
        Units that had a result before, and their expected CPU seconds.
    workers : int
        How many work side by side.
    """

    def __init__(
        self,
        costs: Mapping[Item, ItemCost],
        known: Mapping[Unit, Iterable[Place]],
        before: tuple[int, float],
        workers: int,
    ) -> None:
        self._works = [_Work(item, cost, dict.fromkeys(item, 0.0)) for item, cost in costs.items()]
        self._of = {unit: work for work in self._works for unit in work.item}
        self._before = before
        self._workers = workers
        self._share = 0.0
        for unit, places in known.items():
            for place in places:
                self._count(unit, place)

    def begun(self, units: Sequence[Unit], now: float) -> None:
        """Say that a worker has begun with an item, or with what is left of one."""
        work = self._of[units[0]]
        work.begun_at, work.begun_with_s, work.told_at = now, work.all_done_s, now

    def fitted(self, unit: Unit, place: Place, now: float) -> None:
        """Say that a fit of a unit's search is finished."""
        work = self._of[unit]
        if work.begun_at is None:  # nobody said so
            self.begun(work.item, now)
        self._count(unit, place)
        work.told_at = now

    def landed(self, unit: Unit, now: float) -> None:
        """Say that a unit is done, or has failed; nothing of it is left then."""
        work = self._of[unit]
        work.landed.add(unit)
        work.done_s[unit] = work.cost.units[unit.technique].cpu_seconds
        work.told_at = now

    def outlook(self, now: float) -> Outlook:
        """Return how far the run is at a moment on the clock."""
        rates = self._rates()
        done_units = self._before[0] + sum(len(work.landed) for work in self._works)
        units = self._before[0] + len(self._of)
        done = self._before[1] * rates[()] + sum(work.all_done_s * self._rate(rates, work) for work in self._works)
        left = sum(self._left(rates, work, now) for work in self._works)
        whole = done + left
        self._share = max(self._share, done / whole if whole else 1.0)
        running = [work for work in self._works if work.begun_at is not None and not work.over]
        names = tuple(str(next(unit for unit in work.item if unit not in work.landed)) for work in running)
        return Outlook(done_units, units, self._share, done, whole, self._eta(rates, now), names)

    def _count(self, unit: Unit, place: Place) -> None:
        work = self._of.get(unit)
        if work is None:
            return
        part = work.cost.units[unit.technique]
        fit_s = part.fits[place[0]] if place[0] < len(part.fits) else 0.0
        work.done_s[unit] = min(work.done_s[unit] + fit_s, part.cpu_seconds)

    def _rates(self) -> dict[tuple[str, ...], float]:
        """Return what an expected second takes: of everything, of each model, and of each model on each dataset."""
        spent: dict[tuple[str, ...], float] = defaultdict(float)
        expected: dict[tuple[str, ...], float] = defaultdict(float)
        sizes: dict[tuple[str, ...], list[float]] = defaultdict(list)
        for work in self._works:
            for level in _levels(work):
                sizes[level].append(work.total_s)
                if work.begun_at is not None:
                    expected[level] += work.all_done_s - work.begun_with_s
                    spent[level] += work.told_at - work.begun_at if work.all_done_s > work.begun_with_s else 0.0
        rates: dict[tuple[str, ...], float] = {}
        for level in sorted(sizes, key=len):
            prior = max(_PRIOR_ITEMS * sum(sizes[level]) / len(sizes[level]), _LEAST_PRIOR_S)
            above = rates[level[:-1]] if level else 1.0
            rates[level] = (spent[level] + prior * above) / (expected[level] + prior)
        return rates or {(): 1.0}

    @staticmethod
    def _rate(rates: Mapping[tuple[str, ...], float], work: _Work) -> float:
        return rates[_levels(work)[-1]]

    def _left(self, rates: Mapping[tuple[str, ...], float], work: _Work, now: float) -> float:
        """Return how many seconds an item still takes, by the clock."""
        if work.over:
            return 0.0
        rate = self._rate(rates, work)
        if work.begun_at is None:
            return work.left_s * rate
        # The fit in progress is nearly done, however long it takes.
        return max(work.left_s * rate - (now - work.told_at), (work.left_s - work.next_s()) * rate, 0.0)

    def _eta(self, rates: Mapping[tuple[str, ...], float], now: float) -> float:
        running = [self._left(rates, work, now) for work in self._works if work.begun_at is not None and not work.over]
        free = sorted(running, reverse=True)[: self._workers]
        free += [0.0] * (self._workers - len(free))
        heapq.heapify(free)
        for work in self._works:
            if work.begun_at is None and not work.over:
                heapq.heappush(free, heapq.heappop(free) + self._left(rates, work, now))
        return max(free)


def _levels(work: _Work) -> tuple[tuple[str, ...], ...]:
    model, dataset = work.item[0].model, work.item[0].dataset
    return (), (model,), (model, dataset)
