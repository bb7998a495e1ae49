"""A plan is the same for the same seed, breaks no limit, and is the deterministic makespan where nothing can happen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.cloud.deployed import as_deployed
from job.cloud.prices import ADDRESS_USD, VOLUME_USD, Price, Prices
from job.cloud.queues import Environment, Queue
from job.cloud.scenarios import Assumed, Row, Work, divisions, machines_to_try, pareto, rows
from job.cloud.simulation import MISSES, Piece, World, percentile, simulate
from job.cloud.sizes import find_sizes
from job.cloud.workload import Workload
from job.data.datasets.samples import write_sample
from job.data.processed import ProcessedInfo
from job.errors import ProcessedDataNotFound
from job.machines import MACHINES
from job.planning.deadline import START_S, makespan
from job.planning.loss import lost_s
from job.planning.plan import plan_of
from job.planning.spec import read_spec
from job.store import Store
from tests.job.cloud.test_submission import definition

INFO = ProcessedInfo("taiwan_credit", "f", 2, "r", 300_000, 26, 0.22, False)
ASSUMED = Assumed(draws=40)
piece = st.builds(Piece, st.sampled_from(sorted(MISSES)), st.floats(1, 20_000), st.floats(0.1, 600))
some_jobs = st.lists(st.lists(piece, min_size=1, max_size=6), min_size=1, max_size=6)


@pytest.fixture(scope="module")
def work() -> Work:
    return Work.of(read_spec("thesis"), {"taiwan_credit": INFO})


@given(some_jobs, st.integers(1, 8), st.floats(0.3, 2))
def test_without_reclaims_and_misses_it_is_the_makespan_with_boot_and_start(
    jobs: list[list[Piece]], workers: int, speed: float
) -> None:
    world = World(workers, side_by_side=len(jobs), speed=speed, boot_s=60)
    (draw,) = simulate(jobs, world, seed=1, draws=1, exact=True)
    each = [makespan([one.seconds / speed for one in pieces], workers) + 60 + START_S for pieces in jobs]
    assert draw.hours == pytest.approx(max(each) / 3600)
    assert draw.paid_hours == pytest.approx(sum(each) / 3600)
    assert (draw.lost_hours, draw.complete) == (0, True)


@given(some_jobs, st.integers(0, 5), st.floats(0, 5))
def test_the_same_seed_gives_the_same_draws_and_reclaims_never_make_it_cheaper(
    jobs: list[list[Piece]], seed: int, reclaims: float
) -> None:
    world = World(2, side_by_side=2, reclaims_per_hour=reclaims, attempts=50)
    drawn = simulate(jobs, world, seed=seed, draws=5)
    assert drawn == simulate(jobs, world, seed=seed, draws=5)
    calm = simulate(jobs, replace(world, reclaims_per_hour=0.0), seed=seed, draws=5)
    for stormy, quiet in zip(drawn, calm, strict=True):
        assert not stormy.complete or stormy.paid_hours >= quiet.paid_hours - 1e-9
        assert stormy.lost_hours <= stormy.paid_hours + 1e-9


def test_a_job_that_is_taken_away_more_often_than_it_is_started_is_not_complete() -> None:
    jobs = [[Piece("xgboost", 35_000, 60)]]
    stormy = World(1, 1, reclaims_per_hour=5, attempts=2)
    assert not any(one.complete for one in simulate(jobs, stormy, seed=1, draws=20))
    long = World(1, 1, attempt_s=3600, attempts=3)
    assert not any(one.complete for one in simulate(jobs, long, seed=1, draws=5, exact=True)), (
        "nearly ten hours in three of one"
    )
    assert all(one.complete for one in simulate(jobs, replace(long, attempts=10), seed=1, draws=5, exact=True))


@given(st.floats(0, 1e5), st.floats(0, 1e4), st.floats(0, 30), st.booleans())
def test_no_more_is_lost_than_was_worked_and_a_notice_never_costs(
    worked: float, fit: float, since: float, noticed: bool
) -> None:
    lost = lost_s(worked, fit, since, noticed=noticed)
    assert 0 <= lost <= worked
    assert lost_s(worked, fit, since, noticed=True) <= lost_s(worked, fit, since, noticed=False)


def test_no_row_breaks_a_limit(work: Work) -> None:
    found = rows(work, machines_to_try(16), replace(ASSUMED, max_vcpus=16), Prices({}))
    assert len(found) > 50
    for row in found:
        machine = MACHINES[row.machine]
        assert row.workers <= machine.vcpus <= 16
        assert not machine.gpus
        assert row.shards * machine.vcpus <= 16
        assert row.hours[0] <= row.hours[1] <= row.hours[2]
        assert row.usd[0] <= row.usd[1] <= row.usd[2]
        assert row.life_cycle == "spot" or row.lost_usd == 0


def test_the_same_seed_gives_the_same_plan_to_the_byte_and_another_another(work: Work) -> None:
    def told(seed: int) -> str:
        assumed = replace(ASSUMED, seed=seed, reclaims_per_hour=0.5)
        return json.dumps(
            [one.as_json() for one in pareto(rows(work, machines_to_try(8), assumed, Prices({})), assumed)]
        )

    assert told(1) == told(1)
    assert told(1) != told(2)


numbers = st.floats(0.01, 1000)
a_row = st.builds(
    lambda machine, hours, usd: Row(machine, "spot", 1, 1, 1, (hours,) * 3, (usd,) * 3, 0.0, 1.0, "shards"),
    st.sampled_from(["m5.xlarge", "c5.xlarge"]),
    numbers,
    numbers,
)


@given(st.lists(a_row, min_size=1, max_size=20))
def test_of_the_rows_shown_none_is_beaten_and_every_other_is(found: list[Row]) -> None:
    best = pareto(found, ASSUMED)
    points = [(one.hours[1], one.usd[1]) for one in best]
    assert points == sorted(points, key=lambda point: (point[1], -point[0]))
    assert [hours for hours, _ in points] == sorted((hours for hours, _ in points), reverse=True)
    for one in found:
        assert any(hours <= one.hours[1] and usd <= one.usd[1] for hours, usd in points)
    assert best[0].mark == "cheapest"
    assert len(best) == 1 or best[-1].mark == "fastest"


def test_what_is_hardly_ever_completed_is_shown_only_where_nothing_else_is() -> None:
    good = Row("m5.xlarge", "on-demand", 1, 1, 1, (9.0,) * 3, (9.0,) * 3, 0.0, 1.0, "shards")
    cheap = replace(good, usd=(1.0,) * 3, complete=0.2, life_cycle="spot")
    assert [one.life_cycle for one in pareto([good, cheap], ASSUMED)] == ["on-demand"]
    assert [one.life_cycle for one in pareto([cheap], ASSUMED)] == ["spot"]


def test_the_row_as_deployed_is_what_auto_submits() -> None:
    spec, training = read_spec("thesis"), definition("taiwan_credit", "training", timeout_s=2 * 3600)
    spot = Environment("ce", "spot", True, "ENABLED, VALID", "", 16, ("m5.xlarge",))
    queue = Queue("any", "q", "arn", True, "ENABLED, VALID", "", (spot,))
    types = {"spot": ["m5.xlarge"], "on-demand": ["m5.xlarge"]}
    prices = Prices({"m5.xlarge": Price(0.2, "price list")})
    (found,) = as_deployed(
        spec, {"taiwan_credit": INFO}, {"taiwan_credit": training}, queue, types, prices, ASSUMED, "thesis"
    )
    assert found.row is not None
    auto = Workload("taiwan_credit", plan_of(spec, {"taiwan_credit": INFO}, workers=4), found.fit).auto_shards()
    assert found.row.shards == auto
    assert found.command == f"ldp cloud submit taiwan_credit --spec thesis --shards {auto}"
    assert found.row.workers <= training.vcpus
    assert found.row.usd[1] < 100 * (0.2 + VOLUME_USD + ADDRESS_USD)


def test_of_gpus_nothing_is_said_that_was_not_measured() -> None:
    queue = Queue("any", "q", "arn", True, "ENABLED, VALID", "", ())
    training = definition("taiwan_credit", "training", gpu=True)
    infos = {"taiwan_credit": INFO}
    assert (
        as_deployed(read_spec("quick"), infos, {"taiwan_credit": training}, queue, {}, Prices({}), ASSUMED, "quick")
        == []
    )


def test_sizes_come_from_what_is_processed_else_from_rows_else_from_the_raw_file(tmp_path: object) -> None:
    store = Store.open(str(tmp_path))
    with pytest.raises(ProcessedDataNotFound, match="--rows"):
        find_sizes([store], ["taiwan_credit"])
    write_sample(store, "taiwan_credit", rows=700, seed=1, force=False)
    infos, (note,) = find_sizes([store], ["taiwan_credit"])
    assert (infos["taiwan_credit"].rows, infos["taiwan_credit"].features) == (700, 26)
    assert "estimated: the lines of" in note
    infos, (note,) = find_sizes([store], ["taiwan_credit"], rows=30_000)
    assert (infos["taiwan_credit"].rows, "--rows" in note) == (30_000, True)


def test_divisions_and_percentiles() -> None:
    assert divisions(1) == [1]
    assert divisions(64) == [1, 2, 4, 8, 16, 32, 64]
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.9) == 4.0
