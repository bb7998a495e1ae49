"""``ldp analyze``: from results to a comparison."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.context import Context, JsonOption, open_context, print_json

app = typer.Typer(help="Comparison: which combination detects defaulters best.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Comparison: which combination detects defaulters best."""


@app.command()
def summary(
    execution_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Which execution; the latest if left out.")
    ] = None,
    spec: Annotated[str | None, typer.Option("--spec", metavar="NAME|FILE", help="The latest of this spec.")] = None,
    sort: Annotated[str, typer.Option(metavar="METRIC", help="Sort by this metric.")] = "balanced_accuracy",
    json: JsonOption = False,
) -> None:
    """Compare the combinations of an execution: mean and standard deviation over seeds of every metric."""
    summarise_and_print(open_context(), execution_id, spec, sort, json)


def summarise_and_print(
    context: Context,
    execution_id: str | None,
    spec: str | None = None,
    sort: str = "balanced_accuracy",
    json: bool = False,
) -> None:
    """Summarise an execution, print it, and write its CSV where that may be written."""
    from job.analysis.summary import summarise, to_csv
    from job.cli.tables import print_summary
    from job.errors import StorageError
    from job.executions.status import choose_execution
    from job.planning.spec import spec_name
    from job.store import report_key

    name = spec_name(spec) if spec else None
    execution = choose_execution(context.store, execution_id, name, context.console)
    found = summarise(context.store, execution, sort=sort, console=context.console)
    for what in found.damaged:
        context.console.warning("result_damaged", f"{what}: left out; `ldp experiment run` computes it again")
    if json:
        print_json([row.as_json() for row in (*found.rows, *found.references)])
    else:
        print_summary(found)
    absent = [state.dataset for state in found.datasets if not state.present]
    if absent and not json:
        context.console.info("partial", f"no results yet for {', '.join(absent)}")
    key = report_key(execution.id, "tables/summary.csv")
    try:
        context.store.put(key, to_csv(found))
    except StorageError as error:  # who may only read has what was asked for: the table
        context.console.warning("table_not_written", f"{error.what}: the table is here only", remedy=error.remedy)
        return
    if not json:
        context.console.info("table_written", f"the same as CSV: {context.store.where(key)}", key=key)
