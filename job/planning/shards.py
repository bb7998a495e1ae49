"""Shards: the work items of an execution dealt out among several jobs, by what each is expected to cost."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from job.errors import UsageError, shown
from job.planning.items import Item

MAX_SHARDS = 10_000


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


def deal(items: Iterable[Item], cost: Callable[[Item], float], shard: Shard) -> tuple[Item, ...]:
    """Return a shard's work items, in their order; see :func:`deal_all`."""
    return deal_all(items, cost, shard.count)[shard.index - 1]


def deal_all(items: Iterable[Item], cost: Callable[[Item], float], count: int) -> list[tuple[Item, ...]]:
    """Return the work items of each of `count` shards, in their order.

    The dearest item goes first, each to the shard with the least so far (Graham's longest processing time rule), so
    that no shard costs more than 4/3 of the best division. The same items and costs are always dealt the same way.
    """
    items = tuple(items)
    loads = [(0.0, i) for i in range(count)]
    dealt: dict[Item, int] = {}
    for item in sorted(items, key=lambda item: (-cost(item), item)):
        load, index = heapq.heappop(loads)
        heapq.heappush(loads, (load + cost(item), index))
        dealt[item] = index
    parts: list[list[Item]] = [[] for _ in range(count)]
    for item in items:
        parts[dealt[item]].append(item)
    return [tuple(part) for part in parts]
