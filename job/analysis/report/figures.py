"""The plots of a report: as parts of the page, with their names for those who do not see them, and as files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape

from job.analysis.plots import PLOTS, Plot
from job.analysis.plots.files import files_from
from job.analysis.plots.style import Style
from job.analysis.plots.svg import to_svg
from job.analysis.report.blocks import Figure
from job.analysis.report.content import Content
from job.analysis.summary import DatasetState
from job.analysis.wording import Wording
from job.terminal import harmless

_OPENING = re.compile(r"<svg\b[^>]*>")


@dataclass(frozen=True)
class Drawn:
    """A plot for the page, and its files by name below the report's folder where they were asked for."""

    figure: Figure
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Plots:
    """The plots of an execution, by what they show and of which dataset; None for those of all."""

    drawn: Mapping[tuple[str, str | None], Drawn] = field(default_factory=dict)

    def of(self, name: str, state: DatasetState | None) -> list[Figure]:
        """Return a plot as a block; nothing where there was nothing to draw."""
        found = self.drawn.get((name, None if state is None else state.dataset))
        return [] if found is None else [found.figure]

    def files(self) -> dict[str, bytes]:
        """Return the files of every plot, by name below the report's folder."""
        return {name: data for one in self.drawn.values() for name, data in one.files.items()}


def draw(content: Content, wording: Wording, *, files: bool = True) -> Plots:
    """Draw every plot of every dataset that has results.

    Parameters
    ----------
    files : bool
        Whether they are made as files too, which takes twice as long.
    """
    drawn: dict[tuple[str, str | None], Drawn] = {}
    for plot in PLOTS:
        for i, state in [(0, None)] if plot.across else list(enumerate(content.states, start=1)):
            found = _drawn(plot, content, wording, i, state, files)
            if found is not None:
                drawn[plot.id, None if state is None else state.dataset] = found
    return Plots(drawn)


def _drawn(
    plot: Plot, content: Content, wording: Wording, place: int, state: DatasetState | None, files: bool
) -> Drawn | None:
    data = content.plotted(None if state is None else state.dataset)
    figure = plot.draw(data, Style(wording))
    if figure is None:
        return None
    name, alt = f"plot-{plot.id}-{place}", plot.alt(data, wording)
    title, of = wording.text(plot.title_msgid), "" if state is None else state.dataset
    if content.synthetic if state is None else state.synthetic:
        of = " · ".join(part for part in (of, wording.text("synthetic")) if part)
    svg = named(to_svg(figure, name), name, f"{title} · {of}" if of else title, alt)
    block = Figure(name, title, of, wording.text(plot.caption_msgid), svg)
    return Drawn(block, files_from(figure, plot, data, wording) if files else {})


def named(svg: str, name: str, title: str, alt: str) -> str:
    """Return an ``svg`` element with the names by which screen readers know it.

    Raises
    ------
    ValueError
        Where it does not begin with one.
    """
    opening = _OPENING.match(svg)
    if opening is None:
        raise ValueError("a plot is no svg element")
    attributes = f' role="img" aria-labelledby="{name}-title {name}-alt"'
    title, alt = escape(harmless(title)), escape(harmless(alt))
    told = f'<title id="{name}-title">{title}</title><desc id="{name}-alt">{alt}</desc>'
    return f"{opening.group()[:-1]}{attributes}>{told}{svg[opening.end() :]}"
