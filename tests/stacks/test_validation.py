"""Other tools' opinion of the templates: CDK's own full validation, cfn-lint, and the pinned command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.stacks.synthesis import ROOT, Synthesized, synthesize

CDK = ROOT / "node_modules" / ".bin" / "cdk"
MODES = [("cpu", []), ("gpu", ["-c", "useGpu=true"])]

VALIDATE = """
import json, sys
from stacks.build import build_app
from tests.stacks.synthesis import FLAGS
outdir, context, breakage = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
app = build_app({**FLAGS, **context}, outdir=outdir)
if breakage:
    bucket = app.node.children[0].storage.bucket.node.default_child
    bucket.add_property_override("VersioningConfiguration.Status", breakage)
app.synth()
"""


def environment(**changes: str) -> dict[str, str]:
    """Return an environment without AWS credentials and without what these tests set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **changes}


def validated(outdir: Path, context: dict[str, Any], breakage: str = "") -> list[str]:
    """Synthesize in a process of its own with the CDK's full validation, and return the rules that were broken."""
    command = [sys.executable, "-c", VALIDATE, str(outdir), json.dumps(context), breakage]
    result = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((outdir / "validation-report.json").read_text(encoding="utf-8"))
    return [v["ruleName"] for plugin in report["pluginReports"] for v in plugin.get("violations", [])]


@pytest.mark.parametrize("mode", ["false", "true"], ids=["cpu", "gpu"])
def test_the_full_validation_of_the_cdk_finds_nothing(tmp_path: Path, mode: str) -> None:
    assert validated(tmp_path, {"useGpu": mode, "alertEmail": "team@example.com", "monthlyBudgetUsd": 20}) == []


def test_the_full_validation_is_really_on(tmp_path: Path) -> None:
    assert validated(tmp_path, {}, breakage="Sometimes") == ["W3030"]


@pytest.mark.parametrize(
    "context",
    [{}, {"useGpu": "true"}, {"environment": "prod", "alertEmail": "team@example.com", "monthlyBudgetUsd": 20}],
    ids=["cpu", "gpu", "prod"],
)
def test_cfn_lint_finds_nothing(context: dict[str, Any]) -> None:
    import cfnlint.api

    template = json.dumps(synthesize(**context).template)
    config = cfnlint.api.ManualArgs(regions=["us-east-1"])
    assert [str(match) for match in cfnlint.api.lint(template, config=config)] == []


def test_cfn_lint_is_really_on(cpu: Synthesized) -> None:
    import cfnlint.api

    broken = json.dumps(cpu.template).replace('"SPOT_PRICE_CAPACITY_OPTIMIZED"', '"CHEAPEST"')
    matches = cfnlint.api.lint(broken, config=cfnlint.api.ManualArgs(regions=["us-east-1"]))
    assert [match.rule.id for match in matches] == ["E3030"]


def cdk(*arguments: str, outdir: Path) -> subprocess.CompletedProcess[str]:
    """Run the pinned command line as the make targets do, without account and credentials."""
    command = [str(CDK), *arguments, "--output", str(outdir), "--app", f"{sys.executable} app.py"]
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment(CDK_VALIDATION="false"),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_command_line_is_the_pinned_one() -> None:
    pinned = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    result = subprocess.run([str(CDK), "--version"], capture_output=True, text=True, timeout=300, check=True)
    assert result.stdout.split()[0] == pinned == lock["node_modules/aws-cdk"]["version"]
    assert "resolved" not in json.dumps(lock), "a registry's address does not belong into the lockfile"


@pytest.mark.parametrize(("mode", "arguments"), MODES, ids=["cpu", "gpu"])
def test_the_command_line_makes_the_template_that_the_tests_see(
    mode: str, arguments: list[str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    result = cdk("synth", "--quiet", *arguments, outdir=tmp_path)
    assert result.returncode == 0, result.stderr
    name = "loan-default-prediction-dev.template.json"
    template = json.loads((tmp_path / name).read_text(encoding="utf-8"))
    assert template == request.getfixturevalue(mode).template


def test_the_command_line_takes_a_config_file(tmp_path: Path) -> None:
    result = cdk("synth", "--quiet", "-c", "config=config/gpu.json", outdir=tmp_path)
    assert result.returncode == 0, result.stderr
    template = json.loads((tmp_path / "loan-default-prediction-dev.template.json").read_text(encoding="utf-8"))
    assert template == synthesize(config=str(ROOT / "config" / "gpu.json")).template


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("use_gpu=true", "Did you mean useGpu?"),
        ("jobMemoryMib=32768", "a training job asks for 4 vCPUs, 32768 MiB, and nothing in cpuInstanceTypes"),
    ],
)
def test_a_mistake_ends_in_its_message_and_not_in_a_traceback(argument: str, said: str, tmp_path: Path) -> None:
    result = cdk("synth", "--quiet", "-c", argument, outdir=tmp_path)
    assert result.returncode != 0
    assert said in result.stderr
    assert "Traceback" not in result.stderr
