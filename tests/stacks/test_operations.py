"""``python -m stacks`` and the make targets around the CDK's command line."""

from __future__ import annotations

import io
import os
import re
import subprocess
from typing import Any

import pytest

import stacks.__main__ as operations
from stacks.errors import OperationRefused, Problem
from stacks.images import content_tag
from stacks.region import require_one_region
from tests.stacks.fakes import FakeCloudFormation
from tests.stacks.synthesis import MAKE_VARIABLES, ROOT


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_deletion_is_confirmed_by_typing_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("it\n"))
    operations.confirm("it", "everything", yes=False)


@pytest.mark.parametrize("stdin", [Terminal("yes\n"), Terminal(""), io.StringIO("it\n")])
def test_anything_else_deletes_nothing(stdin: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(OperationRefused, match="add YES=true"):
        operations.confirm("it", "everything", yes=False)


def test_yes_asks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(""))
    operations.confirm("it", "everything", yes=True)


def test_a_wrong_context_value_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert operations.main(["image-tag", "-c", "use_gpu=true"]) == 1
    assert "Did you mean useGpu?" in capsys.readouterr().err


def test_what_aws_refuses_ends_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # it would keep credentials that it found before
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    assert operations.main(["spot-role"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: AWS refused: Unable to locate credentials")
    assert "Check the credentials" in said


@pytest.mark.parametrize(
    ("environment", "profile", "said"),
    [
        ({"AWS_REGION": "eu-west-1"}, None, "awsRegion is us-east-1, and AWS_REGION is eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, None, "awsRegion is us-east-1, and AWS_DEFAULT_REGION is eu-west-1"),
        ({"AWS_REGION": "us-east-1"}, "eu-west-1", "awsRegion is us-east-1, and the profile's region is eu-west-1"),
    ],
)
def test_two_regions_are_refused_with_both_values(environment: dict[str, str], profile: str | None, said: str) -> None:
    with pytest.raises(OperationRefused, match=said) as refusal:
        require_one_region("us-east-1", environment, profile)
    assert "CONTEXT=awsRegion=eu-west-1" in str(refusal.value)


@pytest.mark.parametrize(
    ("environment", "profile"), [({}, None), ({"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": ""}, "us-east-1")]
)
def test_one_region_or_none_is_enough(environment: dict[str, str], profile: str | None) -> None:
    require_one_region("us-east-1", environment, profile)


def test_a_target_asks_aws_nothing_where_two_regions_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(operations.boto3, "client", lambda *_, **__: pytest.fail("it was asked"))
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert operations.main(["state"]) == 1
    assert "awsRegion is us-east-1, and AWS_REGION is eu-west-1" in capsys.readouterr().err


def answer(stack: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a CloudFormation with that stack, or none, in place of every client of AWS."""
    stacks = {} if stack is None else {"loan-default-prediction-dev": stack}
    monkeypatch.setattr(operations.boto3, "client", lambda *_, **__: FakeCloudFormation(stacks))


@pytest.mark.parametrize(
    ("stack", "state"),
    [
        (None, "absent"),
        ({"status": "CREATE_COMPLETE", "outputs": {"EcrRepoName": "cards"}}, "present"),
        # The first deployment failed: there is nothing to push to, and deploying it again makes it anew.
        ({"status": "ROLLBACK_COMPLETE"}, "absent"),
        ({"status": "REVIEW_IN_PROGRESS"}, "absent"),
    ],
)
def test_a_stack_is_there_once_it_has_its_repository(
    stack: dict[str, Any] | None, state: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(stack, monkeypatch)
    assert operations.main(["state"]) == 0
    assert capsys.readouterr().out.strip() == state


def test_what_is_not_committed_is_pushed_only_by_who_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(mode: str) -> None:
        raise OperationRefused("the image is not that of a commit", [Problem(f"{mode}: a file differs", "Commit.")])

    pushed: list[str] = []
    monkeypatch.setattr(operations, "require_committed", refuse)
    monkeypatch.setattr(operations.Push, "run", lambda _self, _settings, tag: pushed.append(tag))
    answer(None, monkeypatch)
    assert operations.main(["push", "-c", "useGpu=true"]) == 1
    assert "gpu: a file differs" in capsys.readouterr().err
    assert pushed == []
    assert operations.main(["push", "-c", "useGpu=true", "--dirty"]) == 0
    assert pushed == [content_tag("gpu")]


def planned(*arguments: str) -> list[str]:
    """Return what make would run, without running it."""
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "--dry-run", "--no-print-directory", *arguments]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return [
        line for line in result.stdout.splitlines() if any(one in line for one in ("cdk", "-m stacks", "ldp cloud"))
    ]


@pytest.mark.parametrize(
    ("target", "dataset", "command"),
    [
        ("upload-data", "", "upload"),
        ("upload-data", "taiwan_credit", "upload taiwan_credit"),
        ("submit-data-job", "taiwan_credit", "submit taiwan_credit --data-only"),
        ("submit-data-jobs", "", "submit --all --data-only"),
        ("submit-job", "taiwan_credit", "submit taiwan_credit --skip-data"),
        ("submit-jobs", "", "submit --all --skip-data"),
        ("outputs", "", "outputs"),
    ],
)
def test_the_published_names_do_what_ldp_cloud_does(target: str, dataset: str, command: str) -> None:
    (line,) = planned(target, "ARGS=--json", f"DATASET={dataset}")
    assert line.split() == [".venv/bin/ldp", "cloud", *command.split(), "--json"]


def test_a_target_of_one_dataset_asks_for_it() -> None:
    for target in ("submit-job", "submit-data-job"):
        with pytest.raises(subprocess.CalledProcessError) as refusal:
            planned(target)
        assert f"make {target} DATASET=taiwan_credit" in refusal.value.stderr


TARGETS = {
    "bootstrap": "bootstrap",
    "unbootstrap": "bootstrap",
    "synth": "synth",
    "diff": "diff",
    "apply": "apply",
    "destroy": "destroy",
    "docker-build": "build",
    "docker-push": "push",
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], ""),
        (["GPU=true"], "-c useGpu=true"),
        (["GPU=true", "CONFIG=config/gpu.json"], "-c useGpu=true -c config=config/gpu.json"),
        (["IMAGE_TAG=cpu-1"], "-c imageTag=cpu-1"),
        (["CONTEXT=environment=staging jobVcpus=8"], "-c environment=staging -c jobVcpus=8"),
        (["CONTEXT=alertEmail="], "-c alertEmail="),
    ],
)
def test_every_target_finds_its_values_once_and_works_with_nothing_else(
    target: str, arguments: list[str], options: str
) -> None:
    (line,) = planned(target, *arguments)
    first, *then = re.split(r"; | && ", line)
    assert f"-m stacks values --for {TARGETS[target]} {options}".strip() in " ".join(first.split())
    assert then[0] == 'eval "set -- $values"'
    for command in then[1:]:
        if re.search(r"bin/cdk|-m stacks", command):
            assert '"$@"' in command, command
        assert " -c " not in command.replace("aws-cdk", ""), command


def test_a_target_ends_where_its_values_cannot_be_found() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "synth", "CONTEXT=jobVcpu=8"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode != 0
    assert "Did you mean jobVcpus?" in result.stderr
    assert "cdk synth" not in result.stdout + result.stderr


def test_the_targets_run_the_pinned_command_line_and_ask_unless_told() -> None:
    assert all("npx" not in line for target in ("apply", "destroy") for line in planned(target))
    assert "--require-approval never" not in " ".join(planned("apply"))
    assert "--require-approval never" in " ".join(planned("apply", "YES=true"))
    assert "--yes" not in " ".join(planned("destroy") + planned("unbootstrap"))
    for target, command in (("destroy", "teardown"), ("unbootstrap", "unbootstrap"), ("apply", "before-apply")):
        assert f'stacks {command} "$@" --yes' in " ".join(planned(target, "YES=true")), target


def test_only_dirty_true_lets_make_push_what_is_not_committed() -> None:
    assert "--dirty" not in " ".join(planned("docker-push"))
    assert "--dirty" in " ".join(planned("docker-push", "DIRTY=true"))


def test_deploy_takes_no_other_image_than_its_own() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "deploy", "IMAGE_TAG=cpu-1"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode != 0
    assert "error: deploy makes its own image tag\n  Leave IMAGE_TAG out" in result.stdout
    assert "docker" not in result.stdout


def test_destroy_tears_down_before_it_deletes_and_deregisters_last() -> None:
    (line,) = planned("destroy")
    places = [line.index(step) for step in ("stacks teardown", "cdk destroy --force", "stacks deregister")]
    assert places == sorted(places)


def test_apply_looks_at_the_stack_before_and_after() -> None:
    (line,) = planned("apply")
    steps = ["image-tag", "cdk synth", "stacks before-apply", "cdk deploy --app cdk.out", "stacks after-apply"]
    places = [line.index(step) for step in steps]
    assert places == sorted(places)
    assert "--yes" not in line


@pytest.mark.parametrize("target", ["docker-build"])
def test_images_are_pushed_without_attestations(target: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in (*MAKE_VARIABLES, "DOCKER")}
    command = ["make", "--dry-run", target]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert "BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build" in result.stdout


def test_every_target_of_the_published_platform_has_its_counterpart() -> None:
    result = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    infra = ("bootstrap", "setup-infra", "diff", "apply", "destroy", "unbootstrap", "synth")
    for target in (*infra, "docker-build", "docker-push", "deploy"):
        assert f"\x1b[1m{target} " in result.stdout or f"\x1b[1m{target}\x1b" in result.stdout, target
