"""Whether a job with certain limits can do what is planned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from job.errors import UsageError
from job.planning.deadline import MOST_ATTEMPTS, SPARE_ATTEMPTS, Fit, fit
from job.planning.division import divide
from job.planning.memory import MIB, run_bytes
from job.planning.plan import Plan


@dataclass(frozen=True)
class Limits:
    """What a job on AWS Batch has.

    Attributes
    ----------
    vcpus, memory_mib : int
        What it reserves.
    hours : float
        When an attempt is ended.
    """

    vcpus: int
    memory_mib: int
    hours: float

    @classmethod
    def of(cls, vcpus: int | None, memory_mib: int | None, hours: float | None) -> Limits | None:
        """Return the limits, or None where none is given.

        Raises
        ------
        UsageError
            Where some are given and some not.
        """
        if vcpus is None and memory_mib is None and hours is None:
            return None
        if vcpus is None or memory_mib is None or hours is None:
            raise UsageError(
                "a job has processors, memory and a time-out",
                "Give --vcpus, --memory-mib and --hours, such as --vcpus 4 --memory-mib 14336 --hours 24.",
            )
        return cls(vcpus, memory_mib, hours)


@dataclass(frozen=True)
class Feasible:
    """What it takes a job with these limits.

    Attributes
    ----------
    limits : Limits
    needed_mib : float
        What one worker needs at least, about.
    fit : Fit
    """

    limits: Limits
    needed_mib: float
    fit: Fit

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values: ``hours`` are those of an attempt, ``work_hours`` those of the whole work."""
        fit = asdict(self.fit)
        return {**asdict(self.limits), "needed_mib": self.needed_mib, "work_hours": fit.pop("hours"), **fit}

    def sentence(self) -> str:
        """Say it in one line."""
        limits, fit = self.limits, self.fit
        job = f"a job with {limits.vcpus} vCPUs, {limits.memory_mib:,} MiB and {limits.hours:g} h for each attempt"
        if not fit.workers:
            return f"{job} cannot do it: it needs about {self.needed_mib:,.0f} MiB"
        takes = f"about {fit.hours:.1f} h with {fit.workers} workers"
        if fit.slices is None:
            return f"{job} cannot do it: a fold and the longest fit on it take longer than an attempt may; {takes}"
        if fit.shards == 1:
            attempts = "1 attempt" if fit.slices == 1 else f"{fit.slices} attempts"
            return f"{job} does it in {attempts} ({takes}); ask for {fit.attempts}, some to spare"
        most = MOST_ATTEMPTS - SPARE_ATTEMPTS
        if fit.shards is None:
            return f"{job} cannot do it in {most} attempts ({takes}), divided or not: give it more processors or hours"
        return f"{job} would need {fit.slices} attempts ({takes}), more than {most}: divide it into {fit.shards} shards"


def feasible(planned: Plan, limits: Limits) -> Feasible:
    """Say what a plan takes a job with these limits."""

    def needed_mib(workers: int) -> float:
        return run_bytes(planned.searches, planned.units, planned.infos, workers) / MIB

    workers = _most(limits.vcpus, lambda count: needed_mib(count) <= limits.memory_mib)
    longest = max((cost.unbroken_s for cost in planned.costs.values()), default=0.0)

    def shard_s(count: int) -> float:
        return divide(planned.costs, planned.searches, count, workers).longest_s

    found = fit(shard_s, longest, workers=workers, timeout_s=int(3600 * limits.hours))
    return Feasible(limits, needed_mib(1), found)


def _most(most: int, allowed: Callable[[int], bool]) -> int:
    return next((count for count in range(most, 0, -1) if allowed(count)), 0)
