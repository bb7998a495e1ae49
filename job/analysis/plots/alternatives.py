"""What each plot says to those who do not see it: its finding in a sentence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from job.analysis.differences import BASELINE
from job.analysis.plots import data as told
from job.analysis.plots import drawn, gains
from job.analysis.plots.data import PlotData
from job.analysis.ranking import LOWER_IS_BETTER
from job.analysis.verdict import combination
from job.analysis.wording import Name, Param, Sentence, Share

NOTHING = Sentence("There is nothing to show.")
UNRANKED = Sentence(
    "Nothing is ranked, for want of defaulters or of a defined value: no combination can be called better."
)


def is_unranked(data: PlotData) -> bool:
    """Tell whether a dataset has results and none of them is ranked."""
    return bool(data.rows) and all(row.standing.rank is None for row in data.rows)


def of_comparison(data: PlotData) -> Sentence:
    """Say which combination is the best, and how many are not distinguishable from it."""
    bars = [bar for bar in told.comparison(data).bars if bar.ranked]
    if not bars:
        return NOTHING
    best, worst = bars[0], bars[-1]
    params: dict[str, Param] = {
        "best": combination(best.row), "value": best.value, "metric": Name(data.metric), "n": len(bars),
        "worst": combination(worst.row), "lowest": worst.value,
    }  # fmt: skip
    if any(bar.tied is not None for bar in bars):
        tied = sum(bar.tied is True for bar in bars) - 1
        apart = sum(bar.tied is False for bar in bars)
        return Sentence(
            "{metric}: {best} is the best with {value}. Not distinguishable from it: {tied}; distinguishable: {apart}.",
            params | {"tied": tied, "apart": apart},
        )
    return Sentence(
        "{metric}: of {n} combinations {best} is the best with {value}, {worst} the last with {lowest}; whether they "
        "differ was not tested.",
        params,
    )


def of_stability(data: PlotData) -> Sentence:
    """Say which combination's values lie closest together, and which farthest apart."""
    spreads = [one for one in told.stability(data) if len(one.values) > 1]
    if not spreads:
        return Sentence("Each combination has one value, so nothing shows how stable it is.")
    ranges = [(max(one.values.values()) - min(one.values.values()), one) for one in spreads]
    least, most = min(ranges, key=lambda one: one[0]), max(ranges, key=lambda one: one[0])
    return Sentence(
        "{metric} moves least with {steady}, by {least} between its lowest and highest value, and most with {moving}, "
        "by {most}.",
        {
            "metric": Name(data.metric), "steady": combination(least[1].row), "least": least[0],
            "moving": combination(most[1].row), "most": most[0],
        },
    )  # fmt: skip


def of_heatmap(data: PlotData) -> Sentence:
    """Say which cell is the best and which the worst."""
    found = told.heatmap(data)
    if found.best is None:
        return NOTHING
    i, j = found.best
    return Sentence(
        "{metric} by model and technique, {models} models by {techniques} techniques: {model} with {technique} is the "
        "best, at {value}.",
        {
            "metric": Name(data.metric), "models": len(found.models), "techniques": len(found.techniques),
            "model": Name(found.models[i]), "technique": Name(found.techniques[j]), "value": float(found.values[i, j]),
        },
    )  # fmt: skip


def of_tradeoff(data: PlotData) -> Sentence:
    """Say where sensitivity and where precision is highest."""
    places = [place for own in told.tradeoff(data).values() for place in own]
    if not places:
        return NOTHING
    keen, sure = max(places, key=lambda one: one.sensitivity), max(places, key=lambda one: one.precision)
    return Sentence(
        "{keen} finds the most defaulters, {found}, with a precision of {hits}; {sure} has the highest precision, "
        "{precision}, and finds {sensitivity}.",
        {
            "keen": combination(keen.row), "found": Share(keen.sensitivity), "hits": Share(keen.precision),
            "sure": combination(sure.row), "precision": Share(sure.precision), "sensitivity": Share(sure.sensitivity),
        },
    )  # fmt: skip


def of_imbalance(data: PlotData) -> Sentence:
    """Say which technique gains most where defaults are rarest."""
    found = gains.imbalance(data)
    if not found:
        return Sentence("No technique can be held against a baseline.")
    rarest = [one for one in found if one.dataset == found[0].dataset]
    best = max(rarest, key=lambda one: one.mean)
    params: dict[str, Param] = {
        "dataset": best.dataset, "rate": Share(best.default_rate), "technique": Name(best.technique),
        "gain": best.mean, "metric": Name(data.metric),
    }  # fmt: skip
    if best.mean <= 0:
        return Sentence(
            "On {dataset}, where defaults are rarest ({rate}), no technique is on average better than the baseline at "
            "{metric}.",
            params,
        )
    return Sentence(
        "On {dataset}, where defaults are rarest ({rate}), {technique} gains most over the baseline: {gain} of "
        "{metric} on average over the models.",
        params,
    )


def of_cost_sensitive(data: PlotData) -> Sentence:
    """Say against how many resampling techniques cost-sensitive learning is ahead, and how many differences show."""
    found = [one for one in gains.cost_sensitive(data) if not one.second.endswith(f"× {BASELINE}")]
    if not found:
        return Sentence("Cost-sensitive learning cannot be held against resampling: one of them is missing.")
    sign = -1 if data.metric in LOWER_IS_BETTER else 1
    return Sentence(
        "Cost-sensitive learning is ahead of resampling in {ahead} of {n} comparisons by the mean of {metric}; {apart} "
        "of the differences are distinguishable.",
        {
            "ahead": sum(sign * (one.difference or 0) > 0 for one in found), "n": len(found),
            "metric": Name(data.metric), "apart": sum(one.distinguishable is True for one in found),
        },
    )  # fmt: skip


