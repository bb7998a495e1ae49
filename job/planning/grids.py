"""What the grid of each model may hold: names, types and bounds, by a table of our own.

Reading a spec or a manifest loads no model library, so that old executions and other machines can be read; a test
holds the table against the libraries. It is at least as strict as they are: what it lets through can be fitted, and
where it is stricter that is for sizes nobody means (a million trees), for values whose arithmetic overflows, and for
texts, which come from closed sets, since LightGBM would read further parameters out of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from job.errors import shown
from job.planning.values import TINIEST, Allowed, Flag, Layers, Nothing, Real, Text, Whole
from job.training.candidates import Grid, ModelName, Value, count_candidates

MAX_VALUES = 1000
"""How many values a grid may list for one parameter."""
MAX_CANDIDATES = 100_000
"""How many candidates a unit may search: a result names each, in the footer of a parquet file, which ends at 100 MB."""
MAX_FITS = 1_000_000
"""How many fits a unit's search may have, candidates times folds: a result has the score of each, a checkpoint too."""
MAX_SEARCHED = 300_000
"""How many candidates all combinations of model and technique may have together: planning enumerates them."""


_NONE, _FLAG = Nothing(), Flag()
_ROWS = 2**31 - 1  # what the libraries count rows in
_LARGE = 1e9  # the largest penalty or gain that anybody means; all libraries still compute with it
_EPOCHS = Whole(1, 1_000_000)
_ROUNDS = Whole(1, 100_000)  # 0 rounds are no model: LightGBM refuses them, and XGBoost would take all it has
_DEPTH = 10_000
_LEAVES = 1_000_000  # forests and XGBoost set memory aside for them
_NEURONS = Whole(1, 2000)
_SHARE = Real(TINIEST, 1)
_PENALTY = Real(TINIEST, _LARGE, zero=True)
_TOLERANCE = Real(TINIEST, _LARGE, zero=True)
_STEP = Real(TINIEST, 1000)

# What a spec may set, and to what; the rest is the protocol's (seed, threads, weights) or changes nothing.
ALLOWED: dict[ModelName, dict[str, Allowed]] = {
    "logistic_regression": {
        "alpha": (_PENALTY,),
        "penalty": (Text(("l2", "l1", "elasticnet")), _NONE),
        "l1_ratio": (Real(TINIEST, 1, zero=True), _NONE),
        "max_iter": (_EPOCHS,),
        "tol": (_TOLERANCE, _NONE),
        # Those of the passive-aggressive models go with another loss than this one.
        "learning_rate": (Text(("constant", "optimal", "invscaling", "adaptive")),),
        "eta0": (_STEP,),
        "average": (Whole(1, _ROWS), _FLAG),
    },
    "random_forest": {
        "n_estimators": (Whole(1, 10_000),),
        "criterion": (Text(("gini", "entropy", "log_loss")),),
        "max_depth": (Whole(1, _DEPTH), _NONE),
        "min_samples_split": (Whole(2, _ROWS), Real(TINIEST, 1, fraction=True)),
        "min_samples_leaf": (Whole(1, _ROWS), Real(TINIEST, 1, below=True, fraction=True)),
        "max_features": (Whole(1, _ROWS), Real(TINIEST, 1, fraction=True), Text(("sqrt", "log2")), _NONE),
        "max_leaf_nodes": (Whole(2, _LEAVES), _NONE),
        # Drawn with replacement, so that there may be more of them than there are rows.
        "max_samples": (Whole(1, 10_000_000), Real(TINIEST, 10, fraction=True), _NONE),
        "bootstrap": (_FLAG,),
    },
    "lightgbm": {
        "n_estimators": (_ROUNDS,),
        "learning_rate": (_STEP,),
        "num_leaves": (Whole(2, 131_072),),
        "max_depth": (Whole(-1, _DEPTH),),
        "min_child_samples": (Whole(0, _ROWS),),
        "min_child_weight": (_PENALTY,),
        "min_split_gain": (_PENALTY,),
        "subsample": (Real(0.01, 1),),  # of a few hundred rows, less is none, which LightGBM refuses
        "subsample_freq": (Whole(0, 100_000),),
        "colsample_bytree": (_SHARE,),
        "reg_alpha": (_PENALTY,),
        "reg_lambda": (_PENALTY,),
    },
    "xgboost": {
        "n_estimators": (_ROUNDS,),
        "learning_rate": (_STEP,),
        "max_depth": (Whole(0, _DEPTH),),
        "max_leaves": (Whole(0, _LEAVES),),
        "min_child_weight": (_PENALTY,),
        "gamma": (_PENALTY,),
        "subsample": (_SHARE,),
        "colsample_bytree": (_SHARE,),
        "reg_alpha": (_PENALTY,),
        "reg_lambda": (_PENALTY,),
        "base_score": (Real(TINIEST, 1, below=True),),
        "max_bin": (Whole(2, 65_536),),
    },
    "mlp": {
        "hidden_layer_sizes": (_NEURONS, Layers(10, _NEURONS)),
        "activation": (Text(("identity", "logistic", "tanh", "relu")),),
        "solver": (Text(("lbfgs", "sgd", "adam")),),
        "alpha": (Real(TINIEST, 1000, zero=True),),  # beyond these two the weights overflow on almost any data
        "learning_rate_init": (Real(TINIEST, 10),),
        "batch_size": (Whole(1, _ROWS), Text(("auto",))),
        "max_iter": (_EPOCHS,),
        "tol": (_TOLERANCE,),
        "early_stopping": (_FLAG,),
        "n_iter_no_change": (_EPOCHS,),
        "validation_fraction": (Real(TINIEST, 1, zero=True, below=True),),
    },
}


