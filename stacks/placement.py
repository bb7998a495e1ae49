"""Placement: every job must be hosted by some machine that its mode may launch.

AWS Batch accepts a job that fits on no machine and leaves it waiting in RUNNABLE. Asking here, at synth, turns that
into an error before anything is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass

from job.machines import MACHINES, PRICES_AS_OF, PRICES_OF, Machine
from stacks.errors import PlacementImpossible, Problem
from stacks.settings import Needs, PlatformSettings

SHARED_MIB = 7168
"""What a data job may ask for so that two of them share a machine of 16 GiB."""


@dataclass(frozen=True)
class Demand:
    """What one kind of job reserves.

    Parameters
    ----------
    kind : {'data', 'training'}
        The kind of job.
    vcpus : int
        Virtual processors.
    memory_mib : int
        Memory in MiB.
    gpus : int
        GPUs.
    dataset : str or None
        Whose job it is, where it is not as the others of its kind.
    """

    kind: str
    vcpus: int
    memory_mib: int
    gpus: int
    dataset: str | None = None

    @property
    def title(self) -> str:
        """What it is called in messages, such as ``a training job``."""
        return f"a {self.kind} job" if self.dataset is None else f"a {self.kind} job of {self.dataset}"

    def fits(self, machine: Machine) -> bool:
        """Whether a machine can host one such job."""
        return machine.hosts(self.vcpus, self.memory_mib, self.gpus) >= 1

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return f"{self.vcpus} vCPUs, {self.memory_mib} MiB{gpus}"


@dataclass(frozen=True)
class Placement:
    """What is worth knowing about a possible placement.

    Parameters
    ----------
    notes : tuple of str
        What each machine makes of each kind of job.
    warnings : tuple of str
        Where one of the two environments can never run a job, or perhaps not.
    """

    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def data_demand(settings: PlatformSettings) -> Demand:
    """Return what a data job reserves."""
    return Demand("data", settings.data_job_vcpus, settings.data_job_memory_mib, settings.profile.gpus_per_job)


def training_demand(settings: PlatformSettings, dataset: str | None = None) -> Demand:
    """Return what the training job of a dataset reserves, or what those do that are not named one by one."""
    needs = settings.per_dataset.get(dataset or "", Needs())
    own = needs.job_vcpus is not None or needs.job_memory_mib is not None
    return Demand(
        "training",
        needs.job_vcpus or settings.job_vcpus,
        needs.job_memory_mib or settings.job_memory_mib,
        settings.profile.gpus_per_job,
        dataset if own else None,
    )


def demands(settings: PlatformSettings) -> tuple[Demand, ...]:
    """Return the different demands of the platform's jobs: data first."""
    training = [training_demand(settings, dataset) for dataset in settings.datasets]
    # Declared datasets have a training job too, whichever others there are.
    training.append(training_demand(settings))
    return tuple(dict.fromkeys((data_demand(settings), *sorted(training, key=lambda one: one.dataset or ""))))


def place(settings: PlatformSettings) -> Placement:
    """Check that each kind of job has a machine and fits under the environments' limits.

    Raises
    ------
    PlacementImpossible
        Saying for each kind of job that can never run what to change.
    """
    machines = list(settings.profile.machines)
    problems: list[Problem] = []
    notes: list[str] = []
    warnings: list[str] = []
    for demand in demands(settings):
        hosts = [machine for machine in machines if demand.fits(machine)]
        if not hosts:
            problems.append(_no_host(demand, machines))
        else:
            notes += _notes(demand, machines)
        limits = {"spotMaxVcpus": settings.spot_max_vcpus, "onDemandMaxVcpus": settings.on_demand_max_vcpus}
        short = {name: limit for name, limit in limits.items() if limit < demand.vcpus}
        if len(short) == len(limits):
            problems.append(
                Problem(
                    f"{demand.title} asks for {demand.vcpus} vCPUs, more than both environments may have "
                    f"({', '.join(f'{name} {limit}' for name, limit in limits.items())})",
                    f"Raise them to at least {demand.vcpus}, or lower {_named(demand, 'Vcpus')}.",
                )
            )
        elif short:
            ((name, limit),) = short.items()
            queue = (
                "the first queue and the Spot-only queue"
                if name == "spotMaxVcpus"
                else "the On-Demand-only queue and the fallback"
            )
            warnings.append(
                f"{_upper(demand.title)} asks for {demand.vcpus} vCPUs and {name} is {limit}: {queue} "
                f"cannot use that environment for it. Raise {name} to at least {demand.vcpus}."
            )
        for name, limit in limits.items():
            smallest = min(hosts, key=lambda one: one.vcpus, default=None)
            if smallest is not None and demand.vcpus <= limit < smallest.vcpus:
                warnings.append(
                    f"{_upper(demand.title)} fits under {name} {limit}, but the smallest machine for it, "
                    f"{smallest.name}, has {smallest.vcpus} vCPUs: Batch may exceed a limit by one "
                    f"instance, and does not promise to. Raise {name} to at least {smallest.vcpus}."
                )
    if problems:
        raise PlacementImpossible(
            f"no machine of the {settings.profile.mode.upper()} mode can host every job", problems
        )
    return Placement(notes=tuple(notes), warnings=tuple(warnings))


