"""cdk-nag's AwsSolutions rules: every finding is acknowledged, and every acknowledgement matches a finding."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from cdk_nag import AwsSolutionsChecks

from stacks.build import build_app
from stacks.platform_stack import PlatformStack
from tests.stacks.synthesis import FLAGS

CONTEXTS: list[dict[str, Any]] = [
    {},
    {"useGpu": "true"},
    {"environment": "prod", "alertEmail": "team@example.com", "monthlyBudgetUsd": "20"},
    {
        "sessionManager": "true",
        "vpcId": "vpc-0123456789abcdef0",
        "subnetIds": "subnet-0123456789abcdef0",
        "availabilityZones": "us-east-1a",
    },
]


def report_of(app: cdk.App, outdir: Path) -> dict[str, Any]:
    """Return what AwsSolutions says of an app."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    with contextlib.suppress(RuntimeError):  # raised where a finding is not acknowledged; the report says which
        app.synth()
    reports = json.loads((outdir / "validation-report.json").read_text(encoding="utf-8"))["pluginReports"]
    (report,) = (report for report in reports if report["pluginName"] == "AwsSolutions")
    return cast("dict[str, Any]", report)


def build(outdir: Path, **context: Any) -> tuple[cdk.App, PlatformStack]:
    app = build_app({**FLAGS, **context}, outdir=str(outdir))
    (stack,) = (child for child in app.node.children if isinstance(child, PlatformStack))
    return app, stack


@pytest.mark.parametrize("context", CONTEXTS, ids=["cpu", "gpu", "prod", "existing-vpc"])
def test_every_finding_is_acknowledged_and_every_acknowledgement_is_needed(
    context: dict[str, Any], tmp_path: Path
) -> None:
    app, stack = build(tmp_path, **context)
    report = report_of(app, tmp_path)
    assert [violation["ruleName"] for violation in report.get("violations", [])] == []
    assert report["conclusion"] == "success"
    matched = {(found["acknowledgedAt"], found["acknowledgedId"]) for found in report["suppressedViolations"]}
    meant = {(f"{stack.stack_name}/{entry.path}", entry.id) for entry in stack.acknowledged}
    assert matched == meant
    assert all(len(entry.reason) > 30 for entry in stack.acknowledged)


def test_a_finding_that_nobody_acknowledged_fails_this_check(tmp_path: Path) -> None:
    app, stack = build(tmp_path)
    cdk.aws_sqs.Queue(stack, "Unencrypted", encryption=cdk.aws_sqs.QueueEncryption.UNENCRYPTED)
    report = report_of(app, tmp_path)
    assert report["conclusion"] == "failure"
    assert {violation["ruleName"] for violation in report["violations"]} >= {"AwsSolutions-SQS4"}
