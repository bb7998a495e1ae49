"""``ldp cloud status``: what becomes of jobs, one row each, and why those that wait do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from job.cloud.cost import FrozenPrices, reckon
from job.cloud.endings import LOST, ending
from job.cloud.jobs import Job, children, describe, require_jobs
from job.cloud.platform import Platform
from job.cloud.prices import Prices
from job.cloud.queues import find_queues
from job.cloud.quotas import find_quota
from job.cloud.session import Aws
from job.cloud.waiting import Situation, Snapshot, snapshot, why
from job.errors import AwsRefused, ExecutionMismatch, ExecutionNotFound, JobNotFound
from job.executions.attempts import Attempt, read_attempts
from job.executions.executions import load_execution
from job.executions.status import ExecutionStatus
from job.executions.status import status as execution_status
from job.store import Store


@dataclass(frozen=True)
class Row:
    """One job.

    Attributes
    ----------
    job, name, dataset, kind : str
        The id and what the name says; a shard's place is in its name.
    state : str
        In Batch's words, or ``FORGOTTEN`` where Batch knows it no more.
    words : str
        What it does, why it waits, or how it ended.
    fix : str or None
        What to do about it.
    attempts, lost, failed : int
        Starts that have ended: all, those that were nobody's fault, and those that failed.
    done, total : int or None
        Units of its dataset.
    eta_s : float or None
        Seconds that its execution still takes, about.
    execution : str or None
    shard : str or None
        ``I/N``, of a job that goes on with one.
    usd : float or None
        What the training of its dataset has cost so far, about, at the prices of the table; `ldp cloud cost` asks for
        today's. None where no attempt says on which instance it ran.
    """

    job: str
    name: str
    dataset: str
    kind: str
    state: str
    words: str
    fix: str | None
    attempts: int
    lost: int
    failed: int
    done: int | None
    total: int | None
    eta_s: float | None
    execution: str | None
    shard: str | None = None
    usd: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class CloudStatus:
    """What becomes of jobs.

    Attributes
    ----------
    rows : list of Row
    notes : list of str
        What could not be asked.
    """

    rows: list[Row]
    notes: list[str]

    @property
    def over(self) -> bool:
        """Whether no job runs or waits."""
        return all(row.state in {"SUCCEEDED", "FAILED", "FORGOTTEN"} for row in self.rows)


def cloud_status(
    aws: Aws, platform: Platform, store: Store, what: str | None, *, now: datetime, shards: bool = False
) -> CloudStatus:
    """Return what becomes of the jobs meant: of the latest submission, where nothing is named.

    Parameters
    ----------
    store : Store
        The platform's bucket.
    what : str or None
        An execution, a submission, a dataset, a job's name or id.
    shards : bool
        Whether each shard of an array has a row of its own.

    Raises
    ------
    JobNotFound
        Where neither Batch nor the bucket knows anything of it.
    """
    batch = aws.client("batch")
    try:
        jobs = require_jobs(batch, platform.queues.values(), now=now, what=what)
    except JobNotFound:
        forgotten = [] if what is None else _forgotten(store, what)
        if not forgotten:
            raise
        return CloudStatus(forgotten, ["AWS Batch has forgotten these jobs: told from the records of their attempts"])
    notes: list[str] = []
    known = {job.id: job for job in jobs}
    # A dependency may be of a job that was not asked for.
    missing = {one for job in jobs if not job.ended for one in job.after} - set(known)
    known |= {job.id: job for job in describe(batch, sorted(missing))}
    situations = _situations(aws, platform, jobs, now, notes)
    executions = {job.execution for job in jobs if job.execution is not None}
    progress, spent = _progress(store, executions), _spent(store, executions, now)
    rows = []
    for job in sorted(jobs, key=lambda one: (one.created, one.name)):
        some = children(batch, job) if shards and job.size > 1 else []
        row = _row(job, situations[job.queue], known, progress)
        rows.append(replace(row, usd=spent.get((row.execution, row.dataset))))
        rows += [_row(child, situations[job.queue], known, progress, parent=job) for child in some]
    return CloudStatus(rows, notes)


def _situations(
    aws: Aws, platform: Platform, jobs: Sequence[Job], now: datetime, notes: list[str]
) -> dict[str, Situation]:
    """Ask what is around the jobs that wait: their queues, and quotas only where a job is stuck without a reason."""
    batch = aws.client("batch")
    waiting = [job for job in jobs if job.state == "RUNNABLE" or job.counts.get("RUNNABLE")]
    found = find_queues(batch, platform)
    queues = {queue.arn: queue for queue in found.values()}
    snapshots: dict[str, Snapshot] = {}
    if waiting:
        try:
            snapshots = {arn: snapshot(batch, queue) for arn, queue in queues.items()}
        except AwsRefused as error:
            notes.append(f"places in the queue are not known: {error.what}")
    quotas = {}
    if any(not job.reason for job in waiting):
        quotas = {one: find_quota(aws, one, gpu=platform.use_gpu) for one in ("spot", "on-demand")}
    every = tuple(queues.values())
    arns = {job.queue for job in jobs}
    return {arn: Situation(queues.get(arn), snapshots, every, quotas, now) for arn in arns}


def _progress(store: Store, executions: set[str]) -> dict[str, ExecutionStatus]:
    found = {}
    for name in executions:
        try:
            found[name] = execution_status(store, load_execution(store, name))
        except (ExecutionNotFound, ExecutionMismatch):  # it has not begun, or says nothing
            continue
    return found


def _spent(store: Store, executions: set[str], now: datetime) -> dict[tuple[str | None, str], float]:
    """Return what executions have cost so far, by execution and dataset."""
    found: dict[tuple[str | None, str], float] = {}
    for name in executions:
        cost = reckon(name, read_attempts(store, name), (), Prices({}), FrozenPrices({}), {}, now)
        for one in cost.attempts:
            if one.usd is not None:
                found[name, one.datasets] = found.get((name, one.datasets), 0.0) + one.usd
    return found


def _row(
    job: Job,
    situation: Situation,
    known: Mapping[str, Job],
    progress: Mapping[str, ExecutionStatus],
    parent: Job | None = None,
) -> Row:
    label = job.label
    endings = [ending(one, job.reason if job.ended and one is job.attempts[-1] else "") for one in job.attempts]
    lost = sum(one.kind in LOST for one in endings)
    failed = sum(one.kind not in LOST and one.kind != "done" for one in endings)
    waiting = why(job, situation, known)
    if waiting is not None:
        words, fix = waiting.words, waiting.fix
        if lost:
            words = f"{words}; to go on after {_times(lost)}"
    elif job.size > 1 and job.counts and not job.ended:
        words, fix = _shards_in_words(job.counts), None
    elif job.state == "RUNNING":
        words, fix = "it runs" + (f", again after {_times(lost)}" if lost else ""), None
    elif job.state == "FAILED":
        words, fix = _failure(job, endings[-1].words if endings else "", endings[-1].fix if endings else None)
    else:
        words, fix = "done" + (f", after {_times(lost)}" if lost else ""), None
    execution = job.execution or (parent.execution if parent else None)
    status = None if execution is None else progress.get(execution)
    dataset = label.dataset if label else ""
    units = None if status is None else next((one for one in status.datasets if one.dataset == dataset), None)
    if job.state == "FAILED" and units is not None and units.done == units.total:
        words, fix = f"{words}; all its units are done since", None
    eta = None if status is None or job.ended or not status.outlook.running else status.outlook.eta_s
    name = job.name if job.index is None else f"{job.name} {job.index + 1}/{parent.size if parent else '?'}"
    return Row(
        job.id,
        name,
        dataset,
        label.kind if label else "",
        job.state,
        words,
        fix,
        len(job.attempts),
        lost,
        failed,
        None if units is None else units.done,
        None if units is None else units.total,
        eta,
        execution,
        job.shard,
    )


def _failure(job: Job, words: str, fix: str | None) -> tuple[str, str | None]:
    if job.size > 1:
        return (
            f"failed: {_shards_in_words(job.counts)}",
            "`ldp cloud status --shards` shows which; then `ldp cloud resume`.",
        )
    return words or job.reason or "it failed", fix


def _times(count: int) -> str:
    return "1 interruption" if count == 1 else f"{count} interruptions"


def _shards_in_words(counts: Mapping[str, int]) -> str:
    names = {
        "SUCCEEDED": "done", "RUNNING": "running", "STARTING": "starting", "RUNNABLE": "waiting for an instance",
        "PENDING": "pending", "SUBMITTED": "submitted", "FAILED": "failed",
    }  # fmt: skip
    return ", ".join(f"{counts[state]} {words}" for state, words in names.items() if counts.get(state))


def _forgotten(store: Store, execution: str) -> list[Row]:
    """Return a row for each job that the records of an execution's attempts name."""
    try:
        status = execution_status(store, load_execution(store, execution))
    except (ExecutionNotFound, ExecutionMismatch):
        return []
    by_job: dict[str, list[Attempt]] = {}
    for attempt in read_attempts(store, execution):
        by_job.setdefault((attempt.job or attempt.host).split(" ")[0], []).append(attempt)
    rows = []
    for job, attempts in by_job.items():
        last = attempts[-1]
        lost = sum(one.end in (None, "interrupted") for one in attempts)
        failed = sum(one.end == "failed" for one in attempts)
        shard = f", shard {last.shard}" if last.shard else ""
        words = f"its last attempt ended {last.end or 'without a word: it was killed'}{shard}"
        rows.append(
            Row(
                job,
                job,
                "",
                "training",
                "FORGOTTEN",
                words,
                None,
                len(attempts),
                lost,
                failed,
                status.done,
                status.total,
                None,
                execution,
            )
        )
    return rows
