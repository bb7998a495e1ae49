"""What may be ranked together, and what the best is not distinguishable from."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from job.analysis.evidence import evidence_of
from job.analysis.ranking import ranks, tied_with_best, why_unranked
from job.executions.results import StoredResult
from job.metrics import roc_auc

ALL = (1, 2, 3)


def test_rows_over_other_seeds_are_not_ranked_with_the_rest() -> None:
    reasons = why_unranked([ALL, ALL, (1,)], [0.7, 0.6, 0.9], 50)
    assert reasons[:2] == [None, None]
    assert reasons[2] == "over other seeds than the rows that are ranked"


def test_of_two_sets_of_seeds_as_common_the_larger_is_ranked() -> None:
    assert [reason is None for reason in why_unranked([(1,), ALL], [0.9, 0.7], 50)] == [False, True]


@pytest.mark.parametrize(("positives", "ranked"), [(9, False), (10, True), (None, True)])
def test_nothing_is_ranked_below_ten_defaults_in_a_test_part(positives: int | None, ranked: bool) -> None:
    reasons = why_unranked([ALL, ALL], [0.7, 0.6], positives)
    assert [reason is None for reason in reasons] == [ranked, ranked]


def test_a_row_without_a_value_is_not_ranked_and_decides_no_seeds() -> None:
    assert [reason is None for reason in why_unranked([(), (), ALL], [None, None, 0.6], 50)] == [False, False, True]


def test_equal_values_share_a_rank_and_lower_is_better_for_losses() -> None:
    assert ranks([0.7, 0.8, None, 0.8], "roc_auc") == [3, 1, None, 1]
    assert ranks([0.14, 0.12], "brier") == [2, 1]


def test_a_planted_difference_is_found_and_a_planted_tie_is_not() -> None:
    rng = np.random.default_rng(1)
    splits = 0.02 * rng.normal(size=5)
    rows = [dict(enumerate(level + splits + 0.001 * rng.normal(size=5), 1)) for level in (0.710, 0.7095, 0.650)]
    assert tied_with_best(rows, 3 / 7, "balanced_accuracy") == [True, True, False]
    losses = [{seed: -value for seed, value in row.items()} for row in rows]
    assert tied_with_best(losses, 3 / 7, "brier") == [True, True, False]


def test_under_three_repetitions_nothing_is_tested() -> None:
    assert tied_with_best([{1: 0.7, 2: 0.7}, {1: 0.1, 2: 0.1}], 3 / 7, "roc_auc") == [None, None]
    assert tied_with_best([], 3 / 7, "roc_auc") == []


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=40))
def test_ks_is_scipys_one_sided_statistic_whatever_the_record_says(rows: list[tuple[bool, int]]) -> None:
    target = np.array([positive for positive, _ in rows], np.int8)
    score = np.array([value / 10 for _, value in rows])
    two_sided = auc = expected = None
    if 0 < target.sum() < target.size:
        others, defaulters = score[target == 0], score[target == 1]
        with warnings.catch_warnings():  # of p-values, which nobody asked for
            warnings.simplefilter("ignore", RuntimeWarning)
            expected = ks_2samp(others, defaulters, alternative="greater", method="asymp").statistic
            two_sided = ks_2samp(others, defaulters, method="asymp").statistic
        auc = roc_auc(target, score)
    record = {"metrics": {"ks": two_sided, "roc_auc": auc}}
    result = StoredResult(record, {}, np.arange(target.size), target, score, target)
    found = evidence_of(result)
    assert (found.rows, found.positives, found.positive_blocks) == (target.size, target.sum(), None)
    assert found.ks == (None if expected is None else pytest.approx(expected, abs=1e-12))
