"""Each job is submitted once, although the answer may be lost and the request knows no token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, EndpointConnectionError, ReadTimeoutError

from job.cloud.names import JobName
from job.cloud.sending import LOOK_S, Sender
from job.cloud.submission import JobRequest
from job.errors import AwsRefused
from tests.job.cloud.test_submission import SUBMISSION, definition

LOST = ReadTimeoutError(endpoint_url="https://batch.example.org")


class Batch:
    """A Batch that takes what is submitted, and loses answers as it is told: before or after it took the job.

    Parameters
    ----------
    fates : list
        For each SubmitJob what is raised, and after how many seconds the job appears in listings; None never.
    """

    def __init__(self, *fates: tuple[Exception | None, float | None]) -> None:
        self.fates = list(fates)
        self.now = 0.0
        self.jobs: list[dict[str, Any]] = []
        self.ended: list[str] = []

    def submit_job(self, **arguments: Any) -> dict[str, str]:
        raised, after = self.fates.pop(0) if self.fates else (None, 0.0)
        job = f"job-{len(self.jobs)}"
        if after is not None:
            seen = {"jobId": job, "jobName": arguments["jobName"], "createdAt": self.now, "status": "RUNNABLE"}
            self.jobs.append({**seen, "visible": self.now + after})
        if raised is not None:
            raise raised
        return {"jobId": job}

    def get_paginator(self, _: str) -> Batch:
        return self

    def paginate(self, *, jobQueue: str, filters: list[dict[str, Any]]) -> list[dict[str, Any]]:
        ((name,),) = (one["values"] for one in filters)
        found = [job for job in self.jobs if job["jobName"] == name and job["visible"] <= self.now]
        return [{"jobSummaryList": found[:1]}, {"jobSummaryList": found[1:]}]

    def terminate_job(self, *, jobId: str, reason: str) -> None:
        self.ended.append(jobId)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def sent(batch: Batch, count: int = 1) -> tuple[list[str], list[str]]:
    said: list[str] = []
    names = [JobName(f"cards_{number}", "data", SUBMISSION) for number in range(count)]
    requests = [JobRequest(name, "q", definition("cards", "data"), {}) for name in names]
    clock: Callable[[], float] = lambda: batch.now  # noqa: E731
    return Sender(batch, batch, said.append, batch.sleep, clock).send(requests), said


def test_answered_requests_are_sent_once_each() -> None:
    batch = Batch()
    assert sent(batch, 3) == (["job-0", "job-1", "job-2"], [])
    assert len(batch.jobs) == 3


@pytest.mark.parametrize("after", [0.0, 20.0, LOOK_S])
@pytest.mark.parametrize("lost", [LOST, ConnectionClosedError(endpoint_url="https://batch.example.org")])
def test_a_job_whose_answer_was_lost_is_found_by_its_name(lost: Exception, after: float) -> None:
    batch = Batch((lost, after))
    ids, said = sent(batch)
    assert (ids, len(batch.jobs), batch.ended) == (["job-0"], 1, [])
    assert "looking whether it arrived" in said[0]


def test_a_job_that_never_arrived_is_sent_again_after_a_minute() -> None:
    batch = Batch((LOST, None))
    ids, _ = sent(batch)
    assert (ids, len(batch.jobs), batch.now >= LOOK_S) == (["job-0"], 1, True)


def test_of_two_that_arrived_after_all_the_one_that_nothing_depends_on_is_ended() -> None:
    batch = Batch((LOST, LOOK_S + 1), (None, 0.0), (LOST, 3.0))
    ids, said = sent(batch, 2)
    assert ids == ["job-1", "job-2"]
    assert batch.ended == ["job-0"]
    assert "arrived twice: ending job-0" in said[-1]


def refusal(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "SubmitJob")  # type: ignore[arg-type]


def test_what_is_throttled_was_not_taken_and_is_sent_again_without_looking() -> None:
    batch = Batch((refusal("TooManyRequestsException", 429), None), (refusal("ThrottlingException", 400), None))
    assert sent(batch) == (["job-0"], [])


def test_a_server_that_failed_may_have_taken_the_job() -> None:
    batch = Batch((refusal("ServerException", 500), 0.0))
    assert sent(batch)[0] == ["job-0"]
    assert len(batch.jobs) == 1


def test_a_refusal_says_how_many_were_submitted_before() -> None:
    batch = Batch((None, 0.0), (refusal("ClientException", 400), None))
    with pytest.raises(AwsRefused, match=r"1 of 2 jobs were submitted before .*ldp cloud cancel"):
        sent(batch, 2)


def test_a_batch_that_cannot_be_reached_is_said_after_a_few_tries() -> None:
    gone = EndpointConnectionError(endpoint_url="https://batch.example.org")
    with pytest.raises(AwsRefused, match="cannot be reached"):
        sent(Batch(*[(gone, None)] * 5))
