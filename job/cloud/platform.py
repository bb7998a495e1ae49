"""A deployed platform: its outputs, and its job definitions as AWS Batch would start them now."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from job.cloud.session import refusals
from job.errors import ImageUnclear, JobDefinitionNotFound, PlatformNotFound, UsageError, shown
from job.settings import STACK_NAME

_OUTPUTS = ("EcrRepoName", "EcrRepoUrl", "DataJobDefinitionNames", "JobDefinitionNames")
_IMAGE = re.compile(r"(?P<uri>[^@]+):(?P<tag>(cpu|gpu)-[A-Za-z0-9_.-]+)")


@dataclass(frozen=True)
class Platform:
    """What a stack says of itself.

    Attributes
    ----------
    name : str
        The stack.
    status : str
        Its status, such as ``UPDATE_COMPLETE``.
    repository, repository_uri : str
        Name and address of its image repository.
    data, training : dict
        Names of the job definitions, keyed by dataset.
    """

    name: str
    status: str
    repository: str
    repository_uri: str
    data: dict[str, str]
    training: dict[str, str]


@dataclass(frozen=True)
class JobDefinition:
    """The newest active revision of a job definition: what a job submitted now would run.

    Attributes
    ----------
    name : str
    revision : int
    dataset : str
    kind : {'data', 'training'}
    image : str
        As the definition has it; empty where it has no image of its own.
    """

    name: str
    revision: int
    dataset: str
    kind: str
    image: str


@dataclass(frozen=True)
class Image:
    """An image in a repository.

    Attributes
    ----------
    uri : str
        The repository's address.
    tag : str
        Mode and content: ``cpu-…`` or ``gpu-…``.
    """

    uri: str
    tag: str

    @property
    def mode(self) -> str:
        """``cpu`` or ``gpu``."""
        return self.tag.split("-", 1)[0]


def find_platform(cloudformation: Any, name: str) -> Platform:
    """Read the outputs of a deployed stack.

    Parameters
    ----------
    cloudformation : boto3 client
    name : str
        The stack: ``{projectName}-{environment}``.

    Raises
    ------
    UsageError
        If no stack can have that name.
    PlatformNotFound
        If there is no such stack in this region, or it is no platform of ours.
    AwsRefused
        If AWS does not answer.
    """
    from botocore.exceptions import ClientError

    remedy = "Give the right --platform ({projectName}-{environment}) and --region; make deploy makes one."
    if not re.fullmatch(STACK_NAME, name):
        raise UsageError(f"{shown(name)} cannot be the name of a stack", remedy)
    with refusals():
        try:
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no code of its own for it.
            if error.response.get("Error", {}).get("Code") != "ValidationError" or "does not exist" not in str(error):
                raise
            raise PlatformNotFound(f"there is no stack {name} in {cloudformation.meta.region_name}", remedy) from None
    lies_in = str(stack.get("StackId", "")).split(":")[3:4]
    if lies_in not in ([], [cloudformation.meta.region_name]):
        raise PlatformNotFound(
            f"the stack {name} lies in {lies_in[0]}, and {cloudformation.meta.region_name} was asked",
            f"Give --region {lies_in[0]}, or correct AWS_ENDPOINT_URL.",
        )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    status = stack["StackStatus"]
    try:
        repository, uri, data, training = (outputs[output] for output in _OUTPUTS)
        return Platform(name, status, repository, uri, json.loads(data), json.loads(training))
    except (KeyError, ValueError):
        what = f"the stack {name} ({status}) is not, or not yet, a platform of ldp: outputs are missing"
        raise PlatformNotFound(what, remedy) from None


def active_definitions(batch: Any, platform: Platform) -> tuple[JobDefinition, ...]:
    """Return what jobs submitted now would run: the newest active revision of each job definition.

    Older revisions stay active, so that jobs submitted with them can be retried.

    Parameters
    ----------
    batch : boto3 client
    platform : Platform

    Raises
    ------
    JobDefinitionNotFound
        If a job definition of the platform has no active revision.
    AwsRefused
        If AWS does not answer.
    """
    wanted = [("data", *entry) for entry in platform.data.items()]
    wanted += [("training", *entry) for entry in platform.training.items()]
    return tuple(_newest(batch, platform, kind, dataset, name) for kind, dataset, name in wanted)


def _newest(batch: Any, platform: Platform, kind: str, dataset: str, name: str) -> JobDefinition:
    with refusals():
        # One name at a time: a list would have to name revisions, and takes no status.
        pages = batch.get_paginator("describe_job_definitions").paginate(jobDefinitionName=name, status="ACTIVE")
        found = [revision for page in pages for revision in page["jobDefinitions"]]
    if not found:
        raise JobDefinitionNotFound(
            f"the job definition {name} has no active revision; the stack {platform.name} is {platform.status}",
            "Wait for a change of the stack to end; if there is none, apply it again (make apply).",
        )
    newest = max(found, key=lambda revision: int(revision["revision"]))
    # One that was made by hand may have several containers, and then no image of its own.
    image = newest.get("containerProperties", {}).get("image", "")
    return JobDefinition(name, newest["revision"], dataset, kind, image)


def image_in_use(platform: Platform, definitions: Sequence[JobDefinition]) -> Image:
    """Return the one image that a platform's job definitions name.

    Parameters
    ----------
    platform : Platform
    definitions : sequence of JobDefinition
        All of it, as :func:`active_definitions` returns them.

    Raises
    ------
    ImageUnclear
        If one names something else than a tagged image of the platform's repository, or they differ, as in the middle
        of an update.
    """
    named: dict[Image, JobDefinition] = {}
    for one in definitions:
        match = _IMAGE.fullmatch(one.image)
        if match is None or match["uri"] != platform.repository_uri:
            runs = shown(one.image, 200) if one.image else "no image of its own"
            raise ImageUnclear(
                f"{one.name}:{one.revision} runs {runs}, and not {platform.repository_uri}:cpu-… or gpu-…",
                "It was changed by hand: apply the stack again (make apply).",
            )
        named[Image(match["uri"], match["tag"])] = one
    if len(named) != 1:
        several = ", ".join(f"{one.name}:{one.revision} runs {image.tag}" for image, one in named.items()) or "none"
        raise ImageUnclear(
            f"job definitions name {len(named)} images ({several}); the stack {platform.name} is {platform.status}",
            "Wait for a change of the stack to end; if there is none, apply it again (make apply).",
        )
    (image,) = named
    return image


def is_pushed(ecr: Any, platform: Platform, image: Image) -> bool:
    """Return whether a platform's repository has an image of it; jobs that name one that is missing fail.

    Parameters
    ----------
    ecr : boto3 client
    platform : Platform
    image : Image

    Raises
    ------
    AwsRefused
        If AWS does not answer.
    """
    with refusals():
        try:
            ecr.describe_images(repositoryName=platform.repository, imageIds=[{"imageTag": image.tag}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            return False
    return True
