"""What a dataset declares is learnt on the training rows alone, in its order, and equals the naive transformer."""

from __future__ import annotations

import numpy as np
import pytest

from job.data.declared import Declared, Steps
from job.records import Malformed
from job.training.candidates import grid_of
from job.training.layout import Layout
from job.training.preparation import prepare
from job.training.splits import Fold
from job.training.steps import ColumnSteps, by_position
from job.training.techniques import TECHNIQUES
from job.training.together import run_units
from job.training.unit import Protocol, Unit
from tests.job.training.test_exactness import GRIDS, assert_identical
from tests.reference import DeclaredSteps, reference

STEPS = ColumnSteps(0.05, (0, 1, 3), (1, 3))


def rows() -> tuple[np.ndarray, np.ndarray]:
    """Heavy tails, missing cells, and a column that no row has."""
    rng = np.random.default_rng(5)
    X = rng.standard_t(1.5, size=(500, 5)).astype(np.float32)
    y = (X[:, 0].clip(-2, 2) + rng.normal(size=500) > 1.2).astype(np.int8)
    X[rng.random(500) < 0.2, 1] = np.nan
    X[:, 3] = np.nan
    return X, y


@pytest.mark.parametrize("model", ["logistic_regression", "lightgbm"])
def test_units_with_declared_steps_return_what_grid_search_cv_returns(model: str) -> None:
    X, y = rows()
    grids = {Unit("d", model, t, 1): grid_of(model, t, GRIDS[model]) for t in TECHNIQUES}  # type: ignore[arg-type, index]
    for ours in run_units(grids, Protocol(folds=3), X, y, layout=Layout(steps=STEPS)):
        steps = DeclaredSteps(STEPS.winsor, STEPS.winsorised, STEPS.indicators)
        grid = GRIDS[model]  # type: ignore[index]
        assert_identical(ours, reference(model, ours.unit.technique, grid, X, y, seed=1, folds=3, steps=steps))


def test_the_ends_come_from_the_training_rows_and_other_columns_keep_theirs() -> None:
    X, y = rows()
    fold = Fold("fold_0", np.arange(300), np.arange(300, 500))
    other = X.copy()
    other[300:] *= 1e6
    made, again = (prepare(data, y, fold, sampler="none", seed=1, steps=STEPS) for data in (X, other))
    np.testing.assert_array_equal(made.X_train, again.X_train)
    assert made.X_train.shape == (300, 7)
    low, high = made.X_train[:, 0].min(), made.X_train[:, 0].max()
    assert low <= again.X_valid[:, 0].min() < again.X_valid[:, 0].max() <= high
    assert np.abs(again.X_valid[:, 2]).max() > 1000


def test_indicators_mark_what_was_missing_before_it_is_filled() -> None:
    X, y = rows()
    fold = Fold("fold_0", np.arange(300), np.arange(300, 500))
    made = prepare(X, y, fold, sampler="none", seed=1, steps=STEPS)
    assert np.isfinite(made.X_train).all()
    missing = np.isnan(X[:300, 1])
    assert len(np.unique(made.X_train[missing, 5])) == len(np.unique(made.X_train[~missing, 5])) == 1
    assert made.X_train[missing, 5][0] > made.X_train[~missing, 5][0]
    assert (made.X_train[:, 6] == 0).all()  # missing everywhere tells nothing, and is scaled to nothing


def test_names_become_positions() -> None:
    steps = Steps(0.01, ("b", "gone"), ("c",))
    assert by_position(steps, ("a", "b", "c")) == ColumnSteps(0.01, (1,), (2,))


def test_a_declaration_is_read_as_it_was_written_and_what_is_none_is_refused() -> None:
    for declared in (Declared(), Declared(Steps(0.01, ("a",))), Declared(Steps(indicators=("a",)), "2019-03")):
        assert Declared.from_json(declared.as_json()) == declared
    assert not Declared().as_json()
    assert not Declared().columns()
    for spoilt in (
        {"as_of": "soon"},
        {"as_of": 3},
        {"steps": []},
        {"steps": {"winsor": 0.7}},
        {"steps": {"indicators": 1}},
    ):
        with pytest.raises(Malformed):
            Declared.from_json(spoilt)
