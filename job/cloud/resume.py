"""``ldp cloud resume``: what is left of an execution is submitted again, in the parts into which it was divided.

Work that is dealt out anew among another number of shards would find other fits in flight than it looks for. What is
left is told from the records of attempts, which stand for as long as the execution does; AWS Batch forgets jobs.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from job.cloud.definitions import JobDefinition, definition_for
from job.cloud.jobs import Job
from job.cloud.names import JobName, tags
from job.cloud.submission import JobRequest, training_command
from job.executions.attempts import Attempt, running_attempts

MOST_LOST = 2
"""After so many reclaims a shard goes to On-Demand."""


@dataclass(frozen=True)
class Left:
    """A part of an execution that is left over.

    Attributes
    ----------
    dataset : str
    shard : str or None
        ``I/N``, or None where all of the dataset is one job's.
    lost : int
        How often its instance was taken away, or its process killed.
    """

    dataset: str
    shard: str | None
    lost: int

    @property
    def on_demand(self) -> bool:
        """Whether it has been lost often enough."""
        return self.lost >= MOST_LOST


def left_over(
    datasets: Mapping[str, bool],
    attempts: Sequence[Attempt],
    shards: Mapping[str, int],
    active: Iterable[tuple[str, str | None]],
    *,
    now: datetime,
    ended: Container[str] = (),
) -> list[Left]:
    """Return what is left of an execution: parts without an attempt that ended complete, and that nobody is at.

    Parameters
    ----------
    datasets : mapping of str to bool
        Of each dataset that is to be resumed, whether it is complete.
    attempts : sequence of Attempt
        Of the execution.
    shards : mapping of str to int
        Into how many a dataset is divided of which nothing was begun.
    active : iterable of (str, str or None)
        Dataset and shard of the jobs that run or wait.
    now : datetime
    ended : container of str
        Ids of jobs that Batch says have ended: their attempts are not alive, however lately they were heard of.
    """
    alive = [one for one in running_attempts(attempts, now) if _job_of(one) not in ended]
    busy = {*active, *((name, one.shard) for one in alive for name in one.datasets)}
    found = []
    for name, complete in datasets.items():
        if complete:
            continue
        mine = [one for one in attempts if name in one.datasets]
        count = _division(mine, shards.get(name, 1))
        parts = [None] if count == 1 else [f"{index}/{count}" for index in range(1, count + 1)]
        through = {one.shard for one in mine if one.end == "complete"}
        left = [part for part in parts if part not in through and (name, part) not in busy]
        if not left and not any(dataset == name for dataset, _ in busy):
            # All have said that they are through, and results are missing: whoever runs it whole finds which.
            left = [None]
        found += [Left(name, part, _lost(mine, part, alive)) for part in left]
    return found


def _job_of(attempt: Attempt) -> str:
    """Return the id of the job, or of the array, that an attempt was of; empty where it was none on Batch."""
    return (attempt.job or "").split(" ")[0].split(":")[0]


def _division(attempts: Sequence[Attempt], otherwise: int) -> int:
    """Return into how many shards a dataset was divided when it was last worked on."""
    if not attempts:
        return otherwise
    shard = attempts[-1].shard
    return 1 if shard is None else int(shard.partition("/")[2])


def _lost(attempts: Sequence[Attempt], part: str | None, alive: Sequence[Attempt]) -> int:
    mine = [one for one in attempts if one.shard == part and one not in alive]
    return sum(one.end in {None, "interrupted"} and not one.out_of_time for one in mine)


def requests_for(
    left: Sequence[Left],
    execution: str,
    submission: str,
    token: str,
    definitions: Sequence[JobDefinition],
    queues: Mapping[str, str],
    platform: str,
) -> list[JobRequest]:
    """Return the jobs that do what is left: an array where a whole division is, else an ordinary job for each part.

    Parameters
    ----------
    submission : str
        That of the execution, so that its jobs are found together.
    token : str
        Sets their names apart from those of the jobs that went before.

    Raises
    ------
    DatasetNotFound
        If the platform has no definition for a dataset.
    """
    found = []
    for dataset in dict.fromkeys(one.dataset for one in left):
        parts = [one for one in left if one.dataset == dataset]
        definition = definition_for(definitions, dataset, "training")
        name = JobName(dataset, "training", submission)
        count = int((parts[0].shard or "1/1").partition("/")[2])
        if len(parts) == count > 1 and not any(one.on_demand for one in parts):
            command = training_command(definition, dataset, None, execution)
            found.append(
                JobRequest(name, queues["any"], definition, tags(platform, name), command, count, suffix=token)
            )
            continue
        for one in parts:
            command = training_command(definition, dataset, None, execution, one.shard)
            queue = queues["on-demand" if one.on_demand else "any"]
            suffix = token if one.shard is None else f"{token}-{one.shard.replace('/', 'of')}"
            found.append(JobRequest(name, queue, definition, tags(platform, name), command, suffix=suffix))
    return found


def active_parts(jobs: Iterable[Job], execution: str) -> set[tuple[str, str | None]]:
    """Return dataset and shard of the jobs of an execution that run or wait; of an array, of all its shards."""
    found: set[tuple[str, str | None]] = set()
    for job in jobs:
        if job.ended or job.execution != execution or job.label is None:
            continue
        if job.size > 1:
            found |= {(job.label.dataset, f"{index}/{job.size}") for index in range(1, job.size + 1)}
        else:
            found.add((job.label.dataset, job.shard))
    return found
