"""What the folds chose: for each parameter the value chosen most often, and at how many of the seeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from job.analysis.plots import drawn
from job.analysis.plots.cells import cell, ink_on
from job.analysis.plots.data import PlotData
from job.analysis.plots.style import INK, MUTED, ROW, SMALL, USUAL, Style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Rows: TypeAlias = "dict[str, dict[str, drawn.Choice]]"

HEAD, DEEPEST = 0.62, 0.8  # inches above each block: the model, the parameters


def draw_parameters(data: PlotData, style: Style) -> Figure | None:
    """Draw the choices, a block for each model: darker where more seeds agree."""
    found = {model: rows for model, rows in drawn.parameters(data).items() if any(rows.values())}
    if not found:
        return None
    from matplotlib.figure import Figure

    columns = max(4, *(len(_names(rows)) for rows in found.values()))
    heights = [HEAD + ROW * len(rows) for rows in found.values()]
    figure = Figure(figsize=(style.width, sum(heights)), layout="constrained")
    blocks = figure.subplots(len(found), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (model, rows) in zip(blocks, found.items(), strict=True):
        _block(axes, model, rows, columns, style)
    return figure


def _block(axes: Axes, model: str, rows: Rows, columns: int, style: Style) -> None:
    names = _names(rows)
    for i, choices in enumerate(rows.values()):
        for j, name in enumerate(names):
            one = choices.get(name)
            if one is None:
                axes.text(j, i, "–", ha="center", va="center", color=MUTED, fontsize=SMALL)
                continue
            depth = DEEPEST * one.times / one.of if one.of > 1 else 0.0
            axes.add_patch(cell(j, i, depth))
            count = f" · {one.times}/{one.of}" if one.of > 1 else ""
            axes.text(j, i, f"{one.value}{count}", ha="center", va="center", fontsize=SMALL,
                      color=ink_on(depth))  # fmt: skip
    axes.set_title(style.wording.name(model), pad=4)
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks(range(len(names)), [_broken(name) for name in names])
    axes.set_yticks(range(len(rows)), [style.wording.name(one) for one in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=MUTED, labelsize=SMALL)
    axes.tick_params(axis="y", labelcolor=INK, labelsize=USUAL)
    axes.spines[:].set_visible(False)


def _names(rows: Rows) -> list[str]:
    return sorted({name for choices in rows.values() for name in choices})


def _broken(name: str) -> str:
    """Return a parameter's name in two lines where it is long."""
    head, joint, tail = name.rpartition("_")
    return f"{head}{joint}\n{tail}" if len(name) > 13 and head else name
