"""``ldp cloud upload``, ``pull`` and ``cost``: files on their way to the platform and back, and what it all cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from job.cli.cloud_context import PlatformOption, RegionOption, open_cloud
from job.cli.context import JsonOption, print_json

if TYPE_CHECKING:
    from job.console import Console


def upload(
    datasets: Annotated[
        list[str] | None, typer.Argument(metavar="[DATASET]...", help="Whose raw files; all that are here if left out.")
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Synthetic samples too.")] = False,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Send raw files to the bucket, unless they are there; refused where they would not process."""
    from dataclasses import asdict

    from job.cloud.upload import Uploader, present

    cloud = open_cloud(platform, region)
    local = cloud.local()
    with _bytes_told(cloud.console, json) as (read, sent):
        uploader = Uploader(cloud.aws.client("s3"), cloud.platform.bucket, local, sample, read, sent)
        found = uploader.upload(datasets or present(local))
    if json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        what = "sent" if one.sent else "is there already"
        cloud.console.info(
            "uploaded",
            f"{one.key}: {what} ({one.length:,} bytes, SHA-256 {one.sha256[:12]}…)"
            + (", a synthetic sample" if one.sample else ""),
            **asdict(one),
        )


LatestArgument = Annotated[
    str | None, typer.Argument(metavar="[EXECUTION]", help="Which; the latest in the bucket if left out.")
]


@contextmanager
def _bytes_told(console: Console, quiet: bool) -> Iterator[tuple[Any, Any]]:
    """Show how many bytes are read and sent, where there is a terminal."""
    if quiet or console.json or not console.terminal:
        yield (lambda _: None), (lambda _: None)
        return
    from rich.console import Console as Terminal
    from rich.progress import DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), DownloadColumn(), TransferSpeedColumn()
    with Progress(*columns, console=Terminal(stderr=True), transient=True) as bar:
        tasks = [bar.add_task(what, total=None) for what in ("read and checked", "sent")]
        yield (lambda more: bar.advance(tasks[0], more)), (lambda more: bar.advance(tasks[1], more))


def pull(
    execution: LatestArgument = None,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch results and make their report; what is here is verified and not fetched again."""
    from dataclasses import asdict

    from job.analysis.report.making import page_name
    from job.cli.report import report_if_possible
    from job.cloud.pull import pull as fetch
    from job.errors import EXIT_FAILED
    from job.executions.executions import load_execution
    from job.executions.status import choose_execution
    from job.store import report_key

    cloud = open_cloud(platform, region)
    bucket = cloud.bucket()
    chosen = execution or choose_execution(bucket, None, None, cloud.console).id
    local = cloud.local()
    found = fetch(bucket, local, chosen)
    for key in found.refused:
        cloud.console.warning("key_refused", f"{key} names no file below the execution's folder: left there", key=key)
    for key in found.damaged:
        cloud.console.error(
            "result_damaged",
            f"{key} is damaged in the bucket and was not written: `ldp cloud resume {chosen}` computes it again",
            key=key,
        )
    if json:
        print_json(asdict(found))
    else:
        cloud.console.info(
            "pulled",
            f"{chosen}: fetched {found.fetched} objects ({found.megabytes:.1f} MB), {found.here} were here; "
            f"`ldp analyze summary {chosen}` compares them",
            **asdict(found),
        )
    if found.fetched or local.info(report_key(chosen, page_name())) is None:
        report_if_possible(local, load_execution(local, chosen), cloud.console)
    if found.damaged:
        raise typer.Exit(EXIT_FAILED)


def cost(
    execution: LatestArgument = None,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Say what an execution has cost, about: Spot against On-Demand, and what interruptions wasted."""
    from job.cli.tables import print_line, print_table
    from job.cloud.costing import execution_cost
    from job.executions.status import choose_execution
    from job.progress import duration

    cloud = open_cloud(platform, region)
    bucket = cloud.bucket()
    chosen = choose_execution(bucket, execution, None, cloud.console)
    found = execution_cost(cloud.aws, cloud.platform, bucket, cloud.local(), chosen)
    if json:
        print_json(found.as_json())
        return
    print_table(
        f"{chosen.id}: about ${found.usd:,.2f}, {found.hours:.2f} h on {found.instances} instances",
        [
            ("dataset", False), ("kind", False), ("shard", False), ("instance", False), ("of it", True),
            ("time", True), ("USD, about", True), ("end", False),
        ],
        [
            (
                one.datasets,
                one.kind,
                one.shard,
                None if one.machine is None else f"{one.machine} {one.life_cycle}",
                f"{one.share:.0%}",
                duration(one.seconds),
                None if one.usd is None else f"{one.usd:,.4f}",
                one.end,
            )
            for one in found.attempts
        ],
    )  # fmt: skip
    print_line(
        f"On-Demand it would have been ${found.on_demand_usd:,.2f}: saved ${found.saved_usd:,.2f}; at most "
        f"${found.wasted_usd:,.2f} went into attempts that were killed; ${found.overhead_usd:,.2f} for boots"
    )
    if found.predicted_usd is not None:
        print_line(f"when it was submitted, ${found.predicted_usd:,.2f} were expected")
    if found.unknown:
        print_line(f"{found.unknown} attempts ran elsewhere than on EC2, or at unknown prices: not in the sums")
    for note in found.notes:
        print_line(f"note: {note}")
