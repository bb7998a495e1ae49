"""``ldp analyze all`` and its parts: plots and their tables as files of an execution's report."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from job.cli.context import LatestOfSpecOption
from job.cli.report import ForceOption, LocaleOption

DatasetArgument = Annotated[
    str | None, typer.Argument(metavar="DATASET", help="Which dataset; all of the execution if left out.")
]
ExecutionOption = Annotated[
    str | None, typer.Option("--execution-id", metavar="ID", help="Which execution; the latest if left out.")
]
MetricOption = Annotated[str, typer.Option("--metric", "-m", metavar="METRIC", help="Compare by this metric.")]
TechniqueOption = Annotated[
    list[str] | None, typer.Option("--technique", "-t", metavar="TECHNIQUE", help="Only this technique (repeatable).")
]


def _command(plots: tuple[str, ...] | None, help_text: str) -> Callable[..., None]:
    """Return the command that writes some plots, or with None all."""

    def command(
        dataset: DatasetArgument = None,
        execution_id: ExecutionOption = None,
        spec: LatestOfSpecOption = None,
        metric: MetricOption = "balanced_accuracy",
        technique: TechniqueOption = None,
        locale: LocaleOption = "en_US",
        force: ForceOption = False,
    ) -> None:
        _write(plots, dataset, execution_id, spec, metric, technique, locale, force)

    command.__doc__ = help_text
    return command


COMMANDS = {
    "all": _command(
        None,
        "Write every plot and its table.\n\n"
        "Plots as SVG and PNG, tables as CSV and LaTeX, below reports/ of the storage.",
    ),
    "tradeoff": _command(("tradeoff",), "Plot precision against sensitivity, with its table."),
    "stability": _command(
        ("stability",),
        "Plot how values move from seed to seed.\n\nWith its table. How features and scores move from month to month: "
        "`ldp analyze drift DATASET`.",
    ),
    "imbalance": _command(
        ("imbalance",),
        "Plot what techniques add, by default rate.\n\nOver all datasets unless one is named, with its table.",
    ),
    "comparison": _command(
        ("comparison", "cost_sensitive"),
        "Plot all combinations with intervals.\n\nAnd cost-sensitive learning against resampling; with their tables.",
    ),
    "heatmap": _command(("heatmap",), "Plot techniques by models, with the table."),
}


def _write(
    plots: tuple[str, ...] | None,
    dataset: str | None,
    execution_id: str | None,
    spec: str | None,
    metric: str,
    technique: list[str] | None,
    locale: str,
    force: bool,
) -> None:
    from job.analysis.libraries import require_report
    from job.analysis.report.pieces import write_plots
    from job.cli.context import open_context
    from job.executions.status import choose_execution
    from job.planning.spec import spec_name
    from job.training.blocks import ByTime

    require_report()
    context = open_context()
    execution = choose_execution(context.store, execution_id, spec_name(spec) if spec else None, context.console)
    for key in write_plots(
        context.store, execution, context.console, plots=plots, dataset=dataset, metric=metric,
        techniques=technique or (), locale=locale, force=force,
    ):  # fmt: skip
        context.console.info("file_written", context.store.where(key), key=key)
    if plots == ("stability",):
        for name in execution.spec.datasets:
            if dataset in (None, name) and isinstance(execution.spec.split(name), ByTime):
                context.console.info("drift", f"from month to month: `ldp analyze drift {name} {execution.id}`")
