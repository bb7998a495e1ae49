"""``ldp analyze all`` and its parts: plots and their tables as files of an execution's report."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.report import ForceOption, LocaleOption

DatasetArgument = Annotated[
    str | None, typer.Argument(metavar="DATASET", help="Which dataset; all of the execution if left out.")
]
ExecutionOption = Annotated[
    str | None, typer.Option("--execution-id", metavar="ID", help="Which execution; the latest if left out.")
]
SpecOption = Annotated[str | None, typer.Option("--spec", metavar="NAME|FILE", help="The latest of this spec.")]
MetricOption = Annotated[str, typer.Option("--metric", "-m", metavar="METRIC", help="Compare by this metric.")]
TechniqueOption = Annotated[
    list[str] | None, typer.Option("--technique", "-t", metavar="TECHNIQUE", help="Only this technique (repeatable).")
]
USUAL = "balanced_accuracy"


def everything(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    metric: MetricOption = USUAL,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Write every plot and its table.

    Plots as SVG and PNG, tables as CSV and LaTeX, below reports/ of the storage.
    """
    _write(None, dataset, execution_id, spec, metric, technique, locale, force)


def tradeoff(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Plot precision against sensitivity, with its table."""
    _write(("tradeoff",), dataset, execution_id, spec, USUAL, technique, locale, force)


def stability(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    metric: MetricOption = USUAL,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Plot how values move from seed to seed.

    With its table. How features and scores move from month to month: `ldp analyze drift DATASET`.
    """
    _write(("stability",), dataset, execution_id, spec, metric, technique, locale, force)


def imbalance(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    metric: MetricOption = USUAL,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Plot what techniques add, by default rate.

    Over all datasets unless one is named, with its table.
    """
    _write(("imbalance",), dataset, execution_id, spec, metric, technique, locale, force)


def comparison(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    metric: MetricOption = USUAL,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Plot all combinations with intervals.

    And cost-sensitive learning against resampling; with their tables.
    """
    _write(("comparison", "cost_sensitive"), dataset, execution_id, spec, metric, technique, locale, force)


def heatmap(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    metric: MetricOption = USUAL,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Plot techniques by models, with the table."""
    _write(("heatmap",), dataset, execution_id, spec, metric, technique, locale, force)


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
