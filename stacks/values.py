"""Values: what a target works with. What is given goes before what is remembered, and that before the default.

A platform remembers what it was deployed with in its own template's metadata, so that nobody has to say the same twice,
and no forgotten option switches its mode or drops its alerts. Not in an output: those are read by anyone who may list
stacks. Which image jobs run is not remembered: that is asked of the job definitions (``image-tag``).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.errors import Problem
from stacks.parsers import VALUES
from stacks.settings import PlatformSettings, given_values

METADATA = "Values"
"""The section of a template's metadata that holds what the platform was deployed with."""


def to_remember(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a template remembers of valid context values: what is given and lasts, as plain JSON values."""
    given = given_values(context, [])
    return {
        name: json.loads(json.dumps(VALUES[name](name, given[name]))) for name in sorted(given) if name != "imageTag"
    }


def resolve(given: Mapping[str, Any], remembered: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that hold; one that is given empty (``alertEmail=``, null in a file) is the default again."""
    return {name: value for name, value in {**remembered, **given}.items() if value is not None and value != ""}


def as_options(values: Mapping[str, Any]) -> str:
    """Return values as options of the CDK's command line, quoted for a shell.

    >>> as_options({"useGpu": True, "datasets": ["a", "b"]})
    '-c useGpu=true -c datasets=a,b'
    """
    pairs = [f"{name}={_as_text(value)}" for name, value in values.items()]
    return shlex.join([word for pair in pairs for word in ("-c", pair)])


def _as_text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Deployed:
    """What is there of a platform.

    Parameters
    ----------
    template : mapping or None
        Its template; None where there is no stack, or none that ever stood.
    outputs : mapping
        Its outputs.
    """

    template: Mapping[str, Any] | None
    outputs: Mapping[str, str]

    @property
    def remembered(self) -> dict[str, Any]:
        """What it was deployed with; nothing where a version deployed it that remembered nothing."""
        return dict((self.template or {}).get("Metadata", {}).get(METADATA, {}))

    def _properties(self, kind: str) -> list[dict[str, Any]]:
        resources = (self.template or {}).get("Resources", {}).values()
        return [one.get("Properties", {}) for one in resources if one["Type"] == kind]

    def losses(self, settings: PlatformSettings, given: Iterable[str]) -> list[Problem]:
        """Return what nobody asked for and these settings would change: mode, subscription, budget, limits."""
        found: dict[str, Problem] = {}
        mode = self.outputs.get("UseGpu")
        if mode is not None and mode != settings.profile.use_gpu:
            found["useGpu"] = Problem(
                f"it is in the {'GPU' if mode == 'true' else 'CPU'} mode and would be switched",
                f"Add GPU={mode} to stay, or GPU={settings.profile.use_gpu} to switch.",
            )
        for subscription in self._properties("AWS::SNS::Subscription"):
            if subscription.get("Endpoint") != settings.alert_email:
                found["alertEmail"] = Problem(
                    f"its alerts would no longer go to {subscription.get('Endpoint')}",
                    f"Add CONTEXT=alertEmail={subscription.get('Endpoint')} to keep that, or alertEmail= to end it.",
                )
        for one in self._properties("AWS::Budgets::Budget"):
            amount = one["Budget"]["BudgetLimit"]["Amount"]
            if settings.monthly_budget_usd != amount:
                found["monthlyBudgetUsd"] = Problem(
                    f"its budget of {amount} US dollars a month would go",
                    f"Add CONTEXT=monthlyBudgetUsd={amount} to keep it, or monthlyBudgetUsd= to end it.",
                )
        limits = {"SPOT": ("spotMaxVcpus", settings.spot_max_vcpus)}
        limits["EC2"] = ("onDemandMaxVcpus", settings.on_demand_max_vcpus)
        for environment in self._properties("AWS::Batch::ComputeEnvironment"):
            resources = environment["ComputeResources"]
            name, limit = limits[resources["Type"]]
            if resources["MaxvCpus"] != limit:
                found[name] = Problem(
                    f"its {name} of {resources['MaxvCpus']} would become {limit}",
                    f"Add CONTEXT={name}={resources['MaxvCpus']} to keep it, or {name}={limit}.",
                )
        return [problem for name, problem in found.items() if name not in set(given)]
