"""What the make targets do around the CDK's command line: ``python -m stacks COMMAND [-c name=value …]``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.apply import Apply, agreed_at_terminal
from stacks.bootstrap import TOOLKIT, Unbootstrap, ensure_spot_role
from stacks.deployed import deployed_image_tag, find_stack
from stacks.errors import OperationRefused, PlatformError, Problem
from stacks.images import ROOT, content_tag, require_committed
from stacks.push import Push, docker_command
from stacks.region import require_one_region
from stacks.resolver import PURPOSES, Resolver
from stacks.settings import PlatformSettings, context_of
from stacks.teardown import Teardown
from stacks.values import as_options

COMMANDS = {
    "values": "print the values that hold for a target, as options of the CDK: given, else remembered of the stack",
    "spot-role": "create the service-linked role of EC2 Spot if the account has none",
    "image-tag": "print the CDK option that keeps the image of the deployed job definitions, if there is one",
    "state": "say whether the stack is there with its image repository: present or absent",
    "push": "push the image that this checkout builds, unless it is there",
    "teardown": "end the jobs of a stack and empty its bucket, so that cdk destroy can delete it",
    "deregister": "deregister the job definitions of a stack that teardown prepared and that is gone",
    "before-apply": "look at jobs, leftovers and the stack's state; print what to add to cdk deploy",
    "after-apply": "enable queues that a teardown disabled",
    "unbootstrap": "delete what cdk bootstrap made in this account and region",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks", description=__doc__)
    parser.add_argument(
        "command", choices=COMMANDS, help="; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    )
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="as for cdk")
    parser.add_argument("--for", dest="purpose", choices=PURPOSES, default="diff", help="what values are asked for")
    parser.add_argument("--yes", action="store_true", help="do not ask before something is deleted")
    parser.add_argument("--docker", default="docker", metavar="COMMAND", help="how docker is called")
    parser.add_argument("--dirty", action="store_true", help="push what is not committed")
    options = parser.parse_args(arguments)
    try:
        if options.command == "values":
            _values(options)
        else:
            _run(options, PlatformSettings.from_context(context_of(options.context)))
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: AWS refused: {error}\n  Check the credentials, the region and their permissions.\n")
        return 1
    return 0


Client = Callable[[str], Any]


def _run(options: argparse.Namespace, settings: PlatformSettings) -> None:
    def client(service: str) -> Any:
        return _client(service, settings.aws_region)

    require_one_region(settings.aws_region, os.environ, _profile_region())
    HANDLERS[options.command](options, settings, client)


def _values(options: argparse.Namespace) -> None:
    # What cdk.json says, the CDK's command line reads too; one that is given goes before it.
    own = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    resolver = Resolver(
        cloudformation=lambda region: _client("cloudformation", region),
        environment=os.environ,
        profile_region=_profile_region(),
        say=whisper,
        agreed=(lambda _: False) if options.yes else agreed_at_terminal,
    )
    say(as_options(resolver.values({**own, **context_of(options.context)}, options.purpose)))


def _client(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region, config=Config(retries={"mode": "standard"}))


def _profile_region() -> str | None:
    region: str | None = botocore.session.Session().get_scoped_config().get("region")
    return region


def _spot_role(_options: argparse.Namespace, _settings: PlatformSettings, client: Client) -> None:
    ensure_spot_role(client("iam"), say)


def _image_tag(_options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    tag = deployed_image_tag(client("cloudformation"), client("ecr"), settings)
    if tag:
        say(f"-c imageTag={tag}")


def _state(_options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    # One whose first deployment failed has no outputs: deploying it again makes it anew.
    stack = find_stack(client("cloudformation"), settings.stack_name)
    say("present" if stack is not None and "EcrRepoName" in stack.outputs else "absent")


def _push(options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    if not options.dirty:
        require_committed(settings.profile.mode)
    push = Push(client("cloudformation"), client("ecr"), docker_command(options.docker), say)
    push.run(settings, content_tag(settings.profile.mode))


def _teardown(options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    if settings.removable:  # what is refused anyway is not asked for
        confirm(settings.stack_name, "its bucket with every result in it, its images and its logs", yes=options.yes)
    _a_teardown(client).run(settings.stack_name, settings.environment)


def _deregister(_options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    _a_teardown(client).deregister(settings.stack_name)


def _a_teardown(client: Client) -> Teardown:
    return Teardown(cloudformation=client("cloudformation"), batch=client("batch"), s3=client("s3"), say=say)


def _before_apply(options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    template = json.loads((Path("cdk.out") / f"{settings.stack_name}.template.json").read_text(encoding="utf-8"))
    say(" ".join(_an_apply(options, client).before(settings, template)))


def _after_apply(options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    _an_apply(options, client).after(settings)


def _an_apply(options: argparse.Namespace, client: Client) -> Apply:
    return Apply(
        cloudformation=client("cloudformation"),
        batch=client("batch"),
        s3=client("s3"),
        ecr=client("ecr"),
        logs=client("logs"),
        say=whisper,
        agreed=(lambda _: True) if options.yes else agreed_at_terminal,
    )


def _unbootstrap(options: argparse.Namespace, settings: PlatformSettings, client: Client) -> None:
    confirm(TOOLKIT, f"what every CDK app of this account needs in {settings.aws_region}", yes=options.yes)
    Unbootstrap(cloudformation=client("cloudformation"), ecr=client("ecr"), s3=client("s3"), say=say).run()


HANDLERS: dict[str, Callable[[argparse.Namespace, PlatformSettings, Client], None]] = {
    "spot-role": _spot_role,
    "image-tag": _image_tag,
    "state": _state,
    "push": _push,
    "teardown": _teardown,
    "deregister": _deregister,
    "before-apply": _before_apply,
    "after-apply": _after_apply,
    "unbootstrap": _unbootstrap,
}


def confirm(stack_name: str, what: str, *, yes: bool) -> None:
    """Let a person type the stack's name before it is deleted; a program says so with ``--yes``.

    Raises
    ------
    OperationRefused
        If it was not confirmed.
    """
    if yes:
        return
    typed = ""
    if sys.stdin.isatty():
        sys.stdout.write(f"This deletes {stack_name}: {what}.\nType {stack_name} to go on: ")
        sys.stdout.flush()
        typed = sys.stdin.readline().strip()
    if typed != stack_name:
        raise OperationRefused(
            f"{stack_name} is not deleted",
            [Problem("the deletion was not confirmed", "Type the stack's name, or add YES=true to the make command.")],
        )


def say(line: str) -> None:
    """Write one line to the standard output."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def whisper(line: str) -> None:
    """Write one line to the standard error: what is on the standard output is read by make."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
