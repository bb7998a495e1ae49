"""Stage: what the steps of the smoke test stand on: a platform of its own, AWS's clients, and patience."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Say = Callable[[str], None]
ENDED = ("SUCCEEDED", "FAILED")
POLL_SECONDS = 10.0


class Wrong(Exception):
    """What AWS does is not what the platform believes of it."""


class NotShown(Exception):
    """It could not be found out, and why."""


@dataclass
class Used:
    """What was used on the way: the jobs, and the instances with type, launch and when each was last seen to run."""

    jobs: list[str] = field(default_factory=list)
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """A platform that is tried, and the means to.

    Parameters
    ----------
    project : str
        The platform's ``projectName``; its environment is `dev`.
    client : callable
        Returns a boto3 client of the platform's region for a service.
    make : callable
        Runs a make target with variables; returns what it said, and raises if it failed.
    say : callable
        Told, line by line, what is done.
    sleep, clock : callable
        Wait for so many seconds; the time in seconds.
    patience : float
        By what to multiply how long is waited for anything.
    used : Used
        Filled on the way.
    """

    project: str
    client: Callable[[str], Any]
    make: Callable[..., str]
    say: Say
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    patience: float = 1.0
    used: Used = field(default_factory=Used)

    @property
    def stack_name(self) -> str:
        """The platform's stack."""
        return f"{self.project}-dev"

    def outputs(self) -> dict[str, str]:
        """Return the stack's outputs."""
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.stack_name)["Stacks"]
        return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}

    def until(self, what: str, found: Callable[[], Any], minutes: float) -> Any:
        """Return what is found once it is there.

        Raises
        ------
        NotShown
            If it is not there in time.
        """
        ends = self.clock() + 60 * minutes * self.patience
        while not (result := found()):
            if self.clock() >= ends:
                raise NotShown(f"{what}: not within {minutes * self.patience:g} minutes")
            self.look_at_machines()
            self.sleep(POLL_SECONDS * min(self.patience, 1.0))
        return result

    def submit(
        self,
        name: str,
        command: list[str],
        *,
        queue: str = "JobQueueName",
        kind: str = "",
        dataset: str = "taiwan_credit",
        variables: Mapping[str, str] | None = None,
        **more: Any,
    ) -> str:
        """Submit a job of a definition of this platform with another command, and return its id."""
        overrides: dict[str, Any] = {"command": command}
        if variables:
            overrides["environment"] = [{"name": key, "value": value} for key, value in variables.items()]
        definition = f"{self.project}-{kind}{dataset.replace('_', '-')}"
        more = {"jobDefinition": definition, **more}
        batch, queue = self.client("batch"), self.outputs()[queue]
        job: str = batch.submit_job(jobName=name, jobQueue=queue, containerOverrides=overrides, **more)["jobId"]
        self.used.jobs.append(job)
        self.say(f"submitted {name} ({job})")
        return job

    def job(self, job: str) -> dict[str, Any]:
        """Return what Batch says of a job."""
        found = self.client("batch").describe_jobs(jobs=[job])["jobs"]
        return dict(found[0]) if found else {}

    def running(self, job: str, minutes: float = 20) -> dict[str, Any]:
        """Wait until a job runs, and return it."""

        def found() -> dict[str, Any] | None:
            now = self.job(job)
            return now if now.get("status") in {"RUNNING", *ENDED} else None

        now: dict[str, Any] = self.until(f"job {job} runs", found, minutes)
        return now

    def ended(self, job: str, minutes: float = 40) -> dict[str, Any]:
        """Wait until a job has ended, and return it."""

        def found() -> dict[str, Any] | None:
            now = self.job(job)
            return now if now.get("status") in ENDED else None

        now: dict[str, Any] = self.until(f"job {job} ends", found, minutes)
        return now

    def instance_of(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Return the EC2 instance that a job runs on.

        Raises
        ------
        NotShown
            If Batch names none.
        """
        arn = job.get("container", {}).get("containerInstanceArn")
        if not arn:
            raise NotShown(f"job {job.get('jobId')}: Batch names no instance")
        cluster = arn.split("/")[1]
        (host,) = self.client("ecs").describe_container_instances(cluster=cluster, containerInstances=[arn])[
            "containerInstances"
        ]
        found = self.client("ec2").describe_instances(InstanceIds=[host["ec2InstanceId"]])
        return dict(found["Reservations"][0]["Instances"][0])

    def look_at_machines(self) -> None:
        """Note which instances of this platform there are, for what they cost."""
        tag = {"Name": "tag:Platform", "Values": [self.stack_name]}
        for page in self.client("ec2").get_paginator("describe_instances").paginate(Filters=[tag]):
            for instance in [one for group in page["Reservations"] for one in group["Instances"]]:
                seen = self.used.instances.setdefault(instance["InstanceId"], {"type": instance["InstanceType"]})
                seen["spot"] = instance.get("InstanceLifecycle") == "spot"
                seen["launched"] = instance["LaunchTime"].timestamp()
                if instance["State"]["Name"] in {"pending", "running"}:
                    seen["last"] = self.clock()
