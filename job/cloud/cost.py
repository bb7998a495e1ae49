"""``ldp cloud cost``: what an execution has cost, about, told from the records of its attempts.

An instance is paid for as long as it is there, whoever uses it. What an attempt costs is its seconds, times the price
of its instance, times the share of the instance that was reserved for it; to each instance a constant is added for
booting and standing idle, and the hour's part of its volume and its address. It is an estimate, and no bill.
"""

from __future__ import annotations

import json
import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from job import bounds
from job.cloud.prices import ADDRESS_USD, BOOT_SECONDS, VOLUME_USD, Prices, share_of
from job.cloud.queues import ON_DEMAND, SPOT
from job.executions.attempts import Attempt, running_attempts
from job.machines import parse_machine
from job.records import number, read_object
from job.store import Store, report_key, submission_key

FROZEN = "cost.json"


@dataclass(frozen=True)
class AttemptCost:
    """What one attempt cost, about.

    Attributes
    ----------
    attempt : str
    datasets : str
    kind : {'data', 'training'}
    shard : str or None
    end : str
        How it ended.
    machine, life_cycle, zone : str or None
    seconds : float
    share : float
        Of the instance.
    usd : float or None
        None where its instance or its price is not known.
    on_demand_usd : float or None
        What the same would have cost on an On-Demand instance.
    price, on_demand_price : float or None
        US dollars an hour of the whole instance.
    source : str or None
        Who says the price.
    """

    attempt: str
    datasets: str
    kind: str
    shard: str | None
    end: str
    machine: str | None
    life_cycle: str | None
    zone: str | None
    seconds: float
    share: float
    usd: float | None
    on_demand_usd: float | None
    price: float | None
    on_demand_price: float | None
    source: str | None


@dataclass(frozen=True)
class Cost:
    """What an execution cost, about.

    Attributes
    ----------
    execution : str
    attempts : list of AttemptCost
    instances : int
        How many different ones.
    overhead_usd : float
        For booting and standing idle.
    usd, on_demand_usd : float
        All of it, and the same on On-Demand instances.
    wasted_usd : float
        On attempts that were killed before they had saved all: at most so much was for nothing.
    hours : float
        Of all attempts together.
    unknown : int
        Attempts of which the instance or the price is not known; they are not in the sums.
    notes : list of str
    predicted_usd : float or None
        What was expected when it was submitted, where that could be said.
    """

    execution: str
    attempts: list[AttemptCost]
    instances: int
    overhead_usd: float
    usd: float
    on_demand_usd: float
    wasted_usd: float
    hours: float
    unknown: int
    notes: list[str]
    predicted_usd: float | None = None

    @property
    def saved_usd(self) -> float:
        """What Spot has saved."""
        return self.on_demand_usd - self.usd

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "saved_usd": self.saved_usd, "estimate": True}


