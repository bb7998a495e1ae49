"""``ldp experiment plan``: what a job elsewhere would make of a spec, before anybody submits it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from job.machines import PRICES_AS_OF
from tests.specs import TINY


@pytest.fixture
def planned(ldp, tmp_path: Path):  # type: ignore[no-untyped-def]
    """Plan a tiny spec on sample data with these arguments."""
    (tmp_path / "tiny.toml").write_text(TINY)
    assert ldp("data", "sample", "taiwan_credit", "--rows", "300")[0] == 0
    assert ldp("data", "process", "taiwan_credit")[0] == 0

    def run(*arguments: str) -> tuple[int, str, str]:
        found: tuple[int, str, str] = ldp("experiment", "plan", "--spec", "tiny.toml", *arguments)
        return found

    return run


JOB = ("--vcpus", "4", "--memory-mib", "14336", "--hours", "24")


def test_a_job_that_can_do_it_is_told_with_its_attempts(planned) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = planned(*JOB)
    assert code == 0
    said = " ".join(out.split())
    assert "a job with 4 vCPUs, 14,336 MiB and 24 h for each attempt does it in 1 attempt" in said
    assert "ask for 4, some to spare" in said
    assert PRICES_AS_OF in said, "dollars are those of a day"
    job = json.loads(planned(*JOB, "--json")[1])["job"]
    assert {
        name: job[name] for name in ("vcpus", "memory_mib", "hours", "workers", "slices", "attempts", "shards")
    } == {"vcpus": 4, "memory_mib": 14336, "hours": 24, "workers": 4, "slices": 1, "attempts": 4, "shards": 1}


def test_hours_of_an_attempt_and_of_the_work_are_told_apart(planned) -> None:  # type: ignore[no-untyped-def]
    whole = json.loads(planned(*JOB, "--json")[1])
    assert whole["job"]["hours"] == 24
    assert whole["cpu_hours"] / 4 <= whole["job"]["work_hours"] <= whole["cpu_hours"]


def test_a_job_without_the_memory_is_told_what_it_needs(planned) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = planned("--vcpus", "4", "--memory-mib", "64", "--hours", "24")
    assert code == 0
    assert "cannot do it: it needs about" in " ".join(out.split())
    job = json.loads(planned("--vcpus", "4", "--memory-mib", "64", "--hours", "24", "--json")[1])["job"]
    assert (job["workers"], job["slices"], job["attempts"], job["shards"]) == (0, None, None, None)
    assert job["needed_mib"] > 64


def test_without_a_job_nothing_is_said_of_one(planned) -> None:  # type: ignore[no-untyped-def]
    assert "attempt" not in planned()[1]
    assert "job" not in json.loads(planned("--json")[1])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--vcpus", "4"), "a job has processors, memory and a time-out"),
        (("--hours", "24"), "a job has processors, memory and a time-out"),
        ((*JOB, "--jobs", "2"), "--jobs is about this machine, --vcpus about a job elsewhere"),
    ],
)
def test_half_a_job_is_refused(planned, arguments: tuple[str, ...], words: str) -> None:  # type: ignore[no-untyped-def]
    code, out, err = planned(*arguments)
    assert (code, out) == (2, "")
    assert words in err
