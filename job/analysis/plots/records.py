"""What plots show as tables: one record a row, with the names and numbers as programs read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from job.analysis.plots import data as told
from job.analysis.plots import drawn, gains
from job.analysis.plots.data import PlotData
from job.analysis.rows import SummaryRow

Record = dict[str, Any]


def of_comparison(data: PlotData) -> list[Record]:
    """Return every combination's mean with its interval, and what that is of."""
    found = told.comparison(data)
    return [
        _names(bar.row)
        | {
            "metric": data.metric, "mean": bar.value, "low": bar.low, "high": bar.high,
            "interval_of": None if bar.low is None else found.of, "rank": bar.row.standing.rank,
            "not_distinguishable_from_best": bar.tied, "unranked": bar.row.standing.unranked,
        }
        for bar in (*found.bars, *found.references)
    ]  # fmt: skip


def of_stability(data: PlotData) -> list[Record]:
    """Return every combination's value at each seed or origin."""
    return [
        _names(one.row)
        | {"metric": data.metric, "mean": one.mean, "std": one.row.std[data.metric]}
        | {f"{data.state.repetition}_{seed}": value for seed, value in sorted(one.values.items())}
        for one in told.stability(data)
    ]


def of_tradeoff(data: PlotData) -> list[Record]:
    """Return every combination's sensitivity, precision and F1."""
    return [
        _names(one.row) | {"sensitivity": one.sensitivity, "precision": one.precision, "f1": one.row.mean["f1"]}
        for places in told.tradeoff(data).values()
        for one in places
    ]


def of_heatmap(data: PlotData) -> list[Record]:
    """Return a row for each model and a column for each technique."""
    found = told.heatmap(data)
    return [
        {"dataset": data.dataset, "metric": data.metric, "model": model}
        | {
            name: None if math.isnan(value) else float(value)
            for name, value in zip(found.techniques, values, strict=True)
        }
        for model, values in zip(found.models, found.values, strict=True)
    ]


def of_imbalance(data: PlotData) -> list[Record]:
    """Return every technique's gain over the baseline, for each model and on average."""
    return [
        {
            "dataset": one.dataset, "default_rate": one.default_rate, "technique": one.technique,
            "metric": data.metric, "mean_gain": one.mean,
        }
        | {f"gain_{model}": value for model, value in sorted(one.by_model.items())}
        for one in gains.imbalance(data)
    ]  # fmt: skip


def of_cost_sensitive(data: PlotData) -> list[Record]:
    """Return cost-sensitive learning less each other technique of its model."""
    return [one.as_json() for one in gains.cost_sensitive(data)]


def of_cost_curves(data: PlotData) -> list[Record]:
    """Return what decisions cost, one record for each combination and ratio."""
    return [
        _names(line.row) | {"ratio": ratio, "own_decisions": own, "by_probability": by_threshold}
        for line in drawn.cost_curves(data)
        for ratio, own, by_threshold in zip(line.ratios, line.own, line.by_threshold, strict=True)
    ]


def of_time(data: PlotData) -> list[Record]:
    """Return quality and CPU seconds of every combination."""
    return [_names(one.row) | {data.metric: one.value, "cpu_seconds": one.cpu_seconds} for one in told.time(data)]


def of_parameters(data: PlotData) -> list[Record]:
    """Return what was chosen, one record for each combination and parameter."""
    return [
        {
            "dataset": data.dataset, "model": model, "technique": technique, "parameter": name, "value": one.value,
            "times": one.times, "of": one.of,
        }
        for model, by_technique in drawn.parameters(data).items()
        for technique, choices in by_technique.items()
        for name, one in choices.items()
    ]  # fmt: skip


def _names(row: SummaryRow) -> Record:
    return {"dataset": row.dataset, "model": row.model, "technique": row.technique}


RECORDS: Mapping[str, Callable[[PlotData], list[Record]]] = {
    "comparison": of_comparison,
    "stability": of_stability,
    "tradeoff": of_tradeoff,
    "heatmap": of_heatmap,
    "imbalance": of_imbalance,
    "cost_sensitive": of_cost_sensitive,
    "cost_curves": of_cost_curves,
    "time": of_time,
    "parameters": of_parameters,
}
"""By the plot's id; curves have no table: `ldp analyze export --to csv` has the units."""
