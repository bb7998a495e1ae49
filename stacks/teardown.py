"""Teardown: what has to be gone before CloudFormation can delete the stack.

CloudFormation does not delete a bucket that holds anything, nor a queue whose jobs still run, and forgets the older
revisions of job definitions. Every step looks at what is there first, so teardown can be run again after a failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stacks.deployed import DeployedStack, find_stack
from stacks.errors import OperationRefused, Problem

UNFINISHED = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING")
STARTED = ("STARTING", "RUNNING")
NOTES = Path(__file__).parents[1] / "build"
"""Where it is noted what to deregister once the stack is gone."""

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
    notes : pathlib.Path
        A directory of what has to be remembered until the stack is gone.
    """

    cloudformation: Any
    batch: Any
    s3: Any
    say: Say
    sleep: Callable[[float], None] = field(default=time.sleep)
    patience_s: float = PATIENCE_SECONDS
    notes: Path = NOTES

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
        for bucket in stack.of("AWS::S3::Bucket"):
            empty_bucket(self.s3, bucket, self.say)
        self._note(stack)
        return True

    def deregister(self, stack_name: str) -> None:
        """Deregister every revision of the definitions of a stack that is gone.

        Deployments leave the older ones active, for jobs that were submitted before, and CloudFormation has forgotten
        them. They go last, so that a stack whose deletion fails still has jobs that can be retried.
        """
        note = self._note_of(stack_name)
        if find_stack(self.cloudformation, stack_name) is not None or not note.exists():
            return
        paginator = self.batch.get_paginator("describe_job_definitions")
        for name in note.read_text(encoding="utf-8").split():
            pages = paginator.paginate(jobDefinitionName=name, status="ACTIVE")
            revisions = [found["jobDefinitionArn"] for page in pages for found in page["jobDefinitions"]]
            for arn in revisions:
                self.batch.deregister_job_definition(jobDefinition=arn)
            self.say(f"deregistered {len(revisions)} revisions of {name}")
        note.unlink()

    def _note(self, stack: DeployedStack) -> None:
        """Write down the names of the job definitions: nobody knows them once the stack is gone."""
        note = self._note_of(stack.name)
        noted = set(note.read_text(encoding="utf-8").split()) if note.exists() else set()
        names = noted | {arn.split("/")[-1].split(":")[0] for arn in stack.of("AWS::Batch::JobDefinition")}
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("".join(f"{name}\n" for name in sorted(names)), encoding="utf-8")

    def _note_of(self, stack_name: str) -> Path:
        return self.notes / f"{stack_name}.definitions"

    def _end_jobs(self, stack: DeployedStack) -> None:
        queues = queues_of(self.batch, stack)
        for queue in queues:
            self.say(f"disabling queue {queue['jobQueueName']}")
            self.batch.update_job_queue(jobQueue=queue["jobQueueArn"], state="DISABLED")
        told: set[str] = set()
        waited = 0.0
        while unfinished := [job for queue in queues for job in unfinished_jobs(self.batch, queue)]:
            for job in unfinished:
                if job.id not in told:
                    self.say(f"ending job {job.name} ({job.id})")
                    self.batch.terminate_job(jobId=job.id, reason="The platform is being destroyed")
                    told.add(job.id)
            if waited >= self.patience_s:
                raise OperationRefused(
                    "the stack's jobs do not end",
                    [
                        Problem(
                            f"{len(unfinished)} jobs have not ended after {waited:.0f} s: "
                            f"{', '.join(job.name for job in unfinished[:5])}",
                            "Run make destroy again; the queues stay disabled meanwhile.",
                        )
                    ],
                )
            self.sleep(POLL_SECONDS)
            waited += POLL_SECONDS


@dataclass(frozen=True)
class UnfinishedJob:
    """A job that has not ended.

    Parameters
    ----------
    id, name, status : str
        As Batch has them.
    """

    id: str
    name: str
    status: str

    @property
    def fate(self) -> str:
        """What becomes of it when its machines are replaced."""
        return "ended and retried if it is not done by then" if self.status in STARTED else "waits"


def queues_of(batch: Any, stack: DeployedStack) -> list[dict[str, Any]]:
    """Return the queues of a stack that still exist: a name that Batch does not know is left out of its answer."""
    named = list(stack.of("AWS::Batch::JobQueue"))
    return list(batch.describe_job_queues(jobQueues=named)["jobQueues"]) if named else []


def unfinished_jobs(batch: Any, queue: Mapping[str, Any]) -> list[UnfinishedJob]:
    """Return the jobs of a queue that have not ended, those that run last."""
    paginator = batch.get_paginator("list_jobs")
    return [
        UnfinishedJob(job["jobId"], job["jobName"], status)
        for status in UNFINISHED
        for page in paginator.paginate(jobQueue=queue["jobQueueArn"], jobStatus=status)
        for job in page["jobSummaryList"]
    ]


def empty_bucket(s3: Any, bucket: str, say: Say) -> None:
    """Delete all versions and delete markers and end all open uploads of a bucket, if it exists."""
    try:
        s3.head_bucket(Bucket=bucket)
    except s3.exceptions.ClientError as error:
        if error.response["Error"]["Code"] in {"404", "NoSuchBucket"}:
            say(f"bucket {bucket} is gone already")
            return
        raise
    deleted = 0
    while batch := _some_versions(s3, bucket):
        answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
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
    while uploads := s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []):
        for upload in uploads:
            s3.abort_multipart_upload(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        ended += len(uploads)
    say(f"emptied bucket {bucket}: {deleted} versions and delete markers, {ended} open uploads")


def _some_versions(s3: Any, bucket: str) -> list[dict[str, str]]:
    """Return up to 1,000 versions and delete markers: as many as one request can delete."""
    page = s3.list_object_versions(Bucket=bucket, MaxKeys=1000)
    found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
    return [{"Key": version["Key"], "VersionId": version["VersionId"]} for version in found]


def _refuse_prod(stack_name: str) -> OperationRefused:
    return OperationRefused(
        f"{stack_name} is not destroyed",
        [
            Problem(
                "it is a prod environment, whose data and images are kept",
                "To give up the machinery and keep bucket, images and logs: aws cloudformation "
                f"update-termination-protection --no-enable-termination-protection --stack-name {stack_name}, "
                "then cdk destroy.",
            )
        ],
    )
