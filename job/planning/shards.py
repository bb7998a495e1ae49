"""Shards: the work items of an execution dealt out among several jobs, by what each is expected to cost.

An item that would keep one core of one job busy long after all others are done is divided, by its folds and where that
is not enough by its candidates: each job makes some of its fits, and whichever finds all of them in the store fits the
winner.
"""

from __future__ import annotations

import heapq
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from job.errors import UsageError, shown
from job.planning.costs import ItemCost
from job.planning.items import Item, Part
from job.planning.searches import Searches
from job.training.techniques import Technique

MAX_SHARDS = 10_000
# An ordinary job's. What a job really has may differ from shard to shard, and all of them have to divide alike.
CORES = 4
LEAST_DIVIDED_S = 600.0
"""Items that are expected to take less are not worth dividing: parts prepare folds, and look for each other's fits."""


@dataclass(frozen=True)
class Shard:
    """The `index`-th of `count` shards; the first is 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Parse ``I/N``.

    Raises
    ------
    UsageError
    """
    match = re.fullmatch(r"([0-9]{1,5})/([0-9]{1,5})", text.strip())
    if match:
        shard = Shard(int(match[1]), int(match[2]))
        if 1 <= shard.index <= shard.count <= MAX_SHARDS:
            return shard
    raise UsageError(f"{shown(text)} is not a shard", f"Write I/N with 1 ≤ I ≤ N ≤ {MAX_SHARDS:,}, such as 2/8.")


def shard_from_environment(setting: str | None) -> Shard | None:
    """Return the shard that ``LDP_SHARD`` says, else the child of an AWS Batch array job, else None.

    Raises
    ------
    UsageError
    """
    if setting:
        return parse_shard(setting)
    index, size = os.environ.get("AWS_BATCH_JOB_ARRAY_INDEX"), os.environ.get("AWS_BATCH_JOB_ARRAY_SIZE")
    if index is None:
        return None
    # As text: some digits of Unicode are no numbers to Python, and thousands of them are too many.
    if size is None or not all(re.fullmatch(r"[0-9]{1,5}", number) for number in (index, size)):
        raise UsageError(
            f"AWS_BATCH_JOB_ARRAY_INDEX is {shown(index)} and AWS_BATCH_JOB_ARRAY_SIZE is {shown(size)}",
            "Set LDP_SHARD=I/N for this job.",
        )
    return parse_shard(f"{int(index) + 1}/{size}")


def deal(costs: Mapping[Item, ItemCost], searches: Searches, shard: Shard) -> tuple[Part, ...]:
    """Return a shard's part of the work, in the items' order.

    Parameters
    ----------
    costs : mapping of Item to ItemCost
        Of all items of the execution, done or not: the same for every shard, so that all of them divide alike.
    """
    return tuple(deal_all(parts_of(costs, searches, shard.count), shard.count)[shard.index - 1])


def deal_all(parts: Mapping[Part, float], count: int) -> list[dict[Part, float]]:
    """Deal parts out among `count` shards, each shard's in their order, with what each costs.

    The dearest goes first, each to the shard with the least so far (Graham's longest processing time rule), so that no
    shard costs more than 4/3 of the best division. The same parts and costs are always dealt the same way.
    """
    loads = [(0.0, i) for i in range(count)]
    dealt: dict[Part, int] = {}
    order = {part: place for place, part in enumerate(parts)}
    for part in sorted(parts, key=lambda part: (-parts[part], order[part])):
        load, index = heapq.heappop(loads)
        heapq.heappush(loads, (load + parts[part], index))
        dealt[part] = index
    found: list[dict[Part, float]] = [{} for _ in range(count)]
    for part, seconds in parts.items():
        found[dealt[part]][part] = seconds
    return found


def parts_of(costs: Mapping[Item, ItemCost], searches: Searches, count: int) -> dict[Part, float]:
    """Return what `count` shards deal out among them, in the items' order, and the CPU seconds of each."""
    fair = sum(cost.cpu_seconds for cost in costs.values()) / (count * CORES)
    parts: dict[Part, float] = {}
    for item, cost in costs.items():
        if count == 1 or cost.cpu_seconds <= max(fair, LEAST_DIVIDED_S):
            parts[Part(item)] = cost.cpu_seconds
        else:
            parts |= _divided(item, cost, searches, fair)
    return parts


def _divided(item: Item, cost: ItemCost, searches: Searches, fair: float) -> dict[Part, float]:
    """Divide an item by its folds, and where one fold is still too long by the candidates that share no fit."""
    folds = searches.spec.protocol.folds
    fold_s = cost.search_seconds / folds
    groups = min(math.ceil(fold_s / fair), sum(len(search.families) for search in searches.of(item)))
    if groups > 1:
        points = _groups(item, cost, searches, groups)
        made = {Part(item, (fold,), some): seconds for fold in range(folds) for some, seconds in points.items()}
    else:
        together = min(max(1, math.floor(fair / fold_s)), folds)
        starts = range(0, folds, together)
        made = {
            Part(item, tuple(range(start, min(start + together, folds)))): fold_s * min(together, folds - start)
            for start in starts
        }
    if len(made) == 1:
        return {Part(item): cost.cpu_seconds}
    return {part: seconds + cost.refit_seconds / len(made) for part, seconds in made.items()}


def _groups(
    item: Item, cost: ItemCost, searches: Searches, count: int
) -> dict[tuple[tuple[Technique, tuple[int, ...]], ...], float]:
    """Divide the candidates of an item into groups of about equal cost on one fold; those that share a fit together."""
    families = [family.members for search in searches.of(item) for family in search.families]
    seconds = [sum(cost.units[technique].fits[c] for technique, c in members) for members in families]
    loads = [(0.0, i) for i in range(count)]
    groups: list[dict[Technique, list[int]]] = [{} for _ in range(count)]
    total = [0.0] * count
    for family in sorted(range(len(families)), key=lambda family: (-seconds[family], family)):
        load, i = heapq.heappop(loads)
        heapq.heappush(loads, (load + seconds[family], i))
        total[i] += seconds[family]
        for technique, candidate in families[family]:
            groups[i].setdefault(technique, []).append(candidate)
    found = [tuple((name, tuple(sorted(some))) for name, some in sorted(group.items())) for group in groups]
    return dict(zip(found, total, strict=True))
