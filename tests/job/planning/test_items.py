"""Work items: units that share work run together, and cost no more than they would alone."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.planning.costs import distinct_fits, item_cost, item_costs
from job.planning.items import items_of
from job.planning.memory import item_bytes
from job.planning.searches import Searches
from job.planning.spec import read_spec
from job.training import candidates
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
    searches = Searches(spec)
    together = item_cost(searches, item, TAIWAN)
    alone = [item_cost(searches, (unit,), TAIWAN).cpu_seconds for unit in item]
    assert max(alone) - 1e-9 <= together.cpu_seconds <= sum(alone) + 1e-9
    assert distinct_fits(searches, item) <= sum(spec.fits(unit) for unit in item)
    assert {unit.technique for unit in item} == set(together.units)
    for unit in item:
        part = together.units[unit.technique]
        assert (len(part.fits) * part.folds + 1, part.refit > 0) == (spec.fits(unit), True)


def test_the_thesis_grids_have_half_of_the_boosting_and_forest_fits_to_make() -> None:
    spec = read_spec("thesis")
    searches = Searches(spec)
    for item in items_of(spec.units()):
        naive = sum(spec.fits(unit) - 1 for unit in item)  # without the refits
        if item[0].model in ("random_forest", "xgboost", "logistic_regression"):
            assert distinct_fits(searches, item) <= naive // 2


def test_a_plan_enumerates_each_grid_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def counted(grid: Any) -> Any:
        asked.append(tuple(sorted(grid.items())))
        return candidates.candidates(grid)

    monkeypatch.setattr("job.planning.searches.candidates", counted)
    spec = read_spec("thesis")
    searches, items = Searches(spec), items_of(spec.units())
    costs = item_costs(searches, items, dict.fromkeys(spec.datasets, TAIWAN))
    fits = sum(distinct_fits(searches, item) for item in items)
    memory = [item_bytes(searches, item, TAIWAN) for item in items]
    assert len(costs) == len(memory) == len(items) < fits
    assert len(asked) == len({(unit.model, unit.technique) for unit in spec.units()})


def test_items_that_differ_in_their_seed_alone_cost_the_same() -> None:
    spec = read_spec("thesis")
    costs = item_costs(Searches(spec), items_of(spec.units()), dict.fromkeys(spec.datasets, TAIWAN))
    by_seed: dict[int, list[float]] = {}
    for item, cost in costs.items():
        by_seed.setdefault(item[0].seed, []).append(cost.cpu_seconds)
    assert len({tuple(sorted(found)) for found in by_seed.values()}) == 1
    assert len(by_seed) == 5
