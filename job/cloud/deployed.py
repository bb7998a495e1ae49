"""What a spec takes on the platform as it is deployed: for each dataset the row that ``submit --shards auto`` uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from job.cloud.definitions import JobDefinition
from job.cloud.prices import Prices
from job.cloud.queues import Queue
from job.cloud.scenarios import Assumed, Row, Work, row_of
from job.cloud.simulation import World, simulate
from job.cloud.workload import hourly
from job.data.processed import ProcessedInfo
from job.planning.deadline import seconds_to_work
from job.planning.feasible import Feasible, Limits, feasible
from job.planning.plan import plan_of
from job.planning.spec import Spec

NO_TIMEOUT_HOURS = 2000.0


@dataclass(frozen=True)
class Deployed:
    """A dataset on the platform as it is.

    Attributes
    ----------
    dataset : str
    fit : Feasible
        What it takes a job of its definition.
    row : Row or None
        None where no job of it can do the work, or no price is known.
    command : str
        What submits it so.
    """

    dataset: str
    fit: Feasible
    row: Row | None
    command: str


def as_deployed(
    spec: Spec,
    infos: Mapping[str, ProcessedInfo],
    definitions: Mapping[str, JobDefinition],
    queue: Queue,
    types: Mapping[str, list[str]],
    prices: Prices,
    assumed: Assumed,
    spec_name: str,
) -> list[Deployed]:
    """Return what each dataset takes; of jobs that compute on GPUs nothing has been measured, and nothing is said.

    Parameters
    ----------
    definitions : mapping of dataset to JobDefinition
        Of its training.
    queue : Queue
        Where it would be submitted.
    types : mapping of str to list of str
        What may be launched, by life cycle.
    """
    return [
        _dataset(name, spec, info, definitions[name], queue, types, prices, assumed, spec_name)
        for name, info in infos.items()
        if name in definitions and not definitions[name].gpus
    ]


def _dataset(
    name: str,
    spec: Spec,
    info: ProcessedInfo,
    definition: JobDefinition,
    queue: Queue,
    types: Mapping[str, list[str]],
    prices: Prices,
    assumed: Assumed,
    spec_name: str,
) -> Deployed:
    hours = definition.timeout_s / 3600 or NO_TIMEOUT_HOURS
    limits = Limits(max(definition.vcpus, 1), definition.memory_mib, hours)
    fit = feasible(plan_of(spec, {name: info}, workers=limits.vcpus), limits)
    shards = fit.fit.shards
    command = f"ldp cloud submit {name} --spec {spec_name} --shards {shards or 1}"
    life_cycle = queue.life_cycles[0]
    price = hourly(types[life_cycle], definition, life_cycle, prices)
    if not shards or price is None:
        return Deployed(name, fit, None, command)
    ready = [one.max_vcpus for one in queue.environments if one.ready and one.life_cycle == life_cycle]
    at_once = max(sum(ready) // limits.vcpus, 1)
    world = World(
        fit.fit.workers,
        at_once,
        reclaims_per_hour=assumed.reclaims_per_hour if life_cycle == "spot" else 0.0,
        boot_s=60 * assumed.boot_minutes,
        attempt_s=float(seconds_to_work(definition.timeout_s)) if definition.timeout_s else 3600 * NO_TIMEOUT_HOURS,
        attempts=max(fit.fit.attempts or 0, definition.attempts),
    )
    jobs = Work.of(spec, {name: info}).jobs(shards)
    draws = simulate(jobs, world, seed=assumed.seed, draws=assumed.draws)
    row = row_of(price[1].name, life_cycle, shards, world, len(jobs), draws, price[0], limits.vcpus)
    return Deployed(name, fit, row, command)
