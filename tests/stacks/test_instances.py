"""The table of instance types, against the figures of EC2 that moto keeps."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import moto
import pytest

from stacks.instances import SHAPES


def test_the_table_says_what_ec2_says() -> None:
    recorded = Path(moto.__file__).parent / "ec2" / "resources" / "instance_types.json.gz"
    ec2 = json.loads(gzip.decompress(recorded.read_bytes()))
    for name, shape in SHAPES.items():
        figures = ec2[name]
        gpus = figures.get("GpuInfo", {}).get("Gpus", [])
        assert figures["ProcessorInfo"]["SupportedArchitectures"][-1] == "x86_64", name
        assert (shape.vcpus, shape.memory_mib, shape.gpus) == (
            figures["VCpuInfo"]["DefaultVCpus"],
            figures["MemoryInfo"]["SizeInMiB"],
            sum(gpu["Count"] for gpu in gpus),
        ), name


@pytest.mark.parametrize(("name", "usable"), [("m5.xlarge", 15308), ("g4dn.2xlarge", 30873), ("c5.xlarge", 7526)])
def test_some_memory_is_kept_for_the_host(name: str, usable: int) -> None:
    assert SHAPES[name].usable_memory_mib == usable
