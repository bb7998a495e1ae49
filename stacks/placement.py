"""Placement: every job must be hosted by some machine that its mode may launch.

AWS Batch accepts a job that fits on no machine and leaves it waiting in RUNNABLE. Asking here, at synth, turns that
into an error before anything is deployed.
"""

from __future__ import annotations

from dataclasses import dataclass

from stacks.errors import PlacementImpossible, Problem
from stacks.instances import SHAPES, InstanceShape
from stacks.settings import PlatformSettings


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
    """

    kind: str
    vcpus: int
    memory_mib: int
    gpus: int

    def fits(self, shape: InstanceShape) -> bool:
        """Whether a machine of this shape can host one such job."""
        return shape.vcpus >= self.vcpus and shape.usable_memory_mib >= self.memory_mib and shape.gpus >= self.gpus

    def __str__(self) -> str:
        gpus = f" and {self.gpus} GPU" if self.gpus else ""
        return f"{self.vcpus} vCPUs, {self.memory_mib} MiB{gpus}"


@dataclass(frozen=True)
class Placement:
    """What is worth knowing about a possible placement.

    Parameters
    ----------
    notes : tuple of str
        Where only some machines can host a job.
    warnings : tuple of str
        Where one of the two environments can never run a job, or perhaps not.
    """

    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def demands(settings: PlatformSettings) -> tuple[Demand, Demand]:
    """Return what a data job and a training job reserve."""
    gpus = settings.profile.gpus_per_job
    return (
        Demand("data", settings.data_job_vcpus, settings.data_job_memory_mib, gpus),
        Demand("training", settings.job_vcpus, settings.job_memory_mib, gpus),
    )


def place(settings: PlatformSettings) -> Placement:
    """Check that each kind of job has a machine and fits under the environments' limits.

    Raises
    ------
    PlacementImpossible
        Saying for each kind of job that can never run what to change.
    """
    shapes = [SHAPES[name] for name in settings.profile.instance_types]
    problems: list[Problem] = []
    notes: list[str] = []
    warnings: list[str] = []
    for demand in demands(settings):
        hosts = [shape for shape in shapes if demand.fits(shape)]
        if not hosts:
            problems.append(_no_host(demand, shapes))
        elif len(hosts) < len(shapes):
            others = [shape for shape in shapes if shape not in hosts]
            notes.append(
                f"A {demand.kind} job ({demand}) fits on {_listed(hosts)}, not on {_listed(others)}: "
                "Batch launches only what fits."
            )
        limits = {"spotMaxVcpus": settings.spot_max_vcpus, "onDemandMaxVcpus": settings.on_demand_max_vcpus}
        short = {name: limit for name, limit in limits.items() if limit < demand.vcpus}
        if len(short) == len(limits):
            problems.append(
                Problem(
                    f"a {demand.kind} job asks for {demand.vcpus} vCPUs, more than both environments may have "
                    f"({', '.join(f'{name} {limit}' for name, limit in limits.items())})",
                    f"Raise them to at least {demand.vcpus}, or lower {_named(demand, 'Vcpus')}.",
                )
            )
        elif short:
            ((name, limit),) = short.items()
            queue = "both queues" if name == "spotMaxVcpus" else "the On-Demand-only queue and the fallback"
            warnings.append(
                f"A {demand.kind} job asks for {demand.vcpus} vCPUs and {name} is {limit}: {queue} "
                f"cannot use that environment for it. Raise {name} to at least {demand.vcpus}."
            )
        for name, limit in limits.items():
            smallest = min(hosts, key=lambda shape: shape.vcpus, default=None)
            if smallest is not None and demand.vcpus <= limit < smallest.vcpus:
                warnings.append(
                    f"A {demand.kind} job fits under {name} {limit}, but the smallest machine for it, {smallest.name}, "
                    f"has {smallest.vcpus} vCPUs: Batch may exceed a limit by one instance, and does not promise to. "
                    f"Raise {name} to at least {smallest.vcpus}."
                )
    if problems:
        raise PlacementImpossible(
            f"no machine of the {settings.profile.mode.upper()} mode can host every job", problems
        )
    return Placement(notes=tuple(notes), warnings=tuple(warnings))


def _no_host(demand: Demand, shapes: list[InstanceShape]) -> Problem:
    offered = "; ".join(f"{s.name}: {s.vcpus} vCPUs, {s.usable_memory_mib} of {s.memory_mib} MiB" for s in shapes)
    values = "gpuInstanceTypes" if demand.gpus else "cpuInstanceTypes"
    changes = []
    memory = [shape.usable_memory_mib for shape in shapes if shape.vcpus >= demand.vcpus]
    if memory:
        changes.append(f"lower {_named(demand, 'MemoryMib')} to at most {max(memory)}")
    vcpus = [shape.vcpus for shape in shapes if shape.usable_memory_mib >= demand.memory_mib]
    if vcpus:
        changes.append(f"lower {_named(demand, 'Vcpus')} to at most {max(vcpus)}")
    families = {shape.name.split(".")[0] for shape in shapes}
    larger = [s for s in SHAPES.values() if demand.fits(s) and bool(s.gpus) == bool(demand.gpus)]
    of_family = [s for s in larger if s.name.split(".")[0] in families] or larger
    if of_family:
        changes.append(f"add {min(of_family, key=lambda s: (s.vcpus, s.memory_mib)).name} to {values}")
    remedy = " or ".join(changes) or "lower what the job asks for"
    return Problem(
        f"a {demand.kind} job asks for {demand}, and nothing in {values} has that for jobs ({offered})",
        f"{remedy[0].upper()}{remedy[1:]}.",
    )


def _named(demand: Demand, quantity: str) -> str:
    return f"dataJob{quantity}" if demand.kind == "data" else f"job{quantity}"


def _listed(shapes: list[InstanceShape]) -> str:
    return ", ".join(shape.name for shape in shapes)
