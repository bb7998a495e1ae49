"""Whether a job with certain limits can do what is planned, said before it is submitted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.errors import UsageError
from job.planning.costs import item_costs
from job.planning.feasible import Limits, feasible
from job.planning.fit_costs import resampling_cost
from job.planning.items import items_of
from job.planning.plan import Plan, plan
from job.planning.spec import parse_spec
from job.store import Store
from job.training.comparing import TREE
from tests.specs import TINY


def plan_of_sample(text: str) -> Plan:
    store = Store.open("memory:///")
    write_sample(store, "taiwan_credit", rows=300, seed=1)
    process(store, "taiwan_credit", Console.silent())
    return plan(store, parse_spec(text, "tiny", "tiny.toml"))


@pytest.fixture(scope="module")
def planned() -> Plan:
    return plan_of_sample(TINY)


def test_a_job_that_does_it_in_one_attempt_asks_for_three_more(planned: Plan) -> None:
    found = feasible(planned, Limits(4, 14336, 24))
    assert (found.fit.workers, found.fit.slices, found.fit.attempts, found.fit.shards) == (4, 1, 4, 1)
    assert "does it in 1 attempt" in found.sentence()
    assert found.as_json()["attempts"] == 4


def test_memory_limits_the_workers_and_may_be_too_little_for_one(planned: Plan) -> None:
    needed = feasible(planned, Limits(4, 14336, 24)).needed_mib
    one = feasible(planned, Limits(4, int(needed) + 1, 24))
    assert one.fit.workers == 1
    none = feasible(planned, Limits(4, int(needed) - 1, 24))
    assert (none.fit.workers, none.fit.slices) == (0, None)
    assert f"it needs about {needed:,.0f} MiB" in none.sentence()


def with_size(planned: Plan, rows: int, features: int) -> Plan:
    infos = {name: replace(info, rows=rows, features=features) for name, info in planned.infos.items()}
    return replace(planned, infos=infos, costs=item_costs(planned.searches, items_of(planned.units), infos))


def test_a_fold_may_take_longer_to_make_than_an_attempt_since_its_neighbours_are_found_in_stretches() -> None:
    text = TINY.replace(TINY[TINY.index("techniques") :].splitlines()[0], 'techniques = ["smote", "smote_tomek"]')
    resampling = plan_of_sample(text)
    # Of 15 features scikit-learn's tree finds the neighbours, in more than an hour for a million rows.
    tree = with_size(resampling, 1_000_000, TREE)
    assert resampling_cost("smote_tomek", 1_000_000, TREE) > 3600
    assert max(cost.unbroken_s for cost in tree.costs.values()) < 1200
    assert feasible(tree, Limits(4, 14336, 1)).fit.slices is not None


def test_a_fit_that_takes_longer_than_an_attempt_may_is_told_before_anything_runs(planned: Plan) -> None:
    large = with_size(planned, 1_000_000, 42)
    longest = max(cost.unbroken_s for cost in large.costs.values())
    too_short = feasible(large, Limits(4, 14336, 0.9 * longest / 3600)).sentence()
    assert "a fold and the longest fit on it take longer" in too_short
    assert feasible(large, Limits(4, 14336, 2 * longest / 3600 + 1)).fit.slices is not None


@pytest.mark.parametrize(("given"), [(4, None, None), (None, 14336, None), (4, 14336, None)])
def test_the_three_limits_are_given_together(given: tuple[int | None, int | None, float | None]) -> None:
    with pytest.raises(UsageError, match="a job has processors, memory and a time-out"):
        Limits.of(*given)
    assert Limits.of(None, None, None) is None
