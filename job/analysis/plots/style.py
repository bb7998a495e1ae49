"""How every plot looks: ink and series by name, so that a page colours them; text as text; the same bytes each time.

Series differ by line and marker too, so that they are told apart in grey. The palette is for people who confuse red and
green (Okabe and Ito, "Color universal design", 2008; two darkened for lines on white).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from job.analysis.wording import Wording

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# On white. A page gives each its own colour, by the class that :mod:`job.analysis.plots.svg` writes for it.
PALETTE: Mapping[str, str] = {
    "c1": "#0072b2", "c2": "#d55e00", "c3": "#009e73", "c4": "#cc79a7", "c5": "#946300", "c6": "#5b5bd6",
    "ink": "#1b1f24", "muted": "#59626d", "grid": "#dfe3e8", "paper": "#ffffff",
}  # fmt: skip
INK, MUTED, GRID, PAPER = (PALETTE[name] for name in ("ink", "muted", "grid", "paper"))
SMALL, USUAL, ROW = 7.5, 8.5, 0.25  # points, points, inches

_SETTINGS: Mapping[str, Any] = {
    "font.size": USUAL, "figure.labelsize": USUAL, "axes.titlesize": USUAL, "axes.labelsize": USUAL,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL, "axes.titlelocation": "left", "axes.titlepad": 6.0, "axes.spines.top": False,
    "axes.spines.right": False, "axes.edgecolor": MUTED, "axes.linewidth": 0.6, "axes.labelcolor": MUTED,
    "axes.titlecolor": INK, "text.color": INK, "xtick.color": MUTED, "ytick.color": MUTED, "xtick.major.width": 0.6,
    "ytick.major.width": 0.6, "xtick.major.size": 3.0, "ytick.major.size": 3.0, "grid.color": GRID,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "lines.linewidth": 1.4, "lines.markersize": 5.0,
    "legend.frameon": False, "legend.fontsize": SMALL, "legend.handlelength": 2.6, "figure.facecolor": PAPER,
    "axes.facecolor": "none", "savefig.facecolor": "auto", "svg.fonttype": "none", "svg.hashsalt": "ldp",
    "text.parse_math": False, "path.simplify": False,
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """In which language, and how wide in inches."""

    wording: Wording
    width: float = 7.2


Line: TypeAlias = "Literal['-', '--', '-.', ':'] | tuple[float, tuple[float, ...]]"


@dataclass(frozen=True)
class Look:
    """How a series is drawn."""

    colour: str
    marker: str
    line: Line


_TECHNIQUES: Mapping[str, Look] = {
    "baseline": Look(INK, "o", "-"),
    "random_under_sampling": Look(PALETTE["c1"], "s", "--"),
    "smote": Look(PALETTE["c2"], "^", "-."),
    "smote_tomek": Look(PALETTE["c4"], "v", ":"),
    "cost_sensitive": Look(PALETTE["c3"], "D", (0, (6.0, 1.5, 1.0, 1.5, 1.0, 1.5))),
    "threshold_moving": Look(PALETTE["c5"], "P", (0, (3.0, 1.0, 1.0, 1.0))),
}
_MODELS: Mapping[str, Look] = {
    "logistic_regression": Look(PALETTE["c1"], "o", "-"),
    "random_forest": Look(PALETTE["c3"], "s", "--"),
    "xgboost": Look(PALETTE["c2"], "^", "-."),
    "mlp": Look(PALETTE["c4"], "D", ":"),
    "lightgbm": Look(PALETTE["c6"], "v", (0, (6.0, 1.5, 1.0, 1.5, 1.0, 1.5))),
}
OTHER = Look(MUTED, "X", (0, (1.0, 2.0)))


def look_of_technique(name: str) -> Look:
    """Return how a technique is drawn."""
    return _TECHNIQUES.get(name, OTHER)


def look_of_model(name: str) -> Look:
    """Return how a model is drawn."""
    return _MODELS.get(name, OTHER)


def head(figure: Figure, text: str) -> None:
    """Write above a figure what it is of, for a file that stands by itself."""
    with drawing():
        figure.suptitle(text, x=0.005, ha="left", fontsize=SMALL, color=MUTED)


@contextmanager
def drawing() -> Iterator[None]:
    """Draw and save with the settings of these plots, whatever the user's own are."""
    from matplotlib import style

    with style.context(["default", dict(_SETTINGS)]), warnings.catch_warnings():
        # The PNG's own font lacks it; the SVG has the text.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def grid_of(style: Style, height: float, columns: int = 1, rows: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure so many inches high and its axes, row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(style.width, height), layout="constrained")
    made = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(made.ravel())


def panels(style: Style, count: int, *, height: float, **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, two or three side by side, each so many inches high."""
    columns = 2 if count == 4 else min(count, 3)
    rows = -(-count // columns)
    figure, axes = grid_of(style, 0.9 + height * rows, columns, rows, **options)
    for spare in axes[count:]:
        spare.set_axis_off()
    for one in axes[max(0, count - columns) : count]:
        one.tick_params(labelbottom=True)
    return figure, axes[:count]


def key_above(figure: Figure, entries: Sequence[tuple[str, Look]], *, columns: int = 6, lines: bool = False) -> None:
    """Say above the axes which series is which."""
    figure.legend(
        handles=[_sample(name, look, lines) for name, look in entries], loc="outside upper left",
        ncols=min(columns, len(entries)), handlelength=2.6 if lines else 1.0, columnspacing=1.4, handletextpad=0.6,
        borderaxespad=0.2,
    )  # fmt: skip


def key_beside(axes: Axes, entries: Sequence[tuple[str, Look]]) -> None:
    """Say on the right of an axes which line is which."""
    axes.legend(
        handles=[_sample(name, look, True) for name, look in entries],
        loc="center left",
        bbox_to_anchor=(1.04, 0.5),
        labelspacing=1.0,
    )


def _sample(name: str, look: Look, line: bool) -> Any:
    from matplotlib.lines import Line2D

    if line:
        return Line2D([], [], linestyle=look.line, color=look.colour, label=name)
    return Line2D([], [], linestyle="none", marker=look.marker, color=look.colour, markersize=6, label=name)


def localise(axis: Axis, wording: Wording) -> None:
    """Write an axis's numbers in a language, with as many places as its ticks need."""
    axis.set_major_formatter(lambda value, _: wording.number(value, _places(axis.get_majorticklocs())))


def signed(axis: Axis, wording: Wording) -> None:
    """Write an axis's differences in a language."""
    axis.set_major_formatter(lambda value, _: wording.number(value, _places(axis.get_majorticklocs()), signed=True))


def _places(ticks: Any) -> int:
    return next((digits for digits in range(5) if all(abs(round(t, digits) - t) < 1e-9 for t in ticks)), 5)


def shares(axis: Axis, wording: Wording) -> None:
    """Write the numbers of an axis as percentages."""
    axis.set_major_formatter(lambda value, _: wording.percent(value, 0))


def rows_down(axes: Axes, names: Sequence[str]) -> None:
    """Give an axes one row for each name, the first on top, and nothing but the names on its left."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=USUAL)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
