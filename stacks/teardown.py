"""Teardown: what has to be gone before CloudFormation can delete the stack.

CloudFormation does not delete a bucket that holds anything, nor a queue whose jobs still run, and forgets the older
revisions of job definitions. Every step looks at what is there first, so teardown can be run again after a failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from stacks.deployed import DeployedStack, find_stack
from stacks.errors import OperationRefused, Problem

UNFINISHED = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
POLL_SECONDS = 5.0
PATIENCE_SECONDS = 900.0
"""A job has 110 s to end after it is told to; starting ones may take minutes."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Teardown:
    """Takes away what stands in the way of deleting a stack.

    Parameters
    ----------
    cloudformation, batch, s3
        boto3 clients of the stack's region.
    say : callable
        Told, line by line, what is done.
    sleep : callable
        Waits for so many seconds.
    patience_s : float
        How long to wait for jobs to end.
    """

    cloudformation: Any
    batch: Any
    s3: Any
    say: Say
    sleep: Callable[[float], None] = field(default=time.sleep)
    patience_s: float = PATIENCE_SECONDS

    def run(self, stack_name: str, environment: str) -> bool:
        """Prepare the deletion of a stack.

        Returns
        -------
        bool
            Whether there is a stack to delete.

        Raises
        ------
        OperationRefused
            For a `prod` environment, or if jobs do not end or objects cannot be deleted.
        """
        if environment == "prod":
            raise _refuse_prod(stack_name)
        stack = find_stack(self.cloudformation, stack_name)
        if stack is None:
            self.say(f"{stack_name}: there is no such stack; nothing to do")
            return False
        if stack.outputs.get("Environment") == "prod":
            raise _refuse_prod(stack_name)
        self._end_jobs(stack)
        self._deregister(stack)
        for bucket in stack.of("AWS::S3::Bucket"):
            self.empty_bucket(bucket)
        return True

    def _end_jobs(self, stack: DeployedStack) -> None:
        queues = self._queues(stack)
        for queue in queues:
            self.say(f"disabling queue {queue.split('/')[-1]}")
            self.batch.update_job_queue(jobQueue=queue, state="DISABLED")
        told: set[str] = set()
        waited = 0.0
        while unfinished := [job for queue in queues for job in self._unfinished(queue)]:
            for job_id, name in unfinished:
                if job_id not in told:
                    self.say(f"ending job {name} ({job_id})")
                    self.batch.terminate_job(jobId=job_id, reason="The platform is being destroyed")
                    told.add(job_id)
            if waited >= self.patience_s:
                raise OperationRefused(
                    "the stack's jobs do not end",
                    [
                        Problem(
                            f"{len(unfinished)} jobs have not ended after {waited:.0f} s: "
                            f"{', '.join(name for _, name in unfinished[:5])}",
                            "Run make destroy again; the queues stay disabled meanwhile.",
                        )
                    ],
                )
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS

    def _queues(self, stack: DeployedStack) -> list[str]:
        """Return the queues that still exist: a name that Batch does not know is left out of its answer."""
        named = list(stack.of("AWS::Batch::JobQueue"))
        if not named:
            return []
        return [queue["jobQueueArn"] for queue in self.batch.describe_job_queues(jobQueues=named)["jobQueues"]]

    def _unfinished(self, queue: str) -> list[tuple[str, str]]:
        paginator = self.batch.get_paginator("list_jobs")
        return [
            (job["jobId"], job["jobName"])
            for status in UNFINISHED
            for page in paginator.paginate(jobQueue=queue, jobStatus=status)
            for job in page["jobSummaryList"]
        ]

    def _deregister(self, stack: DeployedStack) -> None:
        """Deregister every revision: deployments leave the older ones active, for jobs that were submitted before."""
        paginator = self.batch.get_paginator("describe_job_definitions")
        for name in sorted({arn.split("/")[-1].split(":")[0] for arn in stack.of("AWS::Batch::JobDefinition")}):
            pages = paginator.paginate(jobDefinitionName=name, status="ACTIVE")
            revisions = [found["jobDefinitionArn"] for page in pages for found in page["jobDefinitions"]]
            for arn in revisions:
                self.batch.deregister_job_definition(jobDefinition=arn)
            self.say(f"deregistered {len(revisions)} revisions of {name}")

    def empty_bucket(self, bucket: str) -> None:
        """Delete all versions and delete markers and end all open uploads of a bucket, if it exists."""
        try:
            self.s3.head_bucket(Bucket=bucket)
        except self.s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
                self.say(f"bucket {bucket} is gone already")
                return
            raise
        deleted = 0
        while batch := self._some_versions(bucket):
            answer = self.s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            if errors := answer.get("Errors"):
                raise OperationRefused(
                    f"bucket {bucket} cannot be emptied",
                    [
                        Problem(
                            f"{len(errors)} objects cannot be deleted, the first is {errors[0].get('Key')}: "
                            f"{errors[0].get('Message') or errors[0].get('Code')}",
                            "Allow s3:DeleteObjectVersion to the one who destroys, then run make destroy again.",
                        )
                    ],
                )
            deleted += len(batch)
        ended = 0
        while uploads := self.s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
            for upload in uploads:
                self.s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
            ended += len(uploads)
        self.say(f"emptied bucket {bucket}: {deleted} versions and delete markers, {ended} open uploads")

    def _some_versions(self, bucket: str) -> list[dict[str, str]]:
        """Return up to 1,000 versions and delete markers: as many as one request can delete."""
        page = self.s3.list_object_versions(Bucket=bucket, MaxKeys=1000)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]


def _refuse_prod(stack_name: str) -> OperationRefused:
    return OperationRefused(
        f"{stack_name} is not destroyed",
        [
            Problem(
                "it is a prod environment, whose data and images are kept",
                "To give up the machinery and keep the data, run cdk destroy yourself: bucket and repository stay.",
            )
        ],
    )
