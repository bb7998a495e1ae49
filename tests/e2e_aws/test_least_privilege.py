"""With IAM enforced by the emulator: each role can do its work, and is denied what else is tried.

The emulator ignores conditions (list prefixes, TLS, the endpoint's policy): the tests of the template hold those.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.e2e_aws.emulator import ACCOUNT, REGION, Emulator, enforcing_iam, running
from tests.stacks.synthesis import synthesize

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

OTHER_BUCKET = "somebody-elses"


@dataclass(frozen=True)
class Platform:
    """A deployed stack in an account where somebody else has things too."""

    emulator: Emulator
    outputs: dict[str, str]
    roles: dict[str, str]
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    def client(self, role: str, service: str) -> Any:
        """Return a client with the role's credentials; each is made once, for making one takes its time."""
        if (role, service) not in self.clients:
            config = Config(retries={"total_max_attempts": 1})
            self.clients[role, service] = self.emulator.client(service, config=config, **self.credentials(role))
        return self.clients[role, service]

    def credentials(self, role: str) -> dict[str, str]:
        answer = self.emulator.client("sts").assume_role(RoleArn=self.roles[role], RoleSessionName="test")
        keys = answer["Credentials"]
        return {
            "aws_access_key_id": keys["AccessKeyId"],
            "aws_secret_access_key": keys["SecretAccessKey"],
            "aws_session_token": keys["SessionToken"],
        }

    def may(self, role: str, service: str, operation: str, arguments: dict[str, Any]) -> bool:
        """Whether a role's request is authorized; what becomes of it afterwards does not matter."""
        names = {
            "BUCKET": self.outputs["S3BucketName"],
            "REPOSITORY": self.outputs["EcrRepoName"],
            "LOGS": self.outputs["LogGroupName"],
            "QUEUE": self.outputs["JobQueueName"],
            "OTHER": OTHER_BUCKET,
        }
        given = {key: names.get(value, value) if isinstance(value, str) else value for key, value in arguments.items()}
        client = self.client(role, service)
        with enforcing_iam() as decisions, contextlib.suppress(ClientError):
            getattr(client, operation)(**given)
        (decision,) = decisions
        return decision[1]


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with running() as emulator:
        cloudformation = emulator.client("cloudformation")
        template = json.dumps(synthesize().template)
        cloudformation.create_stack(StackName="it", TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
        (stack,) = cloudformation.describe_stacks(StackName="it")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        arns = {role["RoleName"]: role["Arn"] for role in emulator.client("iam").list_roles()["Roles"]}
        roles = {
            kind: next(arn for name, arn in arns.items() if f"{kind}Role" in name)
            for kind in ("Job", "Execution", "Instance")
        }
        s3 = emulator.client("s3")
        s3.create_bucket(Bucket=OTHER_BUCKET)
        for bucket in (OTHER_BUCKET, outputs["S3BucketName"]):
            for key in (
                "data/raw/cards.csv",
                "data/raw/cards.toml",
                "executions/a-1/results/x",
                "executions/a-1/progress/x",
                "models/x",
            ):
                s3.put_object(Bucket=bucket, Key=key, Body=b"1")
        yield Platform(emulator, outputs, roles)


Request = tuple[str, str, dict[str, Any]]


def s3(operation: str, key: str | None = None, *, bucket: str = "BUCKET", **more: Any) -> Request:
    return "s3", operation, {"Bucket": bucket, **({"Key": key} if key else {}), **more}


NOBODY_MAY: list[Request] = [
    s3("get_object", "data/raw/cards.csv", bucket="OTHER"),
    s3("put_object", "executions/a-1/results/x", bucket="OTHER", Body=b"1"),
    s3("list_objects_v2", bucket="OTHER", Prefix="executions/"),
    s3("put_bucket_policy", Policy="{}"),
    s3("delete_bucket_policy"),
    s3("put_bucket_versioning", VersioningConfiguration={"Status": "Suspended"}),
    s3("delete_bucket"),
    ("s3", "list_buckets", {}),
    ("iam", "create_user", {"UserName": "intruder"}),
    ("iam", "put_role_policy", {"RoleName": "x", "PolicyName": "all", "PolicyDocument": "{}"}),
    ("iam", "list_roles", {}),
    ("sts", "assume_role", {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/admin", "RoleSessionName": "intruder"}),
    ("ec2", "run_instances", {"MinCount": 1, "MaxCount": 1, "ImageId": "ami-1"}),
    ("ec2", "terminate_instances", {"InstanceIds": ["i-0123456789abcdef0"]}),
    ("ec2", "describe_instances", {}),
    (
        "batch",
        "submit_job",
        {"jobName": "x", "jobQueue": "QUEUE", "jobDefinition": "loan-default-prediction-x"},
    ),
    ("batch", "terminate_job", {"jobId": "x", "reason": "x"}),
    ("ecr", "put_image", {"repositoryName": "REPOSITORY", "imageManifest": "{}", "imageTag": "cpu-1"}),
    ("ecr", "delete_repository", {"repositoryName": "REPOSITORY", "force": True}),
    ("ecr", "batch_get_image", {"repositoryName": "another", "imageIds": [{"imageTag": "x"}]}),
    ("ecs", "create_cluster", {"clusterName": "x"}),
    ("ecs", "run_task", {"cluster": "x", "taskDefinition": "x"}),
    ("logs", "create_log_group", {"logGroupName": "/aws/batch/other"}),
    ("logs", "create_log_stream", {"logGroupName": "/aws/batch/other", "logStreamName": "x"}),
    ("logs", "delete_log_group", {"logGroupName": "LOGS"}),
    ("cloudformation", "delete_stack", {"StackName": "it"}),
    ("sns", "publish", {"TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:x", "Message": "x"}),
    ("secretsmanager", "list_secrets", {}),
]

JOB_MAY: list[Request] = [
    s3("list_objects_v2", Prefix="executions/"),
    s3("head_object", "data/raw/cards.csv"),
    s3("get_object", "data/raw/cards.csv"),
    s3("get_object", "data/raw/cards.toml"),
    s3("list_objects_v2", Prefix="data/raw/"),
    s3("put_object", "data/processed/cards_audit.parquet", Body=b"1"),
    s3("get_object", "data/processed/cards_X.parquet"),
    s3("get_object", "executions/a-1/results/x"),
    s3("get_object", "reports/a-1/report.html"),
    s3("put_object", "data/interim/cards.parquet", Body=b"1"),
    s3("put_object", "data/processed/cards_X.parquet", Body=b"1"),
    s3("put_object", "executions/a-1/results/y", Body=b"1", IfNoneMatch="*"),
    s3("put_object", "executions/a-1/manifest.json", Body=b"1"),
    s3("put_object", "reports/a-1/report.html", Body=b"1"),
    s3("create_multipart_upload", "data/processed/lending_club_X.parquet"),
    s3("abort_multipart_upload", "data/processed/lending_club_X.parquet", UploadId="x"),
    s3("delete_object", "executions/a-1/progress/x"),
    s3("delete_object", "executions/a-1/failures/x"),
]
JOB_MAY_NOT: list[Request] = [
    s3("put_object", "data/raw/cards.csv", Body=b"1"),
    s3("put_object", "data/raw/cards.toml", Body=b"1"),
    s3("delete_object", "data/raw/cards.toml"),
    s3("put_object", "models/x", Body=b"1"),
    s3("put_object", "executionsx/a", Body=b"1"),
    s3("get_object", "models/x"),
    s3("get_object", "secrets.txt"),
    s3("delete_object", "executions/a-1/results/x"),
    s3("delete_object", "executions/a-1/manifest.json"),
    s3("delete_object", "data/raw/cards.csv"),
    s3("delete_object", "data/processed/cards_X.parquet"),
    s3("delete_object", "reports/a-1/report.html"),
    ("ecr", "get_authorization_token", {}),
    ("ecr", "batch_get_image", {"repositoryName": "REPOSITORY", "imageIds": [{"imageTag": "x"}]}),
    ("logs", "create_log_stream", {"logGroupName": "LOGS", "logStreamName": "x"}),
    ("ecs", "register_container_instance", {"cluster": "x"}),
]
PULL: list[Request] = [
    ("ecr", "get_authorization_token", {}),
    ("ecr", "batch_get_image", {"repositoryName": "REPOSITORY", "imageIds": [{"imageTag": "x"}]}),
    ("ecr", "get_download_url_for_layer", {"repositoryName": "REPOSITORY", "layerDigest": "sha256:x"}),
    ("ecr", "batch_check_layer_availability", {"repositoryName": "REPOSITORY", "layerDigests": ["sha256:x"]}),
]
WRITE_LOGS: list[Request] = [
    ("logs", "create_log_stream", {"logGroupName": "LOGS", "logStreamName": "taiwan_credit/x"}),
    (
        "logs",
        "put_log_events",
        {
            "logGroupName": "LOGS",
            "logStreamName": "taiwan_credit/x",
            "logEvents": [{"timestamp": 1, "message": "{}"}],
        },
    ),
]
HOST: list[Request] = [
    ("ecs", "discover_poll_endpoint", {}),
    ("ecs", "register_container_instance", {"cluster": "AWSBatch-x"}),
    ("ecs", "deregister_container_instance", {"cluster": "AWSBatch-x", "containerInstance": "x"}),
    ("ecs", "submit_task_state_change", {"cluster": "AWSBatch-x"}),
    (
        "ecs",
        "update_container_instances_state",
        {"cluster": "AWSBatch-x", "containerInstances": ["x"], "status": "DRAINING"},
    ),
]
ANOTHER_CLUSTER: list[Request] = [
    ("ecs", "register_container_instance", {"cluster": "web"}),
    ("ecs", "submit_task_state_change", {"cluster": "web"}),
    ("ecs", "update_container_instances_state", {"cluster": "web", "containerInstances": ["x"], "status": "DRAINING"}),
]
TOUCH_DATA: list[Request] = [
    s3("get_object", "data/raw/cards.csv"),
    s3("put_object", "executions/a-1/results/z", Body=b"1"),
    s3("delete_object", "executions/a-1/progress/x"),
    s3("list_objects_v2", Prefix="data/"),
]

CASES: list[tuple[str, bool, Request]] = [
    *[("Job", True, request) for request in JOB_MAY],
    *[("Job", False, request) for request in JOB_MAY_NOT],
    *[("Execution", True, request) for request in PULL + WRITE_LOGS],
    *[("Execution", False, request) for request in TOUCH_DATA + HOST[1:]],
    *[("Instance", True, request) for request in HOST],
    *[("Instance", False, request) for request in PULL + TOUCH_DATA + WRITE_LOGS + ANOTHER_CLUSTER],
    *[(role, False, request) for role in ("Job", "Execution", "Instance") for request in NOBODY_MAY],
]


def test_each_role_may_do_its_work_and_nothing_else(platform: Platform) -> None:
    wrong = [
        f"{role} role {'may not' if expected else 'may'} {service}:{operation} {arguments}"
        for role, expected, (service, operation, arguments) in CASES
        if platform.may(role, service, operation, arguments) is not expected
    ]
    assert wrong == []
    assert len(CASES) > 100


def test_the_emulator_does_enforce(platform: Platform) -> None:
    key = s3("get_object", "data/raw/cards.csv")
    assert platform.may("Job", *key)
    iam = platform.emulator.client("iam")
    name = platform.roles["Job"].split("/")[-1]
    (attached,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
    document = iam.get_role_policy(RoleName=name, PolicyName=attached)["PolicyDocument"]
    iam.delete_role_policy(RoleName=name, PolicyName=attached)
    try:
        assert not platform.may("Job", *key)
    finally:
        with contextlib.suppress(ClientError):
            iam.put_role_policy(RoleName=name, PolicyName=attached, PolicyDocument=json.dumps(document))
    assert platform.may("Job", *key)
