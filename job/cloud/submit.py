"""``ldp cloud submit``: checks a submission against the platform, says what it takes, and sends it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from job.cloud.checks import (
    data_troubles,
    image_troubles,
    queue_troubles,
    quota_troubles,
    refuse,
    workload_troubles,
)
from job.cloud.definitions import JobDefinition, active_definitions, definition_for, image_in_use, is_pushed
from job.cloud.names import execution_id, new_submission
from job.cloud.platform import Platform
from job.cloud.prices import find_prices
from job.cloud.queues import ON_DEMAND, SPOT, Queue, find_queues
from job.cloud.quotas import find_quota
from job.cloud.sending import Sender
from job.cloud.session import Aws
from job.cloud.submission import Asked, JobRequest, chosen_datasets, requests
from job.cloud.workload import Estimate, Workload, estimate, workload
from job.errors import SubmissionRefused
from job.executions.executions import check_id
from job.planning.known import settled
from job.planning.spec import Spec, read_spec, shipped_specs
from job.planning.stored_specs import store_spec, stored_text
from job.store import Store, submission_key


@dataclass(frozen=True)
class Wanted:
    """What the command line says.

    Attributes
    ----------
    datasets : tuple of str
    everything : bool
        All datasets that the spec and the platform have.
    spec : str
        The name of a shipped spec, or a file.
    shards : int, None or 'settings'
        A number, None for what the plan says, ``settings`` for what the stack's settings say.
    execution : str or None
        The execution's id; made up where there is none.
    data, training : bool
    queue : {'any', 'spot', 'on-demand'}
    """

    datasets: tuple[str, ...]
    everything: bool
    spec: str
    shards: int | str | None = "settings"
    execution: str | None = None
    data: bool = True
    training: bool = True
    queue: str = "any"


@dataclass(frozen=True)
class Prepared:
    """A submission that may be sent.

    Attributes
    ----------
    asked : Asked
    requests : list of JobRequest
    estimates : dict of str to Estimate or None
        By dataset; None where it cannot be said.
    notes : list of str
        What the user should know.
    spec_bytes : bytes or None
        The spec of the user's own, which is stored before anything is sent.
    """

    asked: Asked
    requests: list[JobRequest]
    estimates: dict[str, Estimate | None]
    notes: list[str]
    spec_bytes: bytes | None = None

    @property
    def usd(self) -> float | None:
        """What it costs about; None where nothing is known of it."""
        known = [one.usd for one in self.estimates.values() if one is not None]
        return sum(known) if known else None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "submission": self.asked.submission,
            "execution": self.asked.execution if self.asked.training else None,
            "spec": self.asked.spec,
            "queue": self.asked.queue,
            "estimated_usd": self.usd,
            "notes": self.notes,
            "jobs": [
                {
                    "name": str(one.name),
                    "dataset": one.name.dataset,
                    "kind": one.name.kind,
                    "queue": one.queue,
                    "definition": one.definition.pinned,
                    "command": list(one.command or one.definition.command),
                    "shards": one.shards,
                    "after": None if one.after is None else str(one.after),
                }
                for one in self.requests
            ],
            "estimates": {
                name: None if one is None else {
                    "hours": one.hours, "job_hours": one.job_hours, "usd": one.usd,
                    "on_demand_usd": one.on_demand_usd, "machine": one.machine, "price": one.source,
                }
                for name, one in self.estimates.items()
            },
        }  # fmt: skip


def prepare(aws: Aws, platform: Platform, store: Store, wanted: Wanted) -> Prepared:
    """Check what is wanted, and make its jobs; nothing is sent or written.

    Parameters
    ----------
    store : Store
        The platform's bucket.

    Raises
    ------
    SubmissionRefused
        Naming all that would keep its jobs from running.
    UsageError, DatasetNotFound, SpecNotFound, SpecInvalid
    """
    spec = read_spec(wanted.spec)
    datasets = chosen_datasets(
        wanted.datasets, wanted.everything, spec.datasets, list(platform.training), own=bool(platform.own)
    )
    own = None if wanted.spec in shipped_specs() else stored_text(wanted.spec)
    batch = aws.client("batch")
    definitions = active_definitions(batch, platform)
    kinds = [kind for kind, asked in (("data", wanted.data), ("training", wanted.training)) if asked]
    demands = [definition_for(definitions, dataset, kind) for dataset in datasets for kind in kinds]
    image = image_in_use(platform, definitions)
    queue = find_queues(batch, platform).get(wanted.queue)
    troubles = image_troubles(image, is_pushed(aws.client("ecr"), platform, image), use_gpu=platform.use_gpu)
    troubles += queue_troubles(queue, wanted.queue, demands)
    troubles += data_troubles(store, datasets, data=wanted.data, training=wanted.training)
    if queue is not None:
        quotas = {one: find_quota(aws, one, gpu=platform.use_gpu) for one in queue.life_cycles}
        troubles += quota_troubles(quotas, demands)
    refuse(troubles)
    spec = settled(store, spec, datasets)
    submission = new_submission()
    asked = Asked(
        datasets,
        "" if own is not None else wanted.spec,
        check_id(wanted.execution) if wanted.execution else execution_id(spec.name, _today(), submission),
        submission,
        wanted.data,
        wanted.training,
        wanted.queue,
    )
    notes: list[str] = []
    works = _works(store, spec, datasets, definitions, notes) if wanted.training else {}
    asked = _divided(asked, wanted, works, platform, definitions, notes)
    refuse([trouble for name, work in works.items() for trouble in workload_troubles(work, asked.shards[name])])
    if own is not None:
        asked = replace(asked, spec=f"sha256:{_digest(own)}")
    estimates = _estimates(aws, platform, queue, works, asked, definitions)
    return Prepared(asked, requests(asked, definitions, platform.queues, platform.name), estimates, notes, own)


def submit(aws: Aws, store: Store, prepared: Prepared, say: Callable[[str], None]) -> list[str]:
    """Store the spec, where it is the user's own, send the jobs, leave what is expected of them, and return their ids.

    Raises
    ------
    AwsRefused
        Saying how many were sent before.
    """
    if prepared.spec_bytes is not None:
        store_spec(store, prepared.spec_bytes)
    ids = Sender(aws.client_once("batch"), aws.client("batch"), say).send(prepared.requests)
    if prepared.asked.training:
        store.put(submission_key(prepared.asked.execution), json.dumps(prepared.as_json()).encode())
    return ids


def check_cost(prepared: Prepared, most_usd: float) -> None:
    """Refuse a submission that is expected to cost more than somebody allows.

    Raises
    ------
    SubmissionRefused
    """
    usd = prepared.usd
    if usd is not None and usd > most_usd:
        raise SubmissionRefused(
            f"it would cost about ${usd:,.2f}, more than the ${most_usd:,.2f} that are allowed",
            "Raise --max-cost, or give --yes to allow it; `ldp experiment plan` shows what takes so long.",
        )


def _today() -> Any:
    return datetime.now(UTC).date()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _works(
    store: Store, spec: Spec, datasets: Sequence[str], definitions: Sequence[JobDefinition], notes: list[str]
) -> dict[str, Workload]:
    found = {}
    for name in datasets:
        definition = definition_for(definitions, name, "training")
        if definition.gpus:
            notes.append(f"{name}: nothing has been measured on GPUs: its time, memory and cost are not known")
            continue
        work = workload(store, spec, name, definition)
        if work is None:
            notes.append(
                f"{name} is not processed yet: its time, memory and cost are not known before its data job ran"
            )
        else:
            found[name] = work
    return found


def _divided(
    asked: Asked,
    wanted: Wanted,
    works: dict[str, Workload],
    platform: Platform,
    definitions: Sequence[JobDefinition],
    notes: list[str],
) -> Asked:
    """Settle into how many shards each dataset's training is divided, and how often it may be started."""
    shards, attempts = {}, {}
    for name in asked.datasets if asked.training else ():
        work = works.get(name)
        if isinstance(wanted.shards, int):
            shards[name] = wanted.shards
        elif wanted.shards is None and work is not None:
            shards[name] = work.auto_shards() or 1
        else:
            shards[name] = platform.shards.get(name, 1)
            if wanted.shards is None:
                notes.append(
                    f"{name} is divided as the stack's settings say, into {shards[name]}: there is no plan yet"
                )
        wished = None if work is None or shards[name] > 1 else work.fit.fit.attempts
        definition = definition_for(definitions, name, "training")
        if wished is not None and wished > definition.attempts and definition.retry_rules:
            attempts[name] = wished
    return replace(asked, shards=shards, attempts=attempts)


def _estimates(
    aws: Aws,
    platform: Platform,
    queue: Queue | None,
    works: dict[str, Workload],
    asked: Asked,
    definitions: Sequence[JobDefinition],
) -> dict[str, Estimate | None]:
    if queue is None or not works:
        return dict.fromkeys(asked.datasets if asked.training else ())
    types = platform.machine_types
    prices = find_prices(aws, on_demand=types[ON_DEMAND], spot=types[SPOT])
    found: dict[str, Estimate | None] = dict.fromkeys(asked.datasets)
    for name, work in works.items():
        definition = definition_for(definitions, name, "training")
        found[name] = estimate(work, asked.shards[name], definition, types, queue.life_cycles[0], prices)
    return found
