"""Pushing an image: once, into the right repository, and never so that jobs lose theirs."""

from __future__ import annotations

from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import boto3
import pytest
from moto import mock_aws

from stacks.errors import OperationRefused
from stacks.images import IMAGES_KEPT
from stacks.push import Push, docker_command
from stacks.settings import PlatformSettings
from tests.stacks.fakes import FakeCloudFormation, put_image

TAG = "cpu-0123456789ab"
REPOSITORY = "loan-default-prediction-dev-images"
URI = f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{REPOSITORY}"


class FakeDocker:
    """Has the images it is told of; a push puts an image into ECR, or fails."""

    def __init__(self, ecr: Any) -> None:
        self.ecr = ecr
        self.images = {f"ldp:{TAG}": "amd64"}
        self.said: list[tuple[str, ...]] = []
        self.secrets: list[str] = []
        self.faster: str | None = None
        self.refuses: str | None = None

    def __call__(self, *arguments: str, secret: str | None = None, shown: bool = False) -> CompletedProcess[str]:
        self.said.append(arguments)
        if secret is not None:
            self.secrets.append(secret)
        if arguments[0] == self.refuses:
            return CompletedProcess(arguments, 1, "", "no route to host")
        if arguments[0] == "image":
            found = self.images.get(arguments[-1])
            return CompletedProcess(arguments, 0 if found else 1, f"{found}\n", f"No such image: {arguments[-1]}")
        if arguments[0] == "push":
            put_image(self.ecr, REPOSITORY, arguments[-1].rsplit(":", 1)[1])
            if self.faster:
                return CompletedProcess(arguments, 1, "", "")
        return CompletedProcess(arguments, 0, "", "")

    @property
    def pushed(self) -> list[str]:
        return [arguments[-1] for arguments in self.said if arguments[0] == "push"]


@pytest.fixture
def ecr() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("ecr", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_repository(repositoryName=REPOSITORY, imageTagMutability="IMMUTABLE")
        yield client


@pytest.fixture
def docker(ecr: Any) -> FakeDocker:
    return FakeDocker(ecr)


def push(ecr: Any, docker: FakeDocker, *, deployed: str = TAG, image_tag: str | None = None) -> tuple[bool, list[str]]:
    settings = PlatformSettings(image_tag=image_tag)
    outputs = {"EcrRepoName": REPOSITORY, "EcrRepoUrl": URI, "ImageTag": deployed}
    said: list[str] = []
    cloudformation = FakeCloudFormation({settings.stack_name: {"outputs": outputs}})
    return Push(cloudformation, ecr, docker, said.append).run(settings, TAG), said


def test_an_image_is_pushed_after_a_login_whose_password_is_on_no_command_line(ecr: Any, docker: FakeDocker) -> None:
    pushed, said = push(ecr, docker)
    assert (pushed, docker.pushed, said) == (True, [f"{URI}:{TAG}"], [f"pushed {URI}:{TAG}"])
    assert [arguments[0] for arguments in docker.said] == ["image", "login", "tag", "push"]
    assert docker.said[1][:4] == ("login", "--username", "AWS", "--password-stdin")
    (password,) = docker.secrets
    assert password
    assert not any(password in argument for arguments in docker.said for argument in arguments)


def test_an_image_that_is_there_is_not_pushed_again(ecr: Any, docker: FakeDocker) -> None:
    put_image(ecr, REPOSITORY, TAG)
    assert push(ecr, docker) == (False, [f"{URI}:{TAG} is there already"])
    assert docker.said == []


def test_a_push_that_was_not_the_first_is_no_failure(ecr: Any, docker: FakeDocker) -> None:
    docker.faster = TAG
    assert push(ecr, docker)[0]


def test_who_pushes_a_new_image_is_told_how_jobs_come_to_run_it(ecr: Any, docker: FakeDocker) -> None:
    assert f"make apply IMAGE_TAG={TAG}" in push(ecr, docker, deployed="cpu-old")[1][-1]


def fill(ecr: Any, count: int, mode: str = "cpu") -> None:
    for number in range(count):
        put_image(ecr, REPOSITORY, f"{mode}-{number}")


def test_the_image_that_jobs_run_is_not_pushed_out_of_the_repository(ecr: Any, docker: FakeDocker) -> None:
    fill(ecr, IMAGES_KEPT)
    with pytest.raises(OperationRefused, match=r"cpu-0, which jobs run, is the oldest(.|\n)*IMAGE_TAG=cpu-4"):
        push(ecr, docker, deployed="cpu-0")
    assert docker.pushed == []
    assert push(ecr, docker, deployed="cpu-1")[0], "the second oldest is still kept"


def test_there_is_room_below_the_limit_and_beside_the_images_of_the_other_mode(ecr: Any, docker: FakeDocker) -> None:
    fill(ecr, IMAGES_KEPT - 1)
    fill(ecr, IMAGES_KEPT, "gpu")
    assert push(ecr, docker, deployed="cpu-0")[0]


def test_nothing_is_lost_where_jobs_run_the_other_mode(ecr: Any, docker: FakeDocker) -> None:
    fill(ecr, IMAGES_KEPT, "gpu")
    fill(ecr, IMAGES_KEPT)
    assert push(ecr, docker, deployed="gpu-0")[0]


@pytest.mark.parametrize("refuses", ["login", "tag", "push"])
def test_what_docker_refuses_ends_in_one_line(refuses: str, ecr: Any, docker: FakeDocker) -> None:
    docker.refuses = refuses
    with pytest.raises(OperationRefused, match=refuses):
        push(ecr, docker)


def test_an_image_that_was_not_built_is_refused_with_the_remedy(ecr: Any, docker: FakeDocker) -> None:
    docker.images.clear()
    with pytest.raises(OperationRefused, match=f"No such image: ldp:{TAG}(.|\n)*make docker-build"):
        push(ecr, docker)


def test_an_image_that_the_instances_cannot_run_is_refused_with_the_remedy(ecr: Any, docker: FakeDocker) -> None:
    docker.images[f"ldp:{TAG}"] = "arm64"
    with pytest.raises(OperationRefused, match=r"is for arm64(.|\n)*DOCKER_DEFAULT_PLATFORM=linux/amd64"):
        push(ecr, docker)


def test_only_what_the_checkout_builds_can_be_pushed(ecr: Any, docker: FakeDocker) -> None:
    with pytest.raises(OperationRefused, match="this checkout builds"):
        push(ecr, docker, image_tag="cpu-other")
    assert push(ecr, docker, image_tag=TAG)[0]


def test_without_a_stack_there_is_nowhere_to_push(ecr: Any, docker: FakeDocker) -> None:
    with pytest.raises(OperationRefused, match=r"there is no stack loan-default-prediction-dev(.|\n)*make deploy"):
        Push(FakeCloudFormation({}), ecr, docker, print).run(PlatformSettings(), TAG)


def test_a_stack_whose_deployment_failed_is_not_said_to_be_missing(ecr: Any, docker: FakeDocker) -> None:
    failed = FakeCloudFormation({"loan-default-prediction-dev": {"status": "ROLLBACK_COMPLETE"}})
    with pytest.raises(OperationRefused, match="has no repository: its deployment failed"):
        Push(failed, ecr, docker, lambda _: None).run(PlatformSettings(), TAG)


def test_a_docker_that_is_not_installed_is_named() -> None:
    with pytest.raises(OperationRefused, match="there is no command nodocker"):
        docker_command("nodocker")("version")


def test_a_secret_reaches_dockers_standard_input() -> None:
    assert docker_command("cat")(secret="hush").stdout == "hush"
