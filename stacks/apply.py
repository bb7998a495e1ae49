"""Apply: what is looked at before the stack is deployed, and put right after it.

CloudFormation would find most of this out by itself: after many minutes, or never. A stack whose deletion failed cannot
be updated; one that failed to be made cannot be deleted while it is protected; what an earlier stack left stands in the
way of one that names it again; jobs are ended by a change of the machines; and queues that a teardown disabled stay so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.deployed import DeployedStack, find_stack
from stacks.errors import OperationRefused, Problem
from stacks.settings import UPDATE_MINUTES, PlatformSettings
from stacks.teardown import Say, queues_of, unfinished_jobs

IMPORT = "--import-existing-resources"
MACHINES = ("AWS::Batch::ComputeEnvironment", "AWS::EC2::LaunchTemplate")
FAILED_AT_FIRST = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED")
SHOWN = 10


@dataclass(frozen=True)
class Apply:
    """Looks at what is deployed before and after ``cdk deploy``.

    Parameters
    ----------
    cloudformation, batch, s3, ecr, logs
        boto3 clients of the stack's region.
    say : callable
        Told, line by line, what is found and done.
    agreed : callable
        Asked whether to go on, with the question.
    """

    cloudformation: Any
    batch: Any
    s3: Any
    ecr: Any
    logs: Any
    say: Say
    agreed: Callable[[str], bool]

    def before(self, settings: PlatformSettings, template: Mapping[str, Any]) -> list[str]:
        """Return what to add to ``cdk deploy``.

        Parameters
        ----------
        settings : PlatformSettings
            What the platform is to be.
        template : mapping
            The template that is to be deployed.

        Raises
        ------
        OperationRefused
            If the stack cannot be deployed as it is, or jobs run that would be ended and nobody agreed.
        """
        name = settings.stack_name
        stack = find_stack(self.cloudformation, name)
        if stack is None or stack.status in FAILED_AT_FIRST:
            if stack is not None and not settings.removable:
                self.cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
                self.say(f"{name} is {stack.status}: its protection is turned off, so that it can be made anew")
            return [IMPORT] if self._left_over(settings) else []
        if stack.status == "DELETE_FAILED":
            raise OperationRefused(
                f"{name} is not applied",
                [Problem("its deletion failed half-way, and it cannot be changed", "Run make destroy, then apply.")],
            )
        if self._machines_change(name, template):
            self._ask_about_jobs(stack, settings)
        return []

    def after(self, settings: PlatformSettings) -> None:
        """Enable the queues that a teardown disabled and did not come to delete."""
        stack = find_stack(self.cloudformation, settings.stack_name)
        for queue in queues_of(self.batch, stack) if stack is not None else []:
            if queue["state"] == "DISABLED":
                self.batch.update_job_queue(jobQueue=queue["jobQueueArn"], state="ENABLED")
                self.say(f"enabled queue {queue['jobQueueName']}, which was disabled")

    def _machines_change(self, name: str, template: Mapping[str, Any]) -> bool:
        body = self.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return machines_of(body) != machines_of(template)

    def _ask_about_jobs(self, stack: DeployedStack, settings: PlatformSettings) -> None:
        jobs = [job for queue in queues_of(self.batch, stack) for job in unfinished_jobs(self.batch, queue)]
        if not jobs:
            return
        to_cpu = stack.outputs.get("UseGpu") == "true" and not settings.use_gpu
        fate = (
            "they ask for a GPU, which no machine will have: submit them again afterwards"
            if to_cpu
            else f"those that run go on for {UPDATE_MINUTES} minutes, are then ended and retried; those that wait, wait"
        )
        self.say(f"{len(jobs)} jobs are not finished, and the machines change; {fate}:")
        for job in jobs[:SHOWN]:
            self.say(f"  {job.name} ({job.id}): {job.status}, {'to be submitted again' if to_cpu else job.fate}")
        if len(jobs) > SHOWN:
            self.say(f"  and {len(jobs) - SHOWN} more")
        if not self.agreed(f"Change the machines of {stack.name} now? Type yes to go on: "):
            raise OperationRefused(
                f"{stack.name} is not applied",
                [Problem(f"{len(jobs)} jobs are not finished", "Wait for them, or add YES=true.")],
            )

    def _left_over(self, settings: PlatformSettings) -> list[str]:
        """Return what is there under a name that the stack would give, and belongs to no stack."""
        if settings.removable:
            return []
        group = f"/aws/batch/{settings.name_prefix}"
        listed = self.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
        there = [group] if any(one["logGroupName"] == group for one in listed) else []
        if settings.bucket_name is not None and self._has_bucket(settings.bucket_name):
            there.append(settings.bucket_name)
        if settings.repository_name is not None and self._has_repository(settings.repository_name):
            there.append(settings.repository_name)
        found = [name for name in there if not self._belongs_to_a_stack(name)]
        for name in found:
            self.say(f"{name} is there already and belongs to no stack: it is taken into this one")
        return found

    def _has_bucket(self, name: str) -> bool:
        try:
            self.s3.head_bucket(Bucket=name)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
                return False
            raise
        return True

    def _has_repository(self, name: str) -> bool:
        try:
            self.ecr.describe_repositories(repositoryNames=[name])
        except self.ecr.exceptions.RepositoryNotFoundException:
            return False
        return True

    def _belongs_to_a_stack(self, name: str) -> bool:
        try:
            return bool(self.cloudformation.describe_stack_resources(PhysicalResourceId=name)["StackResources"])
        except self.cloudformation.exceptions.ClientError as error:
            if "does not exist" in str(error):
                return False
            raise


def machines_of(template: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template says of environments and their launch template: a change of it replaces instances."""
    return {
        name: resource.get("Properties")
        for name, resource in template.get("Resources", {}).items()
        if resource["Type"] in MACHINES
    }


def agreed_at_terminal(question: str) -> bool:
    """Ask at a terminal; nobody agrees where there is none. Not on the standard output, which make reads."""
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip() == "yes"
