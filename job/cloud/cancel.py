"""``ldp cloud cancel``: jobs are ended, those that wait for others first, so that none of them starts meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from job.cloud.jobs import Job
from job.cloud.session import refusals

REASON = "ended by ldp cloud cancel"


def in_order(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs that have not ended, dependents before what they wait for."""
    left = {job.id: job for job in jobs if not job.ended}
    ordered: list[Job] = []
    while left:
        awaited = {one for job in left.values() for one in job.after}
        free = [job for job in left.values() if job.id not in awaited] or list(left.values())
        ordered += sorted(free, key=lambda job: job.name)
        for job in free:
            del left[job.id]
    return ordered


def cancel(batch: Any, jobs: Sequence[Job]) -> list[Job]:
    """End jobs, and return those that were ended; those that had ended before are left alone.

    TerminateJob also ends what waits, and all shards of an array. Batch retries no job that was ended so.

    Raises
    ------
    AwsRefused
    """
    ended = []
    for job in in_order(jobs):
        with refusals():
            batch.terminate_job(jobId=job.id, reason=REASON)
        ended.append(job)
    return ended
