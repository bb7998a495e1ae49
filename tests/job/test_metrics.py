"""The metrics are scikit-learn's and imbalanced-learn's, and say None where nothing can be said."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imblearn.metrics import geometric_mean_score, sensitivity_score, specificity_score
from scipy.stats import ks_2samp
from sklearn import metrics as sk

from job.metrics import METRIC_IDS, all_metrics, balanced_accuracy, threshold_metrics


@st.composite
def predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = draw(st.integers(4, 60))
    target = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int8)
    target[:2] = (0, 1)
    score = np.array(draw(st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=n, max_size=n)))
    decision = np.array(draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)), dtype=np.int8)
    return target, score, decision


@settings(deadline=None, max_examples=100)
@given(predictions())
def test_every_metric_agrees_with_the_libraries(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    target, score, decision = made
    found = all_metrics(target, score, decision)
    auc = sk.roc_auc_score(target, score)
    expected = {
        "balanced_accuracy": sk.balanced_accuracy_score(target, decision),
        "g_mean": geometric_mean_score(target, decision),
        "f1": sk.f1_score(target, decision, zero_division=0),
        "precision": sk.precision_score(target, decision, zero_division=0),
        "sensitivity": sensitivity_score(target, decision),
        "specificity": specificity_score(target, decision),
        "roc_auc": auc,
        "gini": 2 * auc - 1,
        "pr_auc": sk.average_precision_score(target, score),
        "ks": ks_2samp(score[target == 1], score[target == 0], alternative="less", method="asymp").statistic,
        "brier": sk.brier_score_loss(target, score),
        "log_loss": sk.log_loss(target, score),
        "mcc": sk.matthews_corrcoef(target, decision),
    }
    assert tuple(found) == METRIC_IDS
    for metric, value in expected.items():
        assert found[metric] == pytest.approx(value, abs=1e-12), metric


@settings(deadline=None, max_examples=100)
@given(predictions())
def test_balanced_accuracy_is_scikit_learns_to_the_last_bit(made: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    target, _, decision = made
    assert balanced_accuracy(target, decision) == sk.balanced_accuracy_score(target, decision)


def test_nothing_predicted_positive_gives_zero_not_an_error() -> None:
    found = threshold_metrics(np.array([0, 1, 1, 0]), np.zeros(4, np.int8))
    assert (found["precision"], found["f1"], found["mcc"], found["sensitivity"]) == (0, 0, 0, 0)


@pytest.mark.parametrize("only", [0, 1])
def test_what_needs_both_classes_is_none_with_one(only: int) -> None:
    found = all_metrics(np.full(5, only, np.int8), np.linspace(0, 1, 5), np.array([0, 1, 0, 1, 1], np.int8))
    undefined = {metric for metric, value in found.items() if value is None}
    assert {"balanced_accuracy", "g_mean", "roc_auc", "gini", "pr_auc", "ks", "brier", "log_loss", "mcc"} <= undefined


def test_a_score_the_wrong_way_round_separates_nothing() -> None:
    found = all_metrics(np.array([0, 0, 1, 1]), np.array([0.9, 0.8, 0.2, 0.1]), np.array([1, 1, 0, 0], np.int8))
    assert (found["ks"], found["gini"]) == (0.0, -1.0)


def test_a_sure_and_wrong_score_has_a_finite_log_loss() -> None:
    found = all_metrics(np.array([0, 1]), np.array([1.0, 0.0]), np.array([1, 0]))
    assert found["log_loss"] is not None
    assert math.isfinite(found["log_loss"])