@dataclass(frozen=True)
class Rule:
    """Values that are allowed by themselves and not together.

    Attributes
    ----------
    defaults : dict
        The parameters it is about, with what the library takes where a grid does not name them.
    broken : callable
        Whether values of these parameters, in their order, do not go together.
    text : str
        What has to be.
    """

    defaults: Mapping[str, Value]
    broken: Callable[..., bool]
    text: str


RULES: dict[ModelName, tuple[Rule, ...]] = {
    "logistic_regression": (
        Rule(
            {"alpha": 1e-4, "learning_rate": "optimal"},
            lambda alpha, schedule: schedule == "optimal" and alpha == 0,
            "alpha must be above 0 where learning_rate is 'optimal' (the default), which divides by it",
        ),
        Rule(
            {"penalty": "l2", "l1_ratio": 0.15},
            lambda penalty, ratio: penalty == "elasticnet" and ratio is None,
            "l1_ratio must be a number where penalty is 'elasticnet'",
        ),
    ),
    "random_forest": (
        Rule(
            {"bootstrap": True, "max_samples": None},
            lambda bootstrap, samples: not bootstrap and samples is not None,
            "max_samples must be 'none' where bootstrap is false",
        ),
    ),
    "mlp": (
        Rule(
            {"early_stopping": False, "validation_fraction": 0.1, "solver": "adam"},
            lambda stops, share, solver: stops and solver != "lbfgs" and not 0.01 <= share <= 0.99,
            "validation_fraction must be from 0.01 to 0.99 where early_stopping is true",
        ),
    ),
}


def allows(model: ModelName, parameter: str, value: Value) -> bool:
    """Return whether a parameter may have a value, whatever the others are."""
    return any(kind.admits(value) for kind in ALLOWED[model][parameter])


def read_grid(model: ModelName, given: Mapping[str, Any]) -> tuple[Grid, list[str]]:
    """Read a model's grid as a spec or a manifest writes it.

    Parameters
    ----------
    given : mapping of str to a value or a list of values
        Names that are not of :data:`ALLOWED` are passed over: naming them is up to the caller.

    Returns
    -------
    (Grid, list of str)
        The values that can be used, and what is wrong with the others.
    """
    grid: dict[str, tuple[Value, ...]] = {}
    problems: list[str] = []
    for name in (name for name in given if name in ALLOWED[model]):
        where = f"models.{model}.grid.{name}"
        listed = given[name] if isinstance(given[name], list | tuple) else [given[name]]
        if not 1 <= len(listed) <= MAX_VALUES:
            problems.append(f"{where} must be a value or a list of 1 to {MAX_VALUES:,} values")
            continue
        values = tuple(_value(value) for value in listed)
        refused = [written for written, value in zip(listed, values, strict=True) if not allows(model, name, value)]
        if refused:
            allowed = ", or ".join(str(kind) for kind in ALLOWED[model][name])
            problems.append(f"{where}: {_enumerated(refused)} {'is' if len(refused) == 1 else 'are'} not {allowed}")
        elif len({(type(value), value) for value in values}) < len(values):
            problems.append(f"{where} lists a value twice")
        else:
            grid[name] = values
    unread = {name for name in given if name not in grid}
    rules = [rule for rule in RULES.get(model, ()) if not unread & set(rule.defaults)]
    problems += _broken(f"models.{model}.grid", grid, rules)
    return grid, problems


def _broken(where: str, grid: Grid, rules: Sequence[Rule]) -> Iterator[str]:
    """Yield each rule that some candidate of a grid breaks, with the values that do."""
    if count_candidates(grid) > MAX_CANDIDATES:  # refused for that
        return
    for rule in rules:
        points = itertools.product(*(grid.get(name, (default,)) for name, default in rule.defaults.items()))
        point = next((point for point in points if rule.broken(*point)), None)
        if point is not None:
            named = zip(rule.defaults, point, strict=True)
            values = ", ".join(f"{name} {shown(_written(value))}" for name, value in named if name in grid)
            yield f"{where} has {values}: {rule.text}"


def _value(written: Any) -> Value:
    """Return a value as models take it; what is none of theirs comes back as it is, and is refused."""
    if isinstance(written, list):
        return tuple(written)
    return None if written == "none" else written


def _written(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else list(value) if isinstance(value, tuple) else value


def _enumerated(values: Sequence[Any], most: int = 3) -> str:
    named = ", ".join(shown(_written(value)) for value in values[:most])
    return named if len(values) <= most else f"{named} and {len(values) - most} more"
