"""Teardown and unbootstrap step by step, where the emulator's whole cycle does not reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from stacks.bootstrap import Unbootstrap, ensure_spot_role
from stacks.deployed import DeployedStack, deployed_image_tag, find_stack, has_image
from stacks.errors import OperationRefused
from stacks.settings import PlatformSettings
from stacks.teardown import UNFINISHED, Teardown, empty_bucket
from tests.stacks.fakes import FakeCloudFormation, Missing, put_image


class FakeBatch:
    """Queues with jobs; a job ends so many polls after it is told to."""

    def __init__(self, jobs: dict[str, dict[str, int]]) -> None:
        self.jobs = jobs
        self.told: list[str] = []
        self.disabled: list[str] = []
        self.deregistered: list[str] = []
        self.revisions: dict[str, list[str]] = {}

    def describe_job_queues(self, jobQueues: list[str]) -> dict[str, Any]:
        return {
            "jobQueues": [
                {"jobQueueArn": arn, "jobQueueName": arn.split("/")[-1]} for arn in jobQueues if arn in self.jobs
            ]
        }

    def update_job_queue(self, jobQueue: str, state: str) -> None:
        assert state == "DISABLED"
        self.disabled.append(jobQueue)

    def terminate_job(self, jobId: str, reason: str) -> None:
        assert reason
        self.told.append(jobId)

    def deregister_job_definition(self, jobDefinition: str) -> None:
        self.deregistered.append(jobDefinition)

    def get_paginator(self, operation: str) -> Any:
        def jobs(jobQueue: str, jobStatus: str) -> list[dict[str, Any]]:
            if jobStatus != "RUNNING":
                return [{"jobSummaryList": []}]
            return [{"jobSummaryList": [{"jobId": job, "jobName": f"name-{job}"}]} for job in self.jobs[jobQueue]]

        def definitions(jobDefinitionName: str, status: str) -> list[dict[str, Any]]:
            assert status == "ACTIVE"
            return [
                {"jobDefinitions": [{"jobDefinitionArn": arn}]} for arn in self.revisions.get(jobDefinitionName, [])
            ]

        return Mock(paginate=jobs if operation == "list_jobs" else definitions)

    def sleep(self, seconds: float) -> None:
        for queue in self.jobs.values():
            for job in [job for job in queue if job in self.told]:
                queue[job] -= 1
                if queue[job] <= 0:
                    del queue[job]


QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/it-Queue"
OLD_QUEUE = "arn:aws:batch:us-east-1:123456789012:job-queue/gone"
DEFINITION = "arn:aws:batch:us-east-1:123456789012:job-definition/loans-cards"


def stack_of(*resources: tuple[str, str], **more: Any) -> dict[str, dict[str, Any]]:
    return {"it": {"resources": [(kind, name, "CREATE_COMPLETE") for kind, name in resources], **more}}


@pytest.fixture(autouse=True)
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where teardown writes down what to deregister."""
    monkeypatch.setattr("tests.stacks.test_teardown.NOTES", tmp_path / "build")
    return tmp_path / "build"


NOTES = Path()


def teardown_of(cloudformation: FakeCloudFormation, batch: FakeBatch, s3: Any = None, **more: Any) -> Teardown:
    return Teardown(
        cloudformation=cloudformation,
        batch=batch,
        s3=s3,
        say=lambda line: None,
        sleep=batch.sleep,
        notes=NOTES,
        **more,
    )


def test_jobs_are_told_once_and_waited_for() -> None:
    batch = FakeBatch({QUEUE: {"a": 1, "b": 3}})
    cloudformation = FakeCloudFormation(stack_of(("AWS::Batch::JobQueue", QUEUE)))
    assert teardown_of(cloudformation, batch).run("it", "dev")
    assert batch.told == ["a", "b"]
    assert batch.disabled == [QUEUE]
    assert batch.jobs == {QUEUE: {}}


def test_every_state_in_which_a_job_is_not_finished_is_looked_at() -> None:
    assert set(UNFINISHED) == {"SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING"}


def test_jobs_that_do_not_end_are_named_and_the_target_can_be_run_again() -> None:
    batch = FakeBatch({QUEUE: {"a": 1000}})
    cloudformation = FakeCloudFormation(stack_of(("AWS::Batch::JobQueue", QUEUE)))
    with pytest.raises(OperationRefused, match="1 jobs have not ended after 10 s: name-a") as refusal:
        teardown_of(cloudformation, batch, patience_s=10).run("it", "dev")
    assert "Run make destroy again" in str(refusal.value)
    batch.jobs[QUEUE].clear()
    assert teardown_of(cloudformation, batch, patience_s=10).run("it", "dev")


