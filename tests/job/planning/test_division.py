"""How runs divide among shards and workers, and what a time limit leaves out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.planning.costs import ItemCost, item_costs
from job.planning.division import WELL_DIVIDED, best_division, divide, heaviest, reach
from job.planning.items import Item, items_of
from job.planning.searches import Searches
from job.planning.shards import LEAST_DIVIDED_S
from job.planning.spec import read_spec
from job.training.unit import Unit
from tests.job.planning.test_memory import info


def costs_of(*seconds: float) -> dict[Item, ItemCost]:
    """One item of one unit for each number of CPU seconds."""
    return {(Unit("d", "mlp", "baseline", i),): ItemCost({}, each) for i, each in enumerate(seconds)}


SPEC = read_spec("default")
SEARCHES = Searches(SPEC)


def default_at(rows: int) -> dict[Item, ItemCost]:
    spec = SPEC
    infos = {name: info(rows, 42) for name in spec.datasets}
    return item_costs(SEARCHES, items_of(spec.units()), infos)


SECONDS = st.lists(st.floats(0.1, LEAST_DIVIDED_S), min_size=1, max_size=60)  # which are not divided


@given(SECONDS, st.integers(1, 20), st.integers(1, 8))
def test_the_longest_shard_is_never_shorter_than_an_ideal_one_nor_than_the_longest_item(
    seconds: list[float], count: int, workers: int
) -> None:
    found = divide(costs_of(*seconds), SEARCHES, count, workers)
    assert found.longest_s >= max(seconds) - 1e-6
    assert found.stretch >= 1 - 1e-9
    # Graham's bound, once for shards and once for their workers.
    assert found.longest_s <= sum(seconds) / (count * workers) + 2 * max(seconds) + 1e-6


def test_no_more_shards_are_advised_than_have_something_to_do_nearly_to_the_end() -> None:
    assert best_division(costs_of(*[10.0] * 64), SEARCHES, 4).shards == 20
    assert best_division(costs_of(100.0, *[1.0] * 20), SEARCHES, 4).shards == 1, "one long item decides when it is over"
    for workers in (1, 4, 16):
        best = best_division(default_at(30_000), SEARCHES, workers)
        assert best.stretch <= WELL_DIVIDED
        assert divide(default_at(30_000), SEARCHES, 10 * best.shards, workers).stretch > WELL_DIVIDED


def test_the_heaviest_items_are_named_once_for_all_seeds() -> None:
    costs = default_at(1_000_000)
    found = heaviest(costs, 3)
    assert [seconds for _, seconds in found] == sorted((seconds for _, seconds in found), reverse=True)
    assert found[0][1] == max(cost.cpu_seconds for cost in costs.values())
    assert len({(item[0].dataset, item[0].model, len(item), item[0].technique) for item, _ in found}) == 3


@pytest.mark.parametrize(("hours", "units", "share"), [(0.5, 0, 0.0), (2, 1, 2 / 7), (3, 3, 6 / 7), (4, 4, 1.0)])
def test_a_time_limit_leaves_out_what_ends_after_it(hours: float, units: int, share: float) -> None:
    # Two workers: 3 h beside 2 h and then 1 h and 1 h, so that they end after 3, 2, 3 and 4 h.
    found = reach(costs_of(3600, 3 * 3600, 2 * 3600, 3600), 2, hours)
    assert (found.units, found.share) == (units, pytest.approx(share))
