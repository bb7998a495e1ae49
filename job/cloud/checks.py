"""What would keep jobs from running, found before anything is sent: each with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from job.catalogue import is_own_name
from job.cloud.definitions import Image, JobDefinition
from job.cloud.queues import Queue
from job.cloud.quotas import Quota
from job.cloud.workload import Workload, hosts_of
from job.data.declarations.stored import dataset_names, find_declaration
from job.errors import SubmissionRefused, did_you_mean
from job.store import Store, declaration_key, features_key, raw_keys, target_key

APPLY = "Apply the stack again (make apply)"


@dataclass(frozen=True)
class Trouble:
    """One thing that is wrong."""

    what: str
    remedy: str


def image_troubles(image: Image, pushed: bool, *, use_gpu: bool) -> list[Trouble]:
    """Return what is wrong with the image that jobs name."""
    mode = "gpu" if use_gpu else "cpu"
    if image.mode != mode:
        return [
            Trouble(
                f"the platform is in {mode.upper()} mode, and its jobs name the image {image.tag}",
                f"{APPLY}, with GPU=true or without.",
            )
        ]
    if not pushed:
        return [
            Trouble(
                f"the image {image.tag} that jobs name is not in the repository",
                "Run make docker-build docker-push" + (" GPU=true." if use_gpu else "."),
            )
        ]
    return []


def queue_troubles(queue: Queue | None, kind: str, demands: Sequence[JobDefinition]) -> list[Trouble]:
    """Return what keeps a queue from running jobs, whatever else happens.

    Parameters
    ----------
    queue : Queue or None
        None where Batch does not know it.
    kind : str
        Which queue was asked for.
    demands : sequence of JobDefinition
        What is to be submitted to it.
    """
    if queue is None:
        return [Trouble(f"the platform's queue ({kind}) does not exist", f"{APPLY}.")]
    if not queue.ready:
        why = f": {queue.reason}" if queue.reason else ""
        remedy = f"{APPLY}: it enables queues that make destroy has disabled."
        return [Trouble(f"the queue {queue.name} is {queue.state}{why}", remedy)]
    ready = [one for one in queue.environments if one.ready]
    if not ready:
        states = "; ".join(
            f"{one.name} is {one.state}" + (f" ({one.reason})" if one.reason else "") for one in queue.environments
        )
        remedy = f"{APPLY}, and see what Batch says of the environment."
        return [Trouble(f"no environment of the queue {queue.name} can run jobs: {states or 'it has none'}", remedy)]
    troubles = []
    for one in demands:
        if all(one.vcpus > environment.max_vcpus for environment in ready):
            most = max(environment.max_vcpus for environment in ready)
            troubles.append(
                Trouble(
                    f"a job of {one.name} reserves {one.vcpus} vCPUs, and the environments may have {most}",
                    "Raise spotMaxVcpus or onDemandMaxVcpus, or lower jobVcpus, and make apply.",
                )
            )
        elif all(environment.types and not hosts_of(environment.types, one) for environment in ready):
            troubles.append(
                Trouble(
                    f"no instance type of the queue {queue.name} hosts a job of {one.name} ({one.vcpus} vCPUs, "
                    f"{one.memory_mib:,} MiB, {one.gpus} GPUs)",
                    "Lower jobMemoryMib or jobVcpus, or name larger instance types, and make apply.",
                )
            )
    return troubles


def quota_troubles(quotas: Mapping[str, Quota | None], demands: Sequence[JobDefinition]) -> list[Trouble]:
    """Return where the account may have too few vCPUs for one job, on every kind of instance that the queue has.

    Parameters
    ----------
    quotas : mapping of str to Quota or None
        By life cycle; None where it is not known.
    """
    known = [quota for quota in quotas.values() if quota is not None]
    if not known or len(known) < len(quotas):
        return []
    most = max(known, key=lambda quota: quota.vcpus)
    return [
        Trouble(
            f"a job of {one.name} reserves {one.vcpus} vCPUs, and the quota {most.name} is {most.vcpus:g}",
            most.remedy,
        )
        for one in demands
        if one.vcpus > most.vcpus
    ]


def workload_troubles(work: Workload, shards: int) -> list[Trouble]:
    """Return what keeps a job of the platform from doing the training of a dataset in so many shards."""
    fit = work.fit.fit
    limits = work.fit.limits
    if not fit.workers:
        return [
            Trouble(
                f"{work.dataset} needs about {work.fit.needed_mib:,.0f} MiB, and its job has {limits.memory_mib:,}",
                "Give it more (perDataset, jobMemoryMib) and make apply.",
            )
        ]
    if fit.slices is None:
        return [
            Trouble(
                f"a fold of {work.dataset} and the longest fit on it take more than an attempt's {limits.hours:g} h",
                "Raise maxJobHours and make apply, or leave out what takes longest (--spec).",
            )
        ]
    if shards == 1 and fit.attempts is None:
        many = f"divide it: --shards {fit.shards}." if fit.shards else "give its job more processors or hours."
        return [
            Trouble(
                f"{work.dataset} would take about {fit.hours:.1f} h, {fit.slices} attempts of {limits.hours:g} h: more "
                "than Batch starts a job",
                many[0].upper() + many[1:],
            )
        ]
    return []


def refuse(troubles: Sequence[Trouble]) -> None:
    """Refuse a submission that has troubles.

    Raises
    ------
    SubmissionRefused
        Naming all of them.
    """
    if troubles:
        whats = dict.fromkeys(one.what for one in troubles)
        remedies = dict.fromkeys(one.remedy for one in troubles)
        raise SubmissionRefused(f"nothing was submitted: {'; '.join(whats)}", " ".join(remedies))


def data_troubles(store: Store, datasets: Sequence[str], *, data: bool, training: bool) -> list[Trouble]:
    """Return what is wrong with the data that jobs are to find in the bucket.

    Parameters
    ----------
    data, training : bool
        Which kinds of jobs are to be sent.
    """
    troubles = []
    for name in datasets:
        declaration = find_declaration(store, name)
        if declaration is None and is_own_name(name):
            near = did_you_mean(name, dataset_names(store))
            troubles.append(
                Trouble(
                    f"nothing is declared of {name}: there is no {store.where(declaration_key(name))}",
                    f"{near[:1].upper()}{near[1:]} Or run `ldp cloud upload {name}`, which sends its declaration too.",
                )
            )
            continue
        raw = raw_keys(name if declaration is None else declaration.raw)
        if data and all(store.info(key) is None for key in raw):
            troubles.append(
                Trouble(f"there is no raw file {store.where(raw[0])} (or .csv.gz)", f"Run `ldp cloud upload {name}`.")
            )
        if training and not data and any(store.info(key) is None for key in (features_key(name), target_key(name))):
            troubles.append(
                Trouble(
                    f"{name} is not processed in {store.url}",
                    "Leave out --skip-data, or submit with --data-only first.",
                )
            )
    return troubles
