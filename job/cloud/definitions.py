"""Job definitions as AWS Batch would start them now, and the image that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from job.catalogue import is_own_name
from job.cloud.platform import Platform
from job.cloud.session import refusals
from job.errors import DatasetNotFound, ImageUnclear, JobDefinitionNotFound, did_you_mean, shown

OWN = "own"
"""What stands for any dataset that a user declares, where a job definition is no one dataset's; none is called so."""
_IMAGE = re.compile(r"(?P<uri>[^@]+):(?P<tag>(cpu|gpu)-[A-Za-z0-9_.-]+)")


@dataclass(frozen=True)
class JobDefinition:
    """The newest active revision of a job definition: what a job submitted now would run.

    Attributes
    ----------
    name : str
    revision : int
    dataset : str
        :data:`OWN` for whatever dataset a user declares.
    kind : {'data', 'training'}
    image : str
        As the definition has it; empty where it has no image of its own.
    command : tuple of str
    vcpus, memory_mib, gpus : int
        What a job reserves.
    attempts, timeout_s : int
        How often a job is started at most, and when an attempt is ended; 0 for never.
    retry_rules : tuple of dict
        What becomes of an attempt that failed, as Batch has it.
    """

    name: str
    revision: int
    dataset: str
    kind: str
    image: str
    command: tuple[str, ...] = ()
    vcpus: int = 0
    memory_mib: int = 0
    gpus: int = 0
    attempts: int = 1
    timeout_s: int = 0
    retry_rules: tuple[Mapping[str, str], ...] = ()

    @property
    def pinned(self) -> str:
        """Name and revision: what a job keeps, whatever is registered afterwards."""
        return f"{self.name}:{self.revision}"


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
    wanted += [(kind, OWN, name) for kind, name in platform.own.items()]
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
    return _definition(newest, dataset, kind)


def _definition(found: Mapping[str, Any], dataset: str, kind: str) -> JobDefinition:
    # One that was made by hand may have several containers, and then no image of its own.
    container = found.get("containerProperties", {})
    reserved = {one["type"]: int(float(one["value"])) for one in container.get("resourceRequirements", [])}
    retries = found.get("retryStrategy", {})
    return JobDefinition(
        found["jobDefinitionName"],
        found["revision"],
        dataset,
        kind,
        container.get("image", ""),
        tuple(container.get("command", ())),
        reserved.get("VCPU", container.get("vcpus", 0)),
        reserved.get("MEMORY", container.get("memory", 0)),
        reserved.get("GPU", 0),
        retries.get("attempts", 1),
        found.get("timeout", {}).get("attemptDurationSeconds", 0),
        tuple(retries.get("evaluateOnExit", ())),
    )


def definition_for(definitions: Sequence[JobDefinition], dataset: str, kind: str) -> JobDefinition:
    """Return the definition of a dataset's data or training job: its own, or that for any declared dataset.

    Raises
    ------
    DatasetNotFound
        If the platform has none.
    """
    found = known_definition(definitions, dataset, kind)
    if found is not None:
        return found
    known = sorted({one.dataset for one in definitions if one.kind == kind} - {OWN})
    near = did_you_mean(dataset, known) if known else "it has none."
    raise DatasetNotFound(
        f"the platform has no {kind} job definition for {shown(dataset)}",
        f"{near[0].upper()}{near[1:]} Or add it to the stack's datasets (make apply CONTEXT=datasets=…).",
    )


def known_definition(definitions: Sequence[JobDefinition], dataset: str, kind: str) -> JobDefinition | None:
    """Return what :func:`definition_for` does, or None where the platform has none."""
    names = [dataset, OWN] if is_own_name(dataset) else [dataset]
    for name in names:
        for one in definitions:
            if (one.dataset, one.kind) == (name, kind) and dataset != OWN:
                return one
    return None


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
