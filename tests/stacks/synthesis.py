"""Templates synthesized in this process, each once per process: importing the CDK alone takes seconds."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[2]
FLAGS: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

# What `make test` leaves in the environment, and a make target of ours would take for its own.
MAKE_VARIABLES = {"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "ARGS", "CONFIG", "CONTEXT", "DIRTY", "GPU", "IMAGE_TAG", "YES"}


@dataclass(frozen=True)
class Synthesized:
    """One stack's template and what was said while it was made."""

    template: dict[str, Any]
    messages: tuple[tuple[str, str], ...]
    stack_name: str
    protected: bool

    @property
    def resources(self) -> dict[str, Any]:
        resources: dict[str, Any] = self.template["Resources"]
        return resources

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of all resources of one type, by logical id."""
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}

    def only(self, kind: str) -> dict[str, Any]:
        """Return the properties of the only resource of its type."""
        (properties,) = self.of(kind).values()
        return properties

    def logical_id(self, kind: str, containing: str = "") -> str:
        (name,) = (name for name, r in self.resources.items() if r["Type"] == kind and containing in name)
        return name

    def named(self, kind: str, containing: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[self.logical_id(kind, containing)]["Properties"]
        return properties


def synthesize(**context: Any) -> Synthesized:
    """Return what the app makes of these context values, with the feature flags of ``cdk.json``.

    The template is the caller's own: who changes it changes it for no other test.
    """
    made = _synthesize(json.dumps(context, sort_keys=True))
    return replace(made, template=copy.deepcopy(made.template))


@functools.cache
def _synthesize(context: str) -> Synthesized:
    return synthesize_anew(json.loads(context))


def synthesize_anew(context: Mapping[str, Any]) -> Synthesized:
    from stacks.build import build_app

    with TemporaryDirectory() as outdir:
        assembly = build_app({**FLAGS, **context}, outdir=outdir).synth()
        (stack,) = assembly.stacks
        return Synthesized(
            template=stack.template,
            messages=tuple((message.level.name, str(message.entry.data)) for message in stack.messages),
            stack_name=stack.stack_name,
            protected=bool(stack.termination_protection),
        )


def differing_paths(left: Any, right: Any, path: str = "") -> set[str]:
    """Return the paths at which two templates differ, as deep as they can be followed."""
    if isinstance(left, dict) and isinstance(right, dict):
        return {
            found
            for key in left.keys() | right.keys()
            for found in (
                differing_paths(left[key], right[key], f"{path}/{key}")
                if key in left and key in right
                else {f"{path}/{key}"}
            )
        }
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        return {
            found
            for index, (one, other) in enumerate(zip(left, right, strict=True))
            for found in differing_paths(one, other, f"{path}/{index}")
        }
    return set() if left == right else {path}
