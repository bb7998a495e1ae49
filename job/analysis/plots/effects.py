"""What techniques do: precision against sensitivity, gain against imbalance, cost-sensitive against resampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

from job.analysis.differences import BASELINE
from job.analysis.plots import data as told
from job.analysis.plots import gains
from job.analysis.plots.data import PlotData
from job.analysis.plots.style import (
    GRID,
    INK,
    MUTED,
    PAPER,
    ROW,
    SMALL,
    Style,
    grid_of,
    key_above,
    look_of_technique,
    panels,
    rows_down,
    shares,
    signed,
)
from job.analysis.wording import Name
from job.training.techniques import TECHNIQUES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ISO = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


def draw_tradeoff(data: PlotData, style: Style) -> Figure | None:
    """Draw precision over sensitivity, a panel for each model, with lines of equal F1."""
    found = told.tradeoff(data)
    if not found:
        return None
    every = [place for own in found.values() for place in own]
    figure, axes = panels(style, len(found), sharex=True, sharey=True, height=2.2)
    limits = [_around([getattr(one, what) for one in every]) for what in ("sensitivity", "precision")]
    for one, (model, places) in zip(axes, found.items(), strict=False):
        one.set_xlim(*limits[0])
        one.set_ylim(*limits[1])
        _iso(one, limits, style)
        one.plot([p.sensitivity for p in every], [p.precision for p in every], ".", color=GRID, markersize=5)
        for place in places:
            look = look_of_technique(place.row.technique)
            one.plot(place.sensitivity, place.precision, look.marker, color=look.colour, markersize=6.5,
                     markerfacecolor="none", markeredgewidth=1.3)  # fmt: skip
        one.set_title(style.wording.name(model))
        shares(one.xaxis, style.wording)
        shares(one.yaxis, style.wording)
    figure.supxlabel(style.wording.text("Sensitivity"), color=MUTED)
    figure.supylabel(style.wording.text("Precision"), color=MUTED)
    there = {place.row.technique for place in every}
    key_above(figure, [(style.wording.name(one), look_of_technique(one)) for one in TECHNIQUES if one in there])
    return figure


def _around(values: list[float]) -> tuple[float, float]:
    pad = max(0.04, 0.12 * (max(values) - min(values)))
    return max(0.0, min(values) - pad), min(1.0, max(values) + pad)


def _iso(axes: Axes, limits: list[tuple[float, float]], style: Style) -> None:
    """Draw the lines of equal F1 that cross the panel, each with its F1 where it leaves."""
    import numpy as np

    (left, right), (low, high) = limits
    for f1 in ISO:
        # Sensitivity and precision can be exchanged: points by both are close together where the line is steep too.
        x = np.r_[np.linspace(left, right, 25), told.f1_line(f1, np.linspace(low, high, 25))]
        x = np.sort(x[(x >= left) & (x <= right)])
        y = told.f1_line(f1, x)
        inside = (y >= low) & (y <= high)
        if inside.sum() < 2:
            continue
        axes.plot(x[inside], y[inside], color=GRID, linewidth=0.8)
        last = int(np.flatnonzero(inside)[-1])
        if x[last] < left + 0.15 * (right - left):
            continue  # no room for its label
        axes.annotate(
            f"F1 {style.wording.number(f1, 1)}", (x[last], y[last]), (-2, 2), textcoords="offset points", ha="right",
            va="bottom", fontsize=6, color=MUTED,
        )  # fmt: skip


def draw_imbalance(data: PlotData, style: Style) -> Figure | None:
    """Draw every technique's gain over the baseline, dataset by dataset, the rarest defaults first."""
    found = gains.imbalance(data)
    if not found:
        return None
    wording = style.wording
    rates = {one.dataset: one.default_rate for one in found}
    names = [one for one in TECHNIQUES if one != BASELINE and any(gain.technique == one for gain in found)]
    figure, (axes,) = grid_of(style, 3.4)
    axes.axhline(0, color=INK, linewidth=0.8)
    for k, technique in enumerate(names):
        look, own = look_of_technique(technique), [one for one in found if one.technique == technique]
        aside = 0.11 * (k - (len(names) - 1) / 2)
        x = [list(rates).index(one.dataset) + aside for one in own]
        for place, one in zip(x, own, strict=True):
            axes.plot([place] * len(one.by_model), list(one.by_model.values()), look.marker, color=look.colour,
                      markerfacecolor="none", markersize=4, markeredgewidth=0.7, alpha=0.6)  # fmt: skip
        axes.plot(x, [one.mean for one in own], linestyle=look.line, color=look.colour, linewidth=0.9)
        axes.plot(x, [one.mean for one in own], look.marker, color=look.colour, markersize=7, label="_")
    axes.set_xlim(-0.5, len(rates) - 0.5)
    axes.set_xticks(range(len(rates)), [f"{one}\n{wording.percent(rate)}" for one, rate in rates.items()])
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.grid(axis="y")
    signed(axes.yaxis, wording)
    axes.set_title(wording.text("{metric}: gain over the baseline", metric=Name(data.metric)))
    axes.set_xlabel(wording.text("Default rate of the test parts"))
    key_above(figure, [(wording.name(one), look_of_technique(one)) for one in names])
    return figure


def draw_cost_sensitive(data: PlotData, style: Style) -> Figure | None:
    """Draw cost-sensitive learning less the baseline and each resampling, with 95% intervals."""
    found = gains.cost_sensitive(data)
    if not found:
        return None
    wording = style.wording
    figure, (axes,) = grid_of(style, 0.85 + ROW * len(found))
    names = []
    for place, one in enumerate(found):
        model, _, technique = one.second.rpartition(" × ")
        names.append(wording.text("{model}: against {technique}", model=Name(model), technique=Name(technique)))
        look = look_of_technique(technique)
        difference = one.difference or 0.0
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [place, place], color=look.colour, linewidth=1.4, solid_capstyle="butt")
        axes.plot(difference, place, look.marker, color=look.colour, markersize=6.5,
                  markerfacecolor=look.colour if one.distinguishable else PAPER)  # fmt: skip
        axes.annotate(
            wording.number(difference, signed=True), (1, place), (4, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", fontsize=SMALL, color=MUTED, annotation_clip=False,
        )  # fmt: skip
    rows_down(axes, names)
    axes.axvline(0, color=INK, linewidth=0.8)
    left, right = axes.get_xlim()
    axes.set_xlim(min(left, -0.05 * (right - left)), max(right, 0.05 * (right - left)))
    signed(axes.xaxis, wording)
    axes.set_xlabel(wording.text("{metric}: cost-sensitive less the other", metric=Name(data.metric)))
    return figure
