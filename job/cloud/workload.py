"""What a training job has to do, by the plan, and what that takes and costs on a platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from job.cloud.definitions import JobDefinition
from job.cloud.prices import ADDRESS_USD, BOOT_SECONDS, VOLUME_USD, Prices, share_of
from job.cloud.queues import ON_DEMAND
from job.errors import ProcessedDataNotFound
from job.machines import Machine, parse_machine
from job.planning.deadline import makespan
from job.planning.feasible import Feasible, Limits, feasible
from job.planning.plan import Plan, plan
from job.planning.shards import deal_all, parts_of
from job.planning.spec import Spec
from job.store import Store

NO_TIMEOUT_HOURS = 2000.0


@dataclass(frozen=True)
class Workload:
    """The training of one dataset on a platform.

    Attributes
    ----------
    dataset : str
    planned : Plan
    fit : Feasible
        What it takes a job of its definition.
    """

    dataset: str
    planned: Plan
    fit: Feasible

    @property
    def cpu_hours(self) -> float:
        """Expected."""
        return self.planned.cpu_hours

    def auto_shards(self) -> int | None:
        """Return how many shards fit the job's time and memory; None where no number does.

        One where one job does it within its attempts; else as few as are needed.
        """
        return self.fit.fit.shards

    def shard_hours(self, shards: int) -> list[float]:
        """Return how long each of so many jobs works, about: no waiting, no reclaims."""
        if shards == 1:
            return [self.fit.fit.hours]
        workers = max(self.fit.fit.workers, 1)
        dealt = deal_all(parts_of(self.planned.costs, self.planned.searches, shards), shards)
        return [makespan(part.values(), workers) / 3600 for part in dealt]


@dataclass(frozen=True)
class Estimate:
    """What work costs on a platform, about.

    Attributes
    ----------
    hours : float
        Until the last job ends.
    job_hours : float
        Of all jobs together.
    usd : float
        On the life cycle that the queue tries first.
    on_demand_usd : float
        The same on On-Demand instances.
    machine : str
        The type that it is reckoned with.
    source : str
        Who says its price.
    """

    hours: float
    job_hours: float
    usd: float
    on_demand_usd: float
    machine: str
    source: str


def workload(store: Store, spec: Spec, dataset: str, definition: JobDefinition) -> Workload | None:
    """Plan the training of a dataset; None where it is not processed yet.

    Raises
    ------
    ProcessedDataInvalid, StorageError
        Where what is there cannot be read.
    """
    try:
        planned = plan(store, spec, only=(dataset,), workers=max(definition.vcpus, 1))
    except ProcessedDataNotFound:
        return None
    hours = definition.timeout_s / 3600 or NO_TIMEOUT_HOURS
    limits = Limits(max(definition.vcpus, 1), definition.memory_mib, hours)
    return Workload(dataset, planned, feasible(planned, limits))


def hosts_of(types: Sequence[str], definition: JobDefinition) -> list[Machine]:
    """Return the machines among some types that can host a job of a definition."""
    known = [machine for name in types if (machine := parse_machine(name)) is not None]
    demand = max(definition.vcpus, 1), max(definition.memory_mib, 1), definition.gpus
    return [machine for machine in known if machine.hosts(*demand)]


def hourly(
    types: Sequence[str], definition: JobDefinition, life_cycle: str, prices: Prices
) -> tuple[float, Machine, str] | None:
    """Return what an hour of a job costs on the cheapest type that hosts it, in US dollars, with that type.

    The volume and the address of the instance are in it, by the share that the job takes up. None where no price is
    known.
    """
    found = []
    for machine in hosts_of(types, definition):
        price = prices.of(machine.name, life_cycle)
        if price is not None:
            share = share_of(machine, definition.vcpus, definition.memory_mib)
            found.append(((price.usd + VOLUME_USD + ADDRESS_USD) * share, machine, price.source))
    return min(found, key=lambda one: (one[0], one[1].name), default=None)


def estimate(
    work: Workload, shards: int, definition: JobDefinition, types: dict[str, list[str]], life_cycle: str, prices: Prices
) -> Estimate | None:
    """Return what the training of a dataset costs, about; None where no price is known.

    Parameters
    ----------
    types : dict of str to list of str
        What may be launched, by life cycle.
    life_cycle : {'spot', 'on-demand'}
        What its queue tries first.
    """
    first = hourly(types[life_cycle], definition, life_cycle, prices)
    other = hourly(types[ON_DEMAND], definition, ON_DEMAND, prices)
    if first is None or other is None:
        return None
    each = work.shard_hours(shards)
    paid = sum(each) + shards * BOOT_SECONDS / 3600
    return Estimate(max(each), sum(each), paid * first[0], paid * other[0], first[1].name, first[2])
