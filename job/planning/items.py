"""Work items: the units that share work, which one worker runs together.

Units of one dataset, model and seed share fits where their techniques leave the training rows alone (baseline,
cost-sensitive, threshold moving), and where SMOTE-Tomek takes none of SMOTE's rows away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from job.training.techniques import Sampler, sampler_of
from job.training.unit import Unit

Item: TypeAlias = tuple[Unit, ...]


@dataclass(frozen=True)
class Part:
    """What one shard does of a work item.

    Attributes
    ----------
    item : Item
    folds : tuple of int or None
        The folds that it searches; None for all of them and the refit. Of an item that is divided, the shard that
        comes last, and finds the fits of all the others in the store, does the refit.
    """

    item: Item
    folds: tuple[int, ...] | None = None


_TOGETHER: dict[Sampler, Sampler] = {"smote_tomek": "smote"}


def items_of(units: Iterable[Unit]) -> tuple[Item, ...]:
    """Group units into work items, in the order of their first units."""
    grouped: dict[tuple[str, str, int, Sampler], list[Unit]] = {}
    for unit in units:
        sampler = sampler_of(unit.technique)
        group = unit.dataset, unit.model, unit.seed, _TOGETHER.get(sampler, sampler)
        grouped.setdefault(group, []).append(unit)
    return tuple(tuple(group) for group in grouped.values())
