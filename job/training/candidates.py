"""From a grid to its candidates, in the order scikit-learn's ``ParameterGrid`` gives them.

Planning an experiment needs this module and no model library.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from job.training.techniques import Technique

ModelName = Literal["logistic_regression", "random_forest", "lightgbm", "xgboost", "mlp"]
MODELS: tuple[ModelName, ...] = get_args(ModelName)

Value: TypeAlias = "str | int | float | bool | tuple[int, ...] | None"
Grid: TypeAlias = Mapping[str, Sequence[Value]]
Candidate: TypeAlias = dict[str, Value]

# Under cost-sensitive learning the model's grid gets the rarer class's weight, under the model's own name for it.
WEIGHT_PARAMETERS: dict[ModelName, str] = {
    "logistic_regression": "class_weight",
    "random_forest": "class_weight",
    "lightgbm": "class_weight",
    "xgboost": "scale_pos_weight",
    "mlp": "sample_weight",
}
WEIGHTS: tuple[Value, ...] = (None, "balanced", 5, 10)

# What a spec may set; the rest is the protocol's (seed, threads, weights) or changes nothing.
PARAMETERS: dict[ModelName, tuple[str, ...]] = {
    "logistic_regression": ("alpha", "penalty", "l1_ratio", "max_iter", "tol", "learning_rate", "eta0", "average"),
    "random_forest": (
        "n_estimators", "criterion", "max_depth", "min_samples_split", "min_samples_leaf", "max_features",
        "max_leaf_nodes", "max_samples", "bootstrap",
    ),
    "lightgbm": (
        "n_estimators", "learning_rate", "num_leaves", "max_depth", "min_child_samples", "min_child_weight",
        "min_split_gain", "subsample", "subsample_freq", "colsample_bytree", "reg_alpha", "reg_lambda",
    ),
    "xgboost": (
        "n_estimators", "learning_rate", "max_depth", "max_leaves", "min_child_weight", "gamma", "subsample",
        "colsample_bytree", "reg_alpha", "reg_lambda", "base_score", "max_bin",
    ),
    "mlp": (
        "hidden_layer_sizes", "activation", "solver", "alpha", "batch_size", "learning_rate_init", "max_iter", "tol",
        "early_stopping", "n_iter_no_change", "validation_fraction",
    ),
}  # fmt: skip


def grid_of(model: ModelName, technique: Technique, grid: Grid) -> Grid:
    """Return the grid that a unit searches: the model's, with the weight under cost-sensitive learning."""
    if technique == "cost_sensitive":
        return {**grid, WEIGHT_PARAMETERS[model]: WEIGHTS}
    return grid


def candidates(grid: Grid) -> list[Candidate]:
    """Return a grid's candidates: names sorted, the last name's values running fastest."""
    names = sorted(grid)
    return [dict(zip(names, point, strict=True)) for point in itertools.product(*(grid[name] for name in names))]


def count_candidates(grid: Grid) -> int:
    """Return how many candidates a grid has."""
    return math.prod(len(values) for values in grid.values())
