"""``ldp cloud plan``: hours and dollars of a spec on machines, life cycles and divisions; the rows that pay.

Of two rows the one that takes longer and costs more is left out. Prices are those of the dated table; what cannot be
known is assumed, and the plan says what.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from job.cloud.prices import ADDRESS_USD, VOLUME_USD, Prices
from job.cloud.queues import ON_DEMAND, SPOT
from job.cloud.simulation import Draw, Piece, World, percentile, simulate
from job.data.processed import ProcessedInfo
from job.machines import MACHINES, Machine
from job.planning.costs import ItemCost, item_costs
from job.planning.deadline import MOST_ATTEMPTS, seconds_to_work
from job.planning.items import Item, items_of
from job.planning.memory import run_bytes
from job.planning.searches import Searches
from job.planning.shards import deal_all, parts_of
from job.planning.spec import Spec

MIB = 1 << 20
DRAWS = 200


@dataclass(frozen=True)
class Assumed:
    """What a plan takes for granted.

    Attributes
    ----------
    reclaims_per_hour : float
        Of a Spot instance.
    boot_minutes : float
    seed : int
    draws : int
    job_hours : float
        When an attempt is ended.
    attempts : int
        How often a job is started.
    max_vcpus : int
        That may run at once.
    """

    reclaims_per_hour: float = 0.05
    boot_minutes: float = 5.0
    seed: int = 1
    draws: int = DRAWS
    job_hours: float = 24.0
    attempts: int = MOST_ATTEMPTS
    max_vcpus: int = 64


@dataclass(frozen=True)
class Work:
    """What is to be done.

    Attributes
    ----------
    spec : Spec
    infos : dict of dataset to ProcessedInfo
    searches : Searches
    costs : dict of dataset to its work items and their costs
    """

    spec: Spec
    infos: Mapping[str, ProcessedInfo]
    searches: Searches
    costs: Mapping[str, Mapping[Item, ItemCost]]

    @classmethod
    def of(cls, spec: Spec, infos: Mapping[str, ProcessedInfo]) -> Work:
        """Reckon what a spec costs on datasets of some sizes."""
        searches = Searches(spec)
        units = [unit for unit in spec.units() if unit.dataset in infos]
        costs: dict[str, dict[Item, ItemCost]] = {name: {} for name in infos}
        for item, cost in item_costs(searches, items_of(units), infos).items():
            costs[item[0].dataset][item] = cost
        return cls(spec, infos, searches, costs)

    @property
    def cpu_hours(self) -> float:
        """Expected, on one vCPU."""
        return sum(cost.cpu_seconds for some in self.costs.values() for cost in some.values()) / 3600

    def jobs(self, shards: int) -> list[list[Piece]]:
        """Return the pieces of each job, where each dataset is divided among so many."""
        found = []
        for costs in self.costs.values():
            parts = parts_of(costs, self.searches, shards)
            found += [
                [
                    Piece(part.item[0].model, seconds, min(seconds, costs[part.item].unbroken_s))
                    for part, seconds in dealt.items()
                ]
                for dealt in deal_all(parts, shards)
            ]
        return found

    def most_workers(self, vcpus: int, memory_mib: int) -> int:
        """Return how many workers a job with so much may have; 0 where its memory is not enough for one."""
        most = vcpus
        for name, info in self.infos.items():
            units = [unit for unit in self.spec.units() if unit.dataset == name]
            while most and run_bytes(self.searches, units, {name: info}, most) > memory_mib * MIB:
                most -= 1
        return most


@dataclass(frozen=True)
class Row:
    """One way to run it.

    Attributes
    ----------
    machine, life_cycle : str
    shards : int
        Of each dataset.
    jobs, workers : int
        All jobs, and workers of each.
    hours, usd : tuple of float
        The 10th, 50th and 90th percentile.
    lost_usd : float
        Lost to reclaims, on average.
    complete : float
        The probability that all of it is done without being resumed.
    limit : str
        What keeps it from being faster.
    mark : str
        ``cheapest``, ``fastest`` or nothing.
    context : str
        The stack's settings that make it so.
    """

    machine: str
    life_cycle: str
    shards: int
    jobs: int
    workers: int
    hours: tuple[float, float, float]
    usd: tuple[float, float, float]
    lost_usd: float
    complete: float
    limit: str
    mark: str = ""
    context: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)


def machines_to_try(most_vcpus: int) -> list[Machine]:
    """Return the types without GPUs of which one fits into a limit of vCPUs; of GPUs nothing has been measured."""
    return [one for one in MACHINES.values() if not one.gpus and 2 <= one.vcpus <= most_vcpus]


def rows(work: Work, machines: Sequence[Machine], assumed: Assumed, prices: Prices) -> list[Row]:
    """Return every way to run some work that its memory and the limits allow: a job has a machine of its own."""
    divided: dict[int, list[list[Piece]]] = {}
    workers: dict[tuple[int, int], int] = {}
    drawn: dict[tuple[int, int, int, str], list[Draw]] = {}
    found = []
    for machine in machines:
        room = machine.vcpus, machine.usable_memory_mib
        if room not in workers:
            workers[room] = work.most_workers(*room)
        if not workers[room]:
            continue
        at_once = max(assumed.max_vcpus // machine.vcpus, 1)
        for shards in divisions(at_once):
            if shards not in divided:
                divided[shards] = work.jobs(shards)
            jobs = divided[shards]
            for life_cycle in (SPOT, ON_DEMAND):
                price = prices.of(machine.name, life_cycle)
                if price is None:
                    continue
                world = _world(workers[room], at_once, life_cycle, assumed)
                key = workers[room], at_once, shards, life_cycle
                if key not in drawn:
                    drawn[key] = simulate(jobs, world, seed=assumed.seed, draws=assumed.draws)
                each = price.usd + VOLUME_USD + ADDRESS_USD
                found.append(
                    row_of(machine.name, life_cycle, shards, world, len(jobs), drawn[key], each, machine.vcpus)
                )
    return found


def divisions(most: int) -> list[int]:
    """Return the numbers of shards to try: 1, 2, 4 … up to `most`.

    >>> divisions(10)
    [1, 2, 4, 8]
    """
    return [1 << power for power in range(max(most, 1).bit_length())]


def _world(workers: int, at_once: int, life_cycle: str, assumed: Assumed) -> World:
    return World(
        workers,
        at_once,
        reclaims_per_hour=assumed.reclaims_per_hour if life_cycle == SPOT else 0.0,
        boot_s=60 * assumed.boot_minutes,
        attempt_s=float(seconds_to_work(int(3600 * assumed.job_hours))),
        attempts=assumed.attempts,
    )


def row_of(
    machine: str, life_cycle: str, shards: int, world: World, jobs: int, draws: Sequence[Draw], each: float, vcpus: int
) -> Row:
    """Return a row of what was drawn.

    Parameters
    ----------
    each : float
        US dollars an hour of a job.
    vcpus : int
        Of a job.
    """
    hours, paid = [one.hours for one in draws], [one.paid_hours * each for one in draws]
    limit = "vCPUs at once" if jobs > world.side_by_side else "memory" if world.workers < vcpus else "number of shards"
    return Row(
        machine,
        life_cycle,
        shards,
        jobs,
        world.workers,
        (percentile(hours, 0.1), percentile(hours, 0.5), percentile(hours, 0.9)),
        (percentile(paid, 0.1), percentile(paid, 0.5), percentile(paid, 0.9)),
        each * sum(one.lost_hours for one in draws) / len(draws),
        sum(one.complete for one in draws) / len(draws),
        limit,
    )


def pareto(found: Sequence[Row], assumed: Assumed) -> list[Row]:
    """Return the rows of which none other is both faster and cheaper, the cheapest first; both ends are marked.

    Rows that complete in less than nine of ten draws are left out, unless there are no others.
    """
    sure = [one for one in found if one.complete >= 0.9] or list(found)
    best: list[Row] = []
    shortest = math.inf
    for one in sorted(sure, key=lambda row: (row.usd[1], row.hours[1], row.machine)):
        if one.hours[1] < shortest:
            shortest = one.hours[1]
            best.append(one)
    marks = {len(best) - 1: "fastest", 0: "cheapest"}
    return [replace(one, mark=marks.get(place, ""), context=_context(one, assumed)) for place, one in enumerate(best)]


def _context(row: Row, assumed: Assumed) -> str:
    """Return the context values of a stack whose jobs are so."""
    machine = MACHINES[row.machine]
    limit = "spotMaxVcpus" if row.life_cycle == SPOT else "onDemandMaxVcpus"
    return (
        f"cpuInstanceTypes={row.machine} jobVcpus={machine.vcpus} jobMemoryMib={machine.usable_memory_mib} "
        f"{limit}={max(assumed.max_vcpus, machine.vcpus)} maxJobHours={assumed.job_hours:g}"
    )
