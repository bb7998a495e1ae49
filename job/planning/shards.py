"""Shards: the work items of an execution dealt out among several jobs, by what each is expected to cost.

An item that would keep one core of one job busy long after all others are done is divided by its folds: each job
searches some of them, and whichever finds all fits in the store fits the winner.
"""

from __future__ import annotations

import heapq
import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from job.errors import UsageError, shown
from job.planning.costs import ItemCost
from job.planning.items import Item, Part

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


def parts_of(costs: Mapping[Item, ItemCost], count: int) -> dict[Part, float]:
    """Return what `count` shards deal out among them, in the items' order, and the CPU seconds of each.

    Parameters
    ----------
    costs : mapping of Item to ItemCost
        Of all items of the execution, done or not: the same for every shard, so that all of them divide alike.
    """
    fair = sum(cost.cpu_seconds for cost in costs.values()) / (count * CORES)
    parts: dict[Part, float] = {}
    for item, cost in costs.items():
        folds = max((unit.folds for unit in cost.units.values()), default=1)
        pieces = min(folds, math.ceil(cost.cpu_seconds / fair)) if count > 1 and fair else 1
        if pieces == 1 or cost.cpu_seconds < LEAST_DIVIDED_S:
            parts[Part(item)] = cost.cpu_seconds
            continue
        for i in range(pieces):
            part = Part(item, tuple(range(i, folds, pieces)))
            parts[part] = cost.search_seconds * len(part.folds or ()) / folds + cost.refit_seconds / pieces
    return parts


def deal(costs: Mapping[Item, ItemCost], shard: Shard) -> tuple[Part, ...]:
    """Return a shard's part of the work, in the items' order; see :func:`deal_all`."""
    return tuple(deal_all(parts_of(costs, shard.count), shard.count)[shard.index - 1])


def deal_all(parts: Mapping[Part, float], count: int) -> list[dict[Part, float]]:
    """Deal parts out among `count` shards, each shard's in their order, with what each costs.

    The dearest goes first, each to the shard with the least so far (Graham's longest processing time rule), so that no
    shard costs more than 4/3 of the best division. The same parts and costs are always dealt the same way. Parts of one
    item that come to one shard are one.
    """
    loads = [(0.0, i) for i in range(count)]
    dealt: dict[Part, int] = {}
    for part in sorted(parts, key=lambda part: (-parts[part], part.item, part.folds or ())):
        load, index = heapq.heappop(loads)
        heapq.heappush(loads, (load + parts[part], index))
        dealt[part] = index
    all_folds = Counter[Item]()
    mine: list[dict[Item, list[Part]]] = [{} for _ in range(count)]
    for part in parts:
        all_folds[part.item] += len(part.folds or ())
        mine[dealt[part]].setdefault(part.item, []).append(part)
    found: list[dict[Part, float]] = []
    for shard in mine:
        joined = {}
        for item, pieces in shard.items():
            folds = tuple(sorted(fold for piece in pieces for fold in piece.folds or ()))
            whole = len(folds) == all_folds[item]
            joined[Part(item, None if whole else folds)] = sum(parts[piece] for piece in pieces)
        found.append(joined)
    return found
