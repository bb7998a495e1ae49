"""The smoke test's own logic: what it makes of AWS's answers, and that it takes away what it made, whatever happens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest
from botocore.exceptions import ClientError

import stacks.smoke as smoke_test
from stacks.errors import OperationRefused, Problem
from stacks.smoke import NEVER_SHOWN, Finding, smoke
from stacks.smoke_steps import (
    STEPS,
    failed_array,
    failed_job,
    failed_pull,
    lost_host,
    mode_switch,
    on_demand_job,
    operator,
    orderly_stop,
    retry_replaced,
)
from stacks.stage import NotShown, Stage, Wrong
from tests.stacks.synthesis import ROOT

PROJECT = "ldp-smoke-0a1b2c"
HOST = "arn:aws:ecs:us-east-1:123456789012:container-instance/AWSBatch-it/1"
OUTPUTS = {
    "JobQueueName": "queue",
    "SpotJobQueueName": "spot",
    "OnDemandJobQueueName": "on-demand",
    "InstanceTypes": json.dumps(["c5.xlarge", "m5.xlarge", "c5.2xlarge"]),
}


def attempt(code: int | None = None, reason: str = "Essential container in task exited") -> dict[str, Any]:
    return {"statusReason": reason, "container": {"exitCode": code}, "startedAt": 0, "stoppedAt": 60_000}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Account:
    """AWS with one job, that ends as it is told, and a queue that has these messages."""

    def __init__(
        self, status: str = "SUCCEEDED", attempts: list[dict[str, Any]] | None = None, heard: tuple[str, ...] = ()
    ) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.status, self.attempts, self.heard = status, attempts or [], list(heard)
        self.submitted: list[dict[str, Any]] = []
        self.terminated: list[str] = []
        self.made: list[tuple[str, ...]] = []
        self.kind = "m5.xlarge"
        self.clock = Clock()
        self.environments = [["spot-arn", "on-demand-arn"]] * 3
        self.batch = Mock()
        self.batch.submit_job.side_effect = self._submit
        self.batch.describe_jobs.side_effect = lambda jobs: {"jobs": [self.jobs[one] for one in jobs]}
        self.batch.register_job_definition.return_value = {"jobDefinitionArn": "arn:no-image:1"}
        needs = [{"type": "VCPU", "value": "4"}, {"type": "MEMORY", "value": "14336"}]
        definition = {
            "revision": 1,
            "type": "container",
            "retryStrategy": {"attempts": 3, "evaluateOnExit": []},
            "containerProperties": {"image": "registry/it:cpu-1", "resourceRequirements": needs},
        }
        self.batch.get_paginator.return_value.paginate.return_value = [{"jobDefinitions": [definition]}]
        self.batch.describe_job_queues.side_effect = self._queues
        self.sqs = MagicMock()
        self.sqs.receive_message.side_effect = self._messages
        self.ec2 = Mock()
        self.ec2.get_paginator.return_value.paginate.return_value = []
        self.ec2.describe_instances.side_effect = lambda InstanceIds: {
            "Reservations": [{"Instances": [{"InstanceId": "i-1", "InstanceType": self.kind}]}]
        }
        self.ec2.terminate_instances.side_effect = self._terminate
        self.ecs = Mock()
        self.ecs.describe_container_instances.return_value = {"containerInstances": [{"ec2InstanceId": "i-1"}]}
        self.cloudformation = Mock()
        listed = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        self.cloudformation.describe_stacks.return_value = {"Stacks": [{"Outputs": listed}]}

    def _submit(self, **asked: Any) -> dict[str, str]:
        self.submitted.append(asked)
        job = f"job-{len(self.submitted)}"
        container = {"containerInstanceArn": HOST}
        self.jobs[job] = {"jobId": job, "jobName": asked["jobName"], "status": self.status, "container": container}
        self.jobs[job] |= {"attempts": self.attempts, "statusReason": "why"}
        return {"jobId": job}

    def _terminate(self, InstanceIds: list[str]) -> None:
        self.terminated += InstanceIds

    def _messages(self, **_: Any) -> dict[str, Any]:
        found, self.heard = self.heard[:1], self.heard[1:]
        return {"Messages": [{"Body": body, "ReceiptHandle": "r"} for body in found]}

    def _queues(self, jobQueues: list[str]) -> dict[str, Any]:
        order = self.environments[0]
        self.environments = self.environments[1:] or [order]
        return {"jobQueues": [{"computeEnvironmentOrder": [{"computeEnvironment": one} for one in order]}]}

    def stage(self) -> Stage:
        def make(*command: str) -> str:
            self.made.append(command)
            return ""

        return Stage(
            PROJECT,
            lambda service: getattr(self, service),
            make,
            lambda _: None,
            self.clock.sleep,
            lambda: self.clock.now,
        )


STOPPED = [attempt(143), attempt(143), attempt(0)]
GONE = [attempt(None, "Host EC2 (instance i-1) terminated."), attempt(0)]
PULL = "Task failed to start"
ALERT = f"{PROJECT}: job smoke-failed-job failed: it did\nexit code 2, 3 attempts allowed, log stream s\nhttps://link"
ARRAY = f"{PROJECT}: 2 of 2 shards of smoke-failed-array failed\nhttps://link"


@pytest.mark.parametrize(
    ("step", "account", "seen"),
    [
        (orderly_stop, Account(attempts=STOPPED), "3 attempts, exit codes [143, 143, 0]"),
        (lost_host, Account(attempts=GONE), "Host EC2"),
        (failed_pull, Account("FAILED", [attempt(None, PULL)] * 2), PULL),
        (retry_replaced, Account("FAILED", [attempt(2)] * 2), "two attempts"),
        (failed_job, Account("FAILED", [attempt(2)], (ALERT,)), "exit code 2"),
        (failed_array, Account("FAILED", heard=(ARRAY,)), "2 of 2 shards"),
        (on_demand_job, Account(attempts=[attempt(0)]), "it ran on m5.xlarge, the first of"),
        (mode_switch, Account("RUNNING"), "switched in 0 minutes and back; a job that was RUNNING is RUNNING"),
    ],
)
def test_what_aws_does_as_believed_is_shown(step: Callable[[Stage], str], account: Account, seen: str) -> None:
    assert seen in step(account.stage())


def ran_on(kind: str) -> Account:
    account = Account(attempts=[attempt(0)])
    account.kind = kind
    return account


def replaced() -> Account:
    account = Account("RUNNING")
    account.environments = [["old"], ["new"]]
    return account


@pytest.mark.parametrize(
    ("step", "account", "wrong"),
    [
        (orderly_stop, Account("FAILED", [attempt(143), attempt(1)]), "ended FAILED"),
        (orderly_stop, Account(attempts=[attempt(137), attempt(0)]), r"exit codes \[137, 0\]"),
        (lost_host, Account(attempts=[attempt(1, "Something else"), attempt(0)]), "Something else"),
        (lost_host, Account("FAILED", GONE), "ended FAILED"),
        (failed_pull, Account("FAILED", [attempt(None, "CannotPullContainerError")] * 2), "CannotPullContainerError"),
        (failed_pull, Account("FAILED", [attempt(None, PULL)]), "it was not retried"),
        (retry_replaced, Account("FAILED", [attempt(2)]), "the definition's rules still hold"),
        (failed_job, Account("FAILED", [attempt(2)]), "nobody heard of it"),
        (failed_job, Account("FAILED", [attempt(2)], (ALERT, ALERT)), "heard 2 times"),
        (failed_job, Account("FAILED", [attempt(2)], (ALERT.replace("code 2", "code <code>"),)), "placeholder"),
        (failed_job, Account("FAILED", [attempt(2)] * 3), "ended FAILED after 3 attempts"),
        (failed_array, Account("FAILED", heard=(ARRAY, ARRAY)), "heard 2 times"),
        (failed_array, Account("FAILED", heard=(ARRAY.replace("2 of 2", " of "),)), "heard:"),
        (on_demand_job, ran_on("c5.2xlarge"), "it ran on c5.2xlarge, not on m5.xlarge"),
        (mode_switch, replaced(), "environments were replaced"),
    ],
)
def test_what_aws_does_otherwise_is_wrong(step: Callable[[Stage], str], account: Account, wrong: str) -> None:
    with pytest.raises(Wrong, match=wrong):
        step(account.stage())


@pytest.mark.parametrize(
    ("step", "account", "why"),
    [
        (orderly_stop, Account(attempts=[attempt(0)]), "done in one attempt of 120 s"),
        (lost_host, Account(attempts=[attempt(0)]), "it had ended before its host did"),
        (on_demand_job, Account("RUNNABLE"), "runs: not within 20 minutes"),
        (failed_pull, Account("RUNNABLE"), "ends: not within 40 minutes"),
    ],
)
def test_what_could_not_be_found_out_is_neither(step: Callable[[Stage], str], account: Account, why: str) -> None:
    with pytest.raises(NotShown, match=why):
        step(account.stage())


def test_the_lost_host_is_that_of_the_job_and_the_image_that_is_missing_goes_with_its_definition() -> None:
    lost = Account(attempts=GONE)
    lost_host(lost.stage())
    assert lost.terminated == ["i-1"]
    assert lost.submitted[0]["jobQueue"] == "spot"
    pull = Account("RUNNABLE")
    with pytest.raises(NotShown):
        failed_pull(pull.stage())
    pull.batch.deregister_job_definition.assert_called_once_with(jobDefinition="arn:no-image:1")
    registered = pull.batch.register_job_definition.call_args.kwargs
    assert registered["containerProperties"]["image"] == "registry/it:cpu-000000000000"


class Denied(ClientError):
    def __init__(self) -> None:
        super().__init__({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "SubmitJob")


@pytest.mark.parametrize(
    ("may", "error", "said"),
    [
        ({"own"}, None, "own definitions can be submitted and ended, one without the tag cannot"),
        ({"own", "foreign"}, Wrong, "a definition without this platform's tag could be submitted"),
        ({"own", "foreign", "anything"}, NotShown, "nobody checks policies here"),
        (set(), NotShown, "the policy allows a submission: not within 3 minutes"),
    ],
)
def test_an_operator_is_tried_and_goes_again(
    may: set[str], error: type[Exception] | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account()
    account.iam, account.sts = MagicMock(), MagicMock()
    account.cloudformation.describe_stacks.return_value["Stacks"][0]["Outputs"].append(
        {"OutputKey": "OperatorPolicyArn", "OutputValue": "arn:policy"}
    )
    account.batch.get_paginator.return_value.paginate.return_value[0]["jobDefinitions"][0]["jobDefinitionArn"] = "own"
    account.batch.register_job_definition.return_value = {"jobDefinitionArn": "foreign"}

    def submit(jobDefinition: str, tags: dict[str, str], **_: Any) -> dict[str, str]:
        assert tags == {"Platform": f"{PROJECT}-dev"}
        if jobDefinition not in may:
            raise Denied
        return {"jobId": "1"}

    theirs = Mock(submit_job=submit)
    theirs.exceptions.ClientError = ClientError
    theirs.deregister_job_definition.side_effect = None if "anything" in may else Denied()
    monkeypatch.setattr("stacks.smoke_steps._assumed", lambda *_: theirs)
    if error is None:
        assert operator(account.stage()) == said
        theirs.terminate_job.assert_called_once()
    else:
        with pytest.raises(error, match=said):
            operator(account.stage())
    account.iam.delete_role.assert_called_once()
    account.batch.deregister_job_definition.assert_called_once_with(jobDefinition="foreign")


def outcomes(findings: list[Finding]) -> dict[str, str]:
    return {one.step: one.outcome for one in findings}


class Platform(Account):
    """An account from which everything is gone once it was destroyed."""

    def __init__(self) -> None:
        super().__init__()
        self.sqs.exceptions.QueueDoesNotExist = KeyError
        self.cloudformation.get_paginator.return_value.paginate.return_value = []
        self.batch.get_paginator.return_value.paginate.return_value = [{"jobDefinitions": []}]


def step_that(raises: BaseException | None) -> Callable[[Stage], str]:
    def step(_: Stage) -> str:
        """Do something."""
        if raises is not None:
            raise raises
        return "it did"

    return step


def test_one_steps_trouble_is_not_the_others_and_everything_goes_at_the_end() -> None:
    platform = Platform()
    steps = {
        "deploy": step_that(None),
        "a": step_that(Wrong("no")),
        "b": step_that(NotShown("why")),
        "c": step_that(ValueError("oh")),
        "d": step_that(None),
    }
    found = outcomes(smoke(platform.stage(), steps))
    assert {name: found[name] for name in steps} == {
        "deploy": "shown",
        "a": "wrong",
        "b": "not shown",
        "c": "not shown",
        "d": "shown",
    }
    assert found["destroy"] == "shown"
    assert platform.made == [("destroy",)]
    assert set(NEVER_SHOWN) <= set(found)


def test_without_a_platform_nothing_is_tried_and_what_there_is_goes() -> None:
    platform = Platform()
    refused = OperationRefused("make deploy failed", [Problem("it ended with 2", "See above.")])
    found = outcomes(smoke(platform.stage(), {"deploy": step_that(refused), "a": step_that(None)}))
    assert (found["deploy"], found["a"], found["destroy"]) == ("not shown", "not shown", "shown")
    assert platform.made == [("destroy",)]


def test_ctrl_c_destroys_too() -> None:
    platform = Platform()
    found = outcomes(smoke(platform.stage(), {"deploy": step_that(KeyboardInterrupt()), "a": step_that(None)}))
    assert (found["interrupted"], found["a"], found["destroy"]) == ("not shown", "not shown", "shown")
    assert platform.made == [("destroy",)]


def test_a_second_ctrl_c_leaves_and_says_how_what_is_left_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: Stage) -> list[Finding]:
        raise KeyboardInterrupt

    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setattr(smoke_test, "smoke", interrupted)
    assert smoke_test.main(["--yes"]) == 130
    assert "Not everything is gone: make destroy CONTEXT=projectName=ldp-smoke-" in capsys.readouterr().out


def test_a_stack_that_is_being_changed_is_waited_for_before_it_goes_and_destroyed_once_more_where_it_fails() -> None:
    platform = Platform()
    states = iter(["UPDATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])

    def pages() -> list[dict[str, Any]]:
        state = next(states, None)
        return [{"Stacks": [{"StackName": f"{PROJECT}-dev", "StackStatus": state}] if state else []}]

    platform.cloudformation.get_paginator.return_value.paginate.side_effect = pages
    tries: list[str] = []

    def make(target: str) -> str:
        tries.append(f"{target} at {platform.clock.now:.0f}")
        if len(tries) == 1:
            raise OperationRefused("make destroy failed", [Problem("in use", "See above.")])
        return ""

    stage = Stage(
        PROJECT, lambda s: getattr(platform, s), make, lambda _: None, platform.clock.sleep, lambda: platform.clock.now
    )
    assert outcomes(smoke(stage, {"deploy": step_that(None)}))["destroy"] == "shown"
    assert tries == ["destroy at 20", "destroy at 20"]


def test_what_is_left_is_wrong_and_the_command_says_how_it_goes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left = [Finding("deploy", "shown", "", 0.0), Finding("destroy", "wrong", "left: the stack", 0.0)]
    assert _main(left, ["--yes"], monkeypatch, tmp_path) == 1
    out = capsys.readouterr().out
    assert "Not everything is gone: make destroy CONTEXT=projectName=ldp-smoke-" in out
    assert "costs below 1 US dollar" in out


def _main(found: list[Finding], arguments: list[str], monkeypatch: pytest.MonkeyPatch, root: Path) -> int:
    monkeypatch.setattr(smoke_test, "smoke", lambda _: found)
    monkeypatch.setattr(smoke_test, "ROOT", root)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    return smoke_test.main(arguments)


def test_findings_are_written_and_what_is_wrong_ends_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fine = [Finding("deploy", "shown", "it stands", 1.0), Finding("destroy", "shown", "gone", 1.0)]
    assert _main(fine, ["--yes"], monkeypatch, tmp_path) == 0
    (file,) = (tmp_path / "build").iterdir()
    written = json.loads(file.read_text())
    assert written["platform"] == f"{file.stem}-dev"
    assert written["findings"][0] == {"step": "deploy", "outcome": "shown", "detail": "it stands", "seconds": 1.0}
    assert _main([Finding("a", "wrong", "no", 1.0), *fine], ["--yes"], monkeypatch, tmp_path) == 1
    assert _main([Finding("a", "not shown", "no", 1.0), *fine], ["--yes"], monkeypatch, tmp_path) == 0


def test_nothing_is_tried_where_nobody_agreed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Mock(isatty=lambda: False))
    monkeypatch.setattr(smoke_test, "smoke", lambda _: pytest.fail("it was tried"))
    assert _main_refused(monkeypatch) == 1
    assert "nothing is tried" in capsys.readouterr().err


def _main_refused(monkeypatch: pytest.MonkeyPatch) -> int:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    return smoke_test.main([])


def test_the_table_of_beliefs_names_every_step_and_no_other() -> None:
    page = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8").split("\n## What we believe of AWS\n")[1]
    table = page.split("\n## ")[0]
    named = set(re.findall(r"smoke: `([a-z-]+)`", table))
    assert named <= {*STEPS, *NEVER_SHOWN, "cost", "destroy"}
    assert set(STEPS) - {"deploy", "subscribe", "data-job"} <= named, "each of them is there for a belief"
