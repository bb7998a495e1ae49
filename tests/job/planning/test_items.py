"""Work items: units that share work run together, and cost no more than they would alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.planning.costs import distinct_fits, item_cpu_seconds, unit_cpu_seconds
from job.planning.items import items_of
from job.planning.spec import read_spec
from tests.job.planning.test_memory import info

TAIWAN = info(30_000, 26)


@pytest.mark.parametrize("name", ["quick", "default", "thesis"])
def test_every_unit_is_in_one_item_with_those_that_share_its_work(name: str) -> None:
    units = list(read_spec(name).units())
    items = items_of(units)
    assert sorted(unit for item in items for unit in item) == sorted(units)
    for item in items:
        assert len({(unit.dataset, unit.model, unit.seed) for unit in item}) == 1
        techniques = {unit.technique for unit in item}
        assert any(
            techniques <= together
            for together in (
                {"baseline", "cost_sensitive", "threshold_moving"},
                {"smote", "smote_tomek"},
                {"random_under_sampling"},
            )
        )


@given(st.sampled_from(["quick", "default", "thesis"]), st.randoms(use_true_random=False))
def test_an_item_costs_no_more_than_its_units_alone(name: str, rng: Any) -> None:
    spec = read_spec(name)
    item = rng.choice(items_of(spec.units()))
    together = item_cpu_seconds(spec, item, TAIWAN)
    alone = [unit_cpu_seconds(spec, unit, TAIWAN) for unit in item]
    assert max(alone) - 1e-9 <= together <= sum(alone) + 1e-9
    assert distinct_fits(spec, item) <= sum(spec.fits(unit) for unit in item)


def test_the_thesis_grids_have_half_of_the_boosting_and_forest_fits_to_make() -> None:
    spec = read_spec("thesis")
    for item in items_of(spec.units()):
        naive = sum(spec.fits(unit) - 1 for unit in item)  # without the refits
        if item[0].model in ("random_forest", "xgboost", "logistic_regression"):
            assert distinct_fits(spec, item) <= naive // 2
