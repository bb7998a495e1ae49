"""The combinations that curves are drawn of, what their decisions cost, and what the folds chose."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass
from typing import Any

from job.analysis.plots.data import PlotData
from job.analysis.plots.look import Trace, Traces, UnitLook
from job.analysis.rows import SummaryRow


@dataclass(frozen=True)
class Drawn:
    """The best combination of a model at one seed, with its curves."""

    row: SummaryRow
    seed: int
    unit: UnitLook
    traces: Traces


def best_of_models(data: PlotData) -> list[Drawn]:
    """Return the best ranked combination of each model at the first seed or origin at which all of them have curves.

    Where there is none that all have, each has its own first.
    """
    best: dict[str, SummaryRow] = {}
    for row in data.rows:
        if row.standing.rank is not None and any(_drawn(data, row, seed) for seed in row.seeds):
            best.setdefault(row.model, row)
    with_curves = [{seed for seed in row.seeds if _drawn(data, row, seed)} for row in best.values()]
    common = set.intersection(*with_curves) if with_curves else set()
    chosen = [_drawn(data, row, min(common or own)) for row, own in zip(best.values(), with_curves, strict=True)]
    return [one for one in chosen if one is not None]


def reliability(drawn: Drawn) -> tuple[Trace | None, Trace | None]:
    """Return a unit's reliability as the model gave its probabilities, and at the training part's default rate.

    The first is None where nothing shifted them, the second where nothing tells by how much.
    """
    if drawn.unit.figures["prior_correction"] is None:
        return drawn.traces.reliability, None
    shifted = drawn.traces.corrected
    return (None, drawn.traces.reliability) if shifted is None else (drawn.traces.reliability, shifted)


def _drawn(data: PlotData, row: SummaryRow, seed: int) -> Drawn | None:
    unit = data.unit(row, seed)
    return None if unit is None or unit.traces is None else Drawn(row, seed, unit, unit.traces)


@dataclass(frozen=True)
class CostLine:
    """What a combination's decisions cost, by the ratio of the two mistakes' costs.

    Attributes
    ----------
    ratios : tuple of float
        c_FN/c_FP.
    own, by_threshold : tuple of float
        Cost as a share of that of granting all or refusing all, whichever costs less; the mean over the repetitions.
    """

    row: SummaryRow
    ratios: tuple[float, ...]
    own: tuple[float, ...]
    by_threshold: tuple[float, ...]


def cost_curves(data: PlotData) -> list[CostLine]:
    """Return the costs of the best combination of each model."""
    found = []
    for one in best_of_models(data):
        told = [
            unit.figures["money"]["expected_cost"]
            for seed in one.row.seeds
            if (unit := data.unit(one.row, seed)) is not None and unit.figures["why"] is None
        ]
        ratios = tuple(float(cost["ratio"]) for cost in told[0])
        lines = [
            tuple(statistics.fmean(unit[i][what] / unit[i]["trivial"] for unit in told) for i in range(len(ratios)))
            for what in ("own", "by_threshold")
        ]
        found.append(CostLine(one.row, ratios, *lines))
    return found


@dataclass(frozen=True)
class Choice:
    """What the folds chose most often for one parameter of a combination.

    Attributes
    ----------
    value : str
    times, of : int
        At how many of how many seeds.
    """

    value: str
    times: int
    of: int


def parameters(data: PlotData) -> dict[str, dict[str, dict[str, Choice]]]:
    """Return the choices by model, technique and parameter, without what a model always chose alike."""
    found: dict[str, dict[str, dict[str, Choice]]] = {}
    for row in data.rows:
        chosen = [dict(unit.parameters) for seed in row.seeds if (unit := data.unit(row, seed)) is not None]
        counted: dict[str, Counter[str]] = {}
        for one in chosen:
            for name, value in one.items():
                counted.setdefault(name, Counter())[written(value)] += 1
        choices = {name: Choice(*count.most_common(1)[0], count.total()) for name, count in sorted(counted.items())}
        if choices:
            found.setdefault(row.model, {})[row.technique] = choices
    return {model: _varying(by_technique, data, model) for model, by_technique in found.items()}


def _varying(by_technique: dict[str, dict[str, Choice]], data: PlotData, model: str) -> dict[str, dict[str, Choice]]:
    seen: dict[str, set[str]] = {}
    for unit, told in data.units.items():
        if unit.model == model:
            for name, value in told.parameters.items():
                seen.setdefault(name, set()).add(written(value))
    return {
        technique: {name: one for name, one in choices.items() if len(seen.get(name, ())) > 1}
        for technique, choices in by_technique.items()
    }


def written(value: Any) -> str:
    """Return a parameter's value as a few characters."""
    if isinstance(value, list | tuple):
        return "-".join(written(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else "–" if value is None else str(value)
