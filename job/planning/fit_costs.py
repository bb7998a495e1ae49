"""What one fit costs, and what comes before it: CPU seconds of one core, from the size of the rows and the candidate.

Fitted to what `python -m benchmarks.costs` measures at 30,000, 100,000, 300,000 and 1,000,000 rows of the Lending Club
sample, to the fits of `python -m benchmarks.million`, and to whole executions on the real Taiwan and corporate data:
good to within a factor of 1.5 from a few thousand rows on, but for networks and linear models, which stop when they
stop.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from job.training.candidates import WEIGHT_PARAMETERS, Candidate, ModelName
from job.training.comparing import TREE, certain
from job.training.stretches import STRETCH
from job.training.techniques import Sampler

_FEATURES = 26  # those of the Taiwan data; rows count in 100,000
_DEFAULTS = {
    "n_estimators": 100.0,
    "max_depth": 10.0,
    "num_leaves": 31.0,
    "alpha": 0.0001,
    "min_child_samples": 20.0,
}
# A forest: for each level of a tree, whose rows are sorted by a few drawn features, and for each tree. Rows that SMOTE
# makes have no ties.
_FOREST_S, _FOREST_POWER, _FOREST_SMOTE, _TREE_OVERHEAD_S = 0.00075, 1.04, 1.26, 0.0024
_DEEPEST = 16
# Boosting: for each round what passes over the rows, and the bins of each leaf or node that are summed and searched.
_LIGHTGBM_S, _LIGHTGBM_LEAF_S = 0.0017, 3.3e-5
_XGBOOST_S, _XGBOOST_DEPTH, _XGBOOST_NODE_S = 0.0031, 0.17, 1.1e-5
_NODES_PER_ROW = 0.05
_BINNING_S: dict[ModelName, float] = {"lightgbm": 0.28, "xgboost": 0.31}
# A network: until it stops early, or else goes on.
_NETWORK_S, _NETWORK_OVERHEAD_S, _EPOCHS_SMOTE, _EPOCHS_WHOLE = 5.3, 0.035, 1.9, 5.2
# Gradient descent: fewer passes the stronger it is held back, and the more rows there are; the elastic net is dearer.
_LINEAR_S, _LINEAR_POWER, _LINEAR_ALPHA, _LINEAR_ELASTIC, _LINEAR_OVERHEAD_S = 0.3, 0.76, 0.15, 1.24, 0.002
# Resampling: CPU seconds for 100,000 rows after SMOTE, a fifth of them positive before it, and the power of their
# number that they grow with. Fitted at 30,000, 100,000 and 300,000 rows of the Lending Club sample: by blocks, of 42
# features, with `python -m benchmarks resample --law`; by scikit-learn's tree, of 8 and of 15 features, from the
# seconds that it takes for 3,000 of the rows.
_BLOCKS_S: dict[Sampler, float] = {"smote": 0.75, "smote_tomek": 1.25}
_BLOCKS_POWER = 1.6
_PAIRS_S: dict[Sampler, float] = {"smote": 0.6, "smote_tomek": 28.0}
_TREE_S: dict[Sampler, float] = {"smote": 2.0, "smote_tomek": 80.0}  # of 15 features; of one less it takes a third less
_TREE_POWER, _TREE_FEATURE = 1.8, 1.47
_UNLINKED = 0.97  # of SMOTE's rows, those that Tomek links leave
TYPICAL_RATE: Final = 0.2
"""The default rate to reckon with where nobody says."""


def sampled(sampler: Sampler, default_rate: float) -> float:
    """Return how many rows a fold has after resampling, for each that it had; both classes are made equal.

    Parameters
    ----------
    default_rate : float
        Share of the rows that are defaults, from 0 to 1.
    """
    rarer = min(default_rate, 1 - default_rate)
    commoner = 1 - rarer
    made: dict[Sampler, float] = {
        "random_under_sampling": 2 * rarer, "smote": 2 * commoner, "smote_tomek": 2 * _UNLINKED * commoner,
    }  # fmt: skip
    return made.get(sampler, 1.0)


def fit_cost(model: ModelName, candidate: Candidate, sampler: Sampler, rows: float, features: int) -> float:
    """Return what a fit is expected to cost, in CPU seconds; boosters find their rows in bins (:func:`binning_cost`).

    Parameters
    ----------
    candidate : Candidate
        What it does not name is taken to be a usual value.
    rows : float
        Of the fold, after resampling.
    features : int
        Columns that the model sees.
    """
    if model == "random_forest":
        return _forest(candidate, sampler, rows, features)
    if model == "mlp":
        return _network(candidate, sampler, rows, features)
    return {"lightgbm": _lightgbm, "xgboost": _xgboost, "logistic_regression": _linear}[model](
        candidate, rows, features
    )


def _forest(candidate: Candidate, sampler: Sampler, rows: float, features: int) -> float:
    levels = math.log2(max(rows, 2)) * min(_number(candidate, "max_depth"), _DEEPEST)
    level_s = _FOREST_S * _size(rows, _FOREST_POWER) * _width(features, 0.5)
    smote = _FOREST_SMOTE if sampler.startswith("smote") else 1.0
    return _number(candidate, "n_estimators") * (level_s * levels * smote + _TREE_OVERHEAD_S)


def _lightgbm(candidate: Candidate, rows: float, features: int) -> float:
    leaves = max(2.0, min(_number(candidate, "num_leaves"), rows / _number(candidate, "min_child_samples")))
    passes_s = _LIGHTGBM_S * _size(rows) * _width(features, 0.5) * math.log2(leaves + 1)
    return _number(candidate, "n_estimators") * (passes_s + _LIGHTGBM_LEAF_S * leaves * _width(features))


def _xgboost(candidate: Candidate, rows: float, features: int) -> float:
    depth = min(_number(candidate, "max_depth"), 12)
    nodes = min(math.pow(2, depth), _NODES_PER_ROW * rows)
    passes_s = _XGBOOST_S * _size(rows) * _width(features, 0.7) * (1 + _XGBOOST_DEPTH * depth)
    return _number(candidate, "n_estimators") * (passes_s + _XGBOOST_NODE_S * nodes * _width(features))


def _network(candidate: Candidate, sampler: Sampler, rows: float, features: int) -> float:
    sizes = candidate.get("hidden_layer_sizes", (100,))
    units = sum(sizes) if isinstance(sizes, tuple) else 100
    epochs = _EPOCHS_SMOTE if sampler.startswith("smote") else 1.0
    if sampler == "random_under_sampling" or not candidate.get("early_stopping"):
        epochs = _EPOCHS_WHOLE
    return _NETWORK_S * _size(rows) * _width(features, 0.5) * epochs * math.pow(units / 100, 0.7) + _NETWORK_OVERHEAD_S


def _linear(candidate: Candidate, rows: float, features: int) -> float:
    dearer = _LINEAR_ELASTIC if candidate.get("penalty") in ("l1", "elasticnet") else 1.0
    held_back = math.pow(0.001 / _number(candidate, "alpha"), _LINEAR_ALPHA)
    return _LINEAR_S * _size(rows, _LINEAR_POWER) * _width(features) * dearer * held_back + _LINEAR_OVERHEAD_S


def binning_cost(model: ModelName, fitted: Iterable[Candidate], rows: float, features: int) -> float:
    """Return what sorting a fold's rows into bins takes, once for all candidates that share them; 0 without bins.

    Parameters
    ----------
    fitted : iterable of dict
        What is fitted on the fold.
    rows : float
        Of the fold, after resampling.
    """
    if model == "xgboost":
        kinds = len({candidate.get("max_bin") for candidate in fitted})
    elif model == "lightgbm":  # see job.training.boosting.Bins
        weight = WEIGHT_PARAMETERS["lightgbm"]
        kinds = len({(one.get("min_child_samples"), one.get(weight) is not None) for one in fitted})
    else:
        return 0.0
    return kinds * _BINNING_S[model] * _size(rows) * _width(features)


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


def resampling_step(sampler: Sampler, rows: float, features: int) -> float:
    """Return what of :func:`resampling_cost` is lost where it is interrupted: all of it, or a stretch of a search.

    In CPU seconds; the parameters are the same.
    """
    whole = resampling_cost(sampler, rows, features)
    return whole if certain(int(rows), features) or rows <= STRETCH else whole * STRETCH / rows


def _size(rows: float, power: float = 1.0) -> float:
    return math.pow(rows / 100_000, power)


def _width(features: int, power: float = 1.0) -> float:
    return math.pow(features / _FEATURES, power)


def _number(candidate: Candidate, name: str) -> float:
    value = candidate.get(name)
    return float(value) if isinstance(value, int | float) and value > 0 else _DEFAULTS[name]
