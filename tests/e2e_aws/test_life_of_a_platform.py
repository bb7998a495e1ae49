"""The whole life of a platform, through the make targets and the CDK's command line, against an AWS on loopback.

What the tools say proves nothing; what is then there is asked with ``describe_*`` calls.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from job.catalogue import DATASET_IDS
from stacks.images import content_tag
from tests.e2e_aws.emulator import Emulator
from tests.stacks.fakes import put_image
from tests.stacks.synthesis import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

STACK = "loan-default-prediction-dev"
NAMES = {
    f"loan-default-prediction-{kind}{d.replace('_', '-')}" for kind in ("", "data-") for d in (*DATASET_IDS, "own")
}


@dataclass(frozen=True)
class Account:
    """The emulator as its users see it: make targets on one side, describe calls on the other."""

    emulator: Emulator

    def run(self, *command: str, fails: bool = False) -> str:
        result = subprocess.run(
            command,
            cwd=ROOT,
            env=self.emulator.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=1200,
        )
        said = result.stdout + result.stderr
        assert (result.returncode != 0) is fails, f"{command} ended with {result.returncode}:\n{said}"
        assert "Traceback" not in said, said
        return said

    def make(self, target: str, *variables: str, fails: bool = False) -> str:
        return self.run("make", "--no-print-directory", target, *variables, fails=fails)

    def apply(self, *variables: str) -> str:
        # Without a change set, which the emulator does not understand.
        return self.make("apply", "YES=true", "ARGS=--method=direct", *variables)

    def deploy(self, docker: Path, *variables: str) -> str:
        # What is tested need not be committed, nor is a container engine needed.
        command = f"DOCKER={sys.executable} {docker}"
        return self.make("deploy", "YES=true", "DIRTY=true", "ARGS=--method=direct", command, *variables)

    def tags(self) -> set[str]:
        """Return the tags of the images in the stack's repository."""
        pages = self.emulator.client("ecr").get_paginator("list_images")
        found = pages.paginate(repositoryName=self.outputs()["EcrRepoName"]).build_full_result()["imageIds"]
        return {image["imageTag"] for image in found}

    def diff(self, *variables: str) -> str:
        return self.make("diff", "ARGS=--method=template", *variables)

    def stack(self, name: str = STACK) -> dict[str, Any] | None:
        stacks = self.emulator.client("cloudformation").describe_stacks()["Stacks"]
        return next((stack for stack in stacks if stack["StackName"] == name), None)

    def outputs(self) -> dict[str, str]:
        stack = self.stack()
        assert stack is not None
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def environments(self) -> dict[str, dict[str, Any]]:
        found = self.emulator.client("batch").describe_compute_environments()["computeEnvironments"]
        return {environment["computeResources"]["type"]: environment for environment in found}

    def queues(self) -> dict[str, dict[str, Any]]:
        found = self.emulator.client("batch").describe_job_queues()["jobQueues"]
        return {queue["jobQueueName"]: queue for queue in found}

    def definitions(self, *, status: str = "ACTIVE") -> dict[str, list[dict[str, Any]]]:
        """Return the revisions of each job definition, oldest first."""
        found = self.emulator.client("batch").describe_job_definitions(status=status)["jobDefinitions"]
        by_name: dict[str, list[dict[str, Any]]] = {}
        for definition in sorted(found, key=lambda one: one["revision"]):
            by_name.setdefault(definition["jobDefinitionName"], []).append(definition)
        return by_name

    def latest_template(self) -> dict[str, Any]:
        (template,) = self.emulator.client("ec2").describe_launch_templates()["LaunchTemplates"]
        (version,) = self.emulator.client("ec2").describe_launch_template_versions(
            LaunchTemplateId=template["LaunchTemplateId"], Versions=["$Latest"]
        )["LaunchTemplateVersions"]
        return dict(version)


@pytest.fixture
def account(emulator: Emulator) -> Account:
    return Account(emulator)


def bootstrap(account: Account) -> None:
    said = account.make("bootstrap")
    assert "created the service-linked role AWSServiceRoleForEC2Spot" in said
    assert account.stack("CDKToolkit") is not None
    roles = {role["RoleName"] for role in account.emulator.client("iam").list_roles()["Roles"]}
    assert "AWSServiceRoleForEC2Spot" in roles
    assert "cdk-hnb659fds-deploy-role-123456789012-us-east-1" in roles


