"""What make apply does with a stack that failed, with jobs that run, and with what an earlier stack left."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from stacks.apply import Apply
from stacks.errors import OperationRefused
from stacks.settings import PlatformSettings
from tests.stacks.fakes import FakeCloudFormation
from tests.stacks.synthesis import synthesize

DEV, PROD = "loan-default-prediction-dev", "loan-default-prediction-prod"
QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/Queue"
GROUP = "/aws/batch/loan-default-prediction-prod"


class Batch:
    """A queue with jobs by their state."""

    def __init__(self, jobs: dict[str, list[str]], state: str = "ENABLED") -> None:
        self.jobs, self.state = jobs, state

    def describe_job_queues(self, jobQueues: list[str]) -> dict[str, Any]:
        return {"jobQueues": [{"jobQueueArn": arn, "jobQueueName": "Queue", "state": self.state} for arn in jobQueues]}

    def update_job_queue(self, jobQueue: str, state: str) -> None:
        self.state = state

    def get_paginator(self, operation: str) -> Any:
        assert operation == "list_jobs"

        def pages(jobQueue: str, jobStatus: str) -> list[dict[str, Any]]:
            names = self.jobs.get(jobStatus, [])
            return [{"jobSummaryList": [{"jobId": f"id-{name}", "jobName": name} for name in names]}]

        return Mock(paginate=pages)


def deployed(context: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    context = context or {}
    outputs = {"UseGpu": str(context.get("useGpu", "false"))}
    resources = [("AWS::Batch::JobQueue", QUEUE, "CREATE_COMPLETE")]
    return {"template": synthesize(**context).template, "outputs": outputs, "resources": resources, **more}


def apply_to(
    stacks: dict[str, Any], *, batch: Batch | None = None, agreed: bool = False, there: tuple[str, ...] = ()
) -> tuple[Apply, list[str], list[str]]:
    said: list[str] = []
    asked: list[str] = []

    class NoRepository(Exception):
        pass

    def head_bucket(Bucket: str) -> None:
        if Bucket not in there:
            raise ClientError({"Error": {"Code": "404", "Message": "Not Found"}}, "HeadBucket")

    def repositories(repositoryNames: list[str]) -> None:
        if repositoryNames[0] not in there:
            raise NoRepository

    def ask(question: str) -> bool:
        asked.append(question)
        return agreed

    s3 = Mock(head_bucket=head_bucket)
    s3.exceptions.ClientError = ClientError
    ecr = Mock(describe_repositories=repositories)
    ecr.exceptions.RepositoryNotFoundException = NoRepository
    logs = Mock()
    logs.describe_log_groups.side_effect = lambda logGroupNamePrefix: {
        "logGroups": [{"logGroupName": name} for name in there if name.startswith(logGroupNamePrefix)]
    }
    apply = Apply(FakeCloudFormation(stacks), batch or Batch({}), s3, ecr, logs, said.append, ask)
    return apply, said, asked


def before(apply: Apply, **context: Any) -> list[str]:
    return apply.before(PlatformSettings.from_context(context), synthesize(**context).template)


def test_a_stack_whose_deletion_failed_is_refused_and_make_destroy_is_named() -> None:
    apply, _, _ = apply_to({DEV: deployed(status="DELETE_FAILED")})
    with pytest.raises(OperationRefused, match="Run make destroy"):
        before(apply)


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED"])
def test_a_protected_stack_that_failed_to_be_made_may_be_made_anew(status: str) -> None:
    stacks = {PROD: deployed({"environment": "prod"}, status=status, protected=True)}
    apply, said, _ = apply_to(stacks)
    assert before(apply, environment="prod") == []
    assert stacks[PROD]["protected"] is False
    assert "its protection is turned off" in said[0]


@pytest.mark.parametrize("status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"])
def test_the_protection_of_any_other_stack_stays(status: str) -> None:
    stacks = {PROD: deployed({"environment": "prod"}, status=status, protected=True)}
    apply, _, _ = apply_to(stacks)
    before(apply, environment="prod")
    assert stacks[PROD]["protected"] is True


def test_a_change_of_the_machines_while_jobs_run_is_asked_for_and_refused_where_nobody_agrees() -> None:
    batch = Batch({"RUNNING": ["cards"], "RUNNABLE": ["bonds"]})
    apply, said, asked = apply_to({DEV: deployed()}, batch=batch)
    with pytest.raises(OperationRefused, match=r"2 jobs are not finished\n +Wait for them, or add YES=true"):
        before(apply, useGpu="true")
    assert len(asked) == 1
    assert "those that run go on for 30 minutes, are then ended and retried" in said[0]
    assert sorted(said[1:]) == [
        "  bonds (id-bonds): RUNNABLE, waits",
        "  cards (id-cards): RUNNING, ended and retried if it is not done by then",
    ]


def test_jobs_that_ask_for_a_gpu_have_to_be_submitted_again_when_there_will_be_none() -> None:
    apply, said, _ = apply_to({DEV: deployed({"useGpu": "true"})}, batch=Batch({"RUNNING": ["cards"]}), agreed=True)
    assert before(apply) == []
    assert "submit them again" in said[0]
    assert said[1] == "  cards (id-cards): RUNNING, to be submitted again"


@pytest.mark.parametrize("context", [{}, {"alertEmail": "team@example.com"}, {"jobMemoryMib": "12000"}])
def test_nobody_is_asked_where_the_machines_stay(context: dict[str, Any]) -> None:
    apply, said, asked = apply_to({DEV: deployed()}, batch=Batch({"RUNNING": ["cards"]}))
    assert before(apply, **context) == []
    assert (said, asked) == ([], [])


def test_nobody_is_asked_where_no_job_is_unfinished() -> None:
    apply, _, asked = apply_to({DEV: deployed()})
    before(apply, useGpu="true")
    assert asked == []


def test_queues_that_a_teardown_disabled_are_enabled() -> None:
    batch = Batch({}, state="DISABLED")
    apply, said, _ = apply_to({DEV: deployed()}, batch=batch)
    apply.after(PlatformSettings.from_context({}))
    assert batch.state == "ENABLED"
    assert said == ["enabled queue Queue, which was disabled"]


@pytest.mark.parametrize(
    ("there", "options"),
    [
        ((), []),
        ((GROUP,), ["--import-existing-resources"]),
        (("acme-loans",), ["--import-existing-resources"]),
        (("acme/loans",), ["--import-existing-resources"]),
        ((f"{GROUP}-other",), []),
    ],
)
def test_what_an_earlier_prod_stack_left_is_taken_into_the_new_one(there: tuple[str, ...], options: list[str]) -> None:
    apply, said, _ = apply_to({}, there=there)
    names = {"bucketName": "acme-loans", "repositoryName": "acme/loans"}
    assert before(apply, environment="prod", **names) == options
    assert len(said) == len(options)


def test_what_belongs_to_another_stack_is_left_to_it() -> None:
    other = {"resources": [("AWS::S3::Bucket", "acme-loans", "CREATE_COMPLETE")]}
    apply, _, _ = apply_to({"other": other}, there=("acme-loans",))
    assert before(apply, environment="prod", bucketName="acme-loans") == []


def test_nothing_is_imported_where_the_stack_deletes_what_it_has() -> None:
    apply, _, _ = apply_to({}, there=("/aws/batch/loan-default-prediction",))
    assert before(apply) == []
