"""Curves of the best combination of each model: ROC, precision-recall, CAP, lift; and costs by their ratio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from job.analysis.plots import drawn
from job.analysis.plots.data import PlotData
from job.analysis.plots.drawn import Drawn
from job.analysis.plots.style import (
    INK,
    MUTED,
    Look,
    Style,
    grid_of,
    key_above,
    key_beside,
    localise,
    look_of_model,
    shares,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HEIGHT, HIGHEST = 3.6, 2.0
GUIDE: Mapping[str, Any] = {"color": MUTED, "linewidth": 0.8, "linestyle": (0, (1.5, 2.0))}


def draw_roc(data: PlotData, style: Style) -> Figure | None:
    """Draw the ROC curves."""
    return _curves(
        data, style, "roc", "roc_auc", ("False positive rate: others that are refused", "Sensitivity"), "diagonal"
    )


def draw_pr(data: PlotData, style: Style) -> Figure | None:
    """Draw precision over sensitivity as the threshold falls."""
    return _curves(data, style, "pr", "pr_auc", ("Sensitivity", "Precision"), "rate")


def draw_cap(data: PlotData, style: Style) -> Figure | None:
    """Draw the share of defaults over the share of applicants that are refused."""
    return _curves(
        data, style, "cap", "gini", ("Applicants refused, the riskiest first", "Defaults among them"), "diagonal"
    )


def draw_lift(data: PlotData, style: Style) -> Figure | None:
    """Draw how many times the usual default rate those have that are refused."""
    return _curves(
        data,
        style,
        "lift",
        None,
        ("Applicants refused, the riskiest first", "Lift: default rate over that of all"),
        "one",
    )


def _curves(
    data: PlotData, style: Style, which: str, metric: str | None, labels: tuple[str, str], guide: str
) -> Figure | None:
    found = drawn.best_of_models(data)
    if not found:
        return None
    wording = style.wording
    figure, (axes,) = grid_of(style, HEIGHT)
    axes.set_box_aspect(1)
    for one in found:
        trace, look = getattr(one.traces, which), look_of_model(one.row.model)
        axes.plot(trace.x, trace.y, linestyle=look.line, color=look.colour)
    _guide(axes, guide, which, found)
    axes.set_xlim(0, 1)
    shares(axes.xaxis, wording)
    if guide == "one":
        axes.set_ylim(bottom=0)
        localise(axes.yaxis, wording)
    else:
        axes.set_ylim(0, 1.005)
        shares(axes.yaxis, wording)
    axes.set_xlabel(wording.text(labels[0]))
    axes.set_ylabel(wording.text(labels[1]))
    axes.set_anchor("W")
    key_beside(axes, [_entry(one, metric, style) for one in found])
    return figure


def _guide(axes: Axes, guide: str, which: str, found: list[Drawn]) -> None:
    rate = found[0].unit.default_rate or 0.0
    if guide == "diagonal":
        axes.plot([0, 1], [0, 1], **GUIDE)
        if which == "cap":
            axes.plot([0, rate, 1], [0, 1, 1], **GUIDE)
    elif guide == "rate":
        axes.axhline(rate, **GUIDE)
    else:
        axes.axhline(1, **GUIDE)


def _entry(one: Drawn, metric: str | None, style: Style) -> tuple[str, Look]:
    wording = style.wording
    name = wording.combination(one.row.model, one.row.technique)
    value = None if metric is None else one.row.values[metric].get(one.seed)
    told_value = "" if value is None or metric is None else f"\n{wording.name(metric)} {wording.number(value)}"
    return f"{name}{told_value}", look_of_model(one.row.model)


def draw_cost_curves(data: PlotData, style: Style) -> Figure | None:
    """Draw what decisions cost over the ratio of the mistakes' costs: a unit's own, and by its probabilities."""
    found = drawn.cost_curves(data)
    if not found:
        return None
    wording = style.wording
    figure, axes = grid_of(style, 3.3, 2, sharey=True)
    titles = ("Its own decisions", "Decided by its probabilities")
    for one, title, which in zip(axes, titles, ("own", "by_threshold"), strict=True):
        for line in found:
            look = look_of_model(line.row.model)
            one.plot(line.ratios, getattr(line, which), linestyle=look.line, marker=look.marker, color=look.colour,
                     markersize=4)  # fmt: skip
        one.axhline(1, color=INK, linewidth=0.8)
        one.set_xscale("log")
        one.minorticks_off()
        one.set_xticks(found[0].ratios, [wording.number(ratio, 0) for ratio in found[0].ratios])
        one.set_title(wording.text(title))
        one.grid(axis="y")
    axes[0].set_ylim(0, min(HIGHEST, axes[0].get_ylim()[1]))
    shares(axes[0].yaxis, wording)
    axes[0].set_ylabel(wording.text("Cost, as a share of treating all alike"))
    figure.supxlabel(wording.text("Good borrowers refused that cost as much as one defaulter granted"), color=MUTED)
    key_above(
        figure,
        [(wording.combination(one.row.model, one.row.technique), look_of_model(one.row.model)) for one in found],
        columns=3,
        lines=True,
    )
    return figure
