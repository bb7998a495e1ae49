"""Why a job waits, and how an attempt ended, in words, on the shapes that AWS Batch answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from job.cloud.endings import ending
from job.cloud.jobs import Job, JobAttempt
from job.cloud.names import JobName
from job.cloud.queues import Environment, Queue
from job.cloud.quotas import Quota
from job.cloud.waiting import Situation, Snapshot, snapshot, why

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
SPOT = Environment("spot-ce", "spot", True, "ENABLED, VALID", "", 16, ("m5.xlarge",))
OD = Environment("od-ce", "on-demand", True, "ENABLED, VALID", "", 8, ("m5.xlarge",))
ANY = Queue("any", "q", "arn:q", True, "ENABLED, VALID", "", (SPOT, OD))
SPOT_ONLY = Queue("spot", "q-spot", "arn:q-spot", True, "ENABLED, VALID", "", (SPOT,))


def job(state: str = "RUNNABLE", **more: Any) -> Job:
    name = JobName("taiwan_credit", "training", "0123456789ab")
    made = NOW - timedelta(minutes=1)
    found = Job("id-1", str(name), name, ANY.arn, state, "", made, None, None, (), None, 1, {}, (), (), 4, 14336)
    return replace(found, **more)


def situation(**more: Any) -> Situation:
    empty = {ANY.arn: Snapshot({"id-1": 1}, 0.0), SPOT_ONLY.arn: Snapshot({}, 0.0)}
    return replace(Situation(ANY, empty, (ANY, SPOT_ONLY), {}, NOW), **more)


def said(one: Job, around: Situation | None = None, others: dict[str, Job] | None = None) -> str:
    found = why(one, around or situation(), others or {})
    return "" if found is None else f"{found.words} — {found.fix}"


@pytest.mark.parametrize("state", ["RUNNING", "SUCCEEDED", "FAILED"])
def test_what_runs_or_has_ended_does_not_wait(state: str) -> None:
    assert said(job(state)) == ""


@pytest.mark.parametrize(
    ("reason", "words", "fix"),
    [
        (
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY - Service cannot fulfill the capacity requested for [m5.xlarge]",
            "no instance of these types",
            "--on-demand",
        ),
        ("MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE - CE(s) …", "more vCPUs than", "spotMaxVcpus"),
        ("MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - The job …", "no instance type has", "jobMemoryMib"),
        ("MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED - …", "cannot launch", "make apply"),
        (
            "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS – Batch service role has a permission issue.",
            "service role",
            "role",
        ),
        ("ACTION_REQUIRED - CE(s) associated with the job queue are invalid.", "are invalid", "make apply"),
        ("UNDETERMINED - Batch job is blocked, root cause is undetermined.", "does not know why", "console"),
    ],
)
def test_each_documented_reason_is_said_in_words_with_what_to_do(reason: str, words: str, fix: str) -> None:
    found = why(job(reason=reason), situation(), {})
    assert found is not None
    assert words in found.words
    assert fix in str(found.fix)


def test_a_queue_or_environments_that_run_nothing_are_named() -> None:
    assert "DISABLED, VALID" in said(job(), situation(queue=replace(ANY, ready=False, state="DISABLED, VALID")))
    broken = replace(SPOT, ready=False, state="ENABLED, INVALID", reason="CLIENT_ERROR")
    assert "spot-ce is ENABLED, INVALID CLIENT_ERROR" in said(
        job(), situation(queue=replace(ANY, environments=(broken,)))
    )
    assert "does not exist any more" in said(job(), situation(queue=None))


def test_places_are_told_as_far_as_batch_tells_them_with_what_shares_the_environment() -> None:
    shared = {ANY.arn: Snapshot({"other": 1, "id-1": 2}, 8.0), SPOT_ONLY.arn: Snapshot({}, 4.0)}
    assert "place 2 in the queue (at most 12 of 16 vCPUs in use on spot; at most 8 of 8" in said(
        job(), situation(snapshots=shared)
    )
    many = {ANY.arn: Snapshot({f"other-{n}": n for n in range(1, 101)}, None)}
    assert "beyond 100" in said(job(), situation(snapshots=many))


def test_the_first_waits_for_vcpus_a_quota_or_an_instance() -> None:
    full = {ANY.arn: Snapshot({"id-1": 1}, 8.0), SPOT_ONLY.arn: Snapshot({}, 8.0)}
    assert "vCPUs are in use (spot 16 of 16, on-demand 8 of 8) — Wait" in said(job(), situation(snapshots=full))
    quota = Quota("L-34B43A08", "All Standard Spot Instance Requests", 2, True)
    low = situation(quotas={"spot": quota, "on-demand": quota})
    assert "probably the quota All Standard Spot Instance Requests is too low (2)" in said(job(), low)
    assert "quota" not in said(job(), situation(quotas={"spot": quota, "on-demand": None}))
    assert "it is next; an instance is being started" in said(job())
    assert said(job(), situation(snapshots={})).startswith("probably an instance is being started"), "no place is known"
    assert "longer than usual" in said(job(created=NOW - timedelta(hours=1)))


def test_what_waits_for_another_job_says_which_and_that_it_never_starts_where_that_failed() -> None:
    waiting = job("PENDING", after=("data",))
    others = {"data": job("RUNNING", id="data", name="taiwan_credit-data-0123456789ab")}
    assert "waits for taiwan_credit-data-0123456789ab, which is RUNNING" in said(waiting, others=others)
    others["data"] = replace(others["data"], state="FAILED")
    assert "failed, so it will not start" in said(waiting, others=others)


def test_an_array_whose_shards_run_does_not_wait_although_batch_calls_it_pending() -> None:
    assert said(job("PENDING", size=4, counts={"RUNNING": 1, "RUNNABLE": 3})) == ""
    assert said(job("PENDING", size=4, counts={"PENDING": 4})) != ""


def test_a_snapshot_is_read_as_batch_gives_it() -> None:
    batch = boto3.client("batch", "eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    job_arn = "arn:aws:batch:eu-west-1:123456789012:job/"
    usage = {"totalCapacityUsage": [{"capacityUnit": "VCPU", "quantity": 12.0}], "lastUpdatedAt": 1}
    answer = {
        "frontOfQueue": {"jobs": [{"jobArn": job_arn + one, "earliestTimeAtPosition": 1} for one in ("a", "b:7")]},
        "queueUtilization": usage,
    }
    with Stubber(batch) as stub:
        stub.add_response("get_job_queue_snapshot", answer, {"jobQueue": ANY.arn})
        stub.add_response("get_job_queue_snapshot", {}, {"jobQueue": ANY.arn})
        assert snapshot(batch, ANY) == Snapshot({"a": 1, "b:7": 2}, 12.0)
        assert snapshot(batch, ANY) == Snapshot({}, None)


def ended(code: int | None, reason: str = "", job_reason: str = "") -> str:
    return ending(JobAttempt(NOW, NOW, code, reason, None), job_reason).kind


def test_reclaims_and_orderly_exits_are_told_apart_from_failures() -> None:
    assert ended(None, "Host EC2 (instance i-0123456789abcdef0) terminated.") == "reclaimed"
    assert ended(143, "Essential container in task exited") == "interrupted"
    assert ended(143, "Essential container in task exited", "ended by ldp cloud cancel") == "ended"
    assert ended(137, "OutOfMemoryError: Container killed due to memory usage") == "out of memory"
    assert ended(None, "Task failed to start; CannotPullContainerError: not found") == "not started"
    assert ended(137, "Job attempt duration exceeded timeout") == "timed out"
    assert ended(1, "Essential container in task exited") == "failed"
    assert ended(0, "Essential container in task exited") == "done"
    assert "exit code 2 (the command" in ending(JobAttempt(NOW, NOW, 2, "", None)).words
