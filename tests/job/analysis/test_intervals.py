"""Sampling error on one test set: published methods against independent implementations and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from MLstatkit import Delong_test
from scipy.stats import binomtest
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.proportion import proportion_confint

from job.analysis.auc import auc_difference, auc_interval, delong
from job.analysis.bootstrap import metric_intervals, month_difference
from job.analysis.gathered import BINNED_ROWS, gather
from job.analysis.proportions import clopper_pearson, mcnemar, proportions
from job.metrics import METRIC_IDS, Array, all_metrics


def planted(n: int, seed: int, shift: float = 1.0, decimals: int = 2) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    target = (rng.random(n) < 0.25).astype(np.int8)
    target[:4] = (0, 0, 1, 1)
    score = (1 / (1 + np.exp(-(rng.normal(size=n) + shift * target - 1)))).round(decimals)
    return target, score, (score >= 0.5).astype(np.int8)


def test_delongs_test_is_mlstatkits() -> None:
    for seed in range(5):
        target, first, _ = planted(300, seed)
        second = (0.7 * first + 0.3 * np.random.default_rng(seed).random(300)).round(2)
        found = auc_difference(target, first, second)
        told = Delong_test(target, first, second, return_auc=True, verbose=0)
        z, p = told[0], told[1]
        assert abs(found.difference / found.error) == pytest.approx(abs(z), rel=1e-6)
        assert found.p == pytest.approx(p, rel=1e-6)
        assert found.difference == pytest.approx(sk.roc_auc_score(target, first) - sk.roc_auc_score(target, second))


def test_delongs_variance_is_that_of_its_definition() -> None:
    """All pairs of a defaulter and another, ties counting half, as in the paper of 1988."""
    target, score, _ = planted(80, 3, decimals=1)
    x, y = score[target == 1], score[target == 0]
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    expected = kernel.mean(axis=1).var(ddof=1) / x.size + kernel.mean(axis=0).var(ddof=1) / y.size
    (auc,), covariance = delong(target, score[None, :])
    assert auc == pytest.approx(kernel.mean())
    assert covariance[0, 0] == pytest.approx(expected, rel=1e-12)


def test_delongs_interval_covers_the_true_auc_about_as_often_as_it_says() -> None:
    covered = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        target = np.repeat(np.array([0, 1], np.int8), [80, 40])
        found = auc_interval(target, rng.normal(size=120) + target)
        covered += found.low <= 0.7602499 <= found.high  # Φ(1/√2)
        assert 0 < found.low < found.auc < found.high < 1
    assert 0.91 < covered / 300 < 0.985


def test_the_same_ranking_twice_does_not_differ() -> None:
    target, score, _ = planted(100, 1)
    found = auc_difference(target, score, score**2)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_a_perfect_ranking_has_no_width() -> None:
    found = auc_interval(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert (found.auc, found.low, found.high) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize(("hits", "of"), [(0, 10), (3, 10), (10, 10), (1240, 1991)])
def test_counted_shares_have_clopper_and_pearsons_interval(hits: int, of: int) -> None:
    found = clopper_pearson(hits, of)
    assert found is not None
    assert (found.low, found.high) == pytest.approx(proportion_confint(hits, of, method="beta"), abs=1e-9)


def test_clopper_and_pearson_of_a_textbook() -> None:
    found = clopper_pearson(4, 20)  # Agresti and Coull's example: 0.057 to 0.437
    assert found is not None
    assert (round(found.low, 3), round(found.high, 3)) == (0.057, 0.437)
    assert clopper_pearson(0, 0) is None


def test_shares_of_a_decision_are_those_of_scikit_learn() -> None:
    target, _, decision = planted(200, 5)
    found = proportions(target, decision)
    assert {name: one.value for name, one in found.items() if one} == pytest.approx(
        {
            "sensitivity": sk.recall_score(target, decision),
            "specificity": sk.recall_score(target, decision, pos_label=0),
            "precision": sk.precision_score(target, decision),
        }
    )
    assert proportions(target, np.zeros_like(decision))["precision"] is None


def test_mcnemar_is_apart_for_each_class() -> None:
    target, score, first = planted(400, 6)
    second = (score >= 0.4).astype(np.int8)
    found = mcnemar(target, first, second)
    for name, label in (("within_defaulters", 1), ("within_others", 0)):
        rows = target == label
        table = sk.confusion_matrix(first[rows] == label, second[rows] == label, labels=[True, False])
        assert found[name].p == pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue)
    assert found["within_defaulters"].only_first == 0  # a lower threshold loses no defaulter
    assert found["within_others"].only_second == 0
    assert mcnemar(target, first, first)["within_others"].p == 1.0
    assert binomtest(found["within_others"].only_first, found["within_others"].only_first).pvalue < 0.05


@pytest.mark.parametrize("decimals", [1, 12])
def test_gathered_rows_give_every_metric_as_the_rows_do(decimals: int) -> None:
    target, score, decision = planted(500, 7, decimals=decimals)
    decision[::7] = 1 - decision[::7]  # a score with both decisions
    rows = gather(target, score, decision)
    found = {metric: rows.metric(metric, rows.counts()) for metric in METRIC_IDS}
    assert found == pytest.approx(all_metrics(target, score, decision), abs=1e-12)
    weight = np.random.default_rng(1).integers(0, 3, 500)
    again = np.repeat(np.arange(500), weight)
    found = {metric: rows.metric(metric, rows.counts(weight)) for metric in METRIC_IDS}
    assert found == pytest.approx(all_metrics(target[again], score[again], decision[again]), abs=1e-12)


def test_above_fifty_thousand_rows_bins_cost_next_to_nothing() -> None:
    target, score, decision = planted(BINNED_ROWS + 1000, 8, decimals=12)
    rows = gather(target, score, decision)
    assert rows.score.size <= 10_001
    exact = all_metrics(target, score, decision)
    found = {metric: rows.metric(metric, rows.counts()) for metric in METRIC_IDS}
    assert found == pytest.approx(exact, abs=2e-4)
    assert found["sensitivity"] == exact["sensitivity"]


def test_the_bootstrap_of_the_auc_agrees_with_delong_and_that_of_shares_with_the_binomial() -> None:
    target, score, decision = planted(600, 9, decimals=6)
    found = metric_intervals(gather(target, score, decision), METRIC_IDS, seed=1, replicates=800)
    auc = auc_interval(target, score)
    assert found["roc_auc"].low == pytest.approx(auc.low, abs=0.012)
    assert found["roc_auc"].high == pytest.approx(auc.high, abs=0.012)
    sensitivity = proportions(target, decision)["sensitivity"]
    assert sensitivity is not None
    assert found["sensitivity"].low == pytest.approx(sensitivity.low, abs=0.03)
    assert found["gini"].low == pytest.approx(2 * (found["roc_auc"].low or 0) - 1)
    for metric, one in found.items():
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.high, metric
        assert one.value == pytest.approx(all_metrics(target, score, decision)[metric])


def test_the_bias_of_ks_is_taken_out_of_its_interval() -> None:
    """Drawing again raises a maximum: without the correction the interval lies above what it should be around."""
    target, score, decision = planted(300, 10, shift=0.3, decimals=6)
    rows = gather(target, score, decision)
    found = metric_intervals(rows, ["ks"], seed=1, replicates=600)["ks"]
    rng = np.random.default_rng(1)
    drawn = []
    for _ in range(300):
        again = np.concatenate(
            [rng.choice(np.flatnonzero(target == label), (target == label).sum()) for label in (0, 1)]
        )
        drawn.append(all_metrics(target[again], score[again], decision[again])["ks"])
    assert found.value is not None
    assert np.mean(drawn) > found.value
    assert found.high is not None
    assert found.high < np.quantile(drawn, 0.975)


def test_whole_groups_are_drawn_and_too_few_give_no_interval() -> None:
    target, score, decision = planted(600, 11, decimals=6)
    rows = gather(target, score, decision)
    by_row = metric_intervals(rows, ["brier"], seed=1, replicates=300)["brier"]
    # Rows of a group that are copies of each other carry the information of one.
    copies = gather(np.repeat(target, 5), np.repeat(score, 5), np.repeat(decision, 5))
    by_group = metric_intervals(copies, ["brier"], seed=1, block=np.repeat(np.arange(600), 5), replicates=300)["brier"]
    naive = metric_intervals(copies, ["brier"], seed=1, replicates=300)["brier"]
    width = {name: (one.high or 0) - (one.low or 0) for name, one in
             {"row": by_row, "group": by_group, "naive": naive}.items()}  # fmt: skip
    assert width["group"] == pytest.approx(width["row"], rel=0.2)
    assert width["naive"] < 0.6 * width["group"]
    few = metric_intervals(rows, ["brier"], seed=1, block=np.arange(600) % 19, replicates=10)["brier"]
    assert (few.low, few.why) == (None, "19 groups or months with a default are too few; at least 20 are needed")


def test_replicates_without_a_class_are_left_out_and_counted() -> None:
    target = np.array([1, 1] + [0] * 30, np.int8)
    score = np.linspace(0.9, 0.1, 32)
    found = metric_intervals(gather(target, score, (score > 0.5).astype(np.int8)), ["brier"], seed=1, replicates=400)
    assert 0.05 < found["brier"].dropped / 400 < 0.25  # (30/32)^32 = 0.127
    assert found["brier"].replicates == 400


def test_the_difference_over_test_months_needs_twelve_of_them() -> None:
    target, score, decision = planted(1200, 12, decimals=6)
    rng = np.random.default_rng(1)
    worse = np.clip(score + 0.3 * rng.normal(size=1200), 0, 1)
    first, second = gather(target, score, decision), gather(target, worse, (worse >= 0.5).astype(np.int8))
    month = rng.integers(0, 24, 1200)
    found = month_difference(first, second, ["roc_auc", "brier"], month, seed=1, replicates=300)
    assert (found["roc_auc"].low or 0) > 0
    assert (found["brier"].high or 0) < 0
    same = month_difference(first, first, ["roc_auc"], month, seed=1, replicates=50)["roc_auc"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    few = month_difference(first, second, ["roc_auc"], month % 11, seed=1)["roc_auc"]
    assert few.value == found["roc_auc"].value
    assert (few.low, few.why) == (None, "11 test months are too few; at least 12 are needed")