def check_mode(account: Account, *, gpu: bool, size: int, tag: str) -> None:
    """Check that what is there is what the published table lists for the mode."""
    spot, on_demand = (account.environments()[kind] for kind in ("SPOT", "EC2"))
    version = account.latest_template()
    published = ["g4dn.xlarge", "g4dn.2xlarge"] if gpu else ["c5.xlarge", "m5.xlarge", "c5.2xlarge", "m5.2xlarge"]
    assert on_demand["computeResources"]["instanceTypes"] == published
    for environment, limit in ((spot, 16), (on_demand, 8)):
        resources = environment["computeResources"]
        assert environment["state"] == "ENABLED"
        assert set(published) <= set(resources["instanceTypes"])
        assert resources["ec2Configuration"] == [{"imageType": "ECS_AL2023_NVIDIA" if gpu else "ECS_AL2023"}]
        assert (resources["minvCpus"], resources["maxvCpus"]) == (0, limit)
        assert resources["launchTemplate"] == {
            "launchTemplateId": version["LaunchTemplateId"],
            "version": str(version["VersionNumber"]),
        }
        assert len(resources["subnets"]) == 3
    data = version["LaunchTemplateData"]
    (mapping,) = data["BlockDeviceMappings"]
    assert mapping["DeviceName"] == "/dev/xvda"
    assert (mapping["Ebs"]["VolumeSize"], mapping["Ebs"]["VolumeType"], mapping["Ebs"]["Encrypted"]) == (
        size,
        "gp3",
        True,
    )
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    definitions = account.definitions()
    assert set(definitions) == NAMES
    flags = ["--use-gpu"] if gpu else []
    for dataset in DATASET_IDS:
        name = dataset.replace("_", "-")
        for kind, command in (
            ("data-", ["data", "process", "--force", *flags, dataset]),
            ("", ["experiment", "run", *flags, "--only-dataset", dataset]),
        ):
            definition = definitions[f"loan-default-prediction-{kind}{name}"][-1]
            container = definition["containerProperties"]
            assert container["command"][: len(command)] == command
            assert container["image"] == f"{account.outputs()['EcrRepoUrl']}:{tag}"
            requirements = {one["type"]: one["value"] for one in container["resourceRequirements"]}
            assert requirements.get("GPU") == ("1" if gpu else None)
            environment = {one["name"]: one["value"] for one in container["environment"]}
            assert environment == {
                "AWS_REGION": "us-east-1",
                "LDP_STORAGE_URL": f"s3://{account.outputs()['S3BucketName']}",
                "LDP_USE_GPU": "true" if gpu else "false",
                "LDP_N_JOBS": "1" if gpu else requirements["VCPU"],
                **({} if kind else {"LDP_MAX_SECONDS": "85800"}),
            }
            assert [
                (rule["action"], *[value for key, value in rule.items() if key != "action"])
                for rule in definition["retryStrategy"]["evaluateOnExit"]
            ] == [
                ("retry", "Host EC2*"),
                ("retry", "143"),
                ("retry", "Task failed to start"),
                ("retry", "AGENT"),
                ("exit", "*"),
            ]
    assert account.outputs()["UseGpu"] == ("true" if gpu else "false")


