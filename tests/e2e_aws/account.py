"""An account with a platform, on whose Batch jobs run, and a laptop beside it from which `ldp` is run."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from botocore.client import BaseClient

from job.cli import main
from tests.e2e_aws.batch import Batch, executing
from tests.e2e_aws.emulator import Emulator, running
from tests.stacks.fakes import put_image
from tests.stacks.synthesis import synthesize

STACK = "loan-default-prediction-dev"
Ldp = Callable[..., Any]
"""Runs `ldp`, and returns what it prints, as JSON where that was asked for; of a command that fails, its errors."""


@dataclass(frozen=True)
class Account:
    """An account with a platform, on whose Batch jobs run.

    Attributes
    ----------
    emulator : Emulator
    outputs : dict of str to str
        Of the stack.
    batch : Batch
    """

    emulator: Emulator
    outputs: dict[str, str]
    batch: Batch


@contextlib.contextmanager
def deployed(folder: Path, docker: str | None = None) -> Iterator[Account]:
    """Deploy the platform to an emulator whose Batch runs jobs, in the image where an engine's command is given."""
    with running() as emulator, executing(emulator, folder, docker) as batch:
        template = json.dumps(synthesize().template)
        cloudformation = emulator.client("cloudformation")
        cloudformation.create_stack(StackName=STACK, TemplateBody=template, Capabilities=["CAPABILITY_NAMED_IAM"])
        (stack,) = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        outputs = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
        put_image(emulator.client("ecr"), outputs["EcrRepoName"], outputs["ImageTag"])
        yield Account(emulator, outputs, batch)


@contextlib.contextmanager
def recording(calls: set[str]) -> Iterator[None]:
    """Take note of the operations that are asked of AWS in the block."""
    call = BaseClient._make_api_call

    def record(self: BaseClient, operation: str, arguments: dict[str, Any]) -> Any:
        calls.add(operation)
        return call(self, operation, arguments)

    with patch.object(BaseClient, "_make_api_call", record):
        yield


def runner(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], calls: set[str]) -> Ldp:
    """Return what runs `ldp` in this process and this directory."""
    monkeypatch.setattr("signal.signal", lambda *_: None)

    def run(*arguments: str, code: int = 0) -> Any:
        monkeypatch.setattr(sys, "argv", ["ldp", *arguments])
        ended = 0
        try:
            with recording(calls):
                main()
        except SystemExit as end:
            ended = int(end.code or 0)
        said = capsys.readouterr()
        assert ended == code, said.err
        assert "Traceback" not in said.err
        if code:
            return said.err
        # The emulator in this process says on standard output that it knows no prices.
        out = "".join(line for line in said.out.splitlines(keepends=True) if not line.startswith("Unable to find app"))
        return json.loads(out) if "--json" in arguments else out

    return run


def states(ldp: Ldp, *arguments: str) -> dict[str, tuple[str, str]]:
    """Return state and words of each job."""
    return {row["name"]: (row["state"], row["words"]) for row in ldp("cloud", "status", *arguments, "--json")["jobs"]}


def compared(ldp: Ldp, execution: str) -> list[dict[str, Any]]:
    """Return the comparison of an execution without its id: the same for all that ran the same."""
    rows = ldp("analyze", "summary", execution, "--json")
    assert {row.pop("execution") for row in rows} == {execution}
    return list(rows)
