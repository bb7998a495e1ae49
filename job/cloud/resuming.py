"""Finds what is left of an execution, and submits it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from job.cloud.checks import image_troubles, queue_troubles, refuse
from job.cloud.definitions import active_definitions, image_in_use, is_pushed
from job.cloud.jobs import find_jobs
from job.cloud.names import new_submission, submission_of
from job.cloud.platform import Platform
from job.cloud.queues import find_queues
from job.cloud.resume import Left, active_parts, left_over, requests_for
from job.cloud.sending import Sender
from job.cloud.session import Aws
from job.cloud.submission import JobRequest
from job.executions.attempts import read_attempts
from job.executions.executions import load_execution
from job.executions.status import status
from job.store import Store


@dataclass(frozen=True)
class PreparedResume:
    """What is left of an execution, and the jobs that do it.

    Attributes
    ----------
    left : list of Left
    requests : list of JobRequest
    done, total : int
        Units.
    """

    left: list[Left]
    requests: list[JobRequest]
    done: int
    total: int

    def sentence(self) -> str:
        """Say it in one line."""
        units = f"{self.done} of {self.total} units done"
        if self.done == self.total:
            return f"complete, {units}"
        return units if self.left else f"{units}; jobs are at all of what is left"


def prepare_resume(aws: Aws, platform: Platform, bucket: Store, execution: str, *, now: datetime) -> PreparedResume:
    """Find what is left of an execution, and make its jobs; nothing is sent.

    Raises
    ------
    ExecutionNotFound
        If the bucket has none of that id.
    SubmissionRefused
        Naming all that would keep its jobs from running.
    """
    found = load_execution(bucket, execution)
    batch = aws.client("batch")
    definitions = active_definitions(batch, platform)
    progress = status(bucket, found)
    attempts = read_attempts(bucket, execution)
    # Datasets that nobody began, and the platform has no job for, were never part of what was submitted.
    begun = {name for one in attempts for name in one.datasets}
    mine = {one.dataset: one.done == one.total for one in progress.datasets if one.dataset in begun}
    jobs = find_jobs(batch, platform.queues.values(), now=now)
    ended = {job.id for job in jobs if job.ended}
    active = active_parts(jobs, execution)
    left = left_over(mine, attempts, platform.shards, active, now=now, ended=ended)
    submission = submission_of(execution) or new_submission()
    token = new_submission()[:4]
    requests = requests_for(left, execution, submission, token, definitions, platform.queues, platform.name)
    if requests:
        image = image_in_use(platform, definitions)
        queues = find_queues(batch, platform)
        troubles = image_troubles(image, is_pushed(aws.client("ecr"), platform, image), use_gpu=platform.use_gpu)
        for kind, name in platform.queues.items():
            asked = [one.definition for one in requests if one.queue == name]
            if asked:
                troubles += queue_troubles(queues.get(kind), kind, asked)
        refuse(troubles)
    return PreparedResume(left, requests, progress.done, progress.total)


def submit_resume(aws: Aws, prepared: PreparedResume, say: Callable[[str], None]) -> list[str]:
    """Send the jobs, and return their ids.

    Raises
    ------
    AwsRefused
    """
    return Sender(aws.client_once("batch"), aws.client("batch"), say).send(prepared.requests)
