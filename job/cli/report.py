"""``ldp analyze report``, and the page that other commands end with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from job.cli.context import LatestOfSpecOption, open_context

if TYPE_CHECKING:
    from job.console import Console
    from job.executions.executions import Execution
    from job.store import Store

LocaleOption = Annotated[str, typer.Option("--locale", metavar="LOCALE", help="en_US or pt_BR.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Write also over files that were changed by hand.")]


def report(
    execution_id: Annotated[
        str | None, typer.Argument(metavar="[EXECUTION]", help="Which execution; the latest if left out.")
    ] = None,
    spec: LatestOfSpecOption = None,
    metric: Annotated[str, typer.Option(metavar="METRIC", help="Compare by this metric.")] = "balanced_accuracy",
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Write one page to put beside a paper, with its plots and tables as files."""
    from job.analysis.libraries import require_report
    from job.analysis.report.making import make_report
    from job.executions.status import choose_execution
    from job.planning.spec import spec_name

    require_report()
    context = open_context()
    execution = choose_execution(context.store, execution_id, spec_name(spec) if spec else None, context.console)
    where = make_report(context.store, execution, context.console, metric=metric, locale=locale, force=force)
    context.console.info("report_written", f"the report: {where}", path=where)


def report_if_possible(store: Store, execution: Execution, console: Console) -> None:
    """Make the report, or say why not: what came before is worth having without it."""
    from job.analysis.report.making import make_report
    from job.errors import LibraryMissing, StorageError

    try:
        where = make_report(store, execution, console)
    except (LibraryMissing, StorageError) as error:
        console.warning("report_not_written", f"no report: {error.what}", remedy=error.remedy)
        return
    console.info("report_written", f"the report: {where}", path=where)
