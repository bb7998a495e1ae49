"""What fits are expected to cost, against what they were measured to take."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.planning.fit_costs import binning_cost, fit_cost, resampling_cost, sampled
from job.training.candidates import MODELS, Candidate, ModelName
from job.training.techniques import Sampler

DRAWN = {"subsample": 0.8, "colsample_bytree": 0.8}
WIDE = {"num_leaves": 63, "min_child_samples": 100}
# CPU seconds of single fits on 42 features, with the bins that a booster makes for one fit alone. Of 8 trees and 50
# rounds by `python -m benchmarks.costs --rows 30000 100000 300000 1000000`, others by `python -m benchmarks.million`.
MEASURED: list[tuple[ModelName, Candidate, Sampler, int, float]] = [
    ("random_forest", {"n_estimators": 8, "max_depth": 10}, "none", 16_800, 0.17),
    ("random_forest", {"n_estimators": 8, "max_depth": 20}, "smote", 265_000, 6.38),
    ("random_forest", {"n_estimators": 200, "max_depth": 10}, "none", 787_096, 321.5),
    ("random_forest", {"n_estimators": 200, "max_depth": 20}, "none", 787_096, 532.3),
    ("random_forest", {"n_estimators": 200, "max_depth": 20}, "smote", 1_243_460, 1202.4),
    ("random_forest", {"n_estimators": 200, "max_depth": 10}, "smote_tomek", 1_240_544, 732.1),
    ("lightgbm", {"n_estimators": 50, "num_leaves": 15}, "none", 16_800, 0.17),
    ("lightgbm", {"n_estimators": 50, "num_leaves": 63}, "none", 560_000, 6.38),
    ("lightgbm", {"n_estimators": 300, **WIDE}, "smote", 1_243_460, 54.9),
    ("xgboost", {"n_estimators": 50, "max_depth": 3, **DRAWN}, "none", 16_800, 0.20),
    ("xgboost", {"n_estimators": 50, "max_depth": 6, **DRAWN}, "smote", 884_800, 8.60),
    ("xgboost", {"n_estimators": 50, "max_depth": 10, **DRAWN}, "none", 56_000, 1.21),
    ("xgboost", {"n_estimators": 50, "max_depth": 10, **DRAWN}, "smote", 884_800, 11.9),
    ("xgboost", {"n_estimators": 300, "max_depth": 3, **DRAWN}, "none", 787_096, 19.0),
    ("mlp", {"hidden_layer_sizes": (50,), "alpha": 0.01, "early_stopping": True}, "none", 787_096, 27.3),
    ("mlp", {"hidden_layer_sizes": (100,), "alpha": 0.01, "early_stopping": True}, "smote", 1_243_460, 155.0),
    ("logistic_regression", {"alpha": 1e-4, "penalty": "l2"}, "smote", 884_800, 3.61),
]


@pytest.mark.parametrize(("model", "candidate", "sampler", "rows", "seconds"), MEASURED)
def test_a_fit_is_expected_to_take_what_it_takes_to_within_a_factor_of_one_and_a_half(
    model: ModelName, candidate: Candidate, sampler: Sampler, rows: int, seconds: float
) -> None:
    expected = fit_cost(model, candidate, sampler, rows, 42) + binning_cost(model, [candidate], rows, 42)
    assert 1 / 1.5 < seconds / expected < 1.5


@pytest.mark.parametrize(("sampler", "rows", "seconds"), [("smote", 1_243_460, 48.1), ("smote_tomek", 1_240_544, 71.1)])
def test_resampling_is_expected_to_take_what_it_takes(sampler: Sampler, rows: int, seconds: float) -> None:
    assert 1 / 1.5 < seconds / resampling_cost(sampler, rows, 42) < 1.5


@given(st.sampled_from(MODELS), st.integers(10, 10**7), st.integers(1, 5000), st.floats(1.1, 100))
def test_more_rows_or_features_never_cost_less(model: ModelName, rows: int, features: int, times: float) -> None:
    least = fit_cost(model, {}, "none", rows, features)
    assert 0 < least <= fit_cost(model, {}, "none", rows * times, features)
    assert least <= fit_cost(model, {}, "none", rows, int(features * times))


@given(st.floats(0.001, 0.999))
def test_resampled_rows_are_those_of_two_equal_classes(rate: float) -> None:
    rarer = min(rate, 1 - rate)
    assert sampled("none", rate) == 1
    assert sampled("random_under_sampling", rate) == pytest.approx(2 * rarer)
    assert sampled("smote", rate) == pytest.approx(2 - 2 * rarer)
    assert sampled("smote_tomek", rate) < sampled("smote", rate)


def test_bins_are_made_once_for_the_candidates_that_share_them() -> None:
    grid: list[Candidate] = [
        {"min_child_samples": least, "num_leaves": leaves} for least in (20, 100) for leaves in (15, 63)
    ]
    two, one = binning_cost("lightgbm", grid, 10**6, 42), binning_cost("lightgbm", grid[:2], 10**6, 42)
    assert two == 2 * one > 0
    weighted: list[Candidate] = [*grid[:2], {**grid[0], "class_weight": 5}, {**grid[0], "class_weight": 10}]
    assert binning_cost("lightgbm", weighted, 10**6, 42) == 2 * one
    assert binning_cost("xgboost", grid, 10**6, 42) < 2 * one
    assert binning_cost("random_forest", grid, 10**6, 42) == 0
