"""Whatever values a grid may hold, a fit that serves several candidates gives each what it would have alone."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier

from job.planning.grids import read_grid
from job.training.candidates import CEILINGS, MODELS, NESTED, ModelName, count_candidates
from job.training.techniques import Technique
from job.training.together import run_unit
from job.training.unit import Protocol, Unit
from tests.job.training.test_exactness import assert_identical
from tests.job.training.test_sharing import rows
from tests.reference import reference

PROTOCOL = Protocol(folds=2)


def check(model: ModelName, grid: dict[str, list[Any]], technique: Technique = "baseline", seed: int = 1) -> None:
    """Compare a unit with what GridSearchCV makes of it."""
    X, y = rows(seed, 300)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Got `batch_size` less than 1 or larger than sample size")
        theirs = reference(model, technique, grid, X, y, seed=seed, folds=2)
        weighted = {"scale_pos_weight": [None, "balanced", 5, 10]} if technique == "cost_sensitive" else {}
        ours = run_unit(Unit("data", model, technique, seed), {**grid, **weighted}, PROTOCOL, X, y)
    assert_identical(ours, theirs)


# Beside what is nested or a ceiling: few values each, from all over what the table allows.
POOLS: dict[ModelName, dict[str, list[Any]]] = {
    "logistic_regression": {
        "max_iter": [1, 2, 3, 5, 8, 13, 40, 1000, 2000],
        "alpha": [0, 1e-6, 1e-3, 0.1, 10.0],
        "penalty": ["l2", "l1", "elasticnet", None],
        "l1_ratio": [0, 0.5, 1.0, None],
        "tol": [0, 1e-3, 0.1, None],
        "learning_rate": ["constant", "optimal", "invscaling", "adaptive"],
        "eta0": [1e-3, 0.1, 1],
        "average": [False, True, 1, 50, 10_000],
    },
    "random_forest": {
        "n_estimators": [1, 2, 3, 7, 12],
        "criterion": ["gini", "entropy", "log_loss"],
        "max_depth": [1, 3, None],
        "min_samples_split": [2, 40, 0.2, 1.0],
        "min_samples_leaf": [1, 30, 0.1],
        "max_features": [1, 1.0, 0.3, "sqrt", "log2", None],
        "max_leaf_nodes": [2, 5, None],
        "max_samples": [5, 0.3, 1.0, 2.0, None],
        "bootstrap": [True, False],
    },
    "lightgbm": {
        "n_estimators": [1, 2, 5, 9, 16],
        "learning_rate": [1e-3, 0.1, 1.0],
        "num_leaves": [2, 4, 31],
        "max_depth": [-1, 0, 1, 4],
        "min_child_samples": [0, 5, 60],
        "min_child_weight": [0, 1e-3, 5.0],
        "min_split_gain": [0, 0.5, 2, 6.0],
        "subsample": [0.1, 0.6, 1],
        "subsample_freq": [0, 1, 3],
        "colsample_bytree": [0.2, 0.6, 1.0],
        "reg_alpha": [0, 1.0, 20],
        "reg_lambda": [0, 1.0, 20],
    },
    "xgboost": {
        "n_estimators": [1, 2, 5, 9, 16],
        "learning_rate": [1e-3, 0.3, 1.0],
        "max_depth": [0, 1, 4],
        "max_leaves": [0, 1, 2, 6],
        "min_child_weight": [0, 1, 10.0],
        "gamma": [0, 0.5, 5],
        "subsample": [0.1, 0.6, 1],
        "colsample_bytree": [0.2, 0.6, 1.0],
        "reg_alpha": [0, 1.0],
        "reg_lambda": [0, 1.0, 20],
        "base_score": [1e-6, 0.2, 0.5, 0.999],
        "max_bin": [2, 3, 16, 300],
    },
    "mlp": {
        "max_iter": [1, 2, 4, 9, 30],
        "hidden_layer_sizes": [(3,), 4, (2, 3)],
        "activation": ["identity", "logistic", "tanh", "relu"],
        "solver": ["adam", "sgd", "lbfgs"],
        "alpha": [0, 1e-3, 1],
        "batch_size": ["auto", 16, 100_000],
        "learning_rate_init": [1e-3, 0.1],
        "tol": [0, 1e-4, 0.1],
        "early_stopping": [True, False],
        "n_iter_no_change": [1, 3, 10],
        "validation_fraction": [0.05, 0.3],
    },
}


@st.composite
def grids(draw: st.DrawFn, model: ModelName) -> dict[str, list[Any]]:
    """A grid of several sizes, and of one or two values of any other parameters."""
    pool = dict(POOLS[model])
    name = NESTED.get(model) or CEILINGS[model]
    grid = {name: draw(st.lists(st.sampled_from(pool.pop(name)), min_size=2, max_size=4, unique=True))}
    for other in draw(st.lists(st.sampled_from(sorted(pool)), max_size=6, unique=True)):
        values = st.lists(st.sampled_from(pool[other]), min_size=1, max_size=2, unique_by=repr)
        grid[other] = draw(values if count_candidates(grid) <= 8 else values.map(lambda some: some[:1]))
    assume(not read_grid(model, grid)[1])
    return grid


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_grid_has_the_answers_of_grid_search_cv(model: ModelName, data: st.DataObject) -> None:
    check(model, data.draw(grids(model)), seed=data.draw(st.integers(1, 50), label="seed"))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rounds_of_lightgbm_that_leave_no_tree_count_as_rounds(seed: int) -> None:
    """Where columns or rows are drawn, a round may find nothing to split and the next one something again."""
    grid = {
        "n_estimators": [4, 1, 12, 30], "min_split_gain": [2.0, 5], "colsample_bytree": [0.3], "subsample": [0.6],
        "subsample_freq": [1], "num_leaves": [4], "learning_rate": [0.3],
    }  # fmt: skip
    X, y = rows(seed, 300)
    largest = {key: values[-1] for key, values in grid.items()} | {"n_estimators": 30}
    made = LGBMClassifier(**largest, random_state=seed, n_jobs=1, verbosity=-1).fit(np.nan_to_num(X), y)
    assert made.booster_.num_trees() < 30
    check("lightgbm", grid, seed=seed)


@pytest.mark.parametrize("technique", ["baseline", "cost_sensitive", "threshold_moving"])
def test_no_rounds_of_xgboost_are_its_base_score_and_not_all_its_trees(technique: Technique) -> None:
    check("xgboost", {"n_estimators": [5, 0, 2], "max_depth": [3]}, technique)
    check(
        "xgboost",
        {"n_estimators": [0], "base_score": [0.3]},
        technique if technique != "threshold_moving" else "baseline",
    )


def test_no_rounds_of_lightgbm_are_refused_as_the_library_does() -> None:
    X, y = rows(1, 300)
    for rounds in ([0], [0, 5]):
        with pytest.raises(ValueError, match=r"rounds"):
            run_unit(Unit("data", "lightgbm", "baseline", 1), {"n_estimators": rounds}, PROTOCOL, X, y)
