"""Sending jobs to AWS Batch exactly once, although SubmitJob knows no token by which it could tell a repetition.

A request is sent once. Where its answer is lost, nobody knows whether it arrived: the job is then looked for by its
name, which no other job has, for a minute; only then is it sent again. Should both have arrived after all, the one is
ended that nobody knows of: what follows depends on the other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from job.cloud.names import JobName
from job.cloud.session import refusals
from job.cloud.submission import JobRequest
from job.errors import AwsRefused

LOOK_S = 60.0
PAUSE_S = 5.0
MOST_TRIES = 5
_NOT_TAKEN = {"Throttling", "ThrottlingException", "TooManyRequestsException"}
_SERVER_FAILED = 500


@dataclass
class Sender:
    """Sends jobs.

    Parameters
    ----------
    once : boto3 client
        That sends each request once.
    batch : boto3 client
        For looking.
    say : callable
        Told in words what has to be known besides.
    """

    once: Any
    batch: Any
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    ids: dict[JobName, str] = field(default_factory=dict)
    doubtful: list[dict[str, Any]] = field(default_factory=list)

    def send(self, requests: Sequence[JobRequest]) -> list[str]:
        """Submit jobs in their order, and return their ids.

        Raises
        ------
        AwsRefused
            Naming how many were submitted before.
        """
        found: list[str] = []
        for request in requests:
            arguments = request.arguments(self.ids)
            try:
                job = self._one(arguments)
            except AwsRefused as error:
                if not found:
                    raise
                raise AwsRefused(
                    f"{error.what}; {len(found)} of {len(requests)} jobs were submitted before",
                    f"{error.remedy} Then submit again, or `ldp cloud cancel` what was submitted.",
                ) from error
            found.append(job)
            self.ids[request.name] = job
        self._end_duplicates(set(found))
        return found

    def _one(self, arguments: dict[str, Any]) -> str:
        from botocore import exceptions as aws

        tries = 0
        while True:
            tries += 1
            with refusals():
                try:
                    return str(self.once.submit_job(**arguments)["jobId"])
                except aws.ClientError as error:
                    throttled = error.response.get("Error", {}).get("Code", "") in _NOT_TAKEN
                    failed = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= _SERVER_FAILED
                    if tries == MOST_TRIES or not (throttled or failed):
                        raise
                except (aws.ConnectionError, aws.HTTPClientError):
                    throttled = False
                    if tries == MOST_TRIES:
                        raise
            if throttled:  # it was not taken
                self.sleep(PAUSE_S * tries)
                continue
            self.doubtful.append(arguments)
            self.say(f"no answer to the submission of {arguments['jobName']}: looking whether it arrived")
            job = self._look_for(arguments)
            if job is not None:
                return job

    def _look_for(self, arguments: dict[str, Any]) -> str | None:
        until = self.clock() + LOOK_S
        while True:
            found = self._named(arguments)
            if found:
                return str(found[0]["jobId"])
            if self.clock() >= until:
                return None
            self.sleep(PAUSE_S)

    def _named(self, arguments: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the jobs of a name, the first first."""
        filters = [{"name": "JOB_NAME", "values": [arguments["jobName"]]}]
        with refusals():
            pages = self.batch.get_paginator("list_jobs").paginate(jobQueue=arguments["jobQueue"], filters=filters)
            found = [job for page in pages for job in page["jobSummaryList"]]
        return sorted(found, key=lambda job: (job["createdAt"], job["jobId"]))

    def _end_duplicates(self, kept: set[str]) -> None:
        for arguments in {one["jobName"]: one for one in self.doubtful}.values():
            for job in self._named(arguments):
                if job["jobId"] not in kept and job["status"] not in {"SUCCEEDED", "FAILED"}:
                    self.say(f"{arguments['jobName']} arrived twice: ending {job['jobId']}, which nothing depends on")
                    with refusals():
                        self.batch.terminate_job(jobId=job["jobId"], reason="submitted twice: an answer was lost")
