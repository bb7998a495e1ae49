"""The EC2 instance types that a job may run on: what they have, what of it is left for jobs, and what they cost.

The table, ``machines.json``, is written down rather than looked up, because neither planning nor synthesizing needs an
AWS account. Prices are those of one region: On-Demand from AWS's price list, Spot as it was on one day, which moves.
The table names the days and the sources. They are good for comparing machines, not for a bill. Standard library only:
the AWS platform imports this module too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ESCAPE = re.compile(
    r"(?P<name>[a-z][a-z0-9-]*\.[a-z0-9-]+):(?P<vcpus>[1-9][0-9]{0,3}):(?P<mib>[1-9][0-9]{2,7}):(?P<gpus>[0-9]{1,2})"
)


@dataclass(frozen=True)
class Machine:
    """What one instance type has, and what it costs.

    Parameters
    ----------
    name : str
        The type, such as ``m5.xlarge``.
    vcpus : int
        Virtual processors.
    cores : int
        Physical cores; of most types half as many.
    memory_mib : int
        Installed memory in MiB.
    gpus : int
        NVIDIA GPUs.
    on_demand_usd, spot_usd : float or None
        US dollars an hour; Spot as it was on one day. None where it is not known.
    """

    name: str
    vcpus: int
    cores: int
    memory_mib: int
    gpus: int
    on_demand_usd: float | None = None
    spot_usd: float | None = None

    @property
    def usable_memory_mib(self) -> int:
        """Memory in MiB that jobs can count on.

        The kernel and the hypervisor keep some of the installed memory and the ECS agent reserves some more; how much
        exactly is known only once the instance has registered. 5 % and 256 MiB is on the safe side of what hosts of
        these families report.
        """
        return self.memory_mib * 95 // 100 - 256

    @property
    def family(self) -> str:
        """What stands before the dot."""
        return self.name.split(".")[0]

    @property
    def size(self) -> str:
        """What stands after the dot."""
        return self.name.split(".")[1]

    def hosts(self, vcpus: int, memory_mib: int, gpus: int = 0) -> int:
        """Return how many jobs that reserve so much it can host at once."""
        room = min(self.vcpus // vcpus, self.usable_memory_mib // memory_mib)
        return min(room, self.gpus // gpus) if gpus else room


def _read() -> tuple[dict[str, Machine], str, str]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name("machines.json").read_text(encoding="utf-8"))
    columns = table["columns"]
    machines = {name: Machine(name, **dict(zip(columns, row, strict=True))) for name, row in table["types"].items()}
    days = {kind: price["as_of"] for kind, price in table["prices"].items()}
    as_of = f"On-Demand of {days['on_demand_usd']}, Spot of {days['spot_usd']}"
    return machines, as_of, table["region"]


MACHINES, PRICES_AS_OF, PRICES_OF = _read()
"""The types by name; the days and the region of their prices."""


def parse_machine(text: str) -> Machine | None:
    """Return the machine that a name of the table, or ``type:vcpus:mib:gpus``, describes; None where it is neither.

    >>> parse_machine("m5.xlarge").cores
    2
    >>> parse_machine("m9z.xlarge:4:16384:0").memory_mib
    16384
    """
    match = _ESCAPE.fullmatch(text)
    if match is None:
        return MACHINES.get(text)
    vcpus = int(match["vcpus"])
    return Machine(match["name"], vcpus, max(vcpus // 2, 1), int(match["mib"]), int(match["gpus"]))


def cheapest_first(machines: Iterable[Machine]) -> list[Machine]:
    """Return machines by On-Demand price, then name; those whose price is not known come last."""
    return sorted(machines, key=lambda one: (one.on_demand_usd is None, one.on_demand_usd or 0.0, one.name))


def siblings(machines: Iterable[Machine]) -> list[Machine]:
    """Return machines and those of the table that could stand in for one: same series, size, memory and GPUs.

    >>> [one.name for one in siblings([MACHINES["c5.xlarge"]])]
    ['c5.xlarge', 'c5a.xlarge', 'c6a.xlarge', 'c6i.xlarge', 'c7a.xlarge', 'c7i.xlarge']
    """
    named = list(machines)
    alike = {(one.family[0], one.size, one.vcpus, one.memory_mib, one.gpus) for one in named if not one.gpus}
    others = [
        one
        for one in MACHINES.values()
        if (one.family[0], one.size, one.vcpus, one.memory_mib, one.gpus) in alike and one not in named
    ]
    return [*named, *others]
