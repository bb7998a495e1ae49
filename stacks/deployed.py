"""What is deployed: reads from CloudFormation what the make targets need to know about a stack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from stacks.settings import PlatformSettings


@dataclass(frozen=True)
class DeployedStack:
    """A stack as CloudFormation knows it.

    Parameters
    ----------
    name : str
        The stack.
    status : str
        Its status, such as ``UPDATE_COMPLETE``.
    outputs : dict
        Its outputs.
    resources : tuple of (str, str)
        Type and physical id of every resource that still exists.
    """

    name: str
    status: str
    outputs: dict[str, str]
    resources: tuple[tuple[str, str], ...]

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the physical ids of the resources of one type."""
        return tuple(physical_id for found, physical_id in self.resources if found == kind)


def find_stack(cloudformation: Any, name: str) -> DeployedStack | None:
    """Return a deployed stack, or None if there is none of that name.

    Resources are listed rather than taken from the outputs, so that a stack whose deletion failed half-way is found
    with what is left of it.
    """
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return None
        raise
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
    return DeployedStack(
        name=name,
        status=stack["StackStatus"],
        outputs={output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])},
        resources=tuple(
            (resource["ResourceType"], resource["PhysicalResourceId"])
            for page in pages
            for resource in page["StackResourceSummaries"]
            if resource["ResourceStatus"] != "DELETE_COMPLETE" and resource.get("PhysicalResourceId", "").strip()
        ),
    )


def has_image(ecr: Any, repository: str, tag: str) -> bool:
    """Return whether a repository has an image of that tag; one that is gone has none."""
    try:
        ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])
    except (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException):
        return False
    return True


def deployed_image_tag(cloudformation: Any, ecr: Any, settings: PlatformSettings) -> str | None:
    """Return the tag of the image that the deployed job definitions name, if it is there and one of this mode.

    ``make apply`` and ``make diff`` pass it on, so that applying the stack keeps the image that jobs run. One that was
    never pushed is not kept: then the stack names what the checkout builds.
    """
    stack = find_stack(cloudformation, settings.stack_name)
    if settings.image_tag or stack is None:
        return None
    tag = stack.outputs.get("ImageTag", "")
    if not tag.startswith(f"{settings.profile.mode}-"):
        return None
    return tag if has_image(ecr, stack.outputs.get("EcrRepoName", ""), tag) else None
