"""``ldp cloud status``, ``logs``, ``cancel``, ``resume``: jobs on AWS Batch."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from job.cli.cloud_context import CloudContext, PlatformOption, RegionOption, open_cloud
from job.cli.context import JsonOption, print_json

if TYPE_CHECKING:
    from job.cloud.jobs import Job
    from job.cloud.status import CloudStatus, Row

WATCH_S = 30.0
WhatArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[WHAT]", help="An execution, a submission, a dataset, a job; the latest submission if left out."
    ),
]


def status(
    what: WhatArgument = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Again every 30 seconds, until nothing runs or waits.")
    ] = False,
    shards: Annotated[bool, typer.Option("--shards", help="A row for each shard of an array.")] = False,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Say what becomes of jobs: how far they are, why they wait, how they ended."""
    from job.cloud.status import cloud_status

    cloud = open_cloud(platform, region)
    store = cloud.bucket()
    while True:
        found = cloud_status(cloud.aws, cloud.platform, store, what, now=datetime.now(UTC), shards=shards)
        if json:
            print_json({"jobs": [row.as_json() for row in found.rows], "notes": found.notes})
        else:
            _show(found, cloud)
        if not watch or found.over:
            return
        sys.stdout.flush()
        time.sleep(WATCH_S)


def _show(found: CloudStatus, cloud: CloudContext) -> None:
    from job.cli.tables import print_line, print_table
    from job.cloud.names import submission_of
    from job.progress import duration

    several = len({submission_of(row.name.split(" ")[0]) for row in found.rows}) > 1
    executions = ", ".join(dict.fromkeys(row.execution for row in found.rows if row.execution)) or "no execution"
    print_table(
        f"{cloud.platform.name}: {executions}",
        [
            ("job", False), ("state", False), ("units", True), ("left, about", True), ("attempts", True),
            ("lost", True), ("USD, about", True), ("what", False),
        ],
        [
            (
                row.name if several or not row.dataset else _short(row),
                row.state,
                None if row.total is None else f"{row.done}/{row.total}",
                None if row.eta_s is None else duration(row.eta_s),
                row.attempts,
                row.lost,
                None if row.usd is None else f"{row.usd:,.2f}",
                row.words,
            )
            for row in found.rows
        ],
    )  # fmt: skip
    for fix, names in _fixes(found).items():
        print_line(f"{', '.join(names)}: {fix}")
    for note in found.notes:
        print_line(f"note: {note}")


def _short(row: Row) -> str:
    """Return what tells a job apart from the others of its submission."""
    _, _, place = row.name.partition(" ")
    return f"{row.dataset} {row.kind} {row.shard or place}".rstrip()


def _fixes(found: CloudStatus) -> dict[str, list[str]]:
    fixes: dict[str, list[str]] = {}
    for row in found.rows:
        if row.fix is not None:
            fixes.setdefault(row.fix, []).append(row.name)
    return fixes


def logs(
    what: Annotated[str, typer.Argument(metavar="JOB|DATASET", help="Whose: a job, a dataset, an execution.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the jobs have ended.")] = False,
    attempt: Annotated[int | None, typer.Option("--attempt", min=1, help="Only this attempt of each job.")] = None,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Print what jobs have said, attempt after attempt."""
    from job.cli.tables import print_line
    from job.cloud.logs import Line, Reader

    cloud = open_cloud(platform, region)
    reader = Reader(cloud.aws.client("logs"), cloud.aws.client("batch"), cloud.platform.log_group, attempt=attempt)
    jobs = _whose_logs(cloud, what)
    several = len(jobs) > 1
    for job in jobs:
        for said in reader.read(job, follow=follow):
            if not isinstance(said, Line):
                cloud.console.warning("log", said.text, job=job.name)
            elif json:
                print_json_line(
                    {"job": said.job, "attempt": said.attempt, "time": said.milliseconds, "line": said.text}
                )
            else:
                print_line(f"{said.job} {said.text}" if several else said.text)
            sys.stdout.flush()


def print_json_line(value: dict[str, object]) -> None:
    """Print one JSON object on one line."""
    import json

    sys.stdout.write(json.dumps(value) + "\n")


def _whose_logs(cloud: CloudContext, what: str) -> list[Job]:
    """Return the jobs whose logs are meant: of a dataset those of its latest submission, of an array its shards."""
    from job.cloud.jobs import children, require_jobs

    batch = cloud.aws.client("batch")
    found = require_jobs(batch, cloud.platform.queues.values(), now=datetime.now(UTC), what=what)
    latest = found[0].label.submission if found[0].label else None
    chosen = [job for job in found if (job.label.submission if job.label else None) == latest]
    ordered = sorted(chosen, key=lambda job: (job.created, job.name))
    return [one for job in ordered for one in (children(batch, job) if job.size > 1 else [job])]


def cancel(
    what: WhatArgument = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """End jobs that run or wait; what they have finished is kept, and `ldp cloud resume` goes on from there."""
    from job.cloud.cancel import cancel as end
    from job.cloud.cancel import in_order
    from job.cloud.jobs import require_jobs
    from job.errors import UsageError

    cloud = open_cloud(platform, region)
    batch = cloud.aws.client("batch")
    found = require_jobs(batch, cloud.platform.queues.values(), now=datetime.now(UTC), what=what)
    wanted = in_order(found)
    if wanted and not yes:
        names = ", ".join(job.name for job in wanted)
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            raise UsageError(f"the end of {names} was not confirmed", "Add --yes.")
        typer.confirm(f"End {names}?", abort=True)
    ended = end(batch, wanted)
    if json:
        print_json([{"job": job.id, "name": job.name, "state": job.state} for job in ended])
        return
    said = f"ended {', '.join(job.name for job in ended)}" if ended else "nothing runs or waits"
    cloud.console.info("cancelled", said, jobs=[job.id for job in ended])


def resume(
    execution: Annotated[str, typer.Argument(metavar="EXECUTION", help="Which.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is left; submit nothing.")] = False,
    platform: PlatformOption = None,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Submit what is left of an execution again, in the shards into which it was divided."""
    from job.cli.tables import print_table
    from job.cloud.resuming import prepare_resume, submit_resume

    cloud = open_cloud(platform, region)
    prepared = prepare_resume(cloud.aws, cloud.platform, cloud.bucket(), execution, now=datetime.now(UTC))
    ids = [] if dry_run else submit_resume(cloud.aws, prepared, lambda words: cloud.console.warning("resume", words))
    if json:
        left = [{"dataset": one.dataset, "shard": one.shard, "lost": one.lost} for one in prepared.left]
        jobs = [{"name": one.job_name, "queue": one.queue, "shards": one.shards} for one in prepared.requests]
        print_json({"execution": execution, "left": left, "jobs": jobs, "ids": ids})
        return
    print_table(
        f"{execution}: {prepared.sentence()}",
        [("dataset", False), ("shard", False), ("lost before", True), ("on", False)],
        [(one.dataset, one.shard, one.lost, "On-Demand" if one.on_demand else "Spot first") for one in prepared.left],
    )
    if ids:
        cloud.console.info("resumed", f"submitted {len(ids)} jobs; `ldp cloud status {execution}` shows them", jobs=ids)
