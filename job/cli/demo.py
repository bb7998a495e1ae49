"""``ldp demo``: from nothing to a compared table and a page."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.context import JobsOption, begin

SAMPLE_ROWS = 6000
SAMPLE_SEED = 1


def demo(
    ctx: typer.Context,
    dataset: Annotated[str, typer.Argument(help="Which dataset of the quick spec.")] = "taiwan_credit",
    jobs: JobsOption = None,
) -> None:
    """Try it: sample data unless data/raw has a real file, features, the quick spec, the comparison, a report."""
    from job.cli.analyze import summarise_and_print
    from job.cli.experiment import run_and_report
    from job.cli.report import report_if_possible
    from job.data.datasets.samples import write_sample_unless_there
    from job.data.processing import process
    from job.executions.executions import load_execution
    from job.planning.known import settled
    from job.planning.plan import choose_datasets
    from job.planning.spec import read_spec

    context, device = begin()
    choose_datasets(settled(context.store, read_spec("quick"), (dataset,)), (dataset,))  # before anything is written
    write_sample_unless_there(context.store, dataset, context.console, rows=SAMPLE_ROWS, seed=SAMPLE_SEED)
    process(context.store, dataset, context.console)
    execution = run_and_report(context, device, ctx.obj, "quick", [dataset], jobs)
    summarise_and_print(context, execution)
    report_if_possible(context.store, load_execution(context.store, execution), context.console)
