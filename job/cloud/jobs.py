"""Jobs as AWS Batch knows them: found by their names in few calls, described a hundred at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from job.cloud.names import JobName, submission_of
from job.cloud.session import refusals
from job.errors import JobNotFound, shown

REMEMBERED = timedelta(days=8)
"""How far back jobs are looked for: Batch forgets those that ended a week ago or more."""

ENDED = frozenset({"SUCCEEDED", "FAILED"})
_AT_ONCE = 100


@dataclass(frozen=True)
class JobAttempt:
    """One start of a job.

    Attributes
    ----------
    started, stopped : datetime or None
    exit_code : int or None
        None where it did not end by itself.
    reason : str
        Of the container and of the attempt, in Batch's words.
    stream : str or None
        Its log stream.
    """

    started: datetime | None
    stopped: datetime | None
    exit_code: int | None
    reason: str
    stream: str | None


@dataclass(frozen=True)
class Job:
    """A job, or one shard of an array.

    Attributes
    ----------
    id, name : str
    label : JobName or None
        What the name says; None of a job that was not submitted by ``ldp cloud``.
    queue : str
        ARN.
    state, reason : str
        In Batch's words.
    created : datetime
    started, stopped : datetime or None
        Of its latest attempt.
    attempts : tuple of JobAttempt
        Those that have ended.
    stream : str or None
        The log stream of its latest attempt.
    size : int
        Shards of an array; 1 of other jobs.
    counts : mapping of str to int
        Of an array, how many shards are in which state.
    after : tuple of str
        Ids of the jobs that it waits for.
    command : tuple of str
    vcpus, memory_mib : int
        What it reserves.
    index : int or None
        Of a shard: which, from 0.
    """

    id: str
    name: str
    label: JobName | None
    queue: str
    state: str
    reason: str
    created: datetime
    started: datetime | None
    stopped: datetime | None
    attempts: tuple[JobAttempt, ...]
    stream: str | None
    size: int
    counts: Mapping[str, int]
    after: tuple[str, ...]
    command: tuple[str, ...]
    vcpus: int
    memory_mib: int
    index: int | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing of it runs or waits any more."""
        return self.state in ENDED

    @property
    def execution(self) -> str | None:
        """The execution that its command names."""
        return _option(self.command, "--execution-id")

    @property
    def shard(self) -> str | None:
        """``I/N`` of the shard that it does, by its place in an array or by its command."""
        return _option(self.command, "--shard")


def _option(command: tuple[str, ...], name: str) -> str | None:
    return dict(pairwise(command)).get(name)


def find_jobs(batch: Any, queues: Iterable[str], *, now: datetime, what: str | None = None) -> list[Job]:
    """Return the jobs of some queues, the latest submission first: a list call for a hundred jobs of each queue.

    Parameters
    ----------
    batch : boto3 client
    queues : iterable of str
        Names or ARNs.
    now : datetime
    what : str, optional
        Only those of an execution, a submission, a dataset, or of one name or id.

    Raises
    ------
    AwsRefused
        If AWS does not answer.
    """
    since = str(int((now - REMEMBERED).timestamp() * 1000))
    meant: list[str] = []
    others: list[str] = []
    for queue in queues:
        with refusals():
            # With a filter jobs of every state are listed; without one, only those that run.
            pages = batch.get_paginator("list_jobs").paginate(
                jobQueue=queue, filters=[{"name": "AFTER_CREATED_AT", "values": [since]}]
            )
            for page in pages:
                for one in page["jobSummaryList"]:
                    (meant if _is_meant(one, what) else others).append(one["jobId"])
    found = describe(batch, meant)
    if not found and what is not None:
        # An execution whose id somebody chose stands in no name, but in the commands.
        found = [job for job in describe(batch, others) if job.execution == what]
    return sorted(found, key=lambda job: job.created, reverse=True)


def require_jobs(batch: Any, queues: Iterable[str], *, now: datetime, what: str | None) -> list[Job]:
    """Return the jobs meant, as :func:`find_jobs`; with no name given those of the latest submission.

    Raises
    ------
    JobNotFound
        Where there is none.
    """
    found = find_jobs(batch, queues, now=now, what=what)
    if what is None:
        latest = next((job.label.submission for job in found if job.label is not None), None)
        found = [job for job in found if job.label is not None and job.label.submission == latest]
    if not found:
        of = "" if what is None else f" of {shown(what, 128)}"
        raise JobNotFound(
            f"AWS Batch knows no job{of}: it forgets those that ended a week ago",
            "`ldp cloud status` shows those that it knows; name a dataset, an execution, a submission or a job.",
        )
    return found


def _is_meant(summary: Mapping[str, Any], what: str | None) -> bool:
    if what is None or what in (summary["jobId"], summary["jobName"]):
        return True
    label = JobName.parse(summary["jobName"])
    if label is None:
        return False
    if what == str(label):  # with the jobs that went on with it
        return True
    if JobName.parse(what) is not None:
        return False
    submission = submission_of(what)
    return label.dataset == what or (submission is not None and submission == label.submission)


def describe(batch: Any, ids: Iterable[str]) -> list[Job]:
    """Describe jobs, a hundred with each call; those that Batch has forgotten are left out.

    Raises
    ------
    AwsRefused
    """
    wanted = list(ids)
    found: list[Job] = []
    for start in range(0, len(wanted), _AT_ONCE):
        with refusals():
            answer = batch.describe_jobs(jobs=wanted[start : start + _AT_ONCE])
        found += [_job(one) for one in answer["jobs"]]
    return found


def children(batch: Any, job: Job) -> list[Job]:
    """Return the shards of an array, in their order.

    Raises
    ------
    AwsRefused
    """
    # Batch names them by the array's id: nothing has to be listed.
    return sorted(describe(batch, [f"{job.id}:{index}" for index in range(job.size)]), key=lambda one: one.index or 0)


def _job(found: Mapping[str, Any]) -> Job:
    container = found.get("container", {})
    array = found.get("arrayProperties", {})
    reserved = {one["type"]: float(one["value"]) for one in container.get("resourceRequirements", [])}
    attempts = tuple(
        JobAttempt(
            _time(one.get("startedAt")),
            _time(one.get("stoppedAt")),
            one.get("container", {}).get("exitCode"),
            _reason(one),
            one.get("container", {}).get("logStreamName"),
        )
        for one in found.get("attempts", [])
    )
    return Job(
        found["jobId"],
        found["jobName"],
        JobName.parse(found["jobName"]),
        found.get("jobQueue", ""),
        found["status"],
        found.get("statusReason", ""),
        _time(found.get("createdAt")) or datetime.fromtimestamp(0, UTC),
        _time(found.get("startedAt")),
        _time(found.get("stoppedAt")),
        attempts,
        container.get("logStreamName"),
        array.get("size", 1),
        {state: count for state, count in array.get("statusSummary", {}).items() if count},
        tuple(one["jobId"] for one in found.get("dependsOn", []) if "jobId" in one),
        tuple(container.get("command", ())),
        int(reserved.get("VCPU", container.get("vcpus", 0))),
        int(reserved.get("MEMORY", container.get("memory", 0))),
        array.get("index"),
    )


def _reason(attempt: Mapping[str, Any]) -> str:
    parts = (attempt.get("statusReason", ""), attempt.get("container", {}).get("reason", ""))
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _time(milliseconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
