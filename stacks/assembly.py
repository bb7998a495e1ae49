"""What is said while the app is synthesized, in our own words; and what the CDK's command line need not say."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk

from stacks.platform_stack import PlatformStack

FLAG_REPORT = "aws-cdk-lib/feature-flag-report"
"""From this artifact the command line reckons how many of the CDK's feature flags an app leaves alone, and says so."""


def synthesize(app: cdk.App) -> list[str]:
    """Write the cloud assembly and return what to tell the one who synthesizes, a line each."""
    assembly = app.synth()
    manifest = Path(assembly.directory) / "manifest.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    if content.get("artifacts", {}).pop(FLAG_REPORT, None) is not None:
        manifest.write_text(json.dumps(content, indent=2), encoding="utf-8")
    stacks = [child for child in app.node.children if isinstance(child, PlatformStack)]
    return [
        *(f"note: {note}" for stack in stacks for note in stack.notes),
        *(f"warning: {warning}" for stack in stacks for warning in stack.warnings),
    ]
