"""Placement: a job that could never run is refused at synth, and says what to change."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from job.machines import MACHINES
from stacks.errors import PlacementImpossible
from stacks.placement import place
from stacks.settings import PlatformSettings
from tests.stacks.synthesis import FLAGS, Synthesized, synthesize


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
        types = [one for use_gpu in (False, True) for one in PlatformSettings(use_gpu=use_gpu).profile.machines]
        return sorted(one.name for one in types if one.usable_memory_mib >= memory)

    assert hosts(16384) == ["g4dn.2xlarge", "m5.2xlarge"]
    assert hosts(14336) == ["c5.2xlarge", "g4dn.2xlarge", "g4dn.xlarge", "m5.2xlarge", "m5.xlarge"]


def test_what_each_machine_makes_of_each_kind_of_job_is_said() -> None:
    notes, warnings = placed()
    assert notes == (
        (
            "A data job (2 vCPUs, 8192 MiB): m5.xlarge hosts 1 job (2 vCPUs idle, $0.192 a job-hour, "
            "Spot about $0.063); c5.2xlarge hosts 1 job (6 vCPUs idle, $0.340 a job-hour, Spot about $0.151); "
            "m5.2xlarge hosts 3 jobs (2 vCPUs idle, $0.128 a job-hour, Spot about $0.051); not c5.xlarge. "
            "Prices: us-east-1, On-Demand of 2026-01-19, Spot of 2026-08-10."
        ),
        "With dataJobMemoryMib 7168 instead of 8192 two data jobs would share m5.xlarge, c5.2xlarge.",
        (
            "A training job (4 vCPUs, 14336 MiB): m5.xlarge hosts 1 job (0 vCPUs idle, $0.192 a job-hour, Spot about "
            "$0.063); c5.2xlarge hosts 1 job (4 vCPUs idle, $0.340 a job-hour, Spot about $0.151); "
            "m5.2xlarge hosts 2 jobs (0 vCPUs idle, $0.192 a job-hour, Spot about $0.076); not c5.xlarge. "
            "Prices: us-east-1, On-Demand of 2026-01-19, Spot of 2026-08-10."
        ),
    )
    assert warnings == ()


def test_two_data_jobs_of_7168_mib_do_share_a_machine_of_16_gib() -> None:
    assert MACHINES["m5.xlarge"].hosts(2, 7168) == MACHINES["c5.2xlarge"].hosts(2, 7168) == 2
    assert MACHINES["m5.xlarge"].hosts(2, 8192) == 1


def test_the_first_machine_of_the_list_that_hosts_a_job_is_the_cheapest_that_does() -> None:
    """Types that do not fit are skipped, so one order is right for every kind of job at once."""
    for context in (
        {},
        {"useGpu": "true"},
        {"cpuInstanceTypes": ",".join(n for n, m in MACHINES.items() if not m.gpus)},
    ):
        machines = PlatformSettings.from_context(context).profile.machines
        for vcpus in (1, 2, 4, 8, 16, 48):
            for memory in (1024, 8192, 14336, 30000, 120_000):
                hosts = [one for one in machines if one.hosts(vcpus, memory)]
                prices = [one.on_demand_usd or 0.0 for one in hosts]
                assert not hosts or prices[0] == min(prices), (vcpus, memory)


def test_the_training_job_of_one_dataset_may_need_more_and_is_checked_too() -> None:
    needs = {"lending_club": {"jobMemoryMib": 28672, "shards": 4}}
    notes, _ = placed(perDataset=needs)
    (note,) = (note for note in notes if "of lending_club" in note)
    assert note.startswith("A training job of lending_club (4 vCPUs, 28672 MiB): m5.2xlarge hosts 1 job")
    with pytest.raises(PlacementImpossible) as refusal:
        placed(perDataset={"lending_club": {"jobMemoryMib": 64000}})
    (problem,) = refusal.value.problems
    assert problem.what.startswith("a training job of lending_club asks for 4 vCPUs, 64000 MiB, and nothing in")
    assert problem.remedy.startswith("Lower perDataset.lending_club.jobMemoryMib to at most 30873")


def test_a_machine_that_the_table_does_not_know_can_be_described() -> None:
    notes, _ = placed(cpuInstanceTypes="m9z.xlarge:4:16384:0,m5.xlarge")
    assert "m5.xlarge hosts 1 job" in notes[0], "its price is known, so it stands first"
    assert "m9z.xlarge hosts 1 job (2 vCPUs idle, price unknown)" in notes[0]


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


def told(**context: Any) -> list[str]:
    """Return what synthesizing says."""
    from stacks.assembly import synthesize as write
    from stacks.build import build_app

    with TemporaryDirectory() as outdir:
        lines = write(build_app({**FLAGS, **context}, outdir=outdir))
        manifest = json.loads((Path(outdir) / "manifest.json").read_text(encoding="utf-8"))
        assert "aws-cdk-lib/feature-flag-report" not in manifest["artifacts"]
        assert [name for name in manifest["artifacts"] if name.startswith("loan")], "the stack is still there"
        return lines


def test_notes_and_warnings_are_lines_of_our_own() -> None:
    lines = told(jobVcpus=8, onDemandMaxVcpus=4, datasets="taiwan_credits")
    assert any(line.startswith("note: A training job (8 vCPUs, 14336 MiB): c5.2xlarge hosts 1 job") for line in lines)
    assert any(line.startswith("warning: ") and "onDemandMaxVcpus is 4" in line for line in lines)
    assert any(line.startswith("warning: ") and "Did you mean taiwan_credit?" in line for line in lines)


def test_the_default_platform_gives_no_warning(cpu: Synthesized, gpu: Synthesized) -> None:
    assert cpu.messages + gpu.messages == ()
    assert [line for line in told() if not line.startswith("note: ")] == []


def test_synth_fails_where_placement_is_impossible() -> None:
    with pytest.raises(PlacementImpossible):
        synthesize(useGpu="true", jobMemoryMib="32768")
