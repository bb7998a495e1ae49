"""From a grid to its candidates, in the order scikit-learn's ``ParameterGrid`` gives them.

Planning an experiment needs this module and no model library.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
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


# A parameter whose smaller values are prefixes of one larger fit: the first trees of a forest, the first rounds of
# boosting.
NESTED: dict[ModelName, str] = {
    "random_forest": "n_estimators",
    "lightgbm": "n_estimators",
    "xgboost": "n_estimators",
}
# A parameter that only ends a fit that has not converged: once a fit converges below it, larger values change nothing.
CEILINGS: dict[ModelName, str] = {"logistic_regression": "max_iter", "mlp": "max_iter"}

Key: TypeAlias = "tuple[tuple[str, str, Value], ...]"
"""What a candidate asks of a model, in a form that can be compared: names, types and values."""


def without_weight(model: ModelName, candidate: Candidate) -> Candidate:
    """Return a candidate without the weight that is none: cost-sensitive learning's candidate that baseline has too."""
    name = WEIGHT_PARAMETERS[model]
    return {key: value for key, value in candidate.items() if key != name or value is not None}


def key_of(candidate: Candidate) -> Key:
    """Return the key of a candidate: equal for equal candidates, whatever the order of their parameters.

    Python holds 1, 1.0 and True for equal; models do not: ``max_features`` 1 is one feature, and 1.0 all of them.
    """
    return tuple((name, type(candidate[name]).__name__, candidate[name]) for name in sorted(candidate))


def families(model: ModelName, points: Iterable[Candidate]) -> list[tuple[Candidate, ...]]:
    """Group candidates that one fit may serve.

    Parameters
    ----------
    points : iterable of dict
        Distinct candidates.

    Returns
    -------
    list of tuple of dict
        In each, candidates that differ in nothing but the parameter of :data:`NESTED` or :data:`CEILINGS`, ascending;
        groups in the order of their first member.
    """
    name = NESTED.get(model) or CEILINGS.get(model)
    grouped: dict[Key, list[Candidate]] = {}
    for point in points:
        value = point.get(name) if name is not None else None
        whole = isinstance(value, int) and not isinstance(value, bool)
        rest = {key: given for key, given in point.items() if not (whole and key == name)}
        grouped.setdefault(key_of(rest), []).append(point)
    return [tuple(sorted(group, key=lambda point: point.get(name, 0))) for group in grouped.values()]  # type: ignore[arg-type,return-value]