def test_a_queue_that_is_gone_already_is_passed_over() -> None:
    batch = FakeBatch({QUEUE: {}})
    resources = [("AWS::Batch::JobQueue", OLD_QUEUE), ("AWS::Batch::JobQueue", QUEUE)]
    assert teardown_of(FakeCloudFormation(stack_of(*resources)), batch).run("it", "dev")
    assert batch.disabled == [QUEUE]


def test_every_revision_of_a_definition_is_deregistered_once_the_stack_is_gone(notes: Path) -> None:
    batch = FakeBatch({})
    batch.revisions = {"loans-cards": [f"{DEFINITION}:{number}" for number in (1, 2, 3)]}
    cloudformation = FakeCloudFormation(stack_of(("AWS::Batch::JobDefinition", f"{DEFINITION}:3")))
    teardown_of(cloudformation, batch).run("it", "dev")
    teardown_of(cloudformation, batch).deregister("it")
    assert batch.deregistered == [], "its deletion may still fail, and jobs must be retried then"
    cloudformation.delete_stack("it")
    teardown_of(cloudformation, batch).deregister("it")
    assert batch.deregistered == [f"{DEFINITION}:1", f"{DEFINITION}:2", f"{DEFINITION}:3"]
    assert list(notes.iterdir()) == []
    teardown_of(cloudformation, batch).deregister("it")
    assert len(batch.deregistered) == 3, "nothing is left to do"


def test_what_a_first_teardown_noted_is_kept_when_the_deletion_failed_half_way() -> None:
    batch = FakeBatch({})
    batch.revisions = {"loans-cards": [f"{DEFINITION}:1"], "loans-bonds": [f"{DEFINITION[:-5]}bonds:1"]}
    bonds = DEFINITION.replace("cards", "bonds")
    whole = [("AWS::Batch::JobDefinition", f"{DEFINITION}:1"), ("AWS::Batch::JobDefinition", f"{bonds}:1")]
    teardown_of(FakeCloudFormation(stack_of(*whole)), batch).run("it", "dev")
    cloudformation = FakeCloudFormation(stack_of(whole[0]))
    teardown_of(cloudformation, batch).run("it", "dev")
    cloudformation.delete_stack("it")
    teardown_of(cloudformation, batch).deregister("it")
    assert len(batch.deregistered) == 2


def test_what_cloudformation_has_deleted_already_is_not_touched() -> None:
    stacks = {"it": {"resources": [("AWS::Batch::JobQueue", QUEUE, "DELETE_COMPLETE")], "status": "DELETE_FAILED"}}
    batch = FakeBatch({QUEUE: {"a": 1}})
    assert teardown_of(FakeCloudFormation(stacks), batch).run("it", "dev")
    assert batch.told == []


@pytest.mark.parametrize(("environment", "outputs"), [("prod", {}), ("dev", {"Environment": "prod"})])
def test_prod_is_refused_whoever_says_so(environment: str, outputs: dict[str, str]) -> None:
    batch = FakeBatch({QUEUE: {"a": 1}})
    cloudformation = FakeCloudFormation(stack_of(("AWS::Batch::JobQueue", QUEUE), outputs=outputs))
    with pytest.raises(OperationRefused, match="it is a prod environment"):
        teardown_of(cloudformation, batch).run("it", environment)
    assert (batch.told, batch.disabled) == ([], [])


def test_a_stack_that_is_not_there_is_nothing_to_do() -> None:
    assert teardown_of(FakeCloudFormation({}), FakeBatch({})).run("it", "dev") is False


@pytest.fixture
def s3() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("s3", region_name="us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")


def test_a_bucket_with_more_versions_than_one_request_can_delete_is_emptied(s3: Any) -> None:
    said: list[str] = []
    s3.create_bucket(Bucket="filled")
    s3.put_bucket_versioning(Bucket="filled", VersioningConfiguration={"Status": "Enabled"})
    for number in range(1100):
        s3.put_object(Bucket="filled", Key=f"executions/{number}", Body=b"1")
    for number in range(50):
        s3.delete_object(Bucket="filled", Key=f"executions/{number}")
    for number in range(3):
        s3.create_multipart_upload(Bucket="filled", Key=f"data/{number}")
    empty_bucket(s3, "filled", said.append)
    assert said == ["emptied bucket filled: 1150 versions and delete markers, 3 open uploads"]
    s3.delete_bucket(Bucket="filled")
    empty_bucket(s3, "filled", said.append)
    assert said[1:] == ["bucket filled is gone already"]


