"""What resampling is expected to cost, by the shape of the rows."""

from __future__ import annotations

import pytest

from job.planning.costs import resampling_cost
from job.training.comparing import FEW, MANY, TREE

MILLION = 1_200_000


def test_tomek_links_of_a_million_rows_take_a_minute_or_two_and_not_an_hour() -> None:
    assert 30 < resampling_cost("smote_tomek", MILLION, 42) < 150
    assert resampling_cost("smote_tomek", 2 * MILLION, 42) < 3.5 * resampling_cost("smote_tomek", MILLION, 42)


@pytest.mark.parametrize("features", [TREE, MANY + 1])
def test_where_the_shape_alone_rules_blocks_out_the_plan_knows(features: int) -> None:
    per_feature = resampling_cost("smote_tomek", MILLION, features) / features
    assert per_feature > 20 * resampling_cost("smote_tomek", MILLION, 42) / 42


def test_few_rows_take_next_to_nothing_and_untouched_rows_nothing() -> None:
    assert resampling_cost("smote_tomek", FEW - 1, 42) < 0.1
    assert resampling_cost("none", MILLION, 42) == resampling_cost("random_under_sampling", MILLION, 42) == 0