def of_roc(data: PlotData) -> Sentence:
    """Say whose ROC curve has the largest area."""
    return _of_best(data, "roc_auc", "Of {n} ROC curves that of {best} has the largest area on average, {value}.")


def of_pr(data: PlotData) -> Sentence:
    """Say whose curve of precision over sensitivity has the largest area."""
    return _of_best(
        data,
        "pr_auc",
        "Of {n} curves of precision over sensitivity that of {best} has the largest area on average, {value}.",
    )


def of_cap(data: PlotData) -> Sentence:
    """Say whose CAP curve has the largest accuracy ratio."""
    return _of_best(
        data,
        "gini",
        "Of {n} CAP curves that of {best} is the highest by its accuracy ratio, the Gini, {value} on average.",
    )


def of_ks(data: PlotData) -> Sentence:
    """Say how far apart the classes' cumulative distributions are."""
    return _of_best(
        data, "ks", "Of {n} combinations {best} holds the scores of defaulters and others farthest apart: KS {value} "
        "on average.",
    )  # fmt: skip


def _of_best(data: PlotData, metric: str, msgid: str) -> Sentence:
    values = [(value, one) for one in drawn.best_of_models(data) if (value := one.row.mean[metric]) is not None]
    if not values:
        return NOTHING
    value, best = max(values, key=lambda pair: pair[0])
    return Sentence(msgid, {"best": combination(best.row), "value": value, "n": len(values)})


def of_lift(data: PlotData) -> Sentence:
    """Say how many of the defaults the riskiest tenth has."""
    captured = [
        (depth["capture"], one)
        for one in drawn.best_of_models(data)
        for depth in one.unit.figures["ranking"]["depths"]
        if depth["share"] == 0.1
    ]
    if not captured:
        return NOTHING
    most, one = max(captured, key=lambda pair: pair[0])
    return Sentence(
        "The riskiest tenth by {best} has {share} of all defaults.",
        {"best": combination(one.row), "share": Share(most)},
    )


def of_reliability(data: PlotData) -> Sentence:
    """Say whose probabilities are nearest to what comes true, of those that are at the usual default rate."""
    off = [
        (found.get("calibration_corrected", found["calibration"])["miscalibration"], one)
        for one in drawn.best_of_models(data)
        if (found := one.unit.figures)["prior_correction"] is not None
    ]
    if not off:
        return Sentence("Nothing tells by how much weights or resampling raised the probabilities.")
    least, one = min(off, key=lambda pair: pair[0])
    return Sentence(
        "At the default rate of the training part the probabilities of {best} come closest to the observed default "
        "rates, with a miscalibration of {value}.",
        {"best": combination(one.row), "value": least},
    )


def of_scores(data: PlotData) -> Sentence:
    """Say what share of each class scores at least a half, for the model whose classes overlap least."""
    pairs = [(one, one.traces.histogram) for one in drawn.best_of_models(data)]
    if not pairs:
        return NOTHING
    one, found = min(pairs, key=lambda pair: float(np.minimum(*pair[1]).sum()))
    half = found.shape[1] // 2
    return Sentence(
        "Scores of defaulters and others overlap least with {best}: {defaulters} of the defaulters and {others} of the "
        "others score a half or more.",
        {
            "best": combination(one.row), "defaulters": Share(float(found[1, half:].sum())),
            "others": Share(float(found[0, half:].sum())),
        },
    )  # fmt: skip


def of_cost_curves(data: PlotData) -> Sentence:
    """Say who costs least where a default costs five times a refused good borrower."""
    lines = [
        (line.by_threshold[line.ratios.index(5.0)], line) for line in drawn.cost_curves(data) if 5.0 in line.ratios
    ]
    if not lines:
        return NOTHING
    least, line = min(lines, key=lambda one: one[0])
    return Sentence(
        "Where granting to a defaulter costs as much as refusing five good borrowers, {best} costs least when decided "
        "by its probabilities: {share} of what the cheaper of granting all and refusing all costs.",
        {"best": combination(line.row), "share": Share(least)},
    )


def of_time(data: PlotData) -> Sentence:
    """Say what the best combination took, and which is the fastest."""
    found = [one for one in told.time(data) if one.row.standing.rank is not None]
    if not found:
        return Sentence("No result tells how long it took.")
    quick = min(found, key=lambda one: one.cpu_seconds)
    return Sentence(
        "{metric}: {best} is the best with {value} and took {seconds} CPU seconds a unit; {quick} is the fastest with "
        "{least} and has {other}.",
        {
            "best": combination(found[0].row), "metric": Name(data.metric), "value": found[0].value,
            "seconds": found[0].cpu_seconds, "quick": combination(quick.row), "least": quick.cpu_seconds,
            "other": quick.value,
        },
    )  # fmt: skip


def of_parameters(data: PlotData) -> Sentence:
    """Say how often the folds chose the same value at every seed."""
    choices = _choices(data)
    if not choices:
        return Sentence("There is no parameter of which the folds chose different values.")
    if all(one.of == 1 for one in choices):
        return Sentence("Every value was chosen once: there is one seed.")
    return Sentence(
        "In {same} of {n} cases the folds chose the same value at every seed.",
        {"same": sum(one.times == one.of for one in choices), "n": len(choices)},
    )


def _choices(data: PlotData) -> Sequence[drawn.Choice]:
    return [
        one
        for by_technique in drawn.parameters(data).values()
        for choices in by_technique.values()
        for one in choices.values()
    ]
