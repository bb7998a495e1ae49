"""Jobs are found in few calls, described a hundred at a time, and ended in the right order."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from job.cloud.cancel import cancel, in_order
from job.cloud.jobs import children, find_jobs, require_jobs
from job.cloud.logs import Line, Reader, Told
from job.cloud.names import JobName
from job.errors import JobNotFound

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
FIRST, SECOND = "0123456789ab", "ba9876543210"


class Batch:
    """A Batch that pages its lists at a hundred and describes no more than a hundred at once; it counts the calls."""

    def __init__(self, jobs: list[dict[str, Any]]) -> None:
        self.jobs = {one["jobId"]: one for one in jobs}
        self.calls: list[str] = []
        self.ended: list[str] = []

    def get_paginator(self, operation: str) -> Batch:
        assert operation == "list_jobs"
        return self

    def paginate(self, *, jobQueue: str, filters: list[dict[str, Any]]) -> Any:
        ((name, values),) = ((one["name"], one["values"]) for one in filters)
        assert name == "AFTER_CREATED_AT"
        assert int(values[0]) < NOW.timestamp() * 1000
        found = [one for one in self.jobs.values() if one["jobQueue"] == jobQueue and ":" not in one["jobId"]]
        for start in range(0, max(len(found), 1), 100):
            self.calls.append("list")
            yield {"jobSummaryList": found[start : start + 100]}

    def describe_jobs(self, *, jobs: list[str]) -> dict[str, Any]:
        assert 0 < len(jobs) <= 100
        self.calls.append("describe")
        return {"jobs": [self.jobs[one] for one in jobs if one in self.jobs]}

    def terminate_job(self, *, jobId: str, reason: str) -> None:
        assert reason
        self.ended.append(jobId)


def described(
    job: str, dataset: str = "cards", kind: str = "training", submission: str = FIRST, **more: Any
) -> dict[str, Any]:
    name = str(JobName(dataset, kind, submission))
    return {"jobId": job, "jobName": name, "jobQueue": "q", "status": "RUNNING", "createdAt": 1, **more}


def test_a_thousand_jobs_take_ten_lists_and_ten_descriptions() -> None:
    batch = Batch([described(f"job-{n}", f"cards_{n}") for n in range(1000)])
    assert len(find_jobs(batch, ["q", "other"], now=NOW)) == 1000
    assert (batch.calls.count("list"), batch.calls.count("describe")) == (11, 10)


def test_of_many_only_those_meant_are_described() -> None:
    jobs = [described(f"job-{n}", f"cards_{n}") for n in range(300)]
    batch = Batch([*jobs, described("mine", "loans", submission=SECOND)])
    for what in ("loans", SECOND, f"quick-20261125-{SECOND}", f"loans-training-{SECOND}", "mine"):
        batch.calls.clear()
        assert [one.id for one in find_jobs(batch, ["q"], now=NOW, what=what)] == ["mine"], what
        assert batch.calls.count("describe") == 1


def test_an_execution_with_an_id_of_its_own_is_found_by_the_commands_and_what_went_on_with_it_by_its_name() -> None:
    command = ["experiment", "run", "--execution-id", "autumn"]
    again = described("again", container={"command": command}) | {"jobName": f"cards-training-{FIRST}-1f3a-2of3"}
    batch = Batch([described("one", container={"command": command}), described("other", "loans"), again])
    assert {one.id for one in find_jobs(batch, ["q"], now=NOW, what="autumn")} == {"one", "again"}
    assert {one.id for one in find_jobs(batch, ["q"], now=NOW, what=f"cards-training-{FIRST}")} == {"one", "again"}
    assert [one.id for one in find_jobs(batch, ["q"], now=NOW, what=str(again["jobName"]))] == ["again"]


def test_without_a_name_the_latest_submission_is_meant() -> None:
    batch = Batch([described("old", createdAt=1), described("new", submission=SECOND, createdAt=2)])
    assert [one.id for one in require_jobs(batch, ["q"], now=NOW, what=None)] == ["new"]
    with pytest.raises(JobNotFound, match="no job of 'houses'"):
        require_jobs(batch, ["q"], now=NOW, what="houses")


def test_shards_of_an_array_are_described_by_their_ids_without_a_list() -> None:
    shards = [described(f"parent:{n}", arrayProperties={"index": n}) for n in range(250)]
    batch = Batch([described("parent", arrayProperties={"size": 250}), *shards])
    (parent,) = find_jobs(batch, ["q"], now=NOW)
    batch.calls.clear()
    assert [one.index for one in children(batch, parent)] == list(range(250))
    assert batch.calls == ["describe"] * 3


def test_jobs_end_before_what_they_wait_for_and_what_has_ended_is_left_alone() -> None:
    batch = Batch([
        described("data", kind="data"),
        described("training", dependsOn=[{"jobId": "data"}], status="PENDING"),
        described("over", "loans", status="SUCCEEDED"),
    ])  # fmt: skip
    jobs = find_jobs(batch, ["q"], now=NOW)
    assert [one.id for one in in_order(jobs)] == ["training", "data"]
    cancel(batch, jobs)
    assert batch.ended == ["training", "data"]


class Logs:
    """CloudWatch Logs with two events a page; a stream that is not there yet is refused as AWS refuses it."""

    def __init__(self, streams: dict[str, list[str]]) -> None:
        self.streams = streams

    def get_log_events(
        self, *, logGroupName: str, logStreamName: str, nextToken: str = "0", startFromHead: bool = False
    ) -> dict[str, Any]:
        from botocore.exceptions import ClientError

        assert startFromHead or nextToken != "0"
        if logStreamName not in self.streams:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetLogEvents")
        start = int(nextToken)
        events = [{"timestamp": 1, "message": text} for text in self.streams[logStreamName][start : start + 2]]
        return {"events": events, "nextForwardToken": str(start + len(events))}


def attempt(stream: str | None) -> dict[str, Any]:
    return {"startedAt": 1, "stoppedAt": 2, "container": {"logStreamName": stream} if stream else {}}


def texts(read: Any) -> list[tuple[int, str]]:
    return [(one.attempt, one.text) for one in read if isinstance(one, Line)]


def test_the_logs_of_all_attempts_are_read_in_order_and_whole() -> None:
    batch = Batch([
        described("one", attempts=[attempt("a"), attempt(None)], container={"logStreamName": "b"}, status="FAILED")
    ])  # fmt: skip
    (job,) = find_jobs(batch, ["q"], now=NOW)
    logs = Logs({"a": ["1", "2", "3\x1b[31m", "4", "5"], "b": ["again"]})
    read = list(Reader(logs, batch, "group").read(job))
    assert texts(read) == [(1, "1"), (1, "2"), (1, "3 [31m"), (1, "4"), (1, "5"), (3, "again")]
    assert [one.text for one in read if isinstance(one, Told)] == [
        f"{job.name}, attempt 2 has no log: its container did not start"
    ]
    assert texts(Reader(logs, batch, "group", attempt=3).read(job)) == [(3, "again")]
    (told,) = Reader(logs, batch, "group", attempt=9).read(job)
    assert told.text == f"{job.name} has no attempt 9: it has had 3"


def test_a_log_that_is_followed_goes_on_with_the_stream_of_the_retry() -> None:
    batch = Batch([described("one", container={"logStreamName": "a"})])
    (job,) = find_jobs(batch, ["q"], now=NOW)
    logs = Logs({"a": ["begun"]})
    waits = 0

    def sleep(_: float) -> None:
        nonlocal waits
        waits += 1
        if waits == 1:
            logs.streams["a"].append("going on")
        elif waits == 2:  # reclaimed; the next attempt's stream is not there yet
            batch.jobs["one"] |= {"attempts": [attempt("a")], "container": {"logStreamName": "b"}}
        elif waits == 3:
            logs.streams["b"] = ["resumed", "done"]
        else:
            batch.jobs["one"] |= {"attempts": [attempt("a"), attempt("b")], "status": "SUCCEEDED"}

    read = list(Reader(logs, batch, "group", sleep=sleep).read(job, follow=True))
    assert texts(read) == [(1, "begun"), (1, "going on"), (2, "resumed"), (2, "done")]


def test_a_stream_that_is_not_there_is_said() -> None:
    batch = Batch([described("one", container={"logStreamName": "gone"}, status="SUCCEEDED")])
    (told,) = Reader(Logs({}), batch, "group").read(find_jobs(batch, ["q"], now=NOW)[0])
    assert "there is no log stream gone" in told.text
