"""Work items: the units that share work, which one worker runs together.

Units of one dataset, model and seed share fits where their techniques leave the training rows alone (baseline,
cost-sensitive, threshold moving), and where SMOTE-Tomek takes none of SMOTE's rows away.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from job.training.search import Place
from job.training.techniques import Sampler, Technique, sampler_of
from job.training.unit import Unit

Item: TypeAlias = tuple[Unit, ...]


@dataclass(frozen=True)
class Part:
    """What one task does of a work item: all of it, or some fits of its search.

    Of an item that is divided, whoever finds the fits of all parts in the store fits the winner.

    Attributes
    ----------
    item : Item
    folds : tuple of int or None
        The folds that it searches; None for all of them, and the refit.
    points : tuple of (technique, tuple of int) or None
        The candidates that it fits on them, by their indices; None for all.
    """

    item: Item
    folds: tuple[int, ...] | None = None
    points: tuple[tuple[Technique, tuple[int, ...]], ...] | None = None

    def has(self, unit: Unit, place: Place) -> bool:
        """Return whether a fit of one of the item's units is in this part."""
        candidate, fold = place
        if self.folds is not None and fold not in self.folds:
            return False
        return self._points is None or candidate in self._points.get(unit.technique, ())

    @cached_property
    def _points(self) -> dict[Technique, frozenset[int]] | None:
        return None if self.points is None else {name: frozenset(some) for name, some in self.points}


_TOGETHER: dict[Sampler, Sampler] = {"smote_tomek": "smote"}


def items_of(units: Iterable[Unit]) -> tuple[Item, ...]:
    """Group units into work items, in the order of their first units."""
    grouped: dict[tuple[str, str, int, Sampler], list[Unit]] = {}
    for unit in units:
        sampler = sampler_of(unit.technique)
        group = unit.dataset, unit.model, unit.seed, _TOGETHER.get(sampler, sampler)
        grouped.setdefault(group, []).append(unit)
    return tuple(tuple(group) for group in grouped.values())
