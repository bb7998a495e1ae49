"""The commands, by groups."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.analyze import app as analyze_app
from job.cli.cloud import app as cloud_app
from job.cli.data import app as data_app
from job.cli.demo import demo
from job.cli.experiment import app as experiment_app

app = typer.Typer(
    help="Loan-default experiments: which model and which technique against class imbalance detects defaulters best?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(data_app, name="data")
app.add_typer(experiment_app, name="experiment")
app.add_typer(analyze_app, name="analyze")
app.add_typer(cloud_app, name="cloud")
app.command()(demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        from job.executions.versions import own_version

        typer.echo(f"ldp {own_version()}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks (anywhere on the command line).")] = False,
) -> None:
    """Loan-default experiments: which model and which technique against class imbalance detects defaulters best?"""