def check_what_lies_around(account: Account) -> None:
    """Check queues, network, repository, log group and topic."""
    outputs, spot, on_demand = account.outputs(), account.environments()["SPOT"], account.environments()["EC2"]
    orders = {
        name: [entry["computeEnvironment"] for entry in sorted(q["computeEnvironmentOrder"], key=lambda e: e["order"])]
        for name, q in account.queues().items()
    }
    arns = [spot["computeEnvironmentArn"], on_demand["computeEnvironmentArn"]]
    assert orders == {
        outputs["JobQueueName"]: arns,
        outputs["SpotJobQueueName"]: arns[:1],
        outputs["OnDemandJobQueueName"]: arns[1:],
    }
    assert {queue["state"] for queue in account.queues().values()} == {"ENABLED"}
    ec2 = account.emulator.client("ec2")
    (group_id,) = spot["computeResources"]["securityGroupIds"]
    (group,) = ec2.describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    assert group["IpPermissions"] == []
    subnets = ec2.describe_subnets(SubnetIds=spot["computeResources"]["subnets"])["Subnets"]
    assert len({subnet["AvailabilityZone"] for subnet in subnets}) == 3
    (endpoint,) = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert (endpoint["VpcEndpointType"], endpoint["ServiceName"]) == ("Gateway", "com.amazonaws.us-east-1.s3")
    assert len(endpoint["RouteTableIds"]) == 3
    (repository,) = (
        one
        for one in account.emulator.client("ecr").describe_repositories()["repositories"]
        if not one["repositoryName"].startswith("cdk-")
    )
    assert repository["repositoryUri"] == outputs["EcrRepoUrl"]
    assert repository["imageTagMutability"] == "IMMUTABLE"
    (logs,) = account.emulator.client("logs").describe_log_groups(logGroupNamePrefix="/aws/batch/")["logGroups"]
    assert (logs["logGroupName"], logs["retentionInDays"]) == ("/aws/batch/loan-default-prediction", 30)
    assert outputs["AlertTopicArn"] in {
        topic["TopicArn"] for topic in account.emulator.client("sns").list_topics()["Topics"]
    }
    rules = account.emulator.client("events").list_rules()["Rules"]
    kinds = sorted(json.loads(rule["EventPattern"])["detail-type"][0] for rule in rules)
    assert kinds == ["Batch Job Queue Blocked", "Batch Job State Change", "Batch Job State Change"]
    for dataset, arn in json.loads(outputs["JobDefinitionArns"]).items():
        name = json.loads(outputs["JobDefinitionNames"])[dataset]
        assert account.definitions()[name][-1]["jobDefinitionArn"] == arn


def fill(account: Account) -> str:
    """Fill the bucket as versioned buckets are filled, submit jobs that go on, and return the bucket's name."""
    s3, batch, outputs = account.emulator.client("s3"), account.emulator.client("batch"), account.outputs()
    bucket = outputs["S3BucketName"]
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for number in range(10):
        for content in (b"first", b"second"):
            s3.put_object(Bucket=bucket, Key=f"executions/thesis-1/results/{number}.parquet", Body=content)
    s3.delete_object(Bucket=bucket, Key="executions/thesis-1/results/3.parquet")
    s3.create_multipart_upload(Bucket=bucket, Key="data/processed/lending_club_X.parquet")
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 20
    assert len(s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]) == 1
    for queue in (outputs["JobQueueName"], outputs["OnDemandJobQueueName"]):
        batch.submit_job(jobName="cards", jobQueue=queue, jobDefinition="loan-default-prediction-taiwan-credit")
    return bucket


def check_nothing_is_left(account: Account, bucket: str) -> None:
    assert account.stack() is None
    assert bucket not in {one["Name"] for one in account.emulator.client("s3").list_buckets()["Buckets"]}
    assert account.environments() == {}
    assert account.queues() == {}
    assert account.definitions() == {}
    groups = account.emulator.client("logs").describe_log_groups(logGroupNamePrefix="/aws/batch/")["logGroups"]
    assert groups == []
    repositories = account.emulator.client("ecr").describe_repositories()["repositories"]
    assert [r for r in repositories if not r["repositoryName"].startswith("cdk-")] == []
    roles = {role["RoleName"] for role in account.emulator.client("iam").list_roles()["Roles"]}
    assert {role for role in roles if role.startswith(STACK)} == set()
    ec2 = account.emulator.client("ec2")
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert account.emulator.client("events").list_rules()["Rules"] == []
    assert account.emulator.client("sns").list_topics()["Topics"] == []


DOCKER = """
import json, os, sys
import boto3
command, *arguments = sys.argv[1:]
with open(__file__ + ".log", "a") as log:
    print(command, *arguments, file=log)
if command == "image":
    print("amd64")
if command == "login":
    assert sys.stdin.read()
if command == "push":
    uri, tag = arguments[0].rsplit(":", 1)
    from tests.stacks.fakes import put_image
    put_image(boto3.client("ecr"), uri.split("/", 1)[1], tag)
"""


