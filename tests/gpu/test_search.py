"""A search on a GPU is scikit-learn's grid search over the same library on that GPU, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from job.arrays import Device
from job.training.candidates import ModelName, grid_of
from job.training.techniques import TECHNIQUES, Technique
from job.training.together import run_unit
from job.training.unit import Protocol, Unit
from tests.reference import reference

# One fit serves two numbers of rounds, and one set of bins all candidates of a fold.
GRIDS: dict[ModelName, dict[str, list[Any]]] = {
    "xgboost": {"n_estimators": [20, 50], "max_depth": [3, 6], "subsample": [0.8], "base_score": [0.5]},
    "lightgbm": {"n_estimators": [20, 50], "num_leaves": [15, 31], "min_child_samples": [20]},
}
ON_GPU = {"xgboost": {"device": "cuda"}, "lightgbm": {"device_type": "gpu", "gpu_use_dp": True}}
# Every fit of LightGBM on a GPU compiles its program anew, half a second of it.
SEARCHES: list[tuple[ModelName, Technique]] = [
    *(("xgboost", technique) for technique in TECHNIQUES if technique != "random_under_sampling"),
    ("lightgbm", "baseline"),
    ("lightgbm", "cost_sensitive"),
]


@pytest.mark.parametrize(("model", "technique"), SEARCHES)
def test_a_search_is_grid_search_cv_on_the_same_gpu(
    model: ModelName, technique: Technique, loans: tuple[Any, Any], device: Device
) -> None:
    X, y = loans
    fixed = ON_GPU[model] if device.kind == "gpu" else {}
    theirs = reference(model, technique, GRIDS[model], X, y, seed=3, folds=2, fixed=fixed)
    unit = Unit("loans", model, technique, 3)
    ours = run_unit(unit, grid_of(model, technique, GRIDS[model]), Protocol(folds=2), X, y, device=device)
    np.testing.assert_array_equal(ours.fold_scores, theirs.fold_scores)
    assert ours.best_index == theirs.best_index
    np.testing.assert_array_equal(ours.score, theirs.score)
    np.testing.assert_array_equal(ours.decision, theirs.decision)
    assert ours.threshold == theirs.threshold
