"""The table of instance types, against the figures of EC2 that moto keeps."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import moto
import pytest

from job.machines import MACHINES, Machine, cheapest_first, parse_machine


def test_the_table_says_what_ec2_says() -> None:
    recorded = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    ec2 = json.loads(gzip.decompress(recorded.read_bytes()))
    for name, machine in MACHINES.items():
        figures = ec2[name]
        gpus = figures.get("GpuInfo", {}).get("Gpus", [])
        assert figures["ProcessorInfo"]["SupportedArchitectures"][-1] == "x86_64", name
        assert (machine.vcpus, machine.cores, machine.memory_mib, machine.gpus) == (
            figures["VCpuInfo"]["DefaultVCpus"],
            figures["VCpuInfo"]["DefaultCores"],
            figures["MemoryInfo"]["SizeInMiB"],
            sum(gpu["Count"] for gpu in gpus),
        ), name


@pytest.mark.parametrize(("name", "usable"), [("m5.xlarge", 15308), ("g4dn.2xlarge", 30873), ("c5.xlarge", 7526)])
def test_some_memory_is_kept_for_the_host(name: str, usable: int) -> None:
    assert MACHINES[name].usable_memory_mib == usable


def test_every_machine_has_its_prices_and_spot_is_cheaper() -> None:
    for machine in MACHINES.values():
        assert machine.on_demand_usd is not None
        assert machine.spot_usd is not None
        assert 0 < machine.spot_usd < machine.on_demand_usd, machine.name


def test_the_families_of_the_fleet_are_in_the_table() -> None:
    families = {machine.family for machine in MACHINES.values()}
    assert families >= {"c5", "m5", "m7a", "c7a", "m7i", "m8i", "r6i", "r7a", "g4dn", "g5", "g6"}


def test_any_other_machine_can_be_described() -> None:
    assert parse_machine("m9z.xlarge:4:16384:0") == Machine("m9z.xlarge", 4, 2, 16384, 0)
    for text in ("m9z.xlarge", "m9z.xlarge:4:16384", "m9z:4:16384:0", "m9z.xlarge:0:16384:0", "m9z.xlarge:4:16 GiB:0"):
        assert parse_machine(text) is None, text


def test_a_machine_without_a_price_comes_last() -> None:
    unknown = Machine("a1.large", 2, 1, 4096, 0)
    assert [one.name for one in cheapest_first([unknown, MACHINES["m5.xlarge"], MACHINES["c5.xlarge"]])] == [
        "c5.xlarge",
        "m5.xlarge",
        "a1.large",
    ]
