"""``ldp analyze``: from results to a comparison."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from job.cli import plots
from job.cli.context import Context, JsonOption, LatestOfSpecOption, open_context, print_json
from job.cli.report import report

if TYPE_CHECKING:
    from job.analysis.summary import Summary
    from job.executions.executions import Execution

app = typer.Typer(help="Comparison: which combination detects defaulters best.", no_args_is_help=True)
app.command()(report)
for name, command in plots.COMMANDS.items():
    app.command(name)(command)

ExecutionArgument = Annotated[
    str | None, typer.Argument(metavar="[ID]", help="Which execution; the latest if left out.")
]
MetricsOption = Annotated[
    str | None, typer.Option(metavar="METRIC,…", help="These metrics (default: the three that decide).")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every metric.")]
BootstrapOption = Annotated[
    int,
    typer.Option(metavar="N", min=0, max=100_000, help="Draw test rows again N times (2000 is usual; default: none)."),
]


@app.callback()
def group() -> None:
    """Comparison: which combination detects defaulters best."""


@app.command()
def summary(
    execution_id: ExecutionArgument = None,
    of: Annotated[str | None, typer.Option("--execution-id", metavar="ID", help="The same as the argument.")] = None,
    spec: LatestOfSpecOption = None,
    sort: Annotated[
        str, typer.Option("--sort", "--metric", metavar="METRIC", help="Sort by this metric.")
    ] = "balanced_accuracy",
    metrics: MetricsOption = None,
    everything: AllOption = False,
    technique: plots.TechniqueOption = None,
    json: JsonOption = False,
) -> None:
    """Compare the combinations of an execution: mean and standard deviation over seeds of every metric."""
    chosen = chosen_metrics(metrics, everything)
    summarise_and_print(open_context(), _either(execution_id, of), spec, sort, json, chosen, techniques=technique or ())


def _either(argument: str | None, option: str | None) -> str | None:
    """Return the execution that is named in one of two ways.

    Raises
    ------
    UsageError
        Where they name two.
    """
    from job.errors import UsageError

    if argument is not None and option is not None and argument != option:
        raise UsageError(
            f"the argument names {argument} and --execution-id {option}", "Name one execution, in one of the two ways."
        )
    return option if argument is None else argument


@app.command()
def differences(
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    metrics: MetricsOption = None,
    everything: AllOption = False,
    baseline: Annotated[bool, typer.Option("--baseline", help="Only each technique against its own baseline.")] = False,
    region: Annotated[
        list[str] | None, typer.Option(metavar="METRIC=WIDTH", help="What is of no interest (repeatable).")
    ] = None,
    bootstrap: BootstrapOption = 0,
    seed: Annotated[
        int | None, typer.Option(metavar="SEED", help="On the test rows of this seed alone: DeLong, McNemar.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say which combinations differ, by how much, and how surely: all pairs of each dataset."""
    from job.analysis.study import all_differences, pairs_on_one_test_set, untested
    from job.analysis.summary import read_regions
    from job.cli.statistics import print_differences, print_pairs

    context, execution = _opened(execution_id, spec)
    if seed is not None:
        _printed(
            [pair.as_json() for pair in pairs_on_one_test_set(context.store, execution, seed, context.console)],
            print_pairs,
            json,
        )
        return
    chosen, regions = chosen_metrics(metrics, everything), read_regions(region or [])
    told = _summarised(context, execution)
    found = all_differences(
        context.store, execution, told, chosen, against_baseline=baseline, regions=regions, bootstrap=bootstrap
    )
    for line in untested(execution, bootstrap):
        context.console.info("untested", line)
    if json:
        print_json([one.as_json() for one in found])
    else:
        print_differences(found)


@app.command()
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="An execution.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Another, on the same data.")],
    metrics: MetricsOption = None,
    everything: AllOption = False,
    json: JsonOption = False,
) -> None:
    """Compare what two executions have in common: each combination of A less that of B, on the same test rows."""
    from job.analysis.study import between
    from job.cli.statistics import print_differences
    from job.executions.executions import load_execution

    context = open_context()
    one, other = (_summarised(context, load_execution(context.store, name)) for name in (first, second))
    found = between(one, other, chosen_metrics(metrics, everything))
    if json:
        print_json([each.as_json() for each in found])
    else:
        print_differences(found)


@app.command()
def selection(
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    sort: Annotated[str, typer.Option(metavar="METRIC", help="Judge by this metric.")] = "balanced_accuracy",
    json: JsonOption = False,
) -> None:
    """Show what the folds would have chosen, and by how much the best test score flatters."""
    from job.analysis.study import selections
    from job.analysis.summary import check_metric
    from job.cli.statistics import print_selections

    context, execution = _opened(execution_id, spec)
    found = selections(context.store, execution, check_metric(sort), console=context.console)
    if json:
        print_json([one.as_json() for one in found])
    else:
        print_selections(found)


@app.command()
def units(
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    bootstrap: BootstrapOption = 0,
    profit: Annotated[
        str | None, typer.Option(metavar="P0,P1,ROI", help="Your costs, for the expected maximum profit.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show of every unit intervals, calibration, ranking and costs, from its predictions."""
    from job.analysis.money import read_profit
    from job.analysis.study import figures
    from job.cli.statistics import print_figures

    model = None if profit is None else read_profit(profit)
    context, execution = _opened(execution_id, spec)
    found = figures(context.store, execution, bootstrap=bootstrap, profit=model, console=context.console)
    _printed(found, print_figures, json)


@app.command()
def drift(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="One that is split by time.")],
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    json: JsonOption = False,
) -> None:
    """Show how features and scores move from month to month."""
    from job.analysis import populations
    from job.cli.statistics import print_stability

    context, execution = _opened(execution_id, spec)
    _printed(populations.stability(context.store, execution, dataset, context.console), print_stability, json)


@app.command()
def fairness(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="Which dataset.")],
    column: Annotated[
        str, typer.Argument(metavar="COLUMN", help="What tells the groups apart: kept for audits, or a feature.")
    ],
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    json: JsonOption = False,
) -> None:
    """Show whether decisions treat groups alike: approval rates and mistakes of both kinds."""
    from job.analysis import populations
    from job.cli.statistics import print_fairness

    context, execution = _opened(execution_id, spec)
    _printed(populations.fairness(context.store, execution, dataset, column, context.console), print_fairness, json)


