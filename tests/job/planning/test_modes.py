"""What a plan takes with a GPU and without one, in hours and dollars, and which of the two is recommended."""

from __future__ import annotations

import dataclasses

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.machines import MACHINES, PRICES_AS_OF
from job.planning import costs, gpu_speeds
from job.planning import modes as reckoning
from job.planning.costs import item_costs
from job.planning.gpu_speeds import CARDS, Card, Pace
from job.planning.items import Item, items_of
from job.planning.memory import run_bytes
from job.planning.modes import dollars, gpu_seconds, modes
from job.planning.plan import Plan, plan
from job.planning.spec import parse_spec
from job.store import Store

BOOSTED = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "smote_tomek"]
seeds = [1, 2]
folds = 3
[models.xgboost.grid]
n_estimators = [100, 300]
max_depth = [3, 6]
[models.lightgbm.grid]
n_estimators = [100]
"""
FORESTS = BOOSTED[: BOOSTED.index("[models.xgboost")] + "[models.random_forest.grid]\nn_estimators = [100]\n"


@pytest.fixture(scope="module")
def store() -> Store:
    made = Store.open("memory:///")
    write_sample(made, "taiwan_credit", rows=300, seed=1)
    process(made, "taiwan_credit", Console.silent())
    return made


def planned(store: Store, text: str, rows: int) -> Plan:
    """Return the plan as it would be with so many rows."""
    found = plan(store, parse_spec(text, "some", "some.toml"))
    infos = {name: dataclasses.replace(info, rows=rows) for name, info in found.infos.items()}
    return dataclasses.replace(found, infos=infos, costs=item_costs(found.searches, items_of(found.units), infos))


def test_on_few_rows_no_gpu_is_recommended_and_the_prices_are_dated(store: Store) -> None:
    found = modes(planned(store, BOOSTED, 30_000))
    assert found.recommended is found.cpu
    assert found.sentence().startswith("recommended: no GPU, at ")
    assert f"us-east-1, {PRICES_AS_OF}" in found.sentence()
    assert gpu_speeds.SOURCE in found.sentence()


def test_where_the_gpu_is_fast_enough_to_be_cheaper_it_is_recommended(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reckoning, "PACES", dict.fromkeys(gpu_speeds.PACES, Pace(0.0, 1e6, of_card=True)))
    monkeypatch.setattr(costs, "binning_cost", lambda *_: 0.0)  # which the host does
    found = modes(planned(store, BOOSTED.replace(', "smote_tomek"', ""), 1_000_000))
    assert found.cpu is not None
    assert found.gpu is not None
    assert found.gpu.seconds < found.cpu.seconds / 3
    assert found.recommended is found.gpu
    assert "times as fast" in found.sentence()


def test_what_has_no_model_of_the_gpu_s_gains_nothing_from_one(store: Store) -> None:
    found = modes(planned(store, FORESTS, 30_000))
    assert found.gpu is not None
    assert found.gpu.gpu_seconds == 0
    assert found.recommended is found.cpu
    assert "neither XGBoost nor LightGBM is planned" in found.sentence()


def test_the_machines_have_the_processors_that_were_asked_for_and_the_cheapest_is_taken(store: Store) -> None:
    for vcpus in (4, 8, 16):
        found = modes(planned(store, BOOSTED, 30_000), vcpus)
        for mode, families in ((found.cpu, ("c5", "m5")), (found.gpu, tuple(CARDS))):
            assert mode is not None
            assert mode.machine.vcpus == mode.workers == vcpus
            assert mode.machine.family in families
            alike = [one for one in MACHINES.values() if one.family == mode.machine.family and one.vcpus == vcpus]
            assert alike == [mode.machine]
    assert modes(planned(store, BOOSTED, 30_000), 1024).cpu is None


def test_a_machine_without_the_memory_is_not_taken(store: Store) -> None:
    large = planned(store, BOOSTED, 20_000_000)
    found = modes(large)
    assert found.cpu is not None
    assert found.cpu.machine.name == "m5.xlarge", "a c5.xlarge has half its memory, and is cheaper"
    assert found.cpu.workers == 1 < found.cpu.machine.vcpus
    for mode in (found.cpu, found.gpu):
        assert mode is not None
        needed = run_bytes(large.searches, large.units, large.infos, mode.workers) >> 20
        assert needed <= mode.machine.usable_memory_mib
    huge = modes(planned(store, BOOSTED, 100_000_000)).cpu
    assert huge is not None
    assert huge.machine.vcpus > 4


def test_the_owner_of_the_gpu_is_never_helped_and_helps_the_others(store: Store) -> None:
    found = modes(planned(store, BOOSTED + "[models.logistic_regression.grid]\nalpha = [0.001]\n", 30_000))
    assert found.gpu is not None
    assert found.gpu.seconds >= found.gpu.gpu_seconds > 0
    assert found.gpu.seconds >= (found.gpu.gpu_seconds + found.gpu.cpu_seconds) / found.gpu.workers


def test_a_faster_card_takes_less_and_more_rows_take_more(store: Store) -> None:
    small, large = (planned(store, BOOSTED, rows) for rows in (30_000, 300_000))
    for item in small.costs:
        slow, fast = (gpu_seconds(small, item, Card("some", share)) for share in (0.1, 1.0))
        assert 0 < fast <= slow < gpu_seconds(large, item, Card("some", 0.1))
        assert (fast < slow) == (item[0].model == "xgboost"), "LightGBM's pace is the host's"


def test_the_plan_as_json_has_both_modes(store: Store) -> None:
    found = modes(planned(store, BOOSTED, 30_000)).as_json()
    assert found["recommended"] == "cpu"
    assert found["gpu"]["spot_usd"] > found["cpu"]["spot_usd"] > 0
    assert found["prices"] == {"region": "us-east-1", "as_of": PRICES_AS_OF, "market": "spot"}


def test_small_amounts_are_not_called_nothing() -> None:
    assert [dollars(usd) for usd in (None, 0.0001, 0.27, 1234.5)] == ["", "under $0.01", "$0.27", "$1,234.50"]


def test_items_that_differ_in_their_seed_alone_are_reckoned_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def counted(planned: Plan, item: Item, card: Card) -> float:
        asked.append((item[0].model, item[0].technique, card.name))
        return gpu_seconds(planned, item, card)

    monkeypatch.setattr(reckoning, "gpu_seconds", counted)
    many = modes(planned(store, BOOSTED.replace("[1, 2]", str(list(range(1, 101)))), 30_000)).gpu
    assert len(asked) == len(set(asked)) > 0
    monkeypatch.undo()
    few = modes(planned(store, BOOSTED, 30_000)).gpu
    assert many is not None
    assert few is not None
    assert many.gpu_seconds == pytest.approx(50 * few.gpu_seconds)
