"""What is deployed, as ``ldp cloud`` reads it from AWS."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, UnauthorizedSSOTokenError
from moto import mock_aws

from job.cli import main
from job.cloud.definitions import Image, JobDefinition, active_definitions, image_in_use, is_pushed
from job.cloud.platform import Platform, find_platform
from job.cloud.session import Aws, refusals
from job.errors import AwsRefused, ImageUnclear, JobDefinitionNotFound, PlatformNotFound, SettingInvalid, UsageError
from tests.stacks.fakes import put_image

STACK = "cards-dev"
REPOSITORY = "cards"
URI = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/{REPOSITORY}"
DATASETS = ("taiwan_credit", "lending_club")
NAMES = {d: f"cards-{d.replace('_', '-')}" for d in DATASETS}
DATA_NAMES = {d: f"cards-data-{d.replace('_', '-')}" for d in DATASETS}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Aws]:
    """An account with a platform's stack, its image repository, and no job definitions yet."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("LDP_PLATFORM", STACK)
    monkeypatch.setenv("LDP_STORAGE_URL", str(tmp_path))
    with mock_aws():
        found = Aws()
        make_stack(
            found,
            STACK,
            {
                "EcrRepoName": REPOSITORY,
                "EcrRepoUrl": URI,
                "JobDefinitionNames": json.dumps(NAMES),
                "DataJobDefinitionNames": json.dumps(DATA_NAMES),
            },
        )
        found.client("ecr").create_repository(repositoryName=REPOSITORY)
        yield found


def make_stack(aws: Aws, name: str, outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {key: {"Value": value} for key, value in outputs.items()},
    }
    aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))


def register(aws: Aws, image: str, *names: str) -> None:
    for name in names or (*NAMES.values(), *DATA_NAMES.values()):
        aws.client("batch").register_job_definition(
            jobDefinitionName=name,
            type="container",
            containerProperties={"image": image, "vcpus": 1, "memory": 512, "command": ["--help"]},
        )


def definitions(aws: Aws) -> tuple[JobDefinition, ...]:
    return active_definitions(aws.client("batch"), find_platform(aws.client("cloudformation"), STACK))