def _notes(demand: Demand, machines: list[Machine]) -> list[str]:
    """Return what jobs of a kind make of each machine: how many it hosts, what stays idle, what one costs an hour."""
    told, unfit = [], []
    for machine in machines:
        count = machine.hosts(demand.vcpus, demand.memory_mib, demand.gpus)
        if not count:
            unfit.append(machine)
            continue
        idle = machine.vcpus - count * demand.vcpus
        price = "price unknown"
        if machine.on_demand_usd is not None and machine.spot_usd is not None:
            price = f"${machine.on_demand_usd / count:.3f} a job-hour, Spot about ${machine.spot_usd / count:.3f}"
        jobs = "1 job" if count == 1 else f"{count} jobs"
        told.append(f"{machine.name} hosts {jobs} ({idle} vCPUs idle, {price})")
    others = f"; not {_listed(unfit)}" if unfit else ""
    notes = [f"{_upper(demand.title)} ({demand}): {'; '.join(told)}{others}. Prices: {PRICES_OF}, {PRICES_AS_OF}."]
    if demand.kind == "data" and demand.memory_mib > SHARED_MIB and not demand.gpus:
        shared = [
            machine
            for machine in machines
            if machine.hosts(demand.vcpus, SHARED_MIB) > machine.hosts(demand.vcpus, demand.memory_mib) == 1
        ]
        if shared:
            notes.append(
                f"With dataJobMemoryMib {SHARED_MIB} instead of {demand.memory_mib} two data jobs would share "
                f"{_listed(shared)}."
            )
    return notes


def _upper(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}"


def _no_host(demand: Demand, machines: list[Machine]) -> Problem:
    offered = "; ".join(f"{s.name}: {s.vcpus} vCPUs, {s.usable_memory_mib} of {s.memory_mib} MiB" for s in machines)
    values = "gpuInstanceTypes" if demand.gpus else "cpuInstanceTypes"
    changes = []
    memory = [shape.usable_memory_mib for shape in machines if shape.vcpus >= demand.vcpus]
    if memory:
        changes.append(f"lower {_named(demand, 'MemoryMib')} to at most {max(memory)}")
    vcpus = [shape.vcpus for shape in machines if shape.usable_memory_mib >= demand.memory_mib]
    if vcpus:
        changes.append(f"lower {_named(demand, 'Vcpus')} to at most {max(vcpus)}")
    families = {shape.name.split(".")[0] for shape in machines}
    larger = [s for s in MACHINES.values() if demand.fits(s) and bool(s.gpus) == bool(demand.gpus)]
    of_family = [s for s in larger if s.name.split(".")[0] in families] or larger
    if of_family:
        changes.append(f"add {min(of_family, key=lambda s: (s.vcpus, s.memory_mib)).name} to {values}")
    remedy = " or ".join(changes) or "lower what the job asks for"
    return Problem(
        f"{demand.title} asks for {demand}, and nothing in {values} has that for jobs ({offered})",
        f"{remedy[0].upper()}{remedy[1:]}.",
    )


def _named(demand: Demand, quantity: str) -> str:
    name = f"dataJob{quantity}" if demand.kind == "data" else f"job{quantity}"
    return name if demand.dataset is None else f"perDataset.{demand.dataset}.{name}"


def _listed(machines: list[Machine]) -> str:
    return ", ".join(shape.name for shape in machines)
