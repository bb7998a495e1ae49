"""Our answers are scikit-learn's and imbalanced-learn's, to the last bit, for every model × technique."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification

from job.training.candidates import MODELS, ModelName, grid_of
from job.training.preparation import FoldCache
from job.training.splits import Inapplicable
from job.training.techniques import TECHNIQUES, Technique
from job.training.threshold import tune_threshold
from job.training.together import run_unit
from job.training.unit import Protocol, Unit, UnitResult
from tests.reference import Reference, reference

GRIDS: dict[ModelName, dict[str, list[Any]]] = {
    "logistic_regression": {
        "alpha": [1e-4, 1e-2], "penalty": ["l2", "elasticnet"], "max_iter": [5, 1000, 2000], "tol": [1e-3],
    },
    "random_forest": {"n_estimators": [10, 20], "max_depth": [5, None], "min_samples_leaf": [1, 5]},
    "lightgbm": {"n_estimators": [10, 30], "num_leaves": [7, 15], "min_child_samples": [20]},
    "xgboost": {"n_estimators": [10, 30], "max_depth": [3], "subsample": [0.8, 1.0], "base_score": [0.5]},
    "mlp": {"hidden_layer_sizes": [(10,), (8, 4)], "alpha": [1e-4], "early_stopping": [True], "max_iter": [15]},
}  # fmt: skip


def assert_identical(ours: UnitResult, theirs: Reference) -> None:
    assert ours.status == "done", ours.reason
    np.testing.assert_array_equal(ours.fold_scores, theirs.fold_scores)
    assert ours.best_index == theirs.best_index
    np.testing.assert_array_equal(ours.row, theirs.test)
    np.testing.assert_array_equal(ours.score, theirs.score)
    np.testing.assert_array_equal(ours.decision, theirs.decision)
    assert ours.threshold == theirs.threshold


@pytest.fixture(scope="module")
def credit() -> tuple[np.ndarray, np.ndarray]:
    """Imbalanced rows with missing cells, a constant column, an empty one, and repeated rows, so that scores tie."""
    X, y = make_classification(700, 12, n_informative=5, weights=[0.8], flip_y=0.1, random_state=7)
    X = np.round(X, 1).astype(np.float32)
    X[::9, 2] = np.nan
    X[:, 5] = 3.0
    X[:, 6] = np.nan
    X[350:420] = X[:70]
    return np.ascontiguousarray(X), y.astype(np.int8)


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("model", MODELS)
def test_a_unit_returns_what_grid_search_cv_returns(
    model: ModelName, technique: Technique, credit: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, y = credit
    theirs = reference(model, technique, GRIDS[model], X, y, seed=3, folds=3)
    grid = grid_of(model, technique, GRIDS[model])
    unit = Unit("data", model, technique, 3)
    cache = FoldCache(tmp_path)
    assert_identical(run_unit(unit, grid, Protocol(folds=3), X, y, cache), theirs)
    assert_identical(run_unit(unit, grid, Protocol(folds=3), X, y, cache), theirs)  # now from the cache


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_columns_too_rare_to_be_split_are_left_out_for_each_candidate_as_lightgbm_leaves_them_out(
    technique: Technique, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)
    X = np.hstack([rng.normal(size=(900, 5)), np.zeros((900, 6))]).astype(np.float32)
    for column in range(5, 11):
        X[rng.choice(900, 24, replace=False), column] = 1
    y = (X[:, 0] + 3 * X[:, 5] - 2 * X[:, 6] + rng.normal(size=900) > 1.8).astype(np.int8)
    grid = {"n_estimators": [40], "min_child_samples": [5, 12, 30]}
    theirs = reference("lightgbm", technique, grid, X, y, seed=1, folds=3)
    unit = Unit("data", "lightgbm", technique, 1)
    ours = run_unit(unit, grid_of("lightgbm", technique, grid), Protocol(folds=3), X, y, FoldCache(tmp_path))
    assert_identical(ours, theirs)


def test_of_more_rows_than_lightgbm_makes_its_bins_from_the_same_ones_are_drawn() -> None:
    rng = np.random.default_rng(6)
    X = rng.normal(size=(300_000, 3)).astype(np.float32)
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=len(X)) > 1).astype(np.int8)
    grid = {"n_estimators": [3]}
    theirs = reference("lightgbm", "baseline", grid, X, y, seed=7, folds=2)
    assert len(X) - len(theirs.test) > 200_000
    ours = run_unit(Unit("data", "lightgbm", "baseline", 7), grid, Protocol(folds=2), X, y)
    assert_identical(ours, theirs)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("roc_auc", "roc_auc"), ("pr_auc", "average_precision"), ("f1", "f1"), ("mcc", "matthews_corrcoef")],
)
def test_other_scorings_pick_the_same_winner(ours: str, theirs: str, credit: tuple[np.ndarray, np.ndarray]) -> None:
    X, y = credit
    grid = GRIDS["logistic_regression"]
    expected = reference("logistic_regression", "smote", grid, X, y, seed=1, folds=4, scoring=theirs)
    unit = Unit("data", "logistic_regression", "smote", 1)
    found = run_unit(unit, grid, Protocol(folds=4, scoring=ours), X, y)
    np.testing.assert_allclose(found.fold_scores, expected.fold_scores, rtol=0, atol=1e-15)
    assert found.best_index == expected.best_index


def few(positives: int, n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    y = np.zeros(n, np.int8)
    y[:positives] = 1
    return rng.normal(size=(n, 3)).astype(np.float32), y


@pytest.mark.parametrize(
    ("positives", "technique", "reason"),
    [
        (1, "baseline", "cannot be split into train and test"),
        (2, "baseline", "too few for 3 folds"),
        (4, "smote", "SMOTE needs more than 3 rows"),
        (5, "smote_tomek", "SMOTE needs more than 3 rows"),
    ],
)
def test_a_unit_that_cannot_work_is_inapplicable_with_its_reason(
    positives: int, technique: Technique, reason: str
) -> None:
    X, y = few(positives)
    found = run_unit(Unit("d", "logistic_regression", technique, 1), {"alpha": [1e-3]}, Protocol(folds=3), X, y)
    assert found.status == "inapplicable"
    assert reason in (found.reason or "")


def test_few_but_enough_positives_work() -> None:
    X, y = few(6)
    found = run_unit(Unit("d", "logistic_regression", "baseline", 1), {"alpha": [1e-3]}, Protocol(folds=3), X, y)
    assert found.status == "done"


def test_constant_scores_leave_no_threshold_to_seek() -> None:
    y = np.array([0, 1, 0, 1], np.int8)
    with pytest.raises(Inapplicable, match="constant"):
        tune_threshold([y, y], [np.array([0.1, 0.9, 0.2, 0.8]), np.full(4, 0.3)])


def test_test_rows_never_reach_the_search(credit: tuple[np.ndarray, np.ndarray]) -> None:
    """Whatever the test rows hold, imputer, scaler, resampler, winner and threshold stay the same."""
    X, y = credit
    unit = Unit("d", "logistic_regression", "threshold_moving", 2)
    grid = GRIDS["logistic_regression"]
    before = run_unit(unit, grid, Protocol(folds=3), X, y)
    changed = X.copy()
    changed[before.row] = 1e6
    after = run_unit(unit, grid, Protocol(folds=3), changed, y)
    np.testing.assert_array_equal(after.fold_scores, before.fold_scores)
    assert (after.best_index, after.threshold) == (before.best_index, before.threshold)
    assert not np.array_equal(after.score, before.score)
