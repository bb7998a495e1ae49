"""Queues and the environments that they send jobs to, as AWS Batch has them now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from job.cloud.platform import Platform
from job.cloud.session import refusals

SPOT, ON_DEMAND = "spot", "on-demand"


@dataclass(frozen=True)
class Environment:
    """A compute environment.

    Attributes
    ----------
    name : str
    life_cycle : {'spot', 'on-demand'}
    ready : bool
        Whether it is enabled and valid.
    state : str
        Both in Batch's words, such as ``ENABLED, INVALID``.
    reason : str
        Why it is as it is, in Batch's words.
    max_vcpus : int
    types : tuple of str
        What it may launch.
    """

    name: str
    life_cycle: str
    ready: bool
    state: str
    reason: str
    max_vcpus: int
    types: tuple[str, ...]


@dataclass(frozen=True)
class Queue:
    """A job queue.

    Attributes
    ----------
    kind : {'any', 'spot', 'on-demand'}
    name, arn : str
    ready : bool
        Whether it is enabled and valid.
    state, reason : str
        As of an environment.
    environments : tuple of Environment
        In their order.
    """

    kind: str
    name: str
    arn: str
    ready: bool
    state: str
    reason: str
    environments: tuple[Environment, ...]

    @property
    def life_cycles(self) -> tuple[str, ...]:
        """Of the instances that its jobs may run on, what it tries first standing first."""
        return tuple(dict.fromkeys(one.life_cycle for one in self.environments))


def find_queues(batch: Any, platform: Platform) -> dict[str, Queue]:
    """Return the platform's queues by kind, in two calls; one that Batch does not know is left out.

    Raises
    ------
    AwsRefused
        If AWS does not answer.
    """
    names = platform.queues
    with refusals():
        found = {
            one["jobQueueName"]: one
            for one in batch.describe_job_queues(jobQueues=list(names.values())).get("jobQueues", [])
        }
        arns = [entry["computeEnvironment"] for one in found.values() for entry in one["computeEnvironmentOrder"]]
        wanted = list(dict.fromkeys(arns))
        answer = batch.describe_compute_environments(computeEnvironments=wanted) if wanted else {}
    environments = {one["computeEnvironmentArn"]: _environment(one) for one in answer.get("computeEnvironments", [])}
    return {kind: _queue(kind, found[name], environments) for kind, name in names.items() if name in found}


def _queue(kind: str, found: dict[str, Any], environments: dict[str, Environment]) -> Queue:
    order = sorted(found["computeEnvironmentOrder"], key=lambda entry: int(entry["order"]))
    used = (environments.get(entry["computeEnvironment"]) for entry in order)
    return Queue(
        kind,
        found["jobQueueName"],
        found["jobQueueArn"],
        *_condition(found),
        tuple(one for one in used if one is not None),
    )


def _environment(found: dict[str, Any]) -> Environment:
    resources = found.get("computeResources", {})
    return Environment(
        found["computeEnvironmentName"],
        SPOT if resources.get("type") == "SPOT" else ON_DEMAND,
        *_condition(found),
        resources.get("maxvCpus", 0),
        tuple(resources.get("instanceTypes", ())),
    )


def _condition(found: dict[str, Any]) -> tuple[bool, str, str]:
    state, status = found.get("state", ""), found.get("status", "VALID")
    return state == "ENABLED" and status == "VALID", f"{state}, {status}", found.get("statusReason", "")
