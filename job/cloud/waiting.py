"""Why a job waits, in words, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from job.cloud.jobs import ENDED, Job
from job.cloud.queues import Queue
from job.cloud.quotas import Quota
from job.cloud.session import refusals

FRONT = 100
"""How many jobs at the front of a queue Batch tells of."""

USUAL_START = timedelta(minutes=15)
"""Within which an instance is usually there."""

_REASONS = (
    (
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY",
        "AWS has no instance of these types to give just now",
        "Wait (a day at most), submit with --on-demand, or allow more instance types.",
    ),
    (
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE",
        "it needs more vCPUs than its environments may have; the queue cancels it after 10 minutes",
        "Raise spotMaxVcpus or onDemandMaxVcpus and make apply, then submit it again.",
    ),
    (
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT",
        "no instance type has what it asks for; the queue cancels it after 10 minutes",
        "Lower jobMemoryMib or jobVcpus, or name larger types, and make apply; then submit it again.",
    ),
    (
        "MISCONFIGURATION:EC2_INSTANCE_CONFIGURATION_UNSUPPORTED",
        "EC2 cannot launch the environment's instances as they are configured",
        "See what the environment says in the console, and make apply.",
    ),
    (
        "MISCONFIGURATION:SERVICE_ROLE_PERMISSIONS",
        "AWS Batch's service role may not do what it has to",
        "Ask an administrator for the service-linked role AWSServiceRoleForBatch.",
    ),
    (
        "ACTION_REQUIRED",
        "its environments are invalid",
        "Apply the stack again (make apply), and see what Batch says of the environment.",
    ),
    ("UNDETERMINED", "AWS Batch does not know why it is stuck", "See the environment in the console; make apply."),
)


@dataclass(frozen=True)
class Waiting:
    """Why a job waits.

    Attributes
    ----------
    words : str
    fix : str or None
        What to do about it; None where it is enough to wait.
    """

    words: str
    fix: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """The front of a queue.

    Attributes
    ----------
    places : mapping of str to int
        Of the jobs at the front: which is how far, from 1.
    vcpus : float or None
        How many its jobs use; None where Batch does not tell.
    """

    places: Mapping[str, int]
    vcpus: float | None


def snapshot(batch: Any, queue: Queue) -> Snapshot:
    """Ask for the front of a queue.

    Raises
    ------
    AwsRefused
    """
    with refusals():
        found = batch.get_job_queue_snapshot(jobQueue=queue.arn)
    jobs = found.get("frontOfQueue", {}).get("jobs", [])
    places = {one["jobArn"].rsplit("/", 1)[-1]: place for place, one in enumerate(jobs, start=1)}
    usage = found.get("queueUtilization", {}).get("totalCapacityUsage", [])
    # The unit is called VCPU; without any use nothing stands there.
    used = [one["quantity"] for one in usage if str(one.get("capacityUnit", "")).upper() == "VCPU"]
    return Snapshot(places, sum(used) if "queueUtilization" in found else None)


@dataclass(frozen=True)
class Situation:
    """What is known around a job that waits.

    Attributes
    ----------
    queue : Queue or None
    snapshots : mapping of str to Snapshot
        By the queue's ARN, of those that were asked.
    queues : tuple of Queue
        All of the platform: they share environments.
    quotas : mapping of str to Quota or None
        By life cycle, where they were asked.
    now : datetime
    """

    queue: Queue | None
    snapshots: Mapping[str, Snapshot]
    queues: tuple[Queue, ...]
    quotas: Mapping[str, Quota | None]
    now: datetime


def why(job: Job, situation: Situation, others: Mapping[str, Job]) -> Waiting | None:
    """Return why a job waits; None where it does not.

    Parameters
    ----------
    others : mapping of str to Job
        The jobs that it may wait for, by id.
    """
    if job.state in ENDED or job.state == "RUNNING":
        return None
    if job.state == "STARTING":
        return Waiting("its instance is there; the image is being pulled")
    if job.size > 1 and any(state not in {"PENDING", "SUBMITTED"} for state in job.counts):
        return None  # Batch leaves an array PENDING for as long as its shards run
    if job.after and job.state in {"SUBMITTED", "PENDING"}:
        return _dependency(job, others)
    if job.state in {"SUBMITTED", "PENDING"}:
        return Waiting("Batch has taken it, and will put it into the queue")
    return _runnable(job, situation)


def _dependency(job: Job, others: Mapping[str, Job]) -> Waiting:
    for one in job.after:
        other = others.get(one)
        if other is None:
            return Waiting(f"it waits for the job {one}")
        if other.state == "FAILED":
            return Waiting(f"{other.name} failed, so it will not start", f"See `ldp cloud logs {other.name}`.")
        if other.state != "SUCCEEDED":
            return Waiting(f"it waits for {other.name}, which is {other.state}")
    return Waiting("what it waited for is done; Batch will put it into the queue")


def _runnable(job: Job, situation: Situation) -> Waiting:
    queue = situation.queue
    if queue is None:
        return Waiting("its queue does not exist any more", "Apply the stack again (make apply), and submit again.")
    stuck = _stuck(job, queue)
    if stuck is not None:
        return stuck
    front = situation.snapshots.get(queue.arn)
    place = None if front is None else front.places.get(job.id)
    if front is not None and place is None and len(front.places) >= FRONT:
        return Waiting(f"its place in the queue is beyond {FRONT}{_usage(situation, queue)}")
    if place is not None and place > 1:
        return Waiting(f"place {place} in the queue{_usage(situation, queue)}")
    return _unblocked(job, situation, queue, "it is next; " if place == 1 else "")


def _stuck(job: Job, queue: Queue) -> Waiting | None:
    """Return what keeps the queue's first job, or all of its jobs, from ever running; None where nothing does."""
    if not queue.ready:
        return Waiting(f"its queue is {queue.state}", "Apply the stack again (make apply): it enables the queue.")
    for code, words, fix in _REASONS:
        if code in job.reason:
            return Waiting(words, fix)
    if any(one.ready for one in queue.environments):
        return None
    states = "; ".join(f"{one.name} is {one.state} {one.reason}".rstrip() for one in queue.environments)
    return Waiting(f"no environment can run it: {states}", "Apply the stack again (make apply).")


