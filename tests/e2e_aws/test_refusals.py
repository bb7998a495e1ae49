"""What AWS refuses its users, through every command: one line that says what is wrong, and one that says what to do."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.e2e_aws.account import STACK, Account, Ldp, states

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

DATASET = "taiwan_credit"
SUBMIT = ("submit", DATASET, "--spec", "tiny.toml")
IMAGE, OUTPUTS, PLAN = ("image",), ("outputs",), ("plan", "--platform", STACK, "--spec", "tiny.toml")
UPLOAD, STATUS, PULL = ("upload", DATASET, "--sample"), ("status",), ("pull",)
LOGS, CANCEL = ("logs", DATASET), ("cancel", "--yes")
RESUME, COST = ("resume", "autumn"), ("cost", "autumn")
COMMANDS = (IMAGE, OUTPUTS, PLAN, UPLOAD, SUBMIT, STATUS, LOGS, CANCEL, RESUME, PULL, COST)


@contextlib.contextmanager
def answered(operation: str, answer: dict[str, Any] | ClientError) -> Iterator[None]:
    """Let an operation of AWS be answered so in the block, and all others as ever."""
    call = BaseClient._make_api_call

    def make_api_call(self: BaseClient, name: str, arguments: dict[str, Any]) -> Any:
        if name != operation:
            return call(self, name, arguments)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    with patch.object(BaseClient, "_make_api_call", make_api_call):
        yield


def refused(operation: str, code: str, message: str, status: int = 400) -> contextlib.AbstractContextManager[None]:
    said: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return answered(operation, ClientError(said, operation))


def told(ldp: Ldp, *command: str) -> tuple[str, str]:
    """Run a command that fails, and return what it says is wrong, and what is to be done."""
    lines = [json.loads(line) for line in ldp("cloud", *command, code=1).splitlines()]
    (failed,) = (line for line in lines if line["event"] == "command_failed")
    assert "\n" not in failed["message"] + failed["remedy"]
    return failed["message"], failed["remedy"]


@pytest.fixture
def submitted(account: Account, ldp: Ldp) -> Account:
    """An account with a submission that waits."""
    ldp("data", "sample", DATASET, "--rows", "300")
    ldp("cloud", *UPLOAD)
    ldp("cloud", *SUBMIT)
    return account


EXPIRED = "The security token included in the request is expired"
SLOWLY = "Too Many Requests"
DENIED = "User: arn:aws:iam::123456789012:user/x is not authorized"


@pytest.mark.usefixtures("submitted")
def test_what_aws_refuses_is_told_by_every_command_that_meets_it(ldp: Ldp) -> None:
    met = [
        *((command, "DescribeStacks") for command in COMMANDS),
        *((command, "ListJobs") for command in (STATUS, LOGS, CANCEL)),
        (IMAGE, "DescribeJobDefinitions"), (IMAGE, "DescribeImages"), (UPLOAD, "HeadObject"),
        (SUBMIT, "DescribeJobQueues"), (SUBMIT, "DescribeComputeEnvironments"), (SUBMIT, "DescribeJobDefinitions"),
        (STATUS, "DescribeJobs"), (CANCEL, "TerminateJob"),
    ]  # fmt: skip
    for command, operation in met:
        with refused(operation, "ExpiredTokenException", EXPIRED):
            what, remedy = told(ldp, *command)
        assert (what, "expired" in remedy, "aws sso login" in remedy) == (
            f"AWS refused {operation}: {EXPIRED}", True, True,
        )  # fmt: skip
        with refused(operation, "TooManyRequestsException", SLOWLY, 429):
            what, remedy = told(ldp, *command)
        assert (what, "wait a minute" in remedy) == (f"AWS refused {operation}: {SLOWLY}", True)
        with refused(operation, "AccessDeniedException", DENIED, 403):
            what, remedy = told(ldp, *command)
        assert (what, "output OperatorPolicyArn, statement " in remedy) == (f"AWS refused {operation}: {DENIED}", True)


@pytest.mark.usefixtures("account")
def test_a_stack_that_is_missing_here_or_lies_elsewhere_is_told_by_every_command(
    ldp: Ldp, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in COMMANDS:
        what, remedy = told(ldp, *command, "--region", "eu-west-1")
        assert what == f"there is no stack {STACK} in eu-west-1"
        assert "--region" in remedy
        what, remedy = told(ldp, *command, "--platform", "cards-dev")
        assert what == "there is no stack cards-dev in us-east-1"
        assert "--platform" in remedy
        with refused(
            "DescribeStacks", "InvalidClientTokenId", "The security token included in the request is invalid."
        ):
            assert "has not enabled this region" in told(ldp, *command)[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    what, remedy = told(ldp, *STATUS)
    assert "cannot be reached" in what
    assert "region's name" in remedy


def test_a_quota_of_nothing_is_told_before_a_submission_and_of_a_job_that_waits(submitted: Account, ldp: Ldp) -> None:
    snapshot = {"frontOfQueue": {"jobs": []}, "queueUtilization": {"totalCapacityUsage": []}}
    before = len(submitted.batch.requests)
    with answered("GetServiceQuota", {"Quota": {"Value": 0.0}}):
        what, remedy = told(ldp, *SUBMIT)
        assert "and the quota All Standard Spot Instance Requests is 0" in what
        assert "aws service-quotas request-service-quota-increase" in remedy
        with answered("GetJobQueueSnapshot", snapshot):
            words = " ".join(words for _, words in states(ldp).values())
    assert "probably the quota" in words
    assert "is too low (0)" in words
    assert len(submitted.batch.requests) == before, "nothing was sent"


def test_a_bucket_that_is_gone_is_told_by_every_command_that_needs_it(submitted: Account, ldp: Ldp) -> None:
    s3, bucket = submitted.emulator.client("s3"), submitted.outputs["S3BucketName"]
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    ldp("data", "sample", DATASET, "--rows", "301", "--force")
    for command in (UPLOAD, SUBMIT, PULL, COST, RESUME, PLAN):
        what, remedy = told(ldp, *command)
        assert bucket in what, command
        assert "make destroy" in remedy, command
        assert "make deploy" in remedy, command
