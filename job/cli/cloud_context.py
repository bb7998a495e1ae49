"""What every command of ``ldp cloud`` needs, and the options that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from job.cli.context import open_console

if TYPE_CHECKING:
    from job.cloud.platform import Platform
    from job.cloud.session import Aws
    from job.console import Console
    from job.settings import Settings
    from job.store import Store

PlatformOption = Annotated[
    str | None,
    typer.Option("--platform", metavar="STACK", help="Which stack (default: LDP_PLATFORM)."),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="Where it is (default: AWS_REGION, or the profile's).")
]


@dataclass(frozen=True)
class CloudContext:
    """Clients, the platform, and what is said on the way.

    Attributes
    ----------
    aws : Aws
    platform : Platform
    settings : Settings
    console : Console
    """

    aws: Aws
    platform: Platform
    settings: Settings
    console: Console

    def bucket(self) -> Store:
        """Open the platform's bucket."""
        return _open_store(self.platform.storage_url, self.settings, self.aws.region)

    def local(self) -> Store:
        """Open the storage of this machine, as ``LDP_STORAGE_URL`` says."""
        return _open_store(self.settings.storage_url, self.settings, None)


def open_cloud(platform: str | None, region: str | None) -> CloudContext:
    """Read the environment and find the platform."""
    from job.cloud.platform import find_platform
    from job.cloud.session import Aws
    from job.settings import Settings

    settings = Settings.from_environment()
    console = open_console(settings)
    aws = Aws(region)
    name = settings.platform if platform is None else platform
    found = find_platform(aws.client("cloudformation"), name)
    return CloudContext(aws, found, settings, console)


def _open_store(url: str, settings: Settings, region: str | None) -> Store:
    from job.store import Store

    return Store.open(url, settings.scratch_dir, settings.storage_retries, settings.storage_idle_seconds, region)
