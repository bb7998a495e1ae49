"""Combinations one below the other: means with intervals, values by seed, quality beside effort; and the heat map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from job.analysis.plots import data as told
from job.analysis.plots.cells import cell, ink_on
from job.analysis.plots.data import PlotData
from job.analysis.plots.style import (
    GRID,
    INK,
    MUTED,
    PALETTE,
    PAPER,
    ROW,
    SMALL,
    USUAL,
    Style,
    grid_of,
    localise,
    rows_down,
)
from job.analysis.ranking import LOWER_IS_BETTER
from job.analysis.rows import SummaryRow
from job.analysis.wording import Wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRAME = 0.75  # inches above and below the rows


def draw_comparison(data: PlotData, style: Style) -> Figure | None:
    """Draw every combination's mean with its interval; filled where it is not distinguishable from the best."""
    found = told.comparison(data)
    if not found.bars:
        return None
    wording, rows = style.wording, (*found.bars, *found.references)
    figure, (axes,) = grid_of(style, FRAME + ROW * len(rows))
    rows_down(axes, [_named(bar.row, wording) for bar in rows])
    if found.bars[0].ranked:
        axes.axvline(found.bars[0].value, color=MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    for place, bar in enumerate(found.bars):
        filled = bar.ranked and bar.tied is not False
        colour = MUTED if not filled else PALETTE["c1"] if bar.tied else INK
        if bar.low is not None and bar.high is not None:
            axes.plot([bar.low, bar.high], [place, place], color=colour, linewidth=1.6 if filled else 1.0,
                      solid_capstyle="butt")  # fmt: skip
        axes.plot(
            bar.value, place, "o" if bar.ranked else "x", color=colour, markerfacecolor=colour if filled else PAPER,
            markersize=6,
        )  # fmt: skip
    for place, bar in enumerate(found.references, len(found.bars)):
        axes.plot(bar.value, place, "|", color=INK, markersize=9, markeredgewidth=1.4)
    if found.references:
        axes.axhline(len(found.bars) - 0.5, color=GRID, linewidth=0.8)
    _values_right(axes, [wording.number(bar.value) for bar in rows])
    _measure(axes, data.metric, wording)
    return figure


def draw_stability(data: PlotData, style: Style) -> Figure | None:
    """Draw every combination's value at each seed, and their mean."""
    found = told.stability(data)
    if not found:
        return None
    figure, (axes,) = grid_of(style, FRAME + ROW * len(found))
    rows_down(axes, [_named(one.row, style.wording) for one in found])
    for place, one in enumerate(found):
        values = list(one.values.values())
        axes.plot([min(values), max(values)], [place, place], color=GRID, linewidth=4, solid_capstyle="round")
        axes.plot(values, [place] * len(values), "o", color=PALETTE["c1"], markerfacecolor="none", markersize=4.5,
                  markeredgewidth=0.9)  # fmt: skip
        axes.plot(one.mean, place, "|", color=INK, markersize=10, markeredgewidth=1.6)
    _values_right(axes, [_spread(one.row.std[data.metric], style.wording) for one in found])
    _measure(axes, data.metric, style.wording)
    return figure


def _spread(std: float | None, wording: Wording) -> str:
    return "" if std is None else f"± {wording.number(std)}"


def draw_time(data: PlotData, style: Style) -> Figure | None:
    """Draw the quality of every combination and beside it the CPU seconds that a unit took."""
    found = told.time(data)
    if not found:
        return None
    wording = style.wording
    figure, (left, right) = grid_of(style, FRAME + ROW * len(found), 2, sharey=True, width_ratios=(3, 2))
    rows_down(left, [_named(one.row, wording) for one in found])
    rows_down(right, [""] * len(found))
    left.set_yticks(range(len(found)), [_named(one.row, wording) for one in found])
    right.tick_params(axis="y", labelleft=False)
    for place, one in enumerate(found):
        left.plot(one.value, place, "o", color=PALETTE["c1"])
        right.plot([0, one.cpu_seconds], [place, place], color=PALETTE["c2"], linewidth=1.2)
        right.plot(one.cpu_seconds, place, "s", color=PALETTE["c2"], markersize=4)
    right.set_xscale("log")
    least = min(one.cpu_seconds for one in found)
    right.set_xlim(max(least, 1e-3) / 2, max(2e-3, *(one.cpu_seconds for one in found)) * 2)
    right.minorticks_off()
    right.xaxis.set_major_formatter(lambda value, _: _seconds(value, wording))
    _values_right(right, [_seconds(one.cpu_seconds, wording) for one in found])
    _measure(left, data.metric, wording)
    right.set_xlabel(wording.text("CPU seconds of a unit"))
    return figure


def _seconds(value: float, wording: Wording) -> str:
    return wording.number(value, 0 if value >= 10 or value in (1, 2, 5) else 1 if value >= 1 else 2)


def draw_heatmap(data: PlotData, style: Style) -> Figure | None:
    """Draw the means by model and technique, dark where they are better, with the numbers in the cells."""
    import numpy as np

    found = told.heatmap(data)
    if not np.isfinite(found.values).any():
        return None

    wording = style.wording
    figure, (axes,) = grid_of(style, 0.85 + 0.42 * len(found.models))
    low, high = float(np.nanmin(found.values)), float(np.nanmax(found.values))
    span = high - low or 1.0
    for i in range(len(found.models)):
        for j in range(len(found.techniques)):
            value = float(found.values[i, j])
            if np.isnan(value):
                axes.text(j, i, "–", ha="center", va="center", color=MUTED)
                continue
            place = (value - low) / span
            depth = 1 - place if data.metric in LOWER_IS_BETTER else place
            axes.add_patch(cell(j, i, depth))
            best = (i, j) == found.best
            axes.text(
                j, i, wording.number(value) + (" ●" if best else ""), ha="center", va="center",
                color=ink_on(depth), weight="bold" if best else "normal",
            )  # fmt: skip
    axes.set_xlim(-0.5, len(found.techniques) - 0.5)
    axes.set_ylim(len(found.models) - 0.5, -0.5)
    axes.set_xticks(range(len(found.techniques)), [wording.name(one).replace(" ", "\n", 1) for one in found.techniques])
    axes.set_yticks(range(len(found.models)), [wording.name(one) for one in found.models])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=INK, labelsize=USUAL)
    axes.spines[:].set_visible(False)
    return figure


def _named(row: SummaryRow, wording: Wording) -> str:
    return wording.combination(row.model, row.technique)


def _measure(axes: Axes, metric: str, wording: Wording) -> None:
    localise(axes.xaxis, wording)
    better = wording.text("lower is better") if metric in LOWER_IS_BETTER else wording.text("higher is better")
    axes.set_xlabel(f"{wording.name(metric)} ({better})")


def _values_right(axes: Axes, values: list[str]) -> None:
    """Write a value at the right edge of each row."""
    for place, value in enumerate(values):
        axes.annotate(
            value, (1, place), (4, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontsize=SMALL, color=MUTED, annotation_clip=False,
        )  # fmt: skip
