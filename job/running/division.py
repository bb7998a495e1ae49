"""Work items that shards divide among themselves: whose fits are whose, and what is left of an item."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from job.planning.items import Item, Part
from job.planning.searches import Searches
from job.training.search import Fit, Place
from job.training.unit import Unit


@dataclass
class Division:
    """What this shard does of items that several share.

    Attributes
    ----------
    searches : Searches
    folds : int
    parts : dict of Unit to list of Part
        Of each unit that is divided, this shard's parts.
    elsewhere : dict of Unit to set of Place
        Fits that stand in the store and are of no use here: another GPU made them.
    """

    searches: Searches
    folds: int
    parts: dict[Unit, list[Part]]
    elsewhere: dict[Unit, set[Place]] = field(default_factory=dict)

    def parts_of(self, item: Item, known: Mapping[Unit, Mapping[Place, Fit]]) -> list[Part]:
        """Return this shard's parts of an item; none where it can do all that is left of it.

        What another shard has fitted on another GPU is of no use here, and nobody will bring it: it is done here too.
        """
        mine = self.parts.get(item[0], [])
        for unit in item if mine else ():
            there = {*known.get(unit, {}), *self.elsewhere.get(unit, ())}
            for place in self._places(unit):
                if place not in there and not any(part.has(unit, place) for part in mine):
                    return mine
        return []

    def share(self, item: Item, parts: Sequence[Part]) -> float:
        """Return how much of an item's search some parts of it are, in fits."""
        places = [(unit, place) for unit in item for place in self._places(unit)]
        return sum(any(part.has(*place) for part in parts) for place in places) / len(places)

    def _places(self, unit: Unit) -> Iterable[Place]:
        return itertools.product(range(len(self.searches.points(unit))), range(self.folds))


def division_of(searches: Searches, folds: int, parts: Iterable[Part]) -> Division:
    """Return what of this shard's parts is divided; a part without folds is a whole item."""
    divided: dict[Unit, list[Part]] = {}
    for part in parts:
        for unit in part.item if part.folds is not None else ():
            divided.setdefault(unit, []).append(part)
    return Division(searches, folds, divided)
