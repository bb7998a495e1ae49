"""Resolver: finds the values of a make target once, before anything else of it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from stacks.deployed import find_stack
from stacks.errors import OperationRefused, Problem, SettingsInvalid
from stacks.parsers import DEFAULT_REGION
from stacks.region import named_regions, require_one_region
from stacks.settings import PlatformSettings, given_values
from stacks.values import Deployed, resolve

NAMES_OF_A_STACK = ("projectName", "environment")
WITHOUT_AWS = ("synth", "bootstrap")
PURPOSES = (*WITHOUT_AWS, "build", "push", "diff", "apply", "deploy", "destroy")


@dataclass(frozen=True)
class Resolver:
    """Finds the values of a target.

    Parameters
    ----------
    cloudformation : callable
        Returns a boto3 client of CloudFormation for a region.
    environment : mapping
        The process's environment.
    profile_region : str or None
        The region of the profile in use, if it has one.
    say : callable
        Told what is worth knowing, line by line.
    agreed : callable
        Asked whether to go on, with the question.
    """

    cloudformation: Callable[[str], Any]
    environment: Mapping[str, str]
    profile_region: str | None
    say: Callable[[str], None]
    agreed: Callable[[str], bool]

    def values(self, context: Mapping[str, Any], purpose: str) -> dict[str, Any]:
        """Return the values for one of :data:`PURPOSES`.

        Parameters
        ----------
        context : mapping
            What is given: on the command line, in ``cdk.json``, in a config file.
        purpose : str
            A target that only synthesizes asks AWS nothing and remembers nothing; building asks unless the mode is
            given, and says so where there are no credentials; applying asks before something is lost.

        Raises
        ------
        SettingsInvalid
            If a value cannot be used, given or remembered.
        OperationRefused
            If two regions are named, or something would be lost and nobody agreed.
        """
        problems: list[Problem] = []
        given = given_values(context, problems)
        if problems:
            raise SettingsInvalid("the config file cannot be used", problems)
        if given.get("awsRegion"):
            require_one_region(given["awsRegion"], self.environment, self.profile_region)
        asks = purpose not in WITHOUT_AWS and not (purpose == "build" and "useGpu" in given)
        deployed = self._deployed(given, purpose) if asks else Deployed(None, {})
        values = resolve(given, deployed.remembered)
        settings = _settings(values, given)
        require_one_region(settings.aws_region, self.environment, self.profile_region)
        if purpose == "apply":
            self._ask(settings, deployed.losses(settings, given))
        return values

    def _deployed(self, given: Mapping[str, Any], purpose: str) -> Deployed:
        named = {name: given[name] for name in NAMES_OF_A_STACK if given.get(name)}
        name = PlatformSettings.from_context(named).stack_name
        regions = named_regions(self.environment, self.profile_region).values()
        region = given.get("awsRegion") or next((one for one in regions if one), DEFAULT_REGION)
        try:
            cloudformation = self.cloudformation(region)
            stack = find_stack(cloudformation, name)
            if stack is None or stack.status == "REVIEW_IN_PROGRESS":
                return Deployed(None, {})
            body = cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        except NoCredentialsError:
            if purpose != "build":
                raise
            self.say(
                "note: no credentials, so nothing is remembered: the image is of the CPU mode (GPU=true: the other)"
            )
            return Deployed(None, {})
        except (BotoCoreError, ClientError) as error:
            if purpose != "build":
                raise
            raise OperationRefused(
                "the image is not built",
                [
                    Problem(
                        f"what is deployed cannot be asked: {error}",
                        "Add GPU=true or GPU=false: then nothing is asked.",
                    )
                ],
            ) from None
        return Deployed(body, stack.outputs)

    def _ask(self, settings: PlatformSettings, losses: list[Problem]) -> None:
        if not losses:
            return
        for loss in losses:
            self.say(f"{settings.stack_name}: {loss.what}")
        if not self.agreed("Nobody asked for that. Type yes to go on: "):
            raise OperationRefused(f"{settings.stack_name} is not applied", losses)


def _settings(values: Mapping[str, Any], given: Mapping[str, Any]) -> PlatformSettings:
    try:
        return PlatformSettings.from_context(values)
    except SettingsInvalid as error:
        ours = sorted(name for name in values if name not in given)
        if not ours:
            raise
        hint = Problem(
            f"remembered of the deployed platform: {', '.join(ours)}",
            f"CONTEXT={ours[0]}= makes one its default again.",
        )
        raise SettingsInvalid(error.title, [*error.problems, hint]) from None
