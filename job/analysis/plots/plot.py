"""The plots of a report, in its order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING

from job.analysis.plots import alternatives, choices, effects, lines, rankings, scores
from job.analysis.plots.data import PlotData
from job.analysis.plots.style import Style, drawing
from job.analysis.wording import Sentence, Wording

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Plot:
    """A plot.

    Attributes
    ----------
    id : str
        The stem of its files.
    title_msgid, caption_msgid : str
        What it is, and how to read it.
    draw : callable
        Returns a Figure, or None where there is nothing to show.
    alt : callable
        Returns the finding in a sentence, as plain text.
    across : bool
        Whether it goes over all datasets.
    """

    id: str
    title_msgid: str
    caption_msgid: str
    draw: Callable[[PlotData, Style], Figure | None]
    alt: Callable[[PlotData, Wording], str]
    across: bool = False


def _plot(
    id_: str,
    title: str,
    caption: str,
    draw: Callable[[PlotData, Style], Figure | None],
    finding: Callable[[PlotData], Sentence],
    *,
    across: bool = False,
    of_ranks: bool = True,
) -> Plot:
    @wraps(draw)
    def drawn(data: PlotData, style: Style) -> Figure | None:
        with drawing():
            return draw(data, style)

    def told(data: PlotData, wording: Wording) -> str:
        unranked = of_ranks and not across and alternatives.is_unranked(data)
        return wording.say(alternatives.UNRANKED if unranked else finding(data))

    return Plot(id_, title, caption, drawn, told, across)


def heading(plot: Plot, data: PlotData, wording: Wording) -> str:
    """Return what a plot that stands by itself says of its data: a picture is passed on without its page."""
    states = [one for one in data.summary.datasets if one.present and data.dataset in (None, one.dataset)]
    said = [wording.text(plot.title_msgid), *([] if data.dataset is None else [data.dataset]), data.summary.execution]
    if any(state.synthetic for state in states):
        said.append(wording.text("SYNTHETIC DATA"))
    if any(state.partial for state in states):
        present, total = sum(state.present for state in states), sum(state.total for state in states)
        said.append(wording.text("PARTIAL: {present} of {total} units", present=present, total=total))
    return " · ".join(said)


_BEST = "Each model with its best technique, all on the test part of the first seed that they have in common."
_RATE = " The dotted line is the default rate."
_PERFECT = " The dotted lines are drawing lots and knowing all."
_GAP = " The upright stroke is the largest gap between the two, which is KS."
_DECIDED = " The dotted line is the threshold of the decision."

PLOTS: tuple[Plot, ...] = (
    _plot(
        "comparison",
        "Comparison",
        "Means over the repetitions, the best on top, with 95% intervals. Filled in blue: not distinguishable from "
        "the best. Over seeds the intervals allow for splits that overlap; with one test part they are those of "
        "drawing it again, and other training rows are not in them. Black: not tested; a cross: not ranked. Below the "
        "line: what the combinations are held against.",
        rankings.draw_comparison,
        alternatives.of_comparison,
    ),
    _plot(
        "stability",
        "Stability over seeds",
        "Each circle is one seed, or by time one origin; the upright stroke is the mean, the figure the standard "
        "deviation of single ones.",
        rankings.draw_stability,
        alternatives.of_stability,
        of_ranks=False,
    ),
    _plot(
        "tradeoff",
        "Precision against sensitivity",
        "Sensitivity is the share of the defaulters that are refused, precision the share of the refused that are "
        "defaulters. A panel for each model, the other models in grey. Along a grey line F1 is the same; up and to the "
        "right is better.",
        effects.draw_tradeoff,
        alternatives.of_tradeoff,
    ),
    _plot(
        "heatmap",
        "Technique and model",
        "Means over the repetitions; darker is better, the dot marks the best.",
        rankings.draw_heatmap,
        alternatives.of_heatmap,
    ),
    _plot(
        "imbalance",
        "Effect against imbalance",
        "What each technique adds to the baseline of the same model; above 0 it helps. Large: the mean over the "
        "models; small: each model. The datasets with the rarest defaults stand first; those where nothing is "
        "ranked, for want of defaulters, are left out.",
        effects.draw_imbalance,
        alternatives.of_imbalance,
        across=True,
    ),
    _plot(
        "cost_sensitive",
        "Cost-sensitive learning against resampling",
        "Cost-sensitive learning less the other technique of the same model, with the 95% interval of each pair "
        "alone. Filled: distinguishable after adjusting for all pairs of the dataset.",
        effects.draw_cost_sensitive,
        alternatives.of_cost_sensitive,
    ),
    _plot("roc", "ROC curves", _BEST, lines.draw_roc, alternatives.of_roc),
    _plot("pr", "Precision and recall", _BEST + _RATE, lines.draw_pr, alternatives.of_pr),
    _plot("cap", "CAP curves", _BEST + _PERFECT, lines.draw_cap, alternatives.of_cap),
    _plot("ks", "KS", _BEST + _GAP, scores.draw_ks, alternatives.of_ks),
    _plot("lift", "Lift", _BEST, lines.draw_lift, alternatives.of_lift),
    _plot(
        "reliability",
        "Reliability",
        "Observed default rates by isotonic regression; on the diagonal probabilities come true. " + _BEST,
        scores.draw_reliability,
        alternatives.of_reliability,
    ),
    _plot("scores", "Score distributions", _BEST + _DECIDED, scores.draw_scores, alternatives.of_scores),
    _plot(
        "cost_curves",
        "Cost curves",
        "What decisions cost by how much dearer it is to grant to a defaulter than to refuse a good borrower, as a "
        "share of the cheaper of granting all and refusing all: below 100% the model pays, above 200% it is cut off. "
        "Means over the repetitions.",
        lines.draw_cost_curves,
        alternatives.of_cost_curves,
    ),
    _plot(
        "time",
        "Time beside quality",
        "CPU seconds of a unit with its search, on average over the repetitions, on a logarithmic axis; fits that "
        "units share count in part for each.",
        rankings.draw_time,
        alternatives.of_time,
    ),
    _plot(
        "parameters",
        "Chosen parameters",
        "The value that the folds chose most often, and at how many of the seeds; darker where more agree. Parameters "
        "that were always chosen alike are left out.",
        choices.draw_parameters,
        alternatives.of_parameters,
        of_ranks=False,
    ),
)
