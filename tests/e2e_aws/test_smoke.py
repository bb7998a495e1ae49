"""``make smoke`` against an AWS on loopback, as far as that goes: it says itself what that cannot show."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from stacks.smoke import NEVER_SHOWN
from stacks.smoke_steps import STEPS
from tests.e2e_aws.emulator import Emulator
from tests.e2e_aws.test_life_of_a_platform import DOCKER, Account, bootstrap
from tests.stacks.synthesis import ROOT

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

NOT_HERE = {
    "failed-job": "ends: not within",  # the emulator's jobs run until somebody ends them
    "failed-array": "ends: not within",
    "failed-pull": "ends: not within",
    "retry-replaced": "ends: not within",
    "data-job": "ends: not within",
    "on-demand-job": "Batch names no instance",
    "orderly-stop": "ends: not within",
    "lost-host": "Batch names no instance",
    "operator": "nobody checks policies here",
    "cost": "no instance was seen",
}


def test_a_platform_is_tried_as_far_as_the_emulator_goes_and_nothing_of_it_is_left(
    emulator: Emulator, tmp_path: Path
) -> None:
    account = Account(emulator)
    bootstrap(account)
    docker = tmp_path / "docker.py"
    docker.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{DOCKER}")
    assert "nothing is tried" in account.make("smoke", fails=True)
    said = account.make(
        "smoke", "YES=true", "DIRTY=true", "ARGS=--method=direct", f"DOCKER={sys.executable} {docker}", "PATIENCE=0.001"
    )
    (wrote,) = (line.split()[-1] for line in said.splitlines() if line.startswith("wrote "))
    written = json.loads((ROOT / wrote).read_text(encoding="utf-8"))
    (ROOT / wrote).unlink()
    found = {one["step"]: (one["outcome"], one["detail"]) for one in written["findings"]}
    assert set(found) == {*STEPS, *NEVER_SHOWN, "cost", "destroy"}
    for step in ("deploy", "subscribe", "mode-switch", "destroy"):
        assert found[step][0] == "shown", (step, found[step])
    assert {step for step, (outcome, _) in found.items() if outcome == "not shown"} == {*NOT_HERE, *NEVER_SHOWN}
    for step, why in NOT_HERE.items():
        assert why in found[step][1], step

    name = written["platform"]
    assert account.stack(name) is None
    assert account.definitions() == {}
    assert account.queues() == {}
    assert emulator.client("sqs").list_queues().get("QueueUrls", []) == []
    assert [
        one for one in emulator.client("iam").list_roles()["Roles"] if one["RoleName"].startswith("ldp-smoke")
    ] == []
    buckets = [one["Name"] for one in emulator.client("s3").list_buckets()["Buckets"]]
    assert [one for one in buckets if one.startswith("ldp-smoke")] == []