def test_an_object_that_cannot_be_deleted_ends_the_target_with_its_name() -> None:
    s3 = Mock()
    s3.list_object_versions.return_value = {"Versions": [{"Key": "executions/1", "VersionId": "v"}]}
    s3.delete_objects.return_value = {"Errors": [{"Key": "executions/1", "Code": "AccessDenied"}]}
    with pytest.raises(OperationRefused, match="the first is executions/1: AccessDenied"):
        empty_bucket(s3, "filled", lambda line: None)


@pytest.mark.parametrize(
    ("deployed", "context", "expected"),
    [
        (None, {}, None),
        ("cpu-never-pushed", {}, None),
        ("cpu-0123", {}, "cpu-0123"),
        ("cpu-0123", {"imageTag": "cpu-4567"}, None),
        ("cpu-0123", {"useGpu": "true"}, None),
        ("gpu-0123", {"useGpu": "true"}, "gpu-0123"),
    ],
)
def test_the_deployed_image_is_kept_if_it_is_there_and_of_the_mode(
    deployed: str | None, context: dict[str, str], expected: str | None
) -> None:
    settings = PlatformSettings.from_context(context)
    outputs = {"ImageTag": deployed, "EcrRepoName": "images"}
    stacks = {settings.stack_name: {"outputs": outputs}} if deployed else {}
    with mock_aws():
        ecr = boto3.client("ecr", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        ecr.create_repository(repositoryName="images")
        for tag in ("cpu-0123", "gpu-0123"):
            put_image(ecr, "images", tag)
        assert deployed_image_tag(FakeCloudFormation(stacks), ecr, settings) == expected


def test_an_image_is_not_there_where_its_repository_is_gone() -> None:
    with mock_aws():
        ecr = boto3.client("ecr", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        assert not has_image(ecr, "images", "cpu-0123")


def test_a_deployed_stack_is_found_with_all_pages_of_its_resources() -> None:
    stacks = stack_of(("AWS::S3::Bucket", "b"), ("AWS::S3::BucketPolicy", " "), ("AWS::ECR::Repository", "r"))
    assert find_stack(FakeCloudFormation(stacks), "it") == DeployedStack(
        "it", "CREATE_COMPLETE", {}, (("AWS::S3::Bucket", "b"), ("AWS::ECR::Repository", "r"))
    )


def test_another_refusal_of_cloudformation_is_not_taken_for_an_absent_stack() -> None:
    cloudformation = Mock(exceptions=Mock(ClientError=ClientError))
    cloudformation.describe_stacks.side_effect = Missing("Rate exceeded")
    with pytest.raises(ClientError, match="Rate exceeded"):
        find_stack(cloudformation, "it")


def test_the_spot_role_is_created_once() -> None:
    said: list[str] = []
    with mock_aws():
        iam = boto3.client("iam", aws_access_key_id="testing", aws_secret_access_key="testing")
        created = []

        class Recording:
            exceptions = iam.exceptions

            def get_role(self, RoleName: str) -> Any:
                return iam.get_role(RoleName=RoleName)

            def create_service_linked_role(self, AWSServiceName: str) -> None:
                created.append(AWSServiceName)
                iam.create_role(RoleName="AWSServiceRoleForEC2Spot", AssumeRolePolicyDocument="{}")

        assert ensure_spot_role(Recording(), said.append) is True
        assert ensure_spot_role(Recording(), said.append) is False
    assert created == ["spot.amazonaws.com"]


ROLE = "arn:aws:iam::123456789012:role/cdk-hnb659fds-cfn-exec-role-123456789012-us-east-1"


def unbootstrap_of(stacks: dict[str, dict[str, Any]]) -> tuple[Unbootstrap, FakeCloudFormation]:
    cloudformation = FakeCloudFormation(stacks)
    return Unbootstrap(cloudformation, Mock(), Mock(), say=lambda line: None, sleep=lambda s: None), cloudformation


def test_the_toolkit_stays_while_a_stack_needs_it() -> None:
    unbootstrap, cloudformation = unbootstrap_of({"CDKToolkit": {}, "other-app": {"role": ROLE}})
    with pytest.raises(OperationRefused, match="it deployed other-app"):
        unbootstrap.run()
    assert cloudformation.deleted == []


def test_a_toolkit_that_cannot_be_deleted_is_said() -> None:
    unbootstrap, cloudformation = unbootstrap_of({"CDKToolkit": {"stuck": True}})
    with pytest.raises(OperationRefused, match="DELETE_FAILED"):
        unbootstrap.run()
    assert cloudformation.deleted == ["CDKToolkit"]


def test_stacks_of_other_tools_do_not_hold_the_toolkit() -> None:
    unbootstrap, cloudformation = unbootstrap_of({"CDKToolkit": {}, "by-hand": {}})
    assert unbootstrap.run()
    assert cloudformation.deleted == ["CDKToolkit"]
