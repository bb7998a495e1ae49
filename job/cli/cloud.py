"""``ldp cloud``: the platform on AWS."""

from __future__ import annotations

import typer

from job.cli.cloud_context import PlatformOption, RegionOption, open_cloud
from job.cli.cloud_plan import plan
from job.cli.cloud_results import cost, pull, upload
from job.cli.cloud_submit import submit
from job.cli.cloud_watch import cancel, logs, resume, status
from job.cli.context import JsonOption, print_json

_WHAT = "Work with the platform on AWS: submit jobs, watch them, fetch what they made, see what it costs."
app = typer.Typer(help=_WHAT, no_args_is_help=True)


@app.callback()
def group() -> None:
    """Work with the platform on AWS: submit jobs, watch them, fetch what they made, see what it costs."""


@app.command()
def image(platform: PlatformOption = None, region: RegionOption = None, json: JsonOption = False) -> None:
    """Say which image jobs run: its tag, read from the active job definitions, and whether it is in the repository."""
    from job.cli.tables import print_table
    from job.cloud.definitions import active_definitions, image_in_use, is_pushed

    cloud = open_cloud(platform, region)
    aws, found = cloud.aws, cloud.platform
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


@app.command()
def outputs(platform: PlatformOption = None, region: RegionOption = None, json: JsonOption = False) -> None:
    """Show the outputs of the stack."""
    from job.cli.tables import print_table

    found = open_cloud(platform, region).platform
    if json:
        print_json(dict(sorted(found.outputs.items())))
        return
    print_table(f"{found.name}: {found.status}", [("output", False), ("value", False)], sorted(found.outputs.items()))


for _command in (plan, upload, submit, status, logs, cancel, resume, pull, cost):
    app.command()(_command)
