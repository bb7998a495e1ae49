"""``ldp cloud``: the platform on AWS."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.context import JsonOption, print_json

app = typer.Typer(help="Look after the platform on AWS: what is deployed.", no_args_is_help=True)

PlatformOption = Annotated[
    str | None,
    typer.Option("--platform", metavar="STACK", help="Which stack (default: LDP_PLATFORM)."),
]
RegionOption = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="Where it is (default: AWS_REGION, or the profile's).")
]


@app.callback()
def group() -> None:
    """Look after the platform on AWS: what is deployed."""


@app.command()
def image(platform: PlatformOption = None, region: RegionOption = None, json: JsonOption = False) -> None:
    """Say which image jobs run: its tag, read from the active job definitions, and whether it is in the repository."""
    from job.cli.tables import print_table
    from job.cloud.platform import active_definitions, find_platform, image_in_use, is_pushed
    from job.cloud.session import Aws
    from job.settings import Settings

    name = Settings.from_environment().platform if platform is None else platform
    aws = Aws(region)
    found = find_platform(aws.client("cloudformation"), name)
    definitions = active_definitions(aws.client("batch"), found)
    used = image_in_use(found, definitions)
    pushed = is_pushed(aws.client("ecr"), found, used)
    if json:
        print_json(
            {
                "platform": found.name,
                "region": aws.region,
                "mode": used.mode,
                "tag": used.tag,
                "image": f"{used.uri}:{used.tag}",
                "pushed": pushed,
                "job_definitions": [
                    {"name": one.name, "revision": one.revision, "dataset": one.dataset, "kind": one.kind}
                    for one in definitions
                ],
            }
        )
        return
    note = "in the repository" if pushed else "not in the repository: jobs fail until it is pushed or another applied"
    print_table(
        f"{found.name} in {aws.region} runs {used.tag} ({note})",
        [("job definition", False), ("revision", True), ("dataset", False), ("kind", False)],
        [(one.name, one.revision, one.dataset, one.kind) for one in definitions],
    )
