"""Smoke: tries a platform of its own on a real account, says what that shows of AWS, and takes it away again.

``make smoke``, or ``python -m stacks.smoke``. It asks first and says what it costs. Whatever happens on the way, an
error or Ctrl-C, the platform is destroyed at the end. The findings are written as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3

from job.machines import MACHINES, PRICES_AS_OF, PRICES_OF
from stacks.apply import agreed_at_terminal
from stacks.errors import OperationRefused, PlatformError, Problem
from stacks.images import ROOT
from stacks.parsers import DEFAULT_REGION
from stacks.region import named_regions, require_one_region
from stacks.smoke_steps import STEPS, VALUES
from stacks.stage import NotShown, Stage, Wrong

COST = "below 1 US dollar: some two hours of up to two small machines, a bucket and an image for as long"
HOURS = "two to three hours"
TAKEN = {"ARGS", "CONFIG", "CONTEXT", "DIRTY", "DOCKER", "GPU", "IMAGE_TAG", "MFLAGS", "YES"}
"""What make leaves in the environment, and another make would take for its own."""

NEVER_SHOWN = {
    "gpu-job": "a job on a GPU: the mode is switched, and no GPU job is run, since the quota of G instances may be 0",
    "prod": "what prod keeps, protects and takes in again, and a first deployment that fails: it is tried in dev only",
    "update-timeout": "a job that outlasts the 30 minutes of an update: the job of mode-switch is shorter",
    "session-manager": "a session on a host, and volumes under a key of one's own",
    "budget": "mail, and the budget: its tag takes a day to be seen",
    "image-index": "what ECR's untagged rule deletes: it acts after a day",
    "source-account": "a source-account condition on the execution role, which is not set",
}
"""What a run cannot show, and why."""


@dataclass(frozen=True)
class Finding:
    """What one step found.

    Parameters
    ----------
    step : str
        Its name, as in the table of beliefs.
    outcome : {'shown', 'wrong', 'not shown'}
        Whether AWS does what is believed of it.
    detail : str
        What was seen.
    seconds : float
        How long it took.
    """

    step: str
    outcome: str
    detail: str
    seconds: float


def smoke(stage: Stage, steps: Mapping[str, Callable[[Stage], str]] = STEPS) -> list[Finding]:
    """Try every step, destroy the platform, and return what was found.

    The platform is destroyed after an error and after Ctrl-C too; a second one leaves, and says what is left.
    """
    findings: list[Finding] = []
    try:
        for name, step in steps.items():
            findings.append(_tried(stage, name, step))
            if name == "deploy" and findings[-1].outcome != "shown":
                break
        else:
            findings.append(_tried(stage, "cost", cost))
    except KeyboardInterrupt:
        findings.append(Finding("interrupted", "not shown", "by Ctrl-C: what follows was not tried", 0.0))
    finally:
        findings.append(_tried(stage, "destroy", destroy))
    tried = {one.step for one in findings}
    findings += [Finding(name, "not shown", "not tried", 0.0) for name in steps if name not in tried]
    return [*findings, *(Finding(name, "not shown", why, 0.0) for name, why in NEVER_SHOWN.items())]


def _tried(stage: Stage, name: str, step: Callable[[Stage], str]) -> Finding:
    stage.say(f"== {name}: {(step.__doc__ or '').strip().splitlines()[0]}")
    began = stage.clock()
    try:
        outcome, detail = "shown", step(stage)
    except Wrong as wrong:
        outcome, detail = "wrong", str(wrong)
    except NotShown as reason:
        outcome, detail = "not shown", str(reason)
    except Exception as error:  # noqa: BLE001 - one step's trouble is not the others', and the platform has to go
        outcome, detail = "not shown", f"{type(error).__name__}: {error}"
        stage.say(traceback.format_exc(limit=3))
    stage.say(f"   {outcome}: {detail}")
    return Finding(name, outcome, detail, round(stage.clock() - began, 1))


def cost(stage: Stage) -> str:
    """Reckon what instances cost by the table of prices, and against how long jobs ran."""
    stage.look_at_machines()
    batch = stage.client("batch")
    found = [
        job for i in range(0, len(stage.used.jobs), 100) for job in _described(batch, stage.used.jobs[i : i + 100])
    ]
    attempts = [attempt for job in found for attempt in job.get("attempts", [])]
    hours = sum(max(one.get("stoppedAt", 0) - one.get("startedAt", 0), 0) for one in attempts) / 3.6e6
    if not stage.used.instances:
        raise NotShown("no instance was seen")
    paid = paid_hours = 0.0
    for instance in stage.used.instances.values():
        lasted = max(instance.get("last", instance["launched"]) - instance["launched"], 0) / 3600
        machine = MACHINES[instance["type"]]
        paid += lasted * ((machine.spot_usd if instance["spot"] else machine.on_demand_usd) or 0.0)
        paid_hours += lasted
    return (
        f"jobs ran {hours:.2f} h, {len(stage.used.instances)} instances were there for {paid_hours:.2f} h: about "
        f"{paid:.2f} US dollars by the prices of {PRICES_OF}, {PRICES_AS_OF}"
    )


def _described(batch: Any, jobs: list[str]) -> list[dict[str, Any]]:
    return list(batch.describe_jobs(jobs=jobs)["jobs"]) if jobs else []


def destroy(stage: Stage) -> str:
    """Destroy everything: stack, bucket, images, definitions, and the queue that heard the alerts."""
    sqs = stage.client("sqs")
    with contextlib.suppress(sqs.exceptions.QueueDoesNotExist):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=stage.project)["QueueUrl"])
    _at_rest(stage)
    try:
        stage.make("destroy")
    except PlatformError:
        stage.say("once more: what was in use may be free by now")
        stage.make("destroy")
    left = []
    if any(one["StackName"] == stage.stack_name for one in _stacks(stage.client("cloudformation"))):
        left.append(f"the stack {stage.stack_name}")
    pages = stage.client("batch").get_paginator("describe_job_definitions").paginate(status="ACTIVE")
    named = {one["jobDefinitionName"] for page in pages for one in page["jobDefinitions"]}
    left += sorted(name for name in named if name.startswith(f"{stage.project}-"))
    if left:
        raise Wrong(f"left: {', '.join(left)}")
    return f"nothing of {stage.project} is left"


def _at_rest(stage: Stage) -> None:
    """Wait for what an interrupted deployment still does: meanwhile a stack cannot be deleted."""

    def rests() -> bool:
        stacks = [one for one in _stacks(stage.client("cloudformation")) if one["StackName"] == stage.stack_name]
        return not any(one["StackStatus"].endswith("_IN_PROGRESS") for one in stacks)

    with contextlib.suppress(NotShown):
        stage.until("the stack rests", rests, 60)


def _stacks(cloudformation: Any) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("describe_stacks").paginate()
    return [stack for page in pages for stack in page["Stacks"]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Try a platform; return 0 where nothing was found to be wrong."""
    parser = argparse.ArgumentParser(prog="python -m stacks.smoke", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask first")
    parser.add_argument("--docker", default="docker", metavar="COMMAND", help="how docker is called")
    parser.add_argument("--cdk", default="", metavar="OPTIONS", help="for the CDK's command line")
    parser.add_argument("--dirty", action="store_true", help="try what is not committed")
    parser.add_argument("--patience", type=float, default=1.0, help="how long to wait, as a multiple of what is usual")
    options = parser.parse_args(arguments)
    try:
        stage = _stage(options)
        _ask(stage, yes=options.yes)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    try:
        findings = smoke(stage)
    except KeyboardInterrupt:
        say(f"Not everything is gone: {_remedy(stage)}")
        return 130
    target = ROOT / "build" / f"{stage.project}.json"
    _write(target, stage, findings)
    _tell(findings, target)
    if next(one.outcome for one in findings if one.step == "destroy") != "shown":
        say(f"Not everything is gone: {_remedy(stage)}")
        return 1
    return 1 if any(one.outcome == "wrong" for one in findings) else 0


def _stage(options: argparse.Namespace) -> Stage:
    session = boto3.Session()
    regions = named_regions(os.environ, session.region_name)
    region = next((one for one in regions.values() if one), DEFAULT_REGION)
    require_one_region(region, os.environ, session.region_name)
    project = f"ldp-smoke-{secrets.token_hex(3)}"
    values = {"projectName": project, "awsRegion": region}

    def make(target: str, *variables: str) -> str:
        # Once it stands, the platform remembers the other values.
        given = values | (VALUES if target == "deploy" else {})
        context = " ".join(f"{name}={value}" for name, value in given.items())
        more = [f"DOCKER={options.docker}"]
        more += [f"ARGS={options.cdk}"] if options.cdk and target in {"deploy", "apply"} else []
        more += ["DIRTY=true"] if options.dirty else []
        return run(["make", "--no-print-directory", target, "YES=true", f"CONTEXT={context}", *more, *variables])

    def client(service: str) -> Any:
        return session.client(service, region_name=region)

    return Stage(project, client, make, say, patience=options.patience)


def run(command: Sequence[str]) -> str:
    """Run a command in the checkout, showing what it says, and return that.

    Raises
    ------
    OperationRefused
        If it fails.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name not in TAKEN}
    said = []
    with subprocess.Popen(  # noqa: S603 - make, with our own variables
        command,
        cwd=ROOT,
        env=ours,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        for line in process.stdout or ():
            sys.stdout.write(line)
            said.append(line)
    if process.returncode:
        last = next((line.strip() for line in reversed(said) if line.strip()), "nothing")
        raise OperationRefused(
            f"make {command[2]} failed",
            [Problem(f"it ended with {process.returncode}, saying last: {last}", "See above.")],
        )
    return "".join(said)


def _ask(stage: Stage, *, yes: bool) -> None:
    say(f"This makes a platform of its own in your account, {stage.stack_name}, runs jobs on it, and destroys it.")
    say(f"It takes {HOURS}, and costs {COST}.")
    if not yes and not agreed_at_terminal("Type yes to go on: "):
        raise OperationRefused(
            "nothing is tried", [Problem("it was not agreed to", "Type yes, or add YES=true to the make command.")]
        )


def _remedy(stage: Stage) -> str:
    return f"make destroy CONTEXT=projectName={stage.project}"


def _write(target: Path, stage: Stage, findings: list[Finding]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "platform": stage.stack_name,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "findings": [asdict(one) for one in findings],
        "instances": stage.used.instances,
    }
    target.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _tell(findings: list[Finding], target: Path) -> None:
    for outcome in ("wrong", "not shown", "shown"):
        for one in findings:
            if one.outcome == outcome:
                say(f"{outcome}: {one.step}: {one.detail}")
    say(f"wrote {target.relative_to(ROOT)}")


def say(line: str) -> None:
    """Write one line to the standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
