"""What the make targets do around the CDK's command line: ``python -m stacks COMMAND [-c name=value …]``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from stacks.bootstrap import TOOLKIT, Unbootstrap, ensure_spot_role
from stacks.deployed import deployed_image_tag, find_stack
from stacks.errors import OperationRefused, PlatformError, Problem
from stacks.images import content_tag, require_committed
from stacks.push import Push, docker_command
from stacks.settings import PlatformSettings, context_of
from stacks.teardown import Teardown

COMMANDS = {
    "spot-role": "create the service-linked role of EC2 Spot if the account has none",
    "image-tag": "print the CDK option that keeps the image of the deployed job definitions, if there is one",
    "state": "say whether the stack is there with its image repository: present or absent",
    "push": "push the image that this checkout builds, unless it is there",
    "teardown": "end the jobs of a stack and empty its bucket, so that cdk destroy can delete it",
    "unbootstrap": "delete what cdk bootstrap made in this account and region",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m stacks", description=__doc__)
    parser.add_argument(
        "command", choices=COMMANDS, help="; ".join(f"{name}: {text}" for name, text in COMMANDS.items())
    )
    parser.add_argument("-c", "--context", action="append", default=[], metavar="NAME=VALUE", help="as for cdk")
    parser.add_argument("--yes", action="store_true", help="do not ask before something is deleted")
    parser.add_argument("--docker", default="docker", metavar="COMMAND", help="how docker is called")
    parser.add_argument("--dirty", action="store_true", help="push what is not committed")
    options = parser.parse_args(arguments)
    try:
        settings = PlatformSettings.from_context(context_of(options.context))
        _run(options, settings)
    except PlatformError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except (BotoCoreError, ClientError) as error:
        sys.stderr.write(f"error: AWS refused: {error}\n  Check the credentials, the region and their permissions.\n")
        return 1
    return 0


def _run(options: argparse.Namespace, settings: PlatformSettings) -> None:
    def client(service: str) -> Any:
        return boto3.client(service, region_name=settings.aws_region, config=Config(retries={"mode": "standard"}))

    command, yes = options.command, options.yes
    if command == "spot-role":
        ensure_spot_role(client("iam"), say)
    elif command == "image-tag":
        tag = deployed_image_tag(client("cloudformation"), client("ecr"), settings)
        if tag:
            say(f"-c imageTag={tag}")
    elif command == "state":
        # One whose first deployment failed has no outputs: deploying it again makes it anew.
        stack = find_stack(client("cloudformation"), settings.stack_name)
        say("present" if stack is not None and "EcrRepoName" in stack.outputs else "absent")
    elif command == "push":
        if not options.dirty:
            require_committed(settings.profile.mode)
        push = Push(client("cloudformation"), client("ecr"), docker_command(options.docker), say)
        push.run(settings, content_tag(settings.profile.mode))
    elif command == "teardown":
        teardown = Teardown(cloudformation=client("cloudformation"), batch=client("batch"), s3=client("s3"), say=say)
        if settings.removable:  # what is refused anyway is not asked for
            confirm(settings.stack_name, "its bucket with every result in it, its images and its logs", yes=yes)
        teardown.run(settings.stack_name, settings.environment)
    else:
        confirm(TOOLKIT, f"what every CDK app of this account needs in {settings.aws_region}", yes=yes)
        Unbootstrap(cloudformation=client("cloudformation"), ecr=client("ecr"), s3=client("s3"), say=say).run()


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


if __name__ == "__main__":
    sys.exit(main())