@pytest.fixture
def docker(tmp_path: Path) -> Path:
    """A docker that writes down what it is told, and whose push puts an image into the emulator's repository."""
    command = tmp_path / "docker.py"
    command.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{DOCKER}")
    return command


def told(docker: Path) -> list[str]:
    """Return what docker was told since it was asked last."""
    log = docker.with_name(f"{docker.name}.log")
    lines = log.read_text().splitlines()
    log.unlink()
    return lines


def check_image(account: Account, tag: str, *, pushed: bool) -> None:
    """Check what an installed `ldp`, which has no checkout to look into, says that jobs run."""
    command = (sys.executable, "-c", "from job.cli import run; run()", "cloud", "image", "--json")
    found = json.loads(account.run(*command))
    assert (found["tag"], found["mode"], found["pushed"]) == (tag, tag[:3], pushed)
    assert found["image"] == f"{account.outputs()['EcrRepoUrl']}:{tag}"
    assert {(one["name"], one["revision"]) for one in found["job_definitions"]} == {
        (name, revisions[-1]["revision"]) for name, revisions in account.definitions().items()
    }


def check_deploy(account: Account, docker: Path) -> None:
    """Deploy where nothing is, and again where all is there."""
    tag = content_tag("cpu")
    said = account.deploy(docker)
    uri = account.outputs()["EcrRepoUrl"]
    assert f"pushed {uri}:{tag}" in said
    build, *pushing = told(docker)
    assert build.startswith(f"build -f Dockerfile.cpu -t ldp:cpu -t ldp:{tag} --build-arg REVISION=")
    assert [line.split()[0] for line in pushing] == ["image", "login", "tag", "push"]
    assert pushing[-2:] == [f"tag ldp:{tag} {uri}:{tag}", f"push {uri}:{tag}"]
    assert account.tags() == {tag}
    check_image(account, tag, pushed=True)
    assert "Number of stacks with differences: 0" in account.diff()
    assert f"{uri}:{tag} is there already" in account.deploy(docker), "deploying again brings nothing new"
    assert [line.split()[0] for line in told(docker)] == ["build"]
    assert account.tags() == {tag}


def check_what_is_remembered(account: Account) -> None:
    """Check that a platform stays in the GPU mode when nobody says so again, and that it can be told to forget."""
    account.apply("CONTEXT=spotMaxVcpus=32 jobAttempts=5")
    assert account.outputs()["UseGpu"] == "true"
    assert account.environments()["SPOT"]["computeResources"]["maxvCpus"] == 32
    assert "Number of stacks with differences: 0" in account.diff()
    assert f"ldp:{content_tag('gpu')}" in account.make("docker-build", "DOCKER=echo")
    account.apply("CONTEXT=spotMaxVcpus= jobAttempts=")
    assert account.environments()["SPOT"]["computeResources"]["maxvCpus"] == 16
    assert "Number of stacks with differences: 0" in account.diff()
    # A bare deployment by the CDK remembers what it was given, and nothing else.
    deploy = ("node_modules/.bin/cdk", "deploy", "--require-approval", "never", "--method=direct")
    account.run(*deploy, "-c", "useGpu=true", "-c", f"imageTag={content_tag('gpu')}")
    assert "Number of stacks with differences: 0" in account.diff()


def check_use(account: Account, laptop: Path) -> None:
    """Use what was deployed as its users do, and leave the bucket as it was."""
    here = ("env", f"LDP_STORAGE_URL={laptop}")
    ldp = (*here, sys.executable, "-c", "from job.cli import run; run()")
    account.run(*ldp, "data", "sample", "taiwan_credit", "--rows", "300")
    account.run(*here, "make", "--no-print-directory", "upload-data", "DATASET=taiwan_credit", "ARGS=--sample")
    sent = json.loads(account.run(*ldp, "cloud", "submit", "taiwan_credit", "--spec", "quick", "--json"))
    names = [job["name"] for job in sent["jobs"]]
    assert [name.split("-")[1] for name in names] == ["data", "training"]

    def states() -> dict[str, str]:
        told = json.loads(account.run(*ldp, "cloud", "status", sent["execution"], "--json"))
        return {row["name"]: row["state"] for row in told["jobs"]}

    assert states() == dict.fromkeys(names, "RUNNING"), "this emulator starts whatever is submitted"
    ended = json.loads(account.run(*ldp, "cloud", "cancel", sent["execution"], "--yes", "--json"))
    assert [job["name"] for job in ended] == names[::-1], "dependents first"
    assert states() == dict.fromkeys(names, "FAILED")
    bucket = account.outputs()["S3BucketName"]
    assert bucket in account.make("outputs", "ARGS=--json")
    s3 = account.emulator.client("s3")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert {key.split("/")[0] for key in keys} == {"data", "specs"}, "nothing that could pass for a result"
    for key in keys:
        s3.delete_object(Bucket=bucket, Key=key)


