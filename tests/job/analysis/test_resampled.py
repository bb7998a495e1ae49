"""Tests over repeated splits: the published formulas, against independent implementations and known cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scikit_posthocs import posthoc_nemenyi_friedman
from scipy import stats
from statsmodels.stats.multitest import multipletests

from job.analysis.across import friedman
from job.analysis.resampled import corrected_t, holm, posterior
from job.errors import UsageError

FLOATS = st.floats(-1, 1).map(lambda value: round(value, 6))


@given(st.lists(FLOATS, min_size=2, max_size=12).filter(lambda some: np.std(some) > 1e-6))
def test_without_overlap_it_is_the_paired_t_test(differences: list[float]) -> None:
    found = corrected_t(np.array(differences), test_to_train=0.0)
    expected = stats.ttest_1samp(differences, 0)
    assert found.statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-12)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9, abs=1e-12)
    interval = expected.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9, abs=1e-12)


def test_the_overlap_widens_the_variance_as_nadeau_and_bengio_say() -> None:
    differences = np.array([0.010, 0.014, 0.006, 0.012, 0.008])
    found = corrected_t(differences, test_to_train=0.3 / 0.7)
    # By hand: mean 0.010, s² = 1e-5, variance (1/5 + 3/7)·1e-5 = 6.2857e-6, t = 0.010 / 0.0025071 = 3.9886 on 4.
    assert found.statistic == pytest.approx(3.98862, abs=1e-4)
    assert found.degrees == 4
    assert found.p == pytest.approx(0.01628, abs=1e-4)


def test_overlapping_splits_of_nothing_are_rejected_about_as_often_as_they_should_be() -> None:
    """Means of parts of one sample: the paired t-test finds far too many differences, the corrected one does not."""
    rng = np.random.default_rng(7)
    naive = corrected = 0
    for _ in range(400):
        population = rng.normal(size=60)
        differences = np.array([rng.permutation(population)[:18].mean() for _ in range(10)])
        naive += corrected_t(differences, 0.0).p < 0.05
        corrected += corrected_t(differences, 18 / 42).p < 0.05
    assert naive > 4 * corrected
    assert corrected / 400 < 0.08


def test_differences_that_are_all_the_same_are_certain() -> None:
    same, none = corrected_t(np.full(3, 0.1), 0.4), corrected_t(np.zeros(3), 0.4)
    assert (same.p, same.statistic, same.low, same.high) == (0.0, np.inf, pytest.approx(0.1), pytest.approx(0.1))
    assert (none.p, none.statistic) == (1.0, 0.0)
    assert posterior(np.full(3, 0.1), 0.3, 0.01).above == 1.0
    assert posterior(np.full(3, -0.1), 0.3, 0.01).below == 1.0
    assert posterior(np.zeros(3), 0.3, 0.01).within == 1.0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_statsmodels(p: list[float]) -> None:
    assert holm(np.array(p)) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


@given(st.lists(FLOATS, min_size=3, max_size=8), st.floats(0.05, 0.5), st.floats(0.001, 0.2))
def test_the_posterior_is_one_probability_and_turns_round_with_the_difference(
    differences: list[float], share: float, region: float
) -> None:
    found = posterior(np.array(differences), share, region)
    turned = posterior(-np.array(differences), share, region)
    assert found.below + found.within + found.above == pytest.approx(1, abs=1e-9)
    assert (found.below, found.within, found.above) == pytest.approx((turned.above, turned.within, turned.below))


def test_the_posterior_is_students_t_by_integration() -> None:
    differences, rho = np.array([0.004, 0.001, 0.007, -0.002, 0.005]), 0.3
    scale = np.sqrt((1 / 5 + rho / (1 - rho)) * differences.var(ddof=1))
    drawn = differences.mean() + scale * np.random.default_rng(3).standard_t(4, 400_000)
    found = posterior(differences, rho, 0.005)
    assert found.within == pytest.approx(np.mean(np.abs(drawn) <= 0.005), abs=0.004)
    assert found.above == pytest.approx(np.mean(drawn > 0.005), abs=0.004)


def test_the_interval_and_the_test_agree() -> None:
    """A difference is rejected at 5 % exactly where its 95 % interval leaves 0 out."""
    rng = np.random.default_rng(5)
    seen = set()
    for _ in range(200):
        found = corrected_t(rng.normal(0.5, 0.6, 5), 3 / 7)
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
        seen.add(found.p < 0.05)
    assert seen == {True, False}


def test_ranks_over_datasets_are_scikit_posthocs_and_need_ten_of_them() -> None:
    values = np.random.default_rng(6).normal(size=(12, 4)) + np.array([0.0, 0.0, 1.0, 2.0])
    found = friedman(values)
    assert found.p == pytest.approx(stats.friedmanchisquare(*values.T).pvalue)
    assert found.nemenyi == pytest.approx(posthoc_nemenyi_friedman(values).to_numpy(), abs=1e-6)
    assert int(np.argmin(found.ranks)) == 3
    assert friedman(-values, lower_is_better=True).ranks == pytest.approx(found.ranks)
    with pytest.raises(UsageError, match="9 datasets are too few"):
        friedman(values[:9])
