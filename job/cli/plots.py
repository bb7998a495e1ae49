"""``ldp analyze all`` and its parts: plots and their tables as files of an execution's report."""

from __future__ import annotations

from typing import Annotated

import typer

from job.cli.report import ForceOption, LocaleOption

DatasetArgument = Annotated[
    str | None, typer.Argument(metavar="[DATASET]", help="Which dataset; all of the execution if left out.")
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
    """Write every plot, as SVG and PNG, and its table, as CSV and LaTeX."""
    _write(None, dataset, execution_id, spec, metric, technique, locale, force)


def tradeoff(
    dataset: DatasetArgument = None,
    execution_id: ExecutionOption = None,
    spec: SpecOption = None,
    technique: TechniqueOption = None,
    locale: LocaleOption = "en_US",
    force: ForceOption = False,
) -> None:
    """Write the plot of precision against sensitivity, and its table."""
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
    """Write the plot of how values move from seed to seed, and its table. From month to month: `ldp analyze drift`."""
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
    """Write the plot of what techniques add, by how rare defaults are, and its table; over all datasets."""
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
    """Write the plots of all combinations, and of cost-sensitive learning against resampling, and their tables."""
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
    """Write the heat map of techniques and models, and its table."""
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

    require_report()
    context = open_context()
    execution = choose_execution(context.store, execution_id, spec_name(spec) if spec else None, context.console)
    for key in write_plots(
        context.store, execution, context.console, plots=plots, dataset=dataset, metric=metric,
        techniques=technique or (), locale=locale, force=force,
    ):  # fmt: skip
        context.console.info("file_written", context.store.where(key), key=key)
