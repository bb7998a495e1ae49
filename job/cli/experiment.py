"""``ldp experiment``: plan, run, list, status."""

from __future__ import annotations

import dataclasses
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from job.arrays import Device
from job.cli.context import (
    Context,
    DatasetsOption,
    JobsOption,
    JsonOption,
    LatestOfSpecOption,
    UseGpuOption,
    begin,
    open_context,
    print_json,
)
from job.errors import EXIT_FAILED, OutputLost, UsageError
from job.signals import Stop

if TYPE_CHECKING:
    from job.planning.division import Reach
    from job.planning.modes import Mode

app = typer.Typer(help="Experiments: plan them, run them, see how far they are.", no_args_is_help=True)

DEFAULT_SPEC = "default"
HEAVIEST = 5
_ORIGIN = {True: "synthetic", False: "own", None: None}
SpecOption = Annotated[
    str | None,
    typer.Option("--spec", metavar="NAME|FILE", help="quick, default, thesis, or a TOML file (default: default)."),
]
RunSpecOption = Annotated[
    str | None,
    typer.Option(
        "--spec",
        metavar="NAME|FILE|HASH",
        help="quick, default, thesis, a TOML file, or sha256:… of one in the store (default: default).",
    ),
]


@app.command()
def plan(
    spec: SpecOption = None,
    only_dataset: DatasetsOption = None,
    jobs: JobsOption = None,
    vcpus: Annotated[
        int | None,
        typer.Option("--vcpus", min=1, max=1024, help="What a job on AWS Batch would have; with the others."),
    ] = None,
    memory_mib: Annotated[int | None, typer.Option("--memory-mib", min=1, max=1 << 24, help="Its memory.")] = None,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0.2, max=2000, help="When an attempt is ended (maxJobHours).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say how much work a spec is, what is left out and why, before anyone waits for it.

    With --vcpus, --memory-mib and --hours also whether such a job can do it, in how many attempts or shards.
    """
    from job.cli.tables import print_line, print_table
    from job.planning.division import best_division, heaviest, reach
    from job.planning.feasible import Limits, feasible
    from job.planning.known import settled
    from job.planning.modes import DEFAULT_VCPUS, modes
    from job.planning.plan import plan
    from job.planning.spec import read_spec

    context = open_context()
    chosen = settled(context.store, read_spec(spec or DEFAULT_SPEC), tuple(only_dataset or ()))
    planned = plan(context.store, chosen, only=tuple(only_dataset or ()), workers=context.settings.workers(jobs))
    if jobs is not None and vcpus is not None:
        raise UsageError("--jobs is about this machine, --vcpus about a job elsewhere", "Give one of them.")
    limits = Limits.of(vcpus, memory_mib, hours)
    job = None if limits is None else feasible(planned, limits)
    both = modes(planned, vcpus or DEFAULT_VCPUS)
    best, workers = best_division(planned.costs, planned.searches, planned.workers), planned.workers
    within = None if hours is None else reach(planned.costs, vcpus or workers, hours)
    longest = heaviest(planned.costs, HEAVIEST)
    if json:
        shards = {"shards": best.shards, "hours": best.longest_s / 3600, "stretch": best.stretch}
        print_json(
            {
                **planned.as_json(),
                "best_division": shards,
                "heaviest": [{"units": [str(unit) for unit in item], "cpu_hours": s / 3600} for item, s in longest],
                "reach": None if within is None else dataclasses.asdict(within),
                "modes": both.as_json(),
                **({} if job is None else {"job": job.as_json()}),
            }
        )
        return
    print_table(
        f"{chosen.name}: {chosen.description}",
        [("what", False), ("how much", True)],
        [
            ("units", f"{len(planned.units):,}"),
            ("fits of a naive grid search", f"{planned.fits:,}"),
            ("fits that have to be made", f"{planned.distinct_fits:,}"),
            ("CPU time, about", _duration(planned.cpu_hours)),
            (f"time with {planned.workers} workers, about", _duration(planned.cpu_hours / planned.workers)),
            ("memory in MiB, about", f"{planned.memory_mib:,.0f}"),
            ("scratch in MiB, at most about", f"{planned.scratch_mib:,.0f}"),
            (f"most shards of {workers} workers that pay", f"{best.shards:,}"),
            ("time with so many, about", _duration(best.longest_s / 3600)),
            *_reach_rows(within, len(planned.units)),
        ],
    )
    print_table(
        "on AWS",
        [
            ("machine", False),
            ("vCPUs", True),
            ("on its GPU", True),
            ("on its cores", True),
            ("in all", True),
            ("Spot", True),
        ],
        [_mode_row(mode) for mode in (both.cpu, both.gpu) if mode is not None],
    )
    print_line(both.sentence())
    print_table(
        "the longest work items",
        [("dataset", False), ("model", False), ("techniques", False), ("CPU time, about", True)],
        [
            (item[0].dataset, item[0].model, ", ".join(unit.technique for unit in item), _duration(seconds / 3600))
            for item, seconds in longest
        ],
    )
    if job is not None:
        print_line(job.sentence())
    for name, split in planned.splits.items():
        print_line(f"split: {name}: {split}")
    for name, reason in planned.left_out.items():
        print_line(f"left out: {name}: {reason}")


def _mode_row(mode: Mode) -> tuple[str, ...]:
    from job.planning.modes import dollars

    gpu = _duration(mode.gpu_seconds / 3600) if mode.gpu_seconds else ""
    cores = _duration(mode.cpu_seconds / 3600) if mode.cpu_seconds else ""
    return mode.machine.name, str(mode.machine.vcpus), gpu, cores, _duration(mode.seconds / 3600), dollars(mode.usd)


def _reach_rows(within: Reach | None, units: int) -> list[tuple[str, str]]:
    if within is None:
        return []
    what = f"units done in a job of {within.hours:g} h, about"
    return [(what, f"{within.units:,} of {units:,} ({100 * within.share:.0f} % of the work)")]


def _duration(hours: float) -> str:
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{60 * hours:.0f} min" if 60 * hours >= 1 else f"{max(3600 * hours, 1):.0f} s"


@app.command()
def run(
    ctx: typer.Context,
    spec: RunSpecOption = None,
    only_dataset: DatasetsOption = None,
    jobs: JobsOption = None,
    execution_id: Annotated[
        str | None, typer.Option("--execution-id", metavar="ID", help="Exactly this execution; created if it is new.")
    ] = None,
    skip_resume: Annotated[
        bool, typer.Option("--skip-resume", help="Start another execution instead of resuming.")
    ] = False,
    use_gpu: UseGpuOption = False,
    shard: Annotated[
        str | None, typer.Option("--shard", metavar="I/N", help="Only the I-th of N parts, of about equal cost.")
    ] = None,
) -> None:
    """Run what is missing of an experiment: resumes where it was stopped, however it was."""
    if execution_id is not None and skip_resume:
        raise UsageError("--skip-resume and --execution-id contradict each other", "Give one of them.")
    run_and_report(*begin(use_gpu), ctx.obj, spec, only_dataset, jobs, execution_id, skip_resume, shard)


def run_and_report(
    context: Context,
    device: Device,
    stop: Stop,
    spec: str | None,
    only_dataset: list[str] | None = None,
    jobs: int | None = None,
    execution_id: str | None = None,
    skip_resume: bool = False,
    shard: str | None = None,
) -> str:
    """Run an experiment, print how it ended, and return the execution's id; ends the process where units failed."""
    from job.cli.tables import print_table
    from job.executions.resolve import find_spec
    from job.planning.crew import crew_of
    from job.planning.known import settled
    from job.planning.shards import parse_shard, shard_from_environment
    from job.planning.spec import read_spec
    from job.planning.stored_specs import find_spec_named
    from job.running.processes import Options
    from job.running.runner import Means, run_experiment
    from job.settings import available_processors

    if spec:
        chosen = find_spec_named(context.store, spec)
    else:
        on_batch = "AWS_BATCH_JOB_ID" in os.environ
        chosen = find_spec(context.store, execution_id, read_spec(DEFAULT_SPEC), on_batch=on_batch)
    chosen = settled(context.store, chosen, tuple(only_dataset or ()))
    crew = crew_of(device.kind, jobs or context.settings.n_jobs, available_processors())
    report = run_experiment(
        context.store,
        chosen,
        device=device,
        console=context.console,
        options=Options(
            workers=crew.workers,
            gpu_workers=crew.gpu,
            scratch_dir=context.settings.scratch_dir,
            scratch_bytes=None if context.settings.scratch_mib is None else context.settings.scratch_mib << 20,
            checkpoint_s=context.settings.checkpoint_seconds,
            give_up_s=context.settings.storage_give_up_seconds,
            shard=parse_shard(shard) if shard else shard_from_environment(context.settings.shard),
            max_s=context.settings.max_seconds,
        ),
        only=tuple(only_dataset or ()),
        execution_id=execution_id,
        skip_resume=skip_resume,
        means=Means(signals=stop.polled),
    )
    counts = {"finished": report.finished, "present": report.present, "total": report.wanted}
    if report.failures:
        with suppress(OutputLost):  # each was told when it failed
            print_table(
                f"{len(report.failures)} units of {report.execution.id} failed",
                [("unit", False), ("why", False)],
                report.failures.items(),
            )
            sys.stdout.flush()
        context.console.error(
            "execution_failed",
            f"{report.execution.id}: {report.present} of {report.wanted} units done; run the same command to try the "
            f"others again (tracebacks: {context.store.where('executions')}/{report.execution.id}/failures)",
            execution=report.execution.id,
            **counts,
        )
        raise typer.Exit(EXIT_FAILED)
    if report.waiting:
        context.console.info(
            "shard_done",
            f"{report.execution.id}: this shard is done; {report.present} of {report.wanted} units are complete, "
            f"and {report.waiting} wait for folds that other shards search",
            execution=report.execution.id,
            waiting=report.waiting,
            **counts,
        )
        return report.execution.id
    already = "already complete" if not report.finished else "complete"
    context.console.info(
        "execution_complete",
        f"{report.execution.id}: {already}, {report.present} of {report.wanted} units",
        execution=report.execution.id,
        **counts,
    )
    return report.execution.id


@app.command("list")
def list_executions(json: JsonOption = False) -> None:
    """List executions, the latest first."""
    from job.cli.tables import print_table
    from job.executions.status import all_statuses

    context = open_context()
    found = all_statuses(context.store, context.console)
    if json:
        print_json([one.as_json() for one in found])
        return
    print_table(
        f"Executions in {context.store.url}",
        [("execution", False), ("created", False), ("device", False), ("done", True), ("failed", True), ("of", True)],
        [
            (one.execution, f"{one.created:%Y-%m-%d %H:%M}", one.device, one.done, one.failed, one.total)
            for one in found
        ],
    )


@app.command()
def status(
    execution_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Which execution; the latest if left out.")
    ] = None,
    spec: LatestOfSpecOption = None,
    json: JsonOption = False,
) -> None:
    """Say how far an execution is: units done, failed and left."""
    from job.cli.tables import print_line, print_table
    from job.executions.status import choose_execution, status
    from job.planning.spec import spec_name
    from job.progress import duration

    context = open_context()
    name = spec_name(spec) if spec else None
    chosen = choose_execution(context.store, execution_id, name, context.console)
    found = status(context.store, chosen, context.console)
    if json:
        print_json(found.as_json())
        return
    state = "complete" if found.complete else f"{found.done} of {found.total} units done"
    print_table(
        f"{found.execution}: {state}",
        [
            ("dataset", False), ("done", True), ("in flight", True), ("failed", True), ("left", True), ("of", True),
            ("data", False),
        ],
        [
            (one.dataset, one.done, one.in_flight, one.failed, one.left, one.total, _ORIGIN[one.synthetic])
            for one in found.datasets
        ],
    )  # fmt: skip
    for one in found.datasets:
        if one.split["by"] != "row":
            print_line(f"split: {one.dataset}: {chosen.spec.split(one.dataset)}")
    outlook = found.outlook
    work = f"{outlook.share:.0%} of the work" + (" on data that were there" if outlook.total < found.total else "")
    if outlook.running:
        print_line(f"{work}, about {duration(outlook.eta_s)} left; running {', '.join(outlook.running)}")
    elif not found.complete:
        print_line(f"{work}; nothing is running")
    attempts = found.attempts
    print_line(
        f"{attempts.attempts} attempts: {attempts.running} running, {attempts.interrupted} interrupted, "
        f"{attempts.killed} killed; {attempts.idle_seconds:.0f} s went by between those and the next"
    )
    if found.failures:
        print_table("Failed", [("unit", False), ("why", False)], found.failures)
