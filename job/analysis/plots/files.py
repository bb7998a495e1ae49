"""Plots and their tables as files, each saying by itself what it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from job.analysis import tables
from job.analysis.plots.data import PlotData
from job.analysis.plots.plot import Plot, heading
from job.analysis.plots.records import RECORDS
from job.analysis.plots.style import Style, head
from job.analysis.plots.svg import standalone_svg, to_png
from job.analysis.wording import Wording

if TYPE_CHECKING:
    from matplotlib.figure import Figure

USUAL_METRIC, USUAL_LOCALE = "balanced_accuracy", "en_US"


def files_of(plot: Plot, data: PlotData, wording: Wording) -> dict[str, bytes]:
    """Return a plot as SVG and PNG and its table as CSV and LaTeX, by name below the report's folder.

    Nothing where there is nothing to show.
    """
    figure = plot.draw(data, Style(wording))
    return {} if figure is None else files_from(figure, plot, data, wording)


def files_from(figure: Figure, plot: Plot, data: PlotData, wording: Wording) -> dict[str, bytes]:
    """Return the files of a plot that is drawn; from then on the figure has its heading."""
    said = heading(plot, data, wording)
    head(figure, said)
    name = stem(plot, data)
    drawn = name if str(wording.locale) == USUAL_LOCALE else f"{name}.{wording.locale}"
    found = {f"plots/{drawn}.svg": standalone_svg(figure).encode(), f"plots/{drawn}.png": to_png(figure)}
    records = RECORDS[plot.id](data) if plot.id in RECORDS else []
    if records:
        states = {state.dataset: state.as_json() for state in data.summary.datasets}
        of_all = {"execution": data.summary.execution}
        found[f"tables/{name}.csv"] = tables.to_csv([of_all | states[one["dataset"]] | one for one in records])
        found[f"tables/{name}.tex"] = (
            f"% {tables.escaped(heading(plot, data, Wording.of(USUAL_LOCALE)))}\n{_latex(records)}".encode()
        )
    return found


def stem(plot: Plot, data: PlotData) -> str:
    """Return the name of a plot's files: what is not as usual stands in it."""
    parts = [plot.id, *([] if data.dataset is None else [data.dataset])]
    if data.metric != USUAL_METRIC:
        parts.append(data.metric)
    return "-".join([*parts, *sorted(data.techniques or ())])


def _latex(records: Sequence[Mapping[str, object]]) -> str:
    """Return records as a LaTeX table, without the columns that are the same all the way down or empty."""
    names = tables.columns_of(records)
    told = [name for name in names if len({str(one.get(name)) for one in records}) > 1] or names
    return tables.to_latex(records, told)