@app.command()
def export(
    execution_id: ExecutionArgument = None,
    spec: LatestOfSpecOption = None,
    to: Annotated[str, typer.Option(metavar="FORMAT", help="csv, parquet, markdown, latex or mlflow.")] = "parquet",
    metrics: MetricsOption = None,
    everything: AllOption = False,
    curves: Annotated[bool, typer.Option("--curves", help="Also the points of every unit's curves.")] = False,
    tracking: Annotated[str, typer.Option(metavar="URI", help="MLflow's tracking store.")] = "sqlite:///mlflow.db",
) -> None:
    """Write the tables of an execution as files of its report, or its units as runs of MLflow."""
    from job.analysis import load, points
    from job.analysis.export import check_format, exported
    from job.analysis.publishing import publish
    from job.analysis.study import all_differences
    from job.analysis.tracking import export_to_mlflow

    chosen = chosen_metrics(metrics, everything)
    check_format(to)
    if curves:
        points.check_points_format(to)
    context, execution = _opened(execution_id, spec)
    found = _summarised(context, execution)  # which says what is left out
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        frame = load.units(execution.id, store=context.store)
    if to == "mlflow":
        written, stood = export_to_mlflow(frame, tracking)
        context.console.info("exported", f"{written} runs written to {tracking}, {stood} stood there")
        return
    pairs = all_differences(context.store, execution, found, chosen)
    files = exported(found, frame, pairs, to, chosen)
    drawn = points.curve_points(context.store, execution, context.console) if curves else {}
    if drawn:
        files[f"tables/curves.{to}"] = points.written(execution.id, drawn, to)
    elif curves:
        context.console.warning("no_curves", f"{execution.id} has no unit with both classes in its test part")
    for key in publish(context.store, execution.id, files, context.console, force=True):
        context.console.info("table_written", f"wrote {context.store.where(key)}", key=key)


def chosen_metrics(named: str | None, everything: bool) -> tuple[str, ...]:
    """Return the metrics to show: those named, with commas between them, all, or those that decide.

    Raises
    ------
    UsageError
        Where one is unknown.
    """
    from job.analysis.summary import DECISIVE, check_metric
    from job.errors import UsageError
    from job.metrics import METRIC_IDS

    if named is not None and everything:
        raise UsageError("--metrics and --all contradict each other", "Leave one of them out.")
    if named is not None:
        return tuple(dict.fromkeys(check_metric(name.strip()) for name in named.split(",")))
    return METRIC_IDS if everything else DECISIVE


def _summarised(context: Context, execution: Execution, sort: str = "balanced_accuracy") -> Summary:
    """Summarise an execution, and warn of results that are left out."""
    from job.analysis.summary import summarise

    found = summarise(context.store, execution, sort=sort, console=context.console)
    for what in found.damaged:
        context.console.warning("result_damaged", f"{what}: left out; `ldp experiment run` computes it again")
    return found


def _opened(execution_id: str | None, spec: str | None) -> tuple[Context, Execution]:
    from job.executions.status import choose_execution
    from job.planning.spec import spec_name

    context = open_context()
    return context, choose_execution(context.store, execution_id, spec_name(spec) if spec else None, context.console)


def _printed(found: Iterable[dict[str, Any]], show: Any, json: bool) -> None:
    records = list(found)
    if json:
        print_json(records)
    else:
        show(records)


def summarise_and_print(
    context: Context,
    execution_id: str | None,
    spec: str | None = None,
    sort: str = "balanced_accuracy",
    json: bool = False,
    metrics: tuple[str, ...] | None = None,
    techniques: Sequence[str] = (),
) -> None:
    """Summarise an execution, print it, and write its CSV where that may be written: all of it, whatever is shown."""
    from dataclasses import replace

    from job.analysis.publishing import publish
    from job.analysis.summary import DECISIVE, check_techniques, to_csv
    from job.cli.tables import print_summary
    from job.errors import StorageError
    from job.executions.status import choose_execution
    from job.planning.spec import spec_name

    name = spec_name(spec) if spec else None
    execution = choose_execution(context.store, execution_id, name, context.console)
    check_techniques(execution, techniques)
    found = _summarised(context, execution, sort)
    shown = (
        found
        if not techniques
        else replace(found, rows=tuple(row for row in found.rows if row.technique in techniques))
    )
    if json:
        print_json(shown.as_json())
    else:
        print_summary(shown, metrics or DECISIVE)
    absent = [state.dataset for state in found.datasets if not state.present]
    if absent and not json:
        context.console.info("partial", f"no results yet for {', '.join(absent)}")
    try:
        (key,) = publish(
            context.store, execution.id, {"tables/summary.csv": to_csv(found)}, context.console, force=True
        )
    except StorageError as error:  # who may only read has what was asked for: the table
        context.console.warning("table_not_written", f"{error.what}: the table is here only", remedy=error.remedy)
        return
    if not json:
        what = "all combinations" if techniques else "the same"
        context.console.info("table_written", f"{what} as CSV: {context.store.where(key)}", key=key)
