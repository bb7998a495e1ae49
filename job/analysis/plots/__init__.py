"""Plots of an execution: what each shows, how it is drawn, and what it says to those who do not see it."""

from __future__ import annotations

from job.analysis.plots.data import PlotData
from job.analysis.plots.look import UnitLook, look
from job.analysis.plots.plot import PLOTS, Plot, heading
from job.analysis.plots.style import Style, head
from job.analysis.plots.svg import standalone_svg, to_png, to_svg

__all__ = [
    "PLOTS",
    "Plot",
    "PlotData",
    "Style",
    "UnitLook",
    "head",
    "heading",
    "look",
    "standalone_svg",
    "to_png",
    "to_svg",
]
