"""The EC2 instance types that a job may run on: what they have, and what of it is left for jobs.

The table is written down rather than looked up, because synth works without an AWS account. A test compares it with
EC2's own figures.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InstanceShape:
    """What one instance type has.

    Parameters
    ----------
    name : str
        The type, such as ``m5.xlarge``.
    vcpus : int
        Virtual processors.
    memory_mib : int
        Installed memory in MiB.
    gpus : int
        NVIDIA GPUs.
    """

    name: str
    vcpus: int
    memory_mib: int
    gpus: int

    @property
    def usable_memory_mib(self) -> int:
        """Memory in MiB that jobs can count on.

        The kernel and the hypervisor keep some of the installed memory and the ECS agent reserves some more; how much
        exactly is known only once the instance has registered. 5 % and 256 MiB is on the safe side of what hosts of
        these families report.
        """
        return self.memory_mib * 95 // 100 - 256


_VCPUS = {
    "large": 2,
    "xlarge": 4,
    "2xlarge": 8,
    "4xlarge": 16,
    "8xlarge": 32,
    "9xlarge": 36,
    "12xlarge": 48,
    "16xlarge": 64,
    "18xlarge": 72,
    "24xlarge": 96,
    "32xlarge": 128,
    "48xlarge": 192,
}
_INTEL_5 = ("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge")
_INTEL_6 = (*_INTEL_5, "32xlarge")
_AMD_6 = (*_INTEL_6, "48xlarge")
_INTEL_7 = (*_INTEL_5, "48xlarge")
_G = ("xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "24xlarge", "48xlarge")

# family: GiB of memory per vCPU, and its sizes. All have x86-64 processors: the images are built for them.
_CPU_FAMILIES: dict[str, tuple[int, tuple[str, ...]]] = {
    "c5": (2, ("large", "xlarge", "2xlarge", "4xlarge", "9xlarge", "12xlarge", "18xlarge", "24xlarge")),
    "c5a": (2, _INTEL_5),
    "c6a": (2, _AMD_6),
    "c6i": (2, _INTEL_6),
    "c7i": (2, _INTEL_7),
    "m5": (4, _INTEL_5),
    "m5a": (4, _INTEL_5),
    "m6a": (4, _AMD_6),
    "m6i": (4, _INTEL_6),
    "m7i": (4, _INTEL_7),
    "r5": (8, _INTEL_5),
    "r5a": (8, _INTEL_5),
    "r6i": (8, _INTEL_6),
    "r7i": (8, _INTEL_7),
}
# family: GiB of memory per vCPU, sizes with more than one GPU, and its sizes.
_GPU_FAMILIES: dict[str, tuple[int, dict[str, int], tuple[str, ...]]] = {
    "g4dn": (4, {"12xlarge": 4}, ("xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge")),
    "g5": (4, {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}, _G),
    "g6": (4, {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}, _G),
    "g6e": (8, {"12xlarge": 4, "24xlarge": 4, "48xlarge": 8}, _G),
}


def _table() -> dict[str, InstanceShape]:
    cpu = [
        InstanceShape(f"{family}.{size}", _VCPUS[size], _VCPUS[size] * gib * 1024, 0)
        for family, (gib, sizes) in _CPU_FAMILIES.items()
        for size in sizes
    ]
    gpu = [
        InstanceShape(f"{family}.{size}", _VCPUS[size], _VCPUS[size] * gib * 1024, gpus.get(size, 1))
        for family, (gib, gpus, sizes) in _GPU_FAMILIES.items()
        for size in sizes
    ]
    return {shape.name: shape for shape in cpu + gpu}


SHAPES: dict[str, InstanceShape] = _table()
