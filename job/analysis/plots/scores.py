"""Scores of the best combination of each model: how they are spread, where KS is, whether they come true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from job.analysis.plots import drawn
from job.analysis.plots.data import PlotData
from job.analysis.plots.drawn import Drawn
from job.analysis.plots.look import BINS, Trace, thinned
from job.analysis.plots.style import (
    INK,
    MUTED,
    PALETTE,
    SMALL,
    Look,
    Style,
    key_above,
    panels,
    shares,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

IN_PANEL = 120  # points of a curve
OTHERS, DEFAULTERS = Look(PALETTE["c1"], "", "-"), Look(PALETTE["c2"], "", (0, (4.0, 1.5)))
PUT_BACK, RAW = OTHERS, DEFAULTERS
DOTTED = (0, (1.5, 2.0))


def draw_ks(data: PlotData, style: Style) -> Figure | None:
    """Draw the cumulative distributions of both classes' scores, with the gap that is KS."""
    found = drawn.best_of_models(data)
    if not found:
        return None
    figure, axes = _panels(found, style)
    for one, unit in zip(axes, found, strict=False):
        for trace, look in ((unit.traces.others, OTHERS), (unit.traces.defaulters, DEFAULTERS)):
            _line(one, trace, look)
        score, others, defaulters = unit.traces.ks
        one.plot([score, score], [defaulters, others], color=INK, linewidth=1.2)
        one.annotate(f"KS {style.wording.number(others - defaulters)}", (0.98, 0.05), xycoords="axes fraction",
                     ha="right", fontsize=SMALL, color=INK)  # fmt: skip
        one.set_ylim(0, 1.02)
        shares(one.yaxis, style.wording)
    _labels(figure, style, "Score", "Share that scores at most that")
    return figure


def draw_scores(data: PlotData, style: Style) -> Figure | None:
    """Draw how the scores of both classes are spread."""
    found = drawn.best_of_models(data)
    if not found:
        return None
    figure, axes = _panels(found, style)
    edges = [i / BINS for i in range(BINS + 1)]
    for one, unit in zip(axes, found, strict=False):
        for counted, look in zip(unit.traces.histogram, (OTHERS, DEFAULTERS), strict=True):
            one.stairs(counted, edges, color=look.colour, linestyle=look.line, linewidth=1.2)
        threshold = unit.unit.threshold
        one.axvline(0.5 if threshold is None else threshold, color=MUTED, linewidth=0.8, linestyle=DOTTED)
        shares(one.yaxis, style.wording)
    axes[0].set_ylim(bottom=0)
    _labels(figure, style, "Score", "Share of the class")
    return figure


def draw_reliability(data: PlotData, style: Style) -> Figure | None:
    """Draw observed default rates over probabilities, isotonic: as models gave them, and put back to the usual rate."""
    found = drawn.best_of_models(data)
    if not found:
        return None
    wording = style.wording
    figure, axes = _panels(found, style)
    for one, unit in zip(axes, found, strict=False):
        raw, put_back = drawn.reliability(unit)
        one.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle=DOTTED)
        for trace, look in ((raw, RAW), (put_back, PUT_BACK)):
            if trace is not None:
                _line(one, trace, look)
        one.set_ylim(0, 1)
        one.set_aspect("equal")
        shares(one.yaxis, wording)
    figure.supxlabel(wording.text("Probability of default"), color=MUTED)
    figure.supylabel(wording.text("Observed default rate"), color=MUTED)
    names = [(wording.text("at the default rate of the training part"), PUT_BACK)]
    key_above(figure, [*names, (wording.text("as the model gave it, after weights or resampling"), RAW)], lines=True)
    return figure


def _panels(found: list[Drawn], style: Style) -> tuple[Figure, list[Axes]]:
    figure, axes = panels(style, len(found), sharex=True, sharey=True, height=2.1)
    for one, unit in zip(axes, found, strict=False):
        one.set_xlim(0, 1)
        one.set_title(f"{style.wording.name(unit.row.model)}\n× {style.wording.name(unit.row.technique)}")
        shares(one.xaxis, style.wording)
    return figure, axes


def _line(axes: Axes, trace: Trace, look: Look) -> None:
    few = thinned(trace.x, trace.y, IN_PANEL)
    axes.plot(few.x, few.y, linestyle=look.line, color=look.colour, linewidth=1.2)


def _labels(figure: Figure, style: Style, x: str, y: str) -> None:
    figure.supxlabel(style.wording.text(x), color=MUTED)
    figure.supylabel(style.wording.text(y), color=MUTED)
    names = [(style.wording.text("others"), OTHERS), (style.wording.text("defaulters"), DEFAULTERS)]
    key_above(figure, names, lines=True)
