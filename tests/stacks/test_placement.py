"""Placement: a job that could never run is refused at synth, and says what to change."""

from __future__ import annotations

from typing import Any

import pytest

from stacks.errors import PlacementImpossible
from stacks.placement import place
from stacks.settings import PlatformSettings
from tests.stacks.synthesis import Synthesized, synthesize


def placed(**context: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    placement = place(PlatformSettings.from_context(context))
    return placement.notes, placement.warnings


IMPOSSIBLE: list[tuple[dict[str, Any], str, str]] = [
    (
        {"useGpu": "true", "spotMaxVcpus": 32, "onDemandMaxVcpus": 16, "jobMemoryMib": "32768"},
        "a training job asks for 4 vCPUs, 32768 MiB and 1 GPU, and nothing in gpuInstanceTypes has that",
        "Lower jobMemoryMib to at most 30873 or add g4dn.4xlarge to gpuInstanceTypes.",
    ),
    (
        {"cpuInstanceTypes": "m5.xlarge,c5.2xlarge", "jobMemoryMib": "16384"},
        "a training job asks for 4 vCPUs, 16384 MiB, and nothing in cpuInstanceTypes has that",
        "Lower jobMemoryMib to at most 15308 or add m5.2xlarge to cpuInstanceTypes.",
    ),
    (
        {"dataJobVcpus": "16", "dataJobMemoryMib": "4096"},
        "a data job asks for 16 vCPUs, 4096 MiB, and nothing in cpuInstanceTypes has that",
        "Lower dataJobVcpus to at most 8 or add c5.4xlarge to cpuInstanceTypes.",
    ),
    (
        {"jobVcpus": "8", "spotMaxVcpus": "4", "onDemandMaxVcpus": "4"},
        "a training job asks for 8 vCPUs, more than both environments may have (spotMaxVcpus 4, onDemandMaxVcpus 4)",
        "Raise them to at least 8, or lower jobVcpus.",
    ),
]


@pytest.mark.parametrize(("context", "what", "remedy"), IMPOSSIBLE)
def test_a_job_that_fits_nowhere_is_refused_with_what_to_change(
    context: dict[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(PlacementImpossible) as refusal:
        placed(**context)
    (problem,) = refusal.value.problems
    assert what in problem.what
    assert problem.remedy == remedy


def test_every_kind_of_job_that_fits_nowhere_is_named() -> None:
    with pytest.raises(PlacementImpossible) as refusal:
        placed(jobMemoryMib="100000", dataJobMemoryMib="100000")
    assert [problem.what.split(" job")[0] for problem in refusal.value.problems] == ["a data", "a training"]


def test_the_published_memory_fits_two_of_the_six_published_types_and_ours_fits_five() -> None:
    def hosts(memory: int) -> list[str]:
        types = (*PlatformSettings().cpu_instance_types, *PlatformSettings().gpu_instance_types)
        from stacks.instances import SHAPES

        return [name for name in types if SHAPES[name].usable_memory_mib >= memory]

    assert hosts(16384) == ["m5.2xlarge", "g4dn.2xlarge"]
    assert hosts(14336) == ["c5.2xlarge", "m5.xlarge", "m5.2xlarge", "g4dn.xlarge", "g4dn.2xlarge"]


def test_what_only_some_machines_can_host_is_said() -> None:
    notes, warnings = placed()
    assert [note.split(":")[0] for note in notes] == [
        "A data job (2 vCPUs, 8192 MiB) fits on c5.2xlarge, m5.xlarge, m5.2xlarge, not on c5.xlarge",
        "A training job (4 vCPUs, 14336 MiB) fits on c5.2xlarge, m5.xlarge, m5.2xlarge, not on c5.xlarge",
    ]
    assert warnings == ()


def test_nothing_is_said_where_everything_fits() -> None:
    assert placed(cpuInstanceTypes="m5.2xlarge") == ((), ())


@pytest.mark.parametrize(
    ("context", "beginning"),
    [
        ({"jobVcpus": 8, "onDemandMaxVcpus": 4}, "A training job asks for 8 vCPUs and onDemandMaxVcpus is 4"),
        ({"jobVcpus": 8, "spotMaxVcpus": 4}, "A training job asks for 8 vCPUs and spotMaxVcpus is 4"),
        (
            {"jobMemoryMib": 20000, "onDemandMaxVcpus": 4},
            "A training job fits under onDemandMaxVcpus 4, but the smallest machine for it, m5.2xlarge, has 8 vCPUs",
        ),
    ],
)
def test_an_environment_that_can_perhaps_never_run_a_job_is_warned_of(context: dict[str, Any], beginning: str) -> None:
    _, warnings = placed(**context)
    (warning,) = warnings
    assert warning.startswith(beginning)


def test_notes_and_warnings_are_annotations_of_the_stack() -> None:
    synthesized = synthesize(jobVcpus=8, onDemandMaxVcpus=4)
    assert any(level == "INFO" and "fits on" in text for level, text in synthesized.messages)
    assert any(level == "WARNING" and "onDemandMaxVcpus is 4" in text for level, text in synthesized.messages)


def test_a_dataset_whose_name_is_nearly_that_of_the_catalogue_is_warned_of() -> None:
    synthesized = synthesize(datasets="taiwan_credits")
    assert any(level == "WARNING" and "Did you mean taiwan_credit?" in text for level, text in synthesized.messages)


def test_the_default_platform_gives_no_warning(cpu: Synthesized, gpu: Synthesized) -> None:
    assert [text for level, text in cpu.messages + gpu.messages if level != "INFO"] == []


def test_synth_fails_where_placement_is_impossible() -> None:
    with pytest.raises(PlacementImpossible):
        synthesize(useGpu="true", jobMemoryMib="32768")
