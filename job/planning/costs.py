"""What units cost, estimated before they run: for plans, for shards, and so that the longest work starts first.

What a fit costs, :mod:`job.planning.fit_costs` has. What a search shares (:mod:`job.training.fitting`) is counted once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from job.planning.fit_costs import binning_cost, fit_cost, resampling_cost, resampling_step, sampled
from job.planning.items import Item
from job.planning.searches import Search, Searches
from job.planning.shares import fold_share, training_share
from job.training.techniques import Sampler, Technique, chain, sampler_of
from job.training.unit import Unit


@dataclass(frozen=True)
class UnitCost:
    """A unit's part of what its work item is expected to cost, in CPU seconds.

    Attributes
    ----------
    fits : tuple of float
        For each candidate its share of the fit that serves it, and of the fold's preparation; on one fold.
    refit : float
        What is left when the search is done: the winner fitted again.
    folds : int
    share : float
        How much of the search is to be done; the rest is done elsewhere.
    """

    fits: tuple[float, ...]
    refit: float
    folds: int
    share: float = 1.0

    @property
    def cpu_seconds(self) -> float:
        """The whole part."""
        return self.share * self.folds * sum(self.fits) + self.refit


@dataclass(frozen=True)
class ItemCost:
    """What a work item is expected to cost, what its units share counted once and dealt out among them.

    Attributes
    ----------
    units : dict of technique to UnitCost
        An item has one unit of each technique.
    cpu_seconds : float
    unbroken_s : float
        The most that has to be done in one go, since nothing of it outlives an attempt: a fold is made, but for those
        stretches of its neighbours that are found, and the dearest fit on it, of all training rows where that is the
        winner's.
    """

    units: Mapping[Technique, UnitCost]
    cpu_seconds: float
    unbroken_s: float = 0.0

    @property
    def refit_seconds(self) -> float:
        """What is left when all folds are searched."""
        return sum(unit.refit for unit in self.units.values())

    @property
    def search_seconds(self) -> float:
        """What all folds take."""
        return self.cpu_seconds - self.refit_seconds

    def of_share(self, share: float) -> ItemCost:
        """Return what a share of the search is expected to cost, without the refit."""
        units = {name: UnitCost(unit.fits, 0.0, unit.folds, share) for name, unit in self.units.items()}
        return ItemCost(units, sum(unit.cpu_seconds for unit in units.values()), self.unbroken_s)


class Shape(Protocol):
    """How large a dataset is; :class:`~job.data.processed.ProcessedInfo` tells."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def features(self) -> int:
        """How many features it has."""

    @property
    def default_rate(self) -> float:
        """The share of its rows that are defaults."""


def item_cost(
    searches: Searches, item: Item, info: Shape, sharers: Mapping[Sampler, int] = MappingProxyType({})
) -> ItemCost:
    """Estimate what a work item costs on a dataset.

    Parameters
    ----------
    sharers : mapping of sampler to int
        How many items need the same resampled folds, this one counted; each is charged its share.
    """
    units: dict[Technique, UnitCost] = {}
    for search in searches.of(item):
        units |= _search_cost(searches, search, item[0], info, sharers)
    unbroken = max(_unbroken(searches, search, item[0], info) for search in searches.of(item))
    return ItemCost(units, sum(unit.cpu_seconds for unit in units.values()), unbroken)


def item_costs(searches: Searches, items: Iterable[Item], infos: Mapping[str, Shape]) -> dict[Item, ItemCost]:
    """Estimate what work items cost; those that differ in their seed alone, and learn from as much, are reckoned once.

    Folds are resampled once for all models of one host, so each of the items is charged its share of that: where they
    run on several hosts, it is a little more.

    Parameters
    ----------
    infos : mapping of dataset to Shape
    """
    items = tuple(items)
    sharers: dict[tuple[str, int], Counter[Sampler]] = defaultdict(Counter)
    for item in items:
        sharers[item[0].dataset, item[0].seed].update({sampler_of(unit.technique) for unit in item})
    known: dict[tuple[object, ...], ItemCost] = {}
    found = {}
    for item in items:
        mine = sharers[item[0].dataset, item[0].seed]
        share = training_share(searches.spec, item[0])
        techniques = tuple(unit.technique for unit in item)
        alike = item[0].dataset, item[0].model, techniques, share, tuple(sorted(mine.items()))
        if alike not in known:
            known[alike] = item_cost(searches, item, infos[item[0].dataset], mine)
        found[item] = known[alike]
    return found


def distinct_fits(searches: Searches, item: Item) -> int:
    """Return how many fits a work item makes in its search at most: those that nothing else gives."""
    return sum(len(search.families) for search in searches.of(item)) * searches.spec.protocol.folds


def fold_rows(searches: Searches, sampler: Sampler, unit: Unit, info: Shape) -> float:
    """Return about how many rows a fold of a unit's search has, after resampling."""
    spec = searches.spec
    return info.rows * training_share(spec, unit) * fold_share(spec, unit) * sampled(sampler, info.default_rate)


def _search_cost(
    searches: Searches, search: Search, unit: Unit, info: Shape, sharers: Mapping[Sampler, int]
) -> dict[Technique, UnitCost]:
    spec, sampler = searches.spec, search.sampler
    folds = spec.protocol.folds
    rows = fold_rows(searches, sampler, unit, info)
    each = [fit_cost(search.model, one.fitted, sampler, rows, info.features) for one in search.families]
    # Of one fold: resampling, which those who search it too share, and bins. What it is made from is charged to them
    # where nobody searches that.
    made_before = sum(
        resampling_cost(part, fold_rows(searches, part, unit, info), info.features) / sharers.get(sampler, 1)
        for part in chain(sampler)
        if part == sampler or part not in sharers
    )
    made_before += binning_cost(search.model, (one.fitted for one in search.families), rows, info.features)
    members = sum(len(family.members) for family in search.families)
    fits = {technique: [0.0] * len(points) for technique, points in search.points.items()}
    for family, cost in zip(search.families, each, strict=True):
        for technique, candidate in family.members:
            fits[technique][candidate] = cost / len(family.members) + made_before / members
    refit = sum(each) / len(each) + made_before / len(fits)
    return {technique: UnitCost(tuple(costs), refit, folds) for technique, costs in fits.items()}


def _unbroken(searches: Searches, search: Search, unit: Unit, info: Shape) -> float:
    """Return what the refit's fold and the dearest fit take: the winner may be any of them."""
    rows = {
        one: fold_rows(searches, one, unit, info) / fold_share(searches.spec, unit) for one in chain(search.sampler)
    }
    before = sum(resampling_step(sampler, count, info.features) for sampler, count in rows.items())
    dearest = max(
        fit_cost(search.model, one.fitted, search.sampler, rows[search.sampler], info.features)
        + binning_cost(search.model, [one.fitted], rows[search.sampler], info.features)
        for one in search.families
    )
    return before + dearest