@dataclass(frozen=True)
class FrozenPrices:
    """The prices with which each attempt was reckoned first: an older attempt's price is not asked again.

    Attributes
    ----------
    prices : mapping of str to (float, float, str)
        By attempt: the price of its instance, that of On-Demand, and who says so.
    """

    prices: Mapping[str, tuple[float, float, str]]

    @classmethod
    def read(cls, store: Store, execution: str) -> FrozenPrices:
        """Read what an earlier reckoning left; nothing, where it cannot be read."""
        try:
            found = read_object(store.get(report_key(execution, FROZEN), bounds.OBJECT_BYTES) or b"{}")
            prices = found.get("prices", {}).items()
            return cls(
                {name: (float(one["usd"]), float(one["on_demand_usd"]), str(one["source"])) for name, one in prices}
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return cls({})


def freeze(store: Store, cost: Cost) -> None:
    """Leave the reckoning, with its prices, in the report of the execution on this machine."""
    prices = {
        one.attempt: {"usd": one.price, "on_demand_usd": one.on_demand_price, "source": one.source}
        for one in cost.attempts
        if one.price is not None and one.on_demand_price is not None
    }
    found = {**cost.as_json(), "prices": prices}
    store.put(report_key(cost.execution, FROZEN), (json.dumps(found, indent=2, sort_keys=True) + "\n").encode())


def predicted_usd(store: Store, execution: str) -> float | None:
    """Return what an execution was expected to cost when it was submitted; None where nothing was said."""
    try:
        found = read_object(store.get(submission_key(execution), bounds.OBJECT_BYTES) or b"")
        return number(found, "estimated_usd", 0, math.inf)
    except ValueError:
        return None


def types_of(attempts: Iterable[Attempt]) -> set[str]:
    """Return the instance types of attempts, as far as they are known."""
    return {str(one.instance["type"]) for one in attempts if one.instance and one.instance.get("type")}


def reckon(
    execution: str,
    training: Sequence[Attempt],
    data: Sequence[Attempt],
    prices: Prices,
    frozen: FrozenPrices,
    reserved: Mapping[tuple[str, str], tuple[int, int]],
    now: datetime,
) -> Cost:
    """Return what an execution cost, about.

    Parameters
    ----------
    training, data : sequence of Attempt
        Of its training, and of the data jobs of its datasets that ran before.
    prices : Prices
    frozen : FrozenPrices
        What was reckoned with before.
    reserved : mapping of (dataset, kind) to (int, int)
        vCPUs and MiB of the job definitions: of attempts that do not say what was reserved.
    now : datetime
        Attempts that are alive are told apart from those that were killed.
    """
    alive = {one.id for some in (data, training) for one in running_attempts(some, now)}
    costs = [_cost(one, "data", prices, frozen, reserved, alive) for one in data]
    costs += [_cost(one, "training", prices, frozen, reserved, alive) for one in training]
    hosts: dict[str, AttemptCost] = {}
    for attempt, cost in zip((*data, *training), costs, strict=True):
        if attempt.instance and cost.price is not None:
            hosts.setdefault(str(attempt.instance.get("id", attempt.host)), cost)
    boot = BOOT_SECONDS / 3600
    each = VOLUME_USD + ADDRESS_USD
    overhead = sum((one.price + each) * one.share * boot for one in hosts.values() if one.price is not None)
    on_demand = sum((one.on_demand_price + each) * one.share * boot for one in hosts.values() if one.on_demand_price)
    known = [one for one in costs if one.usd is not None]
    wasted = sum(one.usd or 0.0 for one in known if one.end == "killed")
    added = f"{BOOT_SECONDS} s of each instance for booting and standing idle (assumed)"
    sources = dict.fromkeys(one.source for one in known if one.source)
    notes = [
        f"an estimate, no bill: with {added}, and ${each:.4f} an hour for its volume and its address",
        *(f"prices: {source}" for source in sources),
    ]
    return Cost(
        execution,
        costs,
        len(hosts),
        overhead,
        sum(one.usd or 0.0 for one in known) + overhead,
        sum(one.on_demand_usd or 0.0 for one in known) + on_demand,
        wasted,
        sum(one.seconds for one in costs) / 3600,
        len(costs) - len(known),
        notes,
    )


def _cost(
    attempt: Attempt,
    kind: str,
    prices: Prices,
    frozen: FrozenPrices,
    reserved: Mapping[tuple[str, str], tuple[int, int]],
    alive: Container[str],
) -> AttemptCost:
    told = attempt.instance or {}
    name = told.get("type")
    machine = None if name is None else parse_machine(str(name))
    life_cycle = None if not told else SPOT if told.get("life_cycle") == "spot" else ON_DEMAND
    zone = str(told["zone"]) if "zone" in told else None
    vcpus, memory = reserved.get((attempt.datasets[0] if attempt.datasets else "", kind), (0, 0))
    vcpus, memory = told.get("vcpus", vcpus), told.get("memory_mib", memory)
    share = share_of(machine, vcpus, memory) if machine is not None and (vcpus or memory) else 1.0
    known = None if attempt.id in alive else frozen.prices.get(attempt.id)
    price, other, source = known or _prices(attempt, str(name), life_cycle, zone, prices)
    hours = attempt.seconds / 3600
    each = VOLUME_USD + ADDRESS_USD
    return AttemptCost(
        attempt.id,
        ", ".join(attempt.datasets),
        kind,
        attempt.shard,
        "running" if attempt.id in alive else attempt.end or "killed",
        None if name is None else str(name),
        life_cycle,
        zone,
        attempt.seconds,
        share,
        None if price is None else hours * (price + each) * share,
        None if other is None else hours * (other + each) * share,
        price,
        other,
        source,
    )


def _prices(
    attempt: Attempt, name: str, life_cycle: str | None, zone: str | None, prices: Prices
) -> tuple[float | None, float | None, str | None]:
    if life_cycle is None:
        return None, None, None
    here = prices.of(name, life_cycle, zone, datetime.fromisoformat(attempt.started))
    other = prices.of(name, ON_DEMAND)
    if here is None or other is None:
        return None, None, None
    return here.usd, other.usd, here.source
