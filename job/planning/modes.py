"""What a plan takes on a machine with a GPU and on one without: hours, dollars, and which of the two to take.

XGBoost and LightGBM are fitted on the GPU, by one worker; all else is done on the CPU, by the others beside it, so that
the GPU gains nothing for a plan that is mostly forests and networks. Prices are those of :mod:`job.machines`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from job.machines import MACHINES, PRICES_AS_OF, PRICES_OF, Machine
from job.planning.costs import fold_rows
from job.planning.crew import crew_of
from job.planning.fit_costs import fit_cost
from job.planning.gpu_speeds import CARDS, PACES, SOURCE, Card
from job.planning.items import Item
from job.planning.memory import MIB, run_bytes
from job.planning.plan import Plan
from job.training.on_gpu import FITTED_ON_GPU

DEFAULT_VCPUS = 4
CPU_FAMILIES = ("c5", "m5")
_DEFAULTS = 100.0  # rounds, where a grid names none


@dataclass(frozen=True)
class Mode:
    """What a plan takes on one machine.

    Attributes
    ----------
    machine : Machine
    workers : int
        Processes that share the work, as many as its memory allows.
    gpu_seconds : float
        What the worker that owns the GPU is busy with; 0 without one.
    cpu_seconds : float
        What the others are busy with, added up.
    seconds : float
        From beginning to end.
    """

    machine: Machine
    workers: int
    gpu_seconds: float
    cpu_seconds: float
    seconds: float

    @property
    def kind(self) -> Literal["cpu", "gpu"]:
        """Which mode it is."""
        return "gpu" if self.machine.gpus else "cpu"

    @property
    def usd(self) -> float | None:
        """What it costs on Spot machines; None where the price is not known."""
        price = self.machine.spot_usd
        return None if price is None else price * self.seconds / 3600

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "machine": self.machine.name,
            "vcpus": self.machine.vcpus,
            "workers": self.workers,
            "gpu_hours": self.gpu_seconds / 3600,
            "cpu_hours": self.cpu_seconds / 3600,
            "hours": self.seconds / 3600,
            "spot_usd": self.usd,
        }


@dataclass(frozen=True)
class Modes:
    """Both modes beside each other; None where no machine of the table can do it."""

    cpu: Mode | None
    gpu: Mode | None

    @property
    def recommended(self) -> Mode | None:
        """The cheaper of the two, and the sooner of those that cost the same."""
        found = [mode for mode in (self.cpu, self.gpu) if mode is not None and mode.usd is not None]
        return min(found, key=lambda mode: (round(mode.usd or 0.0, 4), mode.seconds), default=None)

    def sentence(self) -> str:
        """Say in one line which to take, and why."""
        cpu, gpu, best = self.cpu, self.gpu, self.recommended
        prices = f"(Spot, {PRICES_OF}, {PRICES_AS_OF}; {SOURCE})"
        if best is None:
            return "no machine with a known price has the memory for it"
        if cpu is None or gpu is None or cpu.usd is None or gpu.usd is None:
            return f"recommended: {best.machine.name}, at {dollars(best.usd)} {prices}"
        if not gpu.gpu_seconds:
            return f"recommended: no GPU, since neither XGBoost nor LightGBM is planned {prices}"
        times = cpu.seconds / gpu.seconds
        pace = f"{times:.1f} times as fast" if times >= 1.05 else "no faster" if times >= 0.95 else "slower"
        if best is cpu:
            return f"recommended: no GPU, at {dollars(cpu.usd)}; with one {dollars(gpu.usd)}, and {pace} {prices}"
        return f"recommended: the GPU, at {dollars(gpu.usd)} and {pace}; without one {dollars(cpu.usd)} {prices}"

    def as_json(self) -> dict[str, Any]:
        """Return both as plain JSON values."""
        best = self.recommended
        return {
            "cpu": None if self.cpu is None else self.cpu.as_json(),
            "gpu": None if self.gpu is None else self.gpu.as_json(),
            "recommended": None if best is None else best.kind,
            "prices": {"region": PRICES_OF, "as_of": PRICES_AS_OF, "market": "spot"},
            "speeds": SOURCE,
        }


def dollars(usd: float | None) -> str:
    """Return an amount for people to read; nothing where it is not known.

    >>> dollars(0.2713), dollars(0.002)
    ('$0.27', 'under $0.01')
    """
    if usd is None:
        return ""
    return f"${usd:,.2f}" if usd >= 0.005 else "under $0.01"


def modes(planned: Plan, vcpus: int = DEFAULT_VCPUS) -> Modes:
    """Reckon what a plan takes in both modes.

    Parameters
    ----------
    planned : Plan
    vcpus : int
        What the machines have, or the next more that a family offers.
    """
    alike = _alike(planned)
    here = [(planned.costs[item].cpu_seconds, count) for item, count in alike.items()]
    rest = [(planned.costs[i].cpu_seconds, count) for i, count in alike.items() if i[0].model not in FITTED_ON_GPU]

    def on_cpu(machine: Machine, workers: int) -> Mode:
        whole, longest = _whole_and_longest(here)
        return Mode(machine, workers, 0.0, whole, max(whole / workers, longest))

    def on_gpu(machine: Machine, workers: int) -> Mode:
        card, there = CARDS[machine.family], [item for item in alike if item[0].model in FITTED_ON_GPU]
        gpu = sum(alike[item] * gpu_seconds(planned, item, card) for item in there)
        cpu, longest = _whole_and_longest(rest)
        workers = crew_of("gpu", 1, workers).workers
        # The owner of the GPU helps the others when it is through; they never help it.
        return Mode(machine, workers, gpu, cpu, max(gpu, (gpu + cpu) / workers, longest))

    base, more = (run_bytes(planned.searches, planned.units, planned.infos, count) for count in (0, 1))

    def workers(machine: Machine) -> int:
        room = machine.usable_memory_mib * MIB - base
        return max(0, min(machine.vcpus, room // max(more - base, 1)))

    return Modes(
        _best(vcpus, lambda one: not one.gpus and one.family in CPU_FAMILIES, workers, on_cpu),
        _best(vcpus, lambda one: one.gpus == 1 and one.family in CARDS, workers, on_gpu),
    )


def _alike(planned: Plan) -> dict[Item, int]:
    """Return one item of each kind that costs the same, and how many there are."""
    first: dict[tuple[object, ...], Item] = {}
    counts: dict[Item, int] = {}
    for item, cost in planned.costs.items():
        kind = item[0].dataset, item[0].model, tuple(unit.technique for unit in item), cost.cpu_seconds
        chosen = first.setdefault(kind, item)
        counts[chosen] = counts.get(chosen, 0) + 1
    return counts


def _whole_and_longest(costs: list[tuple[float, int]]) -> tuple[float, float]:
    return sum(seconds * count for seconds, count in costs), max((seconds for seconds, _ in costs), default=0.0)


def gpu_seconds(planned: Plan, item: Item, card: Card) -> float:
    """Return what a work item of XGBoost or LightGBM is expected to take on a GPU, in seconds.

    Everything but the fits takes what it takes on the CPU: folds are prepared, and rows sorted into bins, on the host.
    """
    searches, info = planned.searches, planned.infos[item[0].dataset]
    folds = searches.spec.protocol.folds
    found = planned.costs[item].cpu_seconds
    pace = PACES[item[0].model]
    for search in searches.of(item):
        rows = fold_rows(searches, search.sampler, item[0], info)
        each = [
            fit_cost(search.model, family.fitted, search.sampler, rows, info.features) for family in search.families
        ]
        rounds = [_rounds(family.fitted.get("n_estimators")) for family in search.families]
        there = [pace.seconds(count, s, card) for count, s in zip(rounds, each, strict=True)]
        times = folds + 1 / len(each)  # the winner once more
        found += times * (sum(there) - sum(each))
    return max(found, 0.0)


def _rounds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else _DEFAULTS


def _best(
    vcpus: int,
    allowed: Callable[[Machine], bool],
    workers: Callable[[Machine], int],
    mode: Callable[[Machine, int], Mode],
) -> Mode | None:
    """Return the cheapest way among the machines of that size; where none has the memory, among the next larger.

    Parameters
    ----------
    workers : callable
        Told a machine, says how many workers its memory allows, one for each processor at most.
    """
    offered = [one for one in MACHINES.values() if allowed(one) and one.vcpus >= vcpus and one.spot_usd is not None]
    for size in sorted({one.vcpus for one in offered}):
        found = [mode(one, count) for one in offered if one.vcpus == size and (count := workers(one))]
        if found:
            return min(found, key=lambda one: (one.usd or 0.0, one.machine.name))
    return None
