"""Holding results against the published study: what the rule lets pass is said, and a planted difference is found."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.reproduce import METRICS, power, tolerance

MODELS = ("xgboost", "random_forest", "mlp", "logistic_regression")


def tables(shift: float = 0.0) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Four combinations, published and ours: the same figures but for precision, which is `shift` higher in ours."""
    rows, published = [], []
    for i, model in enumerate(MODELS):
        names = {"dataset": "taiwan_credit", "model": model, "technique": "baseline"}
        figures = {metric: [0.6 + 0.01 * i, 0.005] for metric in METRICS}
        published.append(names | figures)
        own = {f"{metric}_mean": figures[metric][0] for metric in METRICS} | {
            f"{metric}_std": 0.005 for metric in METRICS
        }
        own["precision_mean"] += shift
        rows.append(names | own | {"seeds": [1, 2, 3, 4, 5]})
    return rows, published


def test_wrong_pairings_that_the_rule_would_let_pass_are_counted() -> None:
    assert tolerance(0.005, 0.005) == 0.015
    pairings, order, welch = power(*tables(), "taiwan_credit")
    assert pairings == "taiwan_credit: 6 of 12 wrong pairings would pass the rule"  # those that are neighbours
    assert order.endswith("balanced accuracy 1.00")
    assert welch.startswith("taiwan_credit: Welch's t-test, 0 of 24 below 0.05")


def test_a_metric_that_is_not_reproduced_is_named() -> None:
    *_, welch = power(*tables(0.02), "taiwan_credit")
    assert "4 of 24 below 0.05, 4 by Holm" in welch
    assert "precision of mlp × baseline" in welch


@pytest.mark.parametrize("dataset", ["lending_club", "taiwan_credit"])
def test_with_fewer_than_three_rows_nothing_is_said(dataset: str) -> None:
    rows, published = tables()
    assert power(rows[:2], published, dataset) == []
