"""What units cost, estimated before they run: for plans, for shards, and so that the longest work starts first.

The CPU seconds were measured with one thread of a server core; they are good to within a factor of about 1.5, but for
networks, which stop when they stop. What a search shares (:mod:`job.training.fitting`) is counted once.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from job.planning.items import Item
from job.planning.searches import Search, Searches
from job.planning.shares import fold_share, training_share
from job.training.candidates import Candidate, ModelName
from job.training.comparing import TREE, certain
from job.training.techniques import Sampler, Technique, sampler_of
from job.training.unit import Unit

# CPU seconds of one fit for each 1,000 training rows of 26 features; trees and rounds multiply. Rows are those of a
# fold after resampling, at a default rate of about 0.2. Fitted with `python -m benchmarks.costs` on the Taiwan data and
# at 30,000, 100,000 and 300,000 rows of the Lending Club sample.
_PER_1000_ROWS: dict[ModelName, float] = {
    "logistic_regression": 0.0021,
    "random_forest": 0.0013,
    "lightgbm": 0.00014,
    "xgboost": 0.000058,
    "mlp": 0.085,
}
# The power of the features that a fit's cost grows with: a forest draws the root of them at each split, and boosters
# pass over many that are constant.
_FEATURES_POWER: dict[ModelName, float] = {
    "logistic_regression": 1.0,
    "random_forest": 0.5,
    "lightgbm": 0.5,
    "xgboost": 0.7,
    "mlp": 1.0,
}
_SAMPLED: dict[Sampler, float] = {"none": 1.0, "random_under_sampling": 0.45, "smote": 1.56, "smote_tomek": 1.5}
_DEFAULTS = {"n_estimators": 100.0, "max_depth": 10.0, "num_leaves": 31.0, "alpha": 0.0001}
_OVERHEAD_S = 0.01  # a fit on next to no rows
# Resampling: CPU seconds for 100,000 rows after SMOTE, a fifth of them positive before it, and the power of their
# number that they grow with. Fitted at 30,000, 100,000 and 300,000 rows of the Lending Club sample: by blocks, of 42
# features, with `python -m benchmarks resample --law`; by scikit-learn's tree, of 8 and of 15 features, from the
# seconds that it takes for 3,000 of the rows.
_BLOCKS_S: dict[Sampler, float] = {"smote": 0.75, "smote_tomek": 1.25}
_BLOCKS_POWER = 1.6
_PAIRS_S: dict[Sampler, float] = {"smote": 0.6, "smote_tomek": 28.0}
_TREE_S: dict[Sampler, float] = {"smote": 2.0, "smote_tomek": 80.0}  # of 15 features; of one less it takes a third less
_TREE_POWER, _TREE_FEATURE = 1.8, 1.47


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
    return ItemCost(units, sum(unit.cpu_seconds for unit in units.values()))


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


def fit_cost(model: ModelName, candidate: Candidate, sampler: Sampler, rows: float, features: int) -> float:
    """Return what a fit is expected to cost, in CPU seconds.

    Parameters
    ----------
    rows : float
        Of the fold, after resampling.
    """
    scale = _PER_1000_ROWS[model] * rows / 1000 * math.pow(features / 26, _FEATURES_POWER[model])
    if model == "random_forest":  # rows are sorted at each node
        scale *= math.log2(max(rows, 2)) / math.log2(26_000)
    return scale * relative_cost(model, candidate, sampler) + _OVERHEAD_S


def fold_rows(searches: Searches, sampler: Sampler, unit: Unit, info: Shape) -> float:
    """Return about how many rows a fold of a unit's search has, after resampling."""
    spec = searches.spec
    return info.rows * training_share(spec, unit) * fold_share(spec, unit) * _SAMPLED[sampler]


def _search_cost(
    searches: Searches, search: Search, unit: Unit, info: Shape, sharers: Mapping[Sampler, int]
) -> dict[Technique, UnitCost]:
    spec, sampler = searches.spec, search.sampler
    folds = spec.protocol.folds
    rows = fold_rows(searches, sampler, unit, info)
    each = [fit_cost(search.model, one.fitted, sampler, rows, info.features) for one in search.families]
    # Of one fold, which those who search it too share.
    resampling = resampling_cost(sampler, rows, info.features) / sharers.get(sampler, 1)
    members = sum(len(family.members) for family in search.families)
    fits = {technique: [0.0] * len(points) for technique, points in search.points.items()}
    for family, cost in zip(search.families, each, strict=True):
        for technique, candidate in family.members:
            fits[technique][candidate] = cost / len(family.members) + resampling / members
    refit = sum(each) / len(each) + resampling / len(fits)
    return {technique: UnitCost(tuple(costs), refit, folds) for technique, costs in fits.items()}


def resampling_cost(sampler: Sampler, rows: float, features: int) -> float:
    """Return what a sampler's own step takes on a fold, in CPU seconds.

    What it takes where rows repeat so often that all pairs have to be compared, their number does not tell.

    Parameters
    ----------
    rows : float
        After resampling.
    """
    size = rows / 100_000
    if features <= TREE:
        return _TREE_S.get(sampler, 0.0) * math.pow(size, _TREE_POWER) * math.pow(_TREE_FEATURE, features - TREE)
    if certain(int(rows), features):
        return _BLOCKS_S.get(sampler, 0.0) * math.pow(size, _BLOCKS_POWER) * features / 42
    return _PAIRS_S.get(sampler, 0.0) * size**2 * features / 42


def relative_cost(model: ModelName, candidate: Candidate, sampler: Sampler) -> float:
    """Return what a fit is expected to cost, for each row, relative to other fits of the same model."""
    trees = _number(candidate, "n_estimators")
    if model == "random_forest":
        return trees * min(_number(candidate, "max_depth"), 16) / 10
    if model == "lightgbm":
        return trees * (1 + _number(candidate, "num_leaves") / 80)
    if model == "xgboost":
        return trees * math.pow(2, min(_number(candidate, "max_depth"), 12) / 3.5)
    if model == "mlp":
        sizes = candidate.get("hidden_layer_sizes", (100,))
        # How long it goes on before it stops early; nobody knows before.
        epochs = 2.3 if sampler.startswith("smote") else 1.0
        if sampler == "random_under_sampling" or not candidate.get("early_stopping"):
            epochs = 6.0
        return epochs * sum(sizes) / 100 if isinstance(sizes, tuple) else epochs
    # Gradient descent takes fewer passes the stronger it is held back; the elastic net's steps are dearer.
    dearer = 1.35 if candidate.get("penalty") in ("l1", "elasticnet") else 1.0
    return dearer * math.pow(0.001 / _number(candidate, "alpha"), 0.3)


def _number(candidate: Candidate, name: str) -> float:
    value = candidate.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else _DEFAULTS[name]
