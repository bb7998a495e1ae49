"""checkov's opinion of the templates: no failed check that is not explained, and no explanation that is not needed.

Run by ``make checkov``; checkov has an environment of its own, because its dependencies do not go with ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.stacks.synthesis import ROOT, synthesize

EXPLAINED = {
    ("CKV_AWS_18", "AWS::S3::Bucket"): "access logs need a second bucket; versions show what changed",
    ("CKV_AWS_136", "AWS::ECR::Repository"): "AES-256 as published; a key of one's own costs a dollar a month, idle",
    ("CKV_AWS_158", "AWS::Logs::LogGroup"): "encrypted by the service; a key of one's own costs a dollar a month, idle",
    ("CKV_AWS_26", "AWS::SNS::Topic"): "alarms cannot publish through an AWS-managed key; alerts hold no data",
}
CHECKOV = ROOT / ".venv-checkov" / "bin" / "checkov"


def failed_checks(template: Path) -> tuple[set[tuple[str, str]], int]:
    """Return the failed checks with the type of what failed them, and how many passed."""
    command = [
        str(CHECKOV),
        "--framework",
        "cloudformation",
        "--skip-download",
        "--output",
        "json",
        "-f",
        str(template),
    ]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    report = json.loads(result.stdout)
    assert report["summary"]["parsing_errors"] == 0, result.stdout
    failed = {(check["check_id"], check["resource"].rsplit(".", 1)[0]) for check in report["results"]["failed_checks"]}
    return failed, report["summary"]["passed"]


def main() -> int:
    """Check both modes and the production variant."""
    wrong = 0
    contexts = (
        {},
        {"useGpu": "true"},
        {"environment": "prod", "alertEmail": "team@example.com", "monthlyBudgetUsd": 20},
    )
    for context in contexts:
        with tempfile.TemporaryDirectory() as directory:
            template = Path(directory) / "template.json"
            template.write_text(json.dumps(synthesize(**context).template), encoding="utf-8")
            failed, passed = failed_checks(template)
        unexplained, unneeded = failed - set(EXPLAINED), set(EXPLAINED) - failed
        print(f"{context}: {passed} checks passed, {len(failed)} failed and explained: {not unexplained}")
        for check in sorted(unexplained):
            print(f"  failed and not explained: {' '.join(check)}")
        for check in sorted(unneeded):
            print(f"  explained and not failed: {' '.join(check)}")
        wrong += len(unexplained) + len(unneeded) + (passed == 0)
    return 1 if wrong else 0


if __name__ == "__main__":
    os.environ.setdefault("CDK_VALIDATION", "false")
    sys.exit(main())