def ldp(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["ldp", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_the_tag_is_that_of_the_newest_active_revision(aws: Aws) -> None:
    register(aws, f"{URI}:cpu-old")
    register(aws, f"{URI}:cpu-new")  # the older one stays active, so that jobs submitted with it can be retried
    found = definitions(aws)
    assert {(one.name, one.revision) for one in found} == {(n, 2) for n in (*NAMES.values(), *DATA_NAMES.values())}
    assert {(one.dataset, one.kind) for one in found} == {(d, kind) for d in DATASETS for kind in ("data", "training")}
    assert image_in_use(platform(), found) == Image(URI, "cpu-new")


def test_a_revision_that_was_deregistered_does_not_count(aws: Aws) -> None:
    register(aws, f"{URI}:cpu-old")
    register(aws, f"{URI}:gpu-new")
    for name in (*NAMES.values(), *DATA_NAMES.values()):
        aws.client("batch").deregister_job_definition(jobDefinition=f"{name}:2")
    assert image_in_use(platform(), definitions(aws)).tag == "cpu-old"


def test_batch_is_asked_as_its_documentation_wants_it() -> None:
    """A list of definitions would have to name revisions and takes no status, which the emulator does not mind."""
    pages = [
        {"jobDefinitions": [described("cards", revision) for revision in revisions]}
        for revisions in ((7, 12), (), (9, 1, 11))
    ]
    batch = Mock()
    batch.get_paginator.return_value.paginate.return_value = pages
    (found,) = active_definitions(batch, platform(training={"taiwan_credit": "cards"}))
    batch.get_paginator.assert_called_once_with("describe_job_definitions")
    batch.get_paginator.return_value.paginate.assert_called_once_with(jobDefinitionName="cards", status="ACTIVE")
    assert (found.revision, found.image) == (12, f"{URI}:cpu-12"), "the newest may come on any page"


def test_the_definitions_for_declared_datasets_are_asked_for_by_name() -> None:
    arn = "arn:aws:batch:eu-west-1:123456789012:job-definition/cards-own:3"
    batch = Mock()
    batch.get_paginator.return_value.paginate.return_value = [{"jobDefinitions": [described("cards-own", 4)]}]
    stack = replace(platform(training={}), outputs={"OwnJobDefinitionArn": arn})
    (found,) = active_definitions(batch, stack)
    batch.get_paginator.return_value.paginate.assert_called_once_with(jobDefinitionName="cards-own", status="ACTIVE")
    assert (found.dataset, found.kind, found.pinned) == ("own", "training", "cards-own:4")


def described(name: str, revision: int) -> dict[str, Any]:
    image = f"{URI}:cpu-{revision}"
    return {"jobDefinitionName": name, "revision": revision, "containerProperties": {"image": image}}


def platform(*, training: dict[str, str] | None = None) -> Platform:
    return Platform(STACK, "UPDATE_COMPLETE", REPOSITORY, URI, {}, NAMES if training is None else training)


def test_a_job_definition_without_an_active_revision_is_named(aws: Aws) -> None:
    register(aws, f"{URI}:cpu-1", *NAMES.values())
    with pytest.raises(JobDefinitionNotFound, match=r"cards-data-taiwan-credit has no .* cards-dev is CREATE_COMPLETE"):
        definitions(aws)


def test_job_definitions_in_the_middle_of_an_update_name_both_images(aws: Aws) -> None:
    register(aws, f"{URI}:cpu-1")
    register(aws, f"{URI}:gpu-2", "cards-taiwan-credit")
    with pytest.raises(ImageUnclear, match=r"2 images .*cpu-1.*cards-taiwan-credit:2 runs gpu-2"):
        image_in_use(platform(), definitions(aws))


@pytest.mark.parametrize(
    "image", ["", URI, f"{URI}:", f"{URI}:latest", f"{URI}@sha256:0123", "localhost:5000/cards", "elsewhere:cpu-1"]
)
def test_an_image_that_is_none_of_the_platform_is_refused(image: str) -> None:
    ours = JobDefinition("cards", 1, "taiwan_credit", "training", f"{URI}:cpu-1")
    other = JobDefinition("loans", 7, "lending_club", "training", image)
    with pytest.raises(ImageUnclear, match=f"loans:7 runs {re.escape(repr(image)) if image else 'no image'}"):
        image_in_use(platform(), (ours, other))


def test_an_image_that_was_never_pushed_is_known_as_such(aws: Aws) -> None:
    ecr = aws.client("ecr")
    put_image(ecr, REPOSITORY, "cpu-1")
    assert is_pushed(ecr, platform(), Image(URI, "cpu-1"))
    assert not is_pushed(ecr, platform(), Image(URI, "cpu-2"))
    assert not is_pushed(ecr, replace(platform(), repository="gone"), Image(URI, "cpu-1"))


def test_a_stack_that_is_not_there_or_is_none_of_ours_is_named(aws: Aws) -> None:
    cloudformation = aws.client("cloudformation")
    with pytest.raises(PlatformNotFound, match="there is no stack cards-prod in eu-west-1"):
        find_platform(cloudformation, "cards-prod")
    make_stack(aws, "website", {"Url": "https://example.org"})
    with pytest.raises(PlatformNotFound, match=r"the stack website .* outputs are missing"):
        find_platform(cloudformation, "website")


def test_the_command_prints_the_tag_and_where_it_runs(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    register(aws, f"{URI}:cpu-1")
    assert ldp(monkeypatch, "cloud", "image") == 0
    assert "cards-dev in eu-west-1 runs cpu-1 (not in the repository: jobs fail until" in capsys.readouterr().out
    put_image(aws.client("ecr"), REPOSITORY, "cpu-1")
    assert ldp(monkeypatch, "cloud", "image", "--platform", STACK, "--region", "eu-west-1", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {key: value for key, value in found.items() if key != "job_definitions"} == {
        "platform": STACK,
        "region": "eu-west-1",
        "mode": "cpu",
        "tag": "cpu-1",
        "image": f"{URI}:cpu-1",
        "pushed": True,
    }
    assert {one["name"] for one in found["job_definitions"]} == {*NAMES.values(), *DATA_NAMES.values()}


def test_another_region_has_another_platform_or_none(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ldp(monkeypatch, "cloud", "image", "--region", "us-east-1") == 1
    told = capsys.readouterr().err
    assert "there is no stack cards-dev in us-east-1" in told
    assert "Traceback" not in told


def refusal(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("raised", "what", "remedy"),
    [
        (
            refusal("AccessDenied", "not authorized"),
            "AWS refused DescribeStacks: not authorized",
            "operator policy (output OperatorPolicyArn, statement LookAtStack)",
        ),
        (refusal("403", "Forbidden"), "AWS refused DescribeStacks: Forbidden", "statement LookAtStack"),
        (refusal("NoSuchBucket"), "AWS refused DescribeStacks", "make destroy, then make deploy"),
        (refusal("400", "Bad Request"), "AWS refused DescribeStacks: Bad Request", "expired or wrong. Give"),
        (refusal("UnrecognizedClientException"), "AWS refused DescribeStacks", "has not enabled this region"),
        (refusal("ExpiredToken"), "AWS refused DescribeStacks", "expired or wrong"),
        (refusal("Throttling", "Rate exceeded"), "Rate exceeded", "wait a minute"),
        (ClientError({}, "DescribeStacks"), "AWS refused DescribeStacks", "try again"),
        (refusal("ValidationError", "does not say"), "does not say", "Check account"),
        (NoCredentialsError(), "Unable to locate credentials", "aws configure"),
        (UnauthorizedSSOTokenError(), "SSO session", "aws sso login"),
        (EndpointConnectionError(endpoint_url="https://example.org"), "cannot be reached", "Check the network"),
    ],
)
def test_what_aws_refuses_says_what_to_do(raised: Exception, what: str, remedy: str) -> None:
    with pytest.raises(AwsRefused) as caught, refusals():
        raise raised
    assert what in caught.value.what
    assert remedy in caught.value.remedy


def test_errors_of_our_own_pass_through_unchanged() -> None:
    with pytest.raises(PlatformNotFound, match="mine"), refusals():
        raise PlatformNotFound("mine", "Leave it.")


def test_without_a_region_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    with pytest.raises(UsageError, match="no AWS region"):
        Aws()
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n")
    assert Aws().region == "ap-south-1"
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert Aws().region == "eu-north-1"
    assert Aws("us-west-2").region == "us-west-2"


@pytest.mark.parametrize("content", ["[profile other]\nregion = ap-south-1\n", "this is no configuration"])
def test_a_profile_that_cannot_be_used_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    (tmp_path / "config").write_text(content)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "cards")
    with pytest.raises(SettingInvalid, match=r"AWS: .*Correct AWS_PROFILE"):
        Aws("us-east-1").client("batch")


def test_without_credentials_the_command_says_how_to_give_some(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert ldp(monkeypatch, "cloud", "image") == 1
    told = capsys.readouterr().err
    assert "Unable to locate credentials" in told
    assert "aws configure" in told


def test_names_that_cannot_be_a_stack_or_a_region_are_usage_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments in (["--platform", "no stack"], ["--platform", ""], ["--region", "eu west 1"], ["--region", "x/y"]):
        assert ldp(monkeypatch, "cloud", "image", "--region", "eu-west-1", *arguments) == 2, arguments
    monkeypatch.setenv("LDP_PLATFORM", "no stack")
    assert ldp(monkeypatch, "cloud", "image", "--region", "eu-west-1") == 2


def test_an_address_that_cannot_be_used_is_no_fault_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "localhost:5000")
    assert ldp(monkeypatch, "cloud", "image", "--region", "eu-west-1") == 2
    assert "AWS_ENDPOINT_URL" in capsys.readouterr().err


def test_without_boto3_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert ldp(monkeypatch, "cloud", "image", "--region", "eu-west-1") == 1
    told = capsys.readouterr().err
    assert "ldp cloud needs boto3" in told
    assert "make setup setup-infra" in told


def test_a_stack_that_lies_in_another_region_is_refused_with_both() -> None:
    cloudformation = Mock()
    cloudformation.meta.region_name = "eu-west-1"
    stack_id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{STACK}/0b"
    stack = {"StackName": STACK, "StackId": stack_id, "StackStatus": "CREATE_COMPLETE", "Outputs": []}
    cloudformation.describe_stacks.return_value = {"Stacks": [stack]}
    with pytest.raises(PlatformNotFound, match="lies in us-east-1, and eu-west-1 was asked") as refusal:
        find_platform(cloudformation, STACK)
    assert "--region us-east-1" in refusal.value.remedy
