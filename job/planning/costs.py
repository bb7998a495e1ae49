"""What units cost, estimated before they run: for plans, for shards, and so that the longest work starts first.

The CPU seconds were measured on the Taiwan data with one thread of a server core; they are good to within a factor of
about two. What a search shares (:mod:`job.training.fitting`) is counted once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from job.planning.items import Item
from job.planning.searches import Search, Searches
from job.training.candidates import Candidate, ModelName
from job.training.neighbours import certain
from job.training.techniques import Sampler, Technique

# CPU seconds of one fit for each 1,000 training rows of 26 features; trees and rounds multiply. Rows are those of a
# fold after resampling, at a default rate of about 0.2.
_PER_1000_ROWS: dict[ModelName, float] = {
    "logistic_regression": 0.005,
    "random_forest": 0.0011,
    "lightgbm": 0.00014,
    "xgboost": 0.00005,
    "mlp": 0.06,
}
_SAMPLED: dict[Sampler, float] = {"none": 1.0, "random_under_sampling": 0.45, "smote": 1.56, "smote_tomek": 1.5}
_DEFAULTS = {"n_estimators": 100.0, "max_depth": 10.0, "num_leaves": 31.0}
_OVERHEAD_S = 0.01  # a fit on next to no rows
# CPU seconds for 100,000 rows of 42 features after SMOTE, a fifth of them positive before it, and the power that they
# grow with: fitted at 30,000, 100,000 and 300,000 rows of the Lending Club sample by `python -m benchmarks.resample
# --law`. From 1,200,000 rows on it is still good to a factor of 1.5.
_BLOCKS_S: dict[Sampler, float] = {"smote": 0.75, "smote_tomek": 1.25}
_BLOCKS_POWER = 1.6
# Where scikit-learn has to compare all pairs, or asks a tree: of as many rows.
_PAIRS_S: dict[Sampler, float] = {"smote": 0.6, "smote_tomek": 28.0}
_TREE_S: dict[Sampler, float] = {"smote": 0.6, "smote_tomek": 28.0}


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
    """

    units: Mapping[Technique, UnitCost]
    cpu_seconds: float

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
        return ItemCost(units, sum(unit.cpu_seconds for unit in units.values()))


class Shape(Protocol):
    """How large a dataset is; :class:`~job.data.processed.ProcessedInfo` tells."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def features(self) -> int:
        """How many features it has."""


def item_cost(searches: Searches, item: Item, info: Shape) -> ItemCost:
    """Estimate what a work item costs on a dataset."""
    units: dict[Technique, UnitCost] = {}
    for search in searches.of(item):
        units |= _search_cost(searches, search, info)
    return ItemCost(units, sum(unit.cpu_seconds for unit in units.values()))


def item_costs(searches: Searches, items: Iterable[Item], infos: Mapping[str, Shape]) -> dict[Item, ItemCost]:
    """Estimate what work items cost; those that differ in their seed alone are reckoned once.

    Parameters
    ----------
    infos : mapping of dataset to Shape
    """
    known: dict[tuple[str, ModelName, tuple[Technique, ...]], ItemCost] = {}
    found = {}
    for item in items:
        alike = item[0].dataset, item[0].model, tuple(unit.technique for unit in item)
        if alike not in known:
            known[alike] = item_cost(searches, item, infos[item[0].dataset])
        found[item] = known[alike]
    return found


def distinct_fits(searches: Searches, item: Item) -> int:
    """Return how many fits a work item makes in its search at most: those that nothing else gives."""
    return sum(len(search.families) for search in searches.of(item)) * searches.spec.protocol.folds


def _search_cost(searches: Searches, search: Search, info: Shape) -> dict[Technique, UnitCost]:
    protocol, sampler = searches.spec.protocol, search.sampler
    folds = protocol.folds
    rows = info.rows * (1 - protocol.test_share) * (folds - 1) / folds * _SAMPLED[sampler]
    scale = _PER_1000_ROWS[search.model] * rows / 1000 * info.features / 26
    each = [scale * relative_cost(search.model, one.fitted, sampler) + _OVERHEAD_S for one in search.families]
    resampling = resampling_cost(sampler, rows, info.features)  # of one fold
    members = sum(len(family.members) for family in search.families)
    fits = {technique: [0.0] * len(points) for technique, points in search.points.items()}
    for family, cost in zip(search.families, each, strict=True):
        for technique, candidate in family.members:
            fits[technique][candidate] = cost / len(family.members) + resampling / members
    refit = sum(each) / len(each) + resampling / len(fits)
    return {technique: UnitCost(tuple(costs), refit, folds) for technique, costs in fits.items()}


def resampling_cost(sampler: Sampler, rows: float, features: int) -> float:
    """Return what a sampler does to a fold in CPU seconds, without what it starts from.

    Parameters
    ----------
    rows : float
        After resampling.
    """
    hundred_thousands = rows / 100_000
    if certain(int(rows), features):
        return _BLOCKS_S.get(sampler, 0.0) * hundred_thousands**_BLOCKS_POWER * features / 42
    return _PAIRS_S.get(sampler, 0.0) * hundred_thousands**2 * features / 42


def relative_cost(model: ModelName, candidate: Candidate, sampler: Sampler) -> float:
    """Return what a fit is expected to cost, for each row, relative to other fits of the same model."""
    trees = _number(candidate, "n_estimators")
    if model == "random_forest":
        return trees * min(_number(candidate, "max_depth"), 16) / 10
    if model == "lightgbm":
        return trees * (1 + _number(candidate, "num_leaves") / 50)
    if model == "xgboost":
        return trees * math.pow(2, min(_number(candidate, "max_depth"), 12) / 3.5)
    if model == "mlp":
        sizes = candidate.get("hidden_layer_sizes", (100,))
        epochs = 6 if sampler == "random_under_sampling" or not candidate.get("early_stopping") else 1
        return epochs * sum(sizes) / 100 if isinstance(sizes, tuple) else epochs
    return 1.0


def _number(candidate: Candidate, name: str) -> float:
    value = candidate.get(name)
    return float(value) if isinstance(value, int | float) else _DEFAULTS[name]
