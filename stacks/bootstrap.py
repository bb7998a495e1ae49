"""What an account needs besides ``cdk bootstrap``, and how all of it is taken away again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stacks.deployed import find_stack
from stacks.errors import OperationRefused, Problem
from stacks.teardown import Say, empty_bucket

TOOLKIT = "CDKToolkit"
QUALIFIER = "hnb659fds"
SPOT_ROLE = "AWSServiceRoleForEC2Spot"
POLL_SECONDS = 5.0
PATIENCE_SECONDS = 600.0


def ensure_spot_role(iam: Any, say: Say) -> bool:
    """Create the service-linked role of EC2 Spot if the account has none: no Spot instance starts without it.

    Returns
    -------
    bool
        Whether it was created.
    """
    try:
        iam.get_role(RoleName=SPOT_ROLE)
    except iam.exceptions.NoSuchEntityException:
        iam.create_service_linked_role(AWSServiceName="spot.amazonaws.com")
        say(f"created the service-linked role {SPOT_ROLE}")
        return True
    say(f"the service-linked role {SPOT_ROLE} is there")
    return False


@dataclass(frozen=True)
class Unbootstrap:
    """Takes away what ``cdk bootstrap`` made, its bucket and its images included.

    Parameters
    ----------
    cloudformation, ecr, s3
        boto3 clients of the region.
    say : callable
        Told, line by line, what is done.
    sleep : callable
        Waits for so many seconds.
    """

    cloudformation: Any
    ecr: Any
    s3: Any
    say: Say
    sleep: Callable[[float], None] = field(default=time.sleep)

    def run(self) -> bool:
        """Delete the toolkit stack and what it keeps.

        Returns
        -------
        bool
            Whether there was one.

        Raises
        ------
        OperationRefused
            If a stack still uses it, or its deletion fails.
        """
        stack = find_stack(self.cloudformation, TOOLKIT)
        if stack is None:
            self.say(f"{TOOLKIT}: there is no such stack; nothing to do")
            return False
        users = self._users()
        if users:
            raise OperationRefused(
                f"{TOOLKIT} is still needed",
                [
                    Problem(
                        f"it deployed {', '.join(users)}, and without it nobody can change or delete them",
                        "Destroy these stacks first: make destroy, or cdk destroy in the projects that they are of.",
                    )
                ],
            )
        buckets = stack.of("AWS::S3::Bucket")
        for bucket in buckets:
            empty_bucket(self.s3, bucket, self.say)
        for repository in stack.of("AWS::ECR::Repository"):
            self._empty_repository(repository)
        self.cloudformation.delete_stack(StackName=TOOLKIT)
        self._wait_until_deleted()
        for bucket in buckets:
            self._delete_bucket(bucket)
        self.say(f"deleted {TOOLKIT}")
        return True

    def _users(self) -> list[str]:
        """Return the stacks that are deployed with the toolkit's role."""
        pages = self.cloudformation.get_paginator("describe_stacks").paginate()
        return [
            stack["StackName"]
            for page in pages
            for stack in page["Stacks"]
            if f"cdk-{QUALIFIER}-cfn-exec-role" in stack.get("RoleARN", "")
            and stack["StackStatus"] != "DELETE_COMPLETE"
        ]

    def _empty_repository(self, repository: str) -> None:
        while images := self.ecr.list_images(repositoryName=repository)["imageIds"]:
            self.ecr.batch_delete_image(repositoryName=repository, imageIds=images[:100])

    def _wait_until_deleted(self) -> None:
        waited = 0.0
        while find_stack(self.cloudformation, TOOLKIT) is not None:
            (stack,) = self.cloudformation.describe_stacks(StackName=TOOLKIT)["Stacks"]
            if stack["StackStatus"] == "DELETE_FAILED" or waited >= PATIENCE_SECONDS:
                reason = stack.get("StackStatusReason", f"it is {stack['StackStatus']} after {waited:.0f} s")
                raise OperationRefused(
                    f"{TOOLKIT} is not deleted",
                    [Problem(reason, "Remove the cause, then run make unbootstrap again.")],
                )
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def _delete_bucket(self, bucket: str) -> None:
        """Delete the bucket that the toolkit's template keeps."""
        try:
            self.s3.delete_bucket(Bucket=bucket)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchBucket":
                raise