def _unblocked(job: Job, situation: Situation, queue: Queue, first: str) -> Waiting:
    """Return why a job waits that nothing keeps from running but what there is of vCPUs and instances."""
    needed = max(job.vcpus, 1)
    ready = [one for one in queue.environments if one.ready]
    full = [
        (environment, used)
        for environment in ready
        if (used := _used(situation, environment.name)) is not None and used + needed > environment.max_vcpus
    ]
    if len(full) == len(ready):
        told = ", ".join(f"{one.life_cycle} {used:g} of {one.max_vcpus}" for one, used in full)
        return Waiting(
            f"{first}the environments' vCPUs are in use ({told})",
            "Wait for others to end, or raise spotMaxVcpus or onDemandMaxVcpus and make apply.",
        )
    short = [
        quota
        for environment in ready
        if (quota := situation.quotas.get(environment.life_cycle)) is not None
        and quota.vcpus < needed + (_used(situation, environment.name) or 0.0)
    ]
    if len(short) == len(ready):
        return Waiting(f"{first}probably the quota {short[0].name} is too low ({short[0].vcpus:g})", short[0].remedy)
    if situation.now - job.created > USUAL_START:
        return Waiting(
            f"{first}no instance has come for longer than usual: probably there is no capacity, or a quota is too low",
            "Wait, or `ldp cloud cancel` it and submit with --on-demand.",
        )
    return Waiting(f"{first}{'an' if first else 'probably an'} instance is being started, which takes a few minutes")


def _used(situation: Situation, environment: str) -> float | None:
    """Return how many vCPUs the jobs of all queues that share an environment use: as many are in it at most."""
    sharing = [queue for queue in situation.queues if any(one.name == environment for one in queue.environments)]
    found = [situation.snapshots.get(queue.arn) for queue in sharing]
    known = [one.vcpus for one in found if one is not None and one.vcpus is not None]
    return sum(known) if known and len(known) == len(sharing) else None


def _usage(situation: Situation, queue: Queue) -> str:
    told = [
        f"at most {used:g} of {one.max_vcpus} vCPUs in use on {one.life_cycle}"
        for one in queue.environments
        if (used := _used(situation, one.name)) is not None
    ]
    return f" ({'; '.join(told)})" if told else ""