def test_a_platform_is_born_switches_its_mode_and_goes_without_a_trace(
    account: Account, docker: Path, tmp_path: Path
) -> None:
    assert "there is no such stack; nothing to do" in account.make("unbootstrap", "YES=true")
    bootstrap(account)

    assert "there is no stack" in account.make("docker-push", "DIRTY=true", fails=True)
    check_deploy(account, docker)
    check_mode(account, gpu=False, size=50, tag=content_tag("cpu"))
    check_what_lies_around(account)
    check_use(account, tmp_path / "laptop")
    before = {kind: environment["computeEnvironmentArn"] for kind, environment in account.environments().items()}
    queues = set(account.queues())

    account.apply("IMAGE_TAG=cpu-0123abcd")
    check_image(account, "cpu-0123abcd", pushed=False)
    said = account.diff()
    assert content_tag("cpu") in said, "an image that is not there is not kept"
    repository = account.outputs()["EcrRepoName"]
    put_image(account.emulator.client("ecr"), repository, "cpu-0123abcd")
    assert "Number of stacks with differences: 0" in account.diff(), "the deployed image is kept"

    said = account.diff("GPU=true")
    assert "g4dn.xlarge" in said
    account.deploy(docker, "GPU=true")
    check_mode(account, gpu=True, size=100, tag=content_tag("gpu"))
    check_image(account, content_tag("gpu"), pushed=True)
    check_what_lies_around(account)
    assert {kind: e["computeEnvironmentArn"] for kind, e in account.environments().items()} == before, "in place"
    assert set(account.queues()) == queues
    assert account.latest_template()["VersionNumber"] == 2
    revisions = {name: [found["revision"] for found in all_] for name, all_ in account.definitions().items()}
    assert revisions == {name: [1, 2, 3] for name in NAMES}, "jobs of an older revision can still be retried"
    assert "Number of stacks with differences: 0" in account.diff("GPU=true")
    check_what_is_remembered(account)

    account.apply("GPU=false", "IMAGE_TAG=cpu-0123abcd")
    check_mode(account, gpu=False, size=50, tag="cpu-0123abcd")
    check_image(account, "cpu-0123abcd", pushed=True)
    assert {kind: e["computeEnvironmentArn"] for kind, e in account.environments().items()} == before, "in place"

    bucket = fill(account)
    assert "still needed" in account.make("unbootstrap", "YES=true", fails=True)
    assert "the deletion was not confirmed" in account.make("destroy", fails=True)
    assert "it is a prod environment" in account.make("destroy", "CONTEXT=environment=prod", "YES=true", fails=True)
    assert {queue["state"] for queue in account.queues().values()} == {"ENABLED"}

    # The CDK alone cannot delete what is in use; then the target finds a stack that is half gone.
    account.run("node_modules/.bin/cdk", "destroy", "--force", fails=True)
    stack = account.stack()
    assert stack is not None
    assert stack["StackStatus"] == "DELETE_FAILED"
    assert len(account.emulator.client("s3").list_object_versions(Bucket=bucket)["Versions"]) == 20

    said = account.make("destroy", "YES=true")
    assert "emptied bucket" in said
    assert "21 versions and delete markers, 1 open uploads" in said
    assert said.count("ending job cards") == 2
    check_nothing_is_left(account, bucket)
    assert "there is no such stack; nothing to do" in account.make("destroy", "YES=true")

    account.make("unbootstrap", "YES=true")
    assert account.stack("CDKToolkit") is None
    assert account.emulator.client("s3").list_buckets()["Buckets"] == []
