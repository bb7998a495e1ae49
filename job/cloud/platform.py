"""A deployed platform, as its stack describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from job.cloud.session import refusals
from job.errors import PlatformNotFound, UsageError, shown
from job.settings import STACK_NAME

_OWN_OUTPUTS = {"data": "OwnDataJobDefinitionArn", "training": "OwnJobDefinitionArn"}
_OUTPUTS = ("EcrRepoName", "EcrRepoUrl", "DataJobDefinitionNames", "JobDefinitionNames")


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
    outputs : mapping
        All that it says; what is missing is an error when it is asked for.
    """

    name: str
    status: str
    repository: str
    repository_uri: str
    data: dict[str, str]
    training: dict[str, str]
    outputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def own(self) -> dict[str, str]:
        """Names of the job definitions for declared datasets, by kind; none where an older ldp deployed."""
        arns = {kind: self.outputs.get(output) for kind, output in _OWN_OUTPUTS.items()}
        return {kind: arn.rsplit("/", 1)[-1].split(":")[0] for kind, arn in arns.items() if arn}

    @property
    def bucket(self) -> str:
        """The experiment bucket."""
        return self._output("S3BucketName")

    @property
    def storage_url(self) -> str:
        """The bucket as an address of storage."""
        return f"s3://{self.bucket}"

    @property
    def queues(self) -> dict[str, str]:
        """Names of the queues: ``any`` (Spot first), ``spot``, ``on-demand``."""
        names = {"any": "JobQueueName", "spot": "SpotJobQueueName", "on-demand": "OnDemandJobQueueName"}
        return {kind: self._output(output) for kind, output in names.items()}

    @property
    def log_group(self) -> str:
        """Where jobs write."""
        return self._output("LogGroupName")

    @property
    def use_gpu(self) -> bool:
        """Whether its jobs compute on GPUs."""
        return self._output("UseGpu") == "true"

    @property
    def shards(self) -> dict[str, int]:
        """Into how many jobs the training of each dataset is to be divided, by the settings of the stack."""
        return {name: int(count) for name, count in json.loads(self._output("JobShards")).items()}

    @property
    def machine_types(self) -> dict[str, list[str]]:
        """What may be launched, by ``spot`` and ``on-demand``."""
        names = {"spot": "SpotInstanceTypes", "on-demand": "InstanceTypes"}
        return {kind: list(json.loads(self._output(output))) for kind, output in names.items()}

    def _output(self, name: str) -> str:
        if name not in self.outputs:
            raise PlatformNotFound(
                f"the stack {self.name} ({self.status}) has no output {name}: an older ldp deployed it",
                "Apply it again with this version (make apply).",
            )
        return self.outputs[name]


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
        return Platform(name, status, repository, uri, json.loads(data), json.loads(training), outputs)
    except (KeyError, ValueError):
        what = f"the stack {name} ({status}) is not, or not yet, a platform of ldp: outputs are missing"
        raise PlatformNotFound(what, remedy) from None
