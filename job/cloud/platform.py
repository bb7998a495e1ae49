"""A deployed platform: its outputs, and its job definitions as AWS Batch would start them now."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from job.cloud.session import refusals
from job.errors import AwsRefused, ImageUnclear, PlatformNotFound

_KINDS = {"DataJobDefinitionNames": "data", "JobDefinitionNames": "training"}
_AT_ONCE = 100  # names that DescribeJobDefinitions takes in one request


@dataclass(frozen=True)
class Platform:
    """What a stack says of itself.

    Attributes
    ----------
    name : str
        The stack.
    repository : str
        The name of its image repository.
    data, training : dict
        Names of the job definitions, keyed by dataset.
    """

    name: str
    repository: str
    data: dict[str, str]
    training: dict[str, str]


@dataclass(frozen=True)
class JobDefinition:
    """The active revision of a job definition: what a job submitted now would run.

    Attributes
    ----------
    name : str
    revision : int
    dataset : str
    kind : {'data', 'training'}
    image : str
        ``{repository}:{tag}``, as the definition has it.
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
    PlatformNotFound
        If there is no such stack in this region, or it is no platform of ours.
    AwsRefused
        If AWS does not answer.
    """
    from botocore.exceptions import ClientError

    remedy = "Give the right --platform ({projectName}-{environment}) and --region; make deploy makes one."
    with refusals():
        try:
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        except ClientError as error:
            # CloudFormation has no code of its own for it.
            if "does not exist" not in str(error):
                raise
            raise PlatformNotFound(f"there is no stack {name} in {cloudformation.meta.region_name}", remedy) from None
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    try:
        data, training = (json.loads(outputs[output]) for output in _KINDS)
        return Platform(name, outputs["EcrRepoName"], data, training)
    except (KeyError, ValueError):
        what = f"the stack {name} ({stack['StackStatus']}) is not, or not yet, a platform of ldp: outputs are missing"
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
    AwsRefused
        If AWS does not answer, or a job definition of the platform has no active revision.
    """
    wanted = {name: ("data", dataset) for dataset, name in platform.data.items()}
    wanted |= {name: ("training", dataset) for dataset, name in platform.training.items()}
    newest: dict[str, dict[str, Any]] = {}
    names = list(wanted)
    with refusals():
        pages = batch.get_paginator("describe_job_definitions")
        for start in range(0, len(names), _AT_ONCE):
            for page in pages.paginate(jobDefinitions=names[start : start + _AT_ONCE], status="ACTIVE"):
                for found in page["jobDefinitions"]:
                    before = newest.get(found["jobDefinitionName"])
                    if before is None or found["revision"] > before["revision"]:
                        newest[found["jobDefinitionName"]] = found
    missing = [name for name in names if name not in newest]
    if missing:
        raise AwsRefused(
            f"{platform.name}: the job definition {missing[0]} has no active revision",
            "Somebody deregistered it: apply the stack again (make deploy).",
        )
    return tuple(
        # One that somebody made by hand may have several containers, and then no image of its own.
        JobDefinition(
            name, newest[name]["revision"], dataset, kind, newest[name].get("containerProperties", {}).get("image", "")
        )
        for name, (kind, dataset) in wanted.items()
    )


def image_in_use(definitions: tuple[JobDefinition, ...]) -> Image:
    """Return the one image that job definitions name.

    Raises
    ------
    ImageUnclear
        If they differ, as in the middle of an update, or an image has no tag.
    """
    images = {definition.image: definition for definition in definitions}
    if len(images) != 1:
        several = ", ".join(f"{one.name}:{one.revision} runs {image}" for image, one in images.items())
        raise ImageUnclear(
            f"job definitions name {len(images)} images: {several or 'none'}",
            "Wait until the update of the stack has ended, or apply it again (make apply).",
        )
    (image,) = images
    uri, _, tag = image.rpartition(":")
    if not uri or "/" in tag or "@" in uri:
        raise ImageUnclear(
            f"the job definitions name {image}, which has no tag" if image else "the job definitions name no image",
            "Somebody changed them by hand: apply the stack again (make apply).",
        )
    return Image(uri, tag)


def is_pushed(ecr: Any, repository: str, image: Image) -> bool:
    """Return whether a repository has an image; jobs that name one that is missing cannot start.

    Parameters
    ----------
    ecr : boto3 client
    repository : str
        The repository's name.
    image : Image

    Raises
    ------
    AwsRefused
        If AWS does not answer.
    """
    with refusals():
        try:
            ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": image.tag}])
        except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
            return False
    return True
