"""What is left of an execution is told from the records of its attempts, and never dealt out anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.cloud.resume import Left, active_parts, left_over, requests_for
from job.executions.attempts import Attempt
from tests.job.cloud.test_submission import QUEUES, SUBMISSION, definitions
from tests.job.cloud.test_waiting import job

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
MAX_S = 85_800.0


def attempt(shard: str | None, end: str | None, *, hours: float = 1.0, ago: float = 10.0, **more: Any) -> Attempt:
    started = NOW - timedelta(hours=ago)
    alive = started + timedelta(hours=hours)
    first, last = (one.isoformat(timespec="milliseconds") for one in (started, alive))
    known: Any = {"shard": shard, "end": end, "datasets": ("taiwan_credit",), **more}
    return Attempt(f"{shard}-{end}-{ago}", first, last, "host", **known)


def left(attempts: list[Attempt], *, complete: bool = False, active: Any = (), shards: int = 1) -> list[Left]:
    return left_over({"taiwan_credit": complete}, attempts, {"taiwan_credit": shards}, active, now=NOW)


def test_shards_without_an_attempt_that_ended_complete_are_left_in_the_division_that_was_made() -> None:
    some = [attempt("1/4", "complete"), attempt("3/4", "failed"), attempt("4/4", "interrupted", ago=9)]
    assert [one.shard for one in left(some, shards=8)] == ["2/4", "3/4", "4/4"]
    assert left(some, complete=True) == []


def test_what_somebody_is_at_is_not_left() -> None:
    some = [attempt("1/3", "complete"), attempt("2/3", None, hours=10)]
    assert [one.shard for one in left(some)] == ["3/3"], "2/3 is alive"
    assert left(some, active={("taiwan_credit", "3/3")}) == []


def test_an_attempt_whose_job_has_ended_is_not_alive_however_lately_it_was_heard_of() -> None:
    fresh = attempt("1/2", None, hours=1, ago=1, job="aaaa:0 attempt 1")
    for ended, expected in (((), ["2/2"]), (("aaaa",), ["1/2", "2/2"])):
        found = left_over({"taiwan_credit": False}, [fresh], {}, (), now=NOW, ended=ended)
        assert [one.shard for one in found] == expected


def test_where_all_say_they_are_through_and_results_are_missing_one_job_looks_at_all_of_it() -> None:
    some = [attempt(f"{n}/2", "complete") for n in (1, 2)]
    assert left(some) == [Left("taiwan_credit", None, 0)]
    assert left(some, active={("taiwan_credit", "1/2")}) == []


def test_after_two_reclaims_a_shard_goes_to_on_demand_and_deadlines_are_none() -> None:
    lost = [attempt("1/2", "interrupted", ago=30), attempt("1/2", None, ago=28)]
    timely = [attempt("2/2", "interrupted", hours=MAX_S / 3600, ago=ago, max_s=MAX_S) for ago in (90, 60)]
    timed_out = attempt("2/2", None, hours=MAX_S / 3600 + 0.1, ago=30, max_s=MAX_S)
    first, second = left([*lost, *timely, timed_out])
    assert (first.lost, first.on_demand) == (2, True)
    assert (second.lost, second.on_demand) == (0, False)


def test_what_time_an_attempt_had_is_its_own_whatever_the_platform_gives_now() -> None:
    hour, day = (attempt(None, "interrupted", hours=1, ago=ago, max_s=s) for ago, s in ((9, 3600.0), (7, MAX_S)))
    without = attempt(None, "interrupted", hours=30, ago=50)
    (found,) = left([without, hour, day])
    assert found.lost == 2, "all but the one that left at the end of its hour"


def test_each_part_becomes_a_job_and_a_whole_division_an_array() -> None:
    parts = [Left("taiwan_credit", f"{n}/4", 2 if n == 3 else 0) for n in (2, 3)]
    made = requests_for(parts, "autumn", SUBMISSION, "1f3a", definitions(), QUEUES, "cards-dev")
    assert [one.queue for one in made] == ["q", "q-od"]
    assert [one.command[-4:] for one in made] == [("--execution-id", "autumn", "--shard", f"{n}/4") for n in (2, 3)]
    assert [one.arguments({})["jobName"] for one in made] == [
        f"taiwan_credit-training-{SUBMISSION}-1f3a-{n}of4" for n in (2, 3)
    ]
    assert all("--spec" not in one.command for one in made), "the manifest says it"
    (whole,) = requests_for(
        [Left("taiwan_credit", f"{n}/3", 0) for n in (1, 2, 3)],
        "autumn",
        SUBMISSION,
        "1f3a",
        definitions(),
        QUEUES,
        "cards-dev",
    )
    assert whole.arguments({})["arrayProperties"] == {"size": 3}
    assert "--shard" not in whole.command


@given(
    st.lists(st.tuples(st.integers(1, 5), st.sampled_from(["complete", "failed", "interrupted", None])), max_size=12)
)
def test_every_shard_is_through_or_left_whatever_came_before(ended: list[tuple[int, str | None]]) -> None:
    some = [attempt(f"{n}/5", end, ago=100 - place) for place, (n, end) in enumerate(ended)]
    found = {one.shard for one in left(some, shards=5)}
    through = {f"{n}/5" for n, end in ended if end == "complete"}
    assert found | through == {*(f"{n}/5" for n in range(1, 6))} or found == {None}
    assert not found & through


def test_running_jobs_of_an_array_or_of_one_shard_are_active() -> None:
    command = ("experiment", "run", "--execution-id", "autumn", "--shard", "2/4")
    jobs = [
        job("RUNNING", command=command),
        job("PENDING", size=2, command=command[:4]),
        job("FAILED", command=(*command[:5], "3/4")),
        job("RUNNING", command=("experiment", "run", "--execution-id", "spring")),
    ]
    name = "taiwan_credit"
    assert active_parts(jobs, "autumn") == {(name, "2/4"), (name, "1/2"), (name, "2/2")}


def test_a_dataset_of_which_nothing_was_begun_is_left_as_it_was_to_be_divided() -> None:
    assert [one.shard for one in left([], shards=2)] == ["1/2", "2/2"]
    assert left([], shards=1) == [Left("taiwan_credit", None, 0)]
    with pytest.raises(StopIteration):
        next(iter(left([], complete=True)))
