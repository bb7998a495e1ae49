"""``ldp cloud submit``: jobs on their way."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from job.cli.cloud_context import PlatformOption, RegionOption, open_cloud
from job.cli.context import JsonOption, print_json
from job.errors import UsageError

if TYPE_CHECKING:
    from job.cloud.submit import Prepared

MOST_USD = 5.0
"""What a submission may cost before somebody is asked."""


def submit(
    datasets: Annotated[list[str] | None, typer.Argument(metavar="[DATASET]...", help="Whose jobs.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that the spec and the platform have.")] = False,
    spec: Annotated[
        str, typer.Option("--spec", metavar="NAME|FILE", help="quick, default, thesis, or a TOML file.")
    ] = "default",
    shards: Annotated[
        str | None,
        typer.Option("--shards", metavar="N|auto", help="Divide each training (default: as the stack's settings say)."),
    ] = None,
    execution_id: Annotated[
        str | None, typer.Option("--execution-id", metavar="ID", help="Exactly this execution; made up if left out.")
    ] = None,
    data_only: Annotated[bool, typer.Option("--data-only", help="Data jobs, no training.")] = False,
    skip_data: Annotated[bool, typer.Option("--skip-data", help="Training, on what is processed already.")] = False,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="On-Demand instances only.")] = False,
    spot_only: Annotated[bool, typer.Option("--spot-only", help="Spot instances only.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show; submit nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, whatever it costs.")] = False,
    max_cost: Annotated[
        float, typer.Option("--max-cost", metavar="USD", min=0, help="Ask where it is expected to cost more.")
    ] = MOST_USD,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Submit data jobs, and training that waits for them; checked before anything is sent."""
    from job.cloud.submission import parse_shards
    from job.cloud.submit import Wanted, check_cost, prepare
    from job.cloud.submit import submit as send

    if data_only and skip_data:
        raise UsageError("--data-only and --skip-data leave nothing to submit", "Give one of them.")
    if on_demand and spot_only:
        raise UsageError("--on-demand and --spot-only contradict each other", "Give one of them.")
    wanted = Wanted(
        tuple(datasets or ()),
        everything,
        spec,
        "settings" if shards is None else parse_shards(shards),
        execution_id,
        not skip_data,
        not data_only,
        "on-demand" if on_demand else "spot" if spot_only else "any",
    )
    cloud = open_cloud(platform, region)
    store = cloud.bucket()
    prepared = prepare(cloud.aws, cloud.platform, store, wanted)
    if not json:
        _show(prepared, cloud.platform.name)
    if dry_run:
        if json:
            print_json({**prepared.as_json(), "submitted": False})
        return
    if not yes and (prepared.usd or 0.0) > max_cost:
        if not (sys.stdin.isatty() and sys.stdout.isatty() and not json):
            check_cost(prepared, max_cost)
        typer.confirm(f"Submit, for about ${prepared.usd:,.2f}?", abort=True)
    ids = send(cloud.aws, store, prepared, lambda words: cloud.console.warning("submission", words))
    if json:
        found = prepared.as_json()
        jobs = [{**one, "id": job} for one, job in zip(found["jobs"], ids, strict=True)]
        print_json({**found, "jobs": jobs, "submitted": True})
        return
    what = prepared.asked.execution if prepared.asked.training else prepared.asked.submission
    cloud.console.info(
        "submitted",
        f"submitted {len(ids)} jobs of {what}; `ldp cloud status {what}` shows them",
        submission=prepared.asked.submission,
        execution=prepared.asked.execution if prepared.asked.training else None,
        jobs=ids,
    )


def _show(prepared: Prepared, platform: str) -> None:
    from job.cli.tables import print_line, print_table
    from job.progress import duration

    asked = prepared.asked
    rows = []
    for one in prepared.requests:
        cost = prepared.estimates.get(one.name.dataset) if one.name.kind == "training" else None
        rows.append(
            (
                one.name.dataset,
                one.name.kind,
                one.shards,
                None if one.after is None else "its data job",
                None if cost is None else duration(3600 * cost.hours),
                None if cost is None else f"{cost.usd:,.2f}",
            )
        )
    print_table(
        f"{platform}: {asked.execution if asked.training else asked.submission}",
        [
            ("dataset", False), ("kind", False), ("jobs", True), ("after", False),
            ("time, about", True), ("USD, about", True),
        ],
        rows,
    )  # fmt: skip
    for name, cost in prepared.estimates.items():
        if cost is not None:
            print_line(
                f"{name}: reckoned with {cost.machine} ({cost.source}), boots and idle times included; on On-Demand "
                f"${cost.on_demand_usd:,.2f}"
            )
    for note in prepared.notes:
        print_line(f"note: {note}")
