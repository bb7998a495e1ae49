"""Push: the image of this checkout into the repository of a deployed stack, once for each content."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from stacks.deployed import DeployedStack, find_stack, has_image
from stacks.errors import OperationRefused, Problem
from stacks.images import IMAGES_KEPT
from stacks.settings import PlatformSettings
from stacks.teardown import Say

Docker = Callable[..., "subprocess.CompletedProcess[str]"]
PLATFORM = "amd64"
"""What the instance types of :mod:`job.machines` run."""


def docker_command(command: str) -> Docker:
    """Return a function that runs ``docker ARGUMENTS…``; what is secret is passed to its standard input."""

    def run(*arguments: str, secret: str | None = None, shown: bool = False) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603 - what make and the developer name
                [*command.split(), *arguments], input=secret, capture_output=not shown, text=True, check=False
            )
        except FileNotFoundError:
            raise _refused(f"there is no command {command}", "Install Docker, or name it: DOCKER=podman.") from None

    return run


@dataclass(frozen=True)
class Push:
    """Logs in, and pushes what is not there yet.

    Parameters
    ----------
    cloudformation, ecr
        boto3 clients of the stack's region.
    docker : callable
        Runs a docker command, see :func:`docker_command`.
    say : callable
        Told, line by line, what is done.
    """

    cloudformation: Any
    ecr: Any
    docker: Docker
    say: Say

    def run(self, settings: PlatformSettings, tag: str) -> bool:
        """Push the local image ``ldp:{tag}``.

        Parameters
        ----------
        settings : PlatformSettings
            Which stack, and which mode.
        tag : str
            The content tag of the image that this checkout builds.

        Returns
        -------
        bool
            Whether it was pushed; False if it was there already.

        Raises
        ------
        OperationRefused
            If another image was asked for, there is no stack or no such local image, jobs could not run it, or the
            repository would drop the deployed image for it.
        """
        if settings.image_tag not in {None, tag}:
            raise _refused(
                f"imageTag is {settings.image_tag}, and this checkout builds {tag}",
                f"Leave IMAGE_TAG out, or check out the commit that {settings.image_tag} was built from.",
            )
        stack = find_stack(self.cloudformation, settings.stack_name)
        if stack is None or "EcrRepoName" not in stack.outputs:
            raise _refused(
                f"there is no stack {settings.stack_name}, so there is no repository"
                if stack is None
                else f"the stack {settings.stack_name} has no repository: its deployment failed, or is not finished",
                "Run make apply first, or make deploy, which does it all; CONTEXT=projectName=… names another.",
            )
        name, uri = stack.outputs["EcrRepoName"], stack.outputs["EcrRepoUrl"]
        if has_image(self.ecr, name, tag):
            self.say(f"{uri}:{tag} is there already")
            return False
        self._check_local(tag)
        self._check_room(stack, name, settings.profile.mode)
        self._log_in()
        self._must("tag", f"ldp:{tag}", f"{uri}:{tag}")
        # Another push of the same content may have been faster; tags are immutable, so ours is then refused.
        if self.docker("push", f"{uri}:{tag}", shown=True).returncode and not has_image(self.ecr, name, tag):
            raise _refused(
                f"docker could not push {uri}:{tag}; it says why above", "Remove the cause and run it again."
            )
        self.say(f"pushed {uri}:{tag}")
        if stack.outputs.get("ImageTag") != tag:
            self.say(f"jobs run it after: make apply IMAGE_TAG={tag}")
        return True

    def _check_local(self, tag: str) -> None:
        found = self.docker("image", "inspect", "--format", "{{.Architecture}}", f"ldp:{tag}")
        if found.returncode:
            raise _refused(
                f"there is no image ldp:{tag}: {found.stderr.strip()}",
                "Run make docker-build first, with GPU=true or GPU=false where it was given here.",
            )
        if found.stdout.strip() != PLATFORM:
            raise _refused(
                f"ldp:{tag} is for {found.stdout.strip()}, and the instances are {PLATFORM}",
                f"Build it for them: DOCKER_DEFAULT_PLATFORM=linux/{PLATFORM} make docker-build.",
            )

    def _check_room(self, stack: DeployedStack, repository: str, mode: str) -> None:
        """Check that the image that jobs run stays among those that the lifecycle policy keeps."""
        pages = self.ecr.get_paginator("describe_images").paginate(repositoryName=repository)
        images = [
            (image["imagePushedAt"], image["imageTags"])
            for page in pages
            for image in page["imageDetails"]
            if any(tag.startswith(f"{mode}-") for tag in image.get("imageTags", ()))
        ]
        dropped = {tag for _, tags in sorted(images)[: len(images) + 1 - IMAGES_KEPT] for tag in tags}
        deployed = stack.outputs.get("ImageTag", "")
        if len(images) >= IMAGES_KEPT and deployed in dropped:
            newest = next(tag for tag in max(images)[1] if tag.startswith(f"{mode}-"))
            raise _refused(
                f"{deployed}, which jobs run, is the oldest of the {IMAGES_KEPT} images of its mode that {repository} "
                "keeps: it would be deleted",
                f"Let jobs run a newer one first (make apply IMAGE_TAG={newest}), or delete images that nobody needs "
                "(aws ecr batch-delete-image).",
            )

    def _log_in(self) -> None:
        (grant,) = self.ecr.get_authorization_token()["authorizationData"]
        user, password = base64.b64decode(grant["authorizationToken"]).decode().split(":", 1)
        self._must("login", "--username", user, "--password-stdin", grant["proxyEndpoint"], secret=password)

    def _must(self, *arguments: str, secret: str | None = None) -> None:
        done = self.docker(*arguments, secret=secret)
        if done.returncode:
            raise _refused(f"docker {arguments[0]}: {done.stderr.strip()}", "Remove the cause and run it again.")


def _refused(what: str, remedy: str) -> OperationRefused:
    return OperationRefused("the image is not pushed", [Problem(what, remedy)])
