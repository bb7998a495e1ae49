"""What each plot shows, in numbers: from the summary and the looks at single units, and nothing computed twice."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from job.analysis.plots.look import UnitLook
from job.analysis.resampled import LEAST_REPETITIONS, corrected_t
from job.analysis.rows import SummaryRow
from job.analysis.summary import DatasetState, Summary, ranked
from job.metrics import Array
from job.training.techniques import TECHNIQUES
from job.training.unit import Unit


@dataclass(frozen=True)
class PlotData:
    """What all plots of a dataset, or of the whole execution, are made from.

    Attributes
    ----------
    summary : Summary
    dataset : str or None
        None for what goes over all datasets.
    metric : str
        What combinations are compared by.
    units : dict of Unit to UnitLook
        Of that dataset, or of all.
    techniques : set of str or None
        Those that are shown; None for all. What is not shown still counts where pairs are adjusted for one another.
    """

    summary: Summary
    dataset: str | None
    metric: str
    units: Mapping[Unit, UnitLook]
    techniques: frozenset[str] | None = None

    @property
    def state(self) -> DatasetState:
        """What has to be said of the dataset."""
        return next(one for one in self.summary.datasets if one.dataset == self.dataset)

    @property
    def rows(self) -> list[SummaryRow]:
        """The combinations of the dataset that have a result and are shown, the best by the metric first."""
        return [row for row in self.every if self.shows(row.technique)]

    def shows(self, technique: str) -> bool:
        """Tell whether a technique is shown."""
        return self.techniques is None or technique in self.techniques

    @property
    def every(self) -> list[SummaryRow]:
        """The combinations of the dataset that have a result, shown or not, the best by the metric first."""
        own = [row for row in self.summary.rows if row.dataset == self.dataset]
        placed = own if self.metric == self.summary.sort else ranked(own, self.state, self.metric)
        return [row for row in placed if row.seeds]

    def unit(self, row: SummaryRow, seed: int) -> UnitLook | None:
        """Return the look at a row's unit."""
        # Rows are of units, so their names are those of models and techniques.
        return self.units.get(Unit(row.dataset, row.model, row.technique, seed))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Bar:
    """A combination's value with its interval.

    Attributes
    ----------
    value : float
        The mean over the repetitions.
    low, high : float or None
        The interval; None where nothing gives one.
    tied : bool or None
        Whether it is not distinguishable from the best; None where nothing was tested.
    ranked : bool
    """

    row: SummaryRow
    value: float
    low: float | None
    high: float | None
    tied: bool | None
    ranked: bool


@dataclass(frozen=True)
class Comparison:
    """The combinations of a dataset at one metric, the best first.

    Attributes
    ----------
    of : {'splits', 'test part', 'none'}
        What the intervals are of: the mean over overlapping splits (Nadeau and Bengio), the one test part drawn again
        or by DeLong, nothing.
    references : tuple of Bar
        What they are held against.
    """

    bars: tuple[Bar, ...]
    of: str
    references: tuple[Bar, ...]


def comparison(data: PlotData) -> Comparison:
    """Return every combination's mean with its interval.

    Over three seeds and more it is that of the corrected resampled t-test, applied to the values themselves. With one
    repetition it is the bootstrap's or DeLong's of that test part, where the look at the unit has it.
    """
    rows = [row for row in data.rows if row.mean[data.metric] is not None]
    found = [_interval(data, row) for row in rows]
    bars = [
        Bar(row, row.mean[data.metric] or 0.0, *span, row.standing.tied, row.standing.rank is not None)
        for row, (_, span) in zip(rows, found, strict=True)
    ]
    references = [
        Bar(row, value, None, None, None, False)
        for row in data.summary.references
        if row.dataset == data.dataset and (value := row.mean[data.metric]) is not None
    ]
    kinds = [kind for kind, _ in found if kind != "none"]
    return Comparison(tuple(bars), kinds[0] if kinds else "none", tuple(references))


def _interval(data: PlotData, row: SummaryRow) -> tuple[str, tuple[float | None, float | None]]:
    values, ratio = list(row.values[data.metric].values()), data.state.test_to_train
    if data.state.repetition == "seed" and len(values) >= LEAST_REPETITIONS and ratio is not None:
        test = corrected_t(np.array(values), ratio)
        return "splits", (test.low, test.high)
    if len(values) == 1:
        unit = data.unit(row, next(iter(row.values[data.metric])))
        intervals = {} if unit is None else unit.figures.get("intervals", {})
        for kind in ("bootstrap", "delong", "clopper_pearson"):
            one = intervals.get(kind, {}).get(data.metric)
            if one is not None and one["low"] is not None:
                return "test part", (one["low"], one["high"])
    return "none", (None, None)


@dataclass(frozen=True)
class Spread:
    """A combination's values, one for each repetition."""

    row: SummaryRow
    values: Mapping[int, float]
    mean: float


def stability(data: PlotData) -> list[Spread]:
    """Return every combination's value at each seed or origin, the best first."""
    return [
        Spread(row, row.values[data.metric], statistics.fmean(row.values[data.metric].values()))
        for row in data.rows
        if row.values[data.metric]
    ]


@dataclass(frozen=True)
class Place:
    """Where a combination stands between sensitivity and precision."""

    row: SummaryRow
    sensitivity: float
    precision: float


def tradeoff(data: PlotData) -> dict[str, list[Place]]:
    """Return every combination's mean sensitivity and precision, by model in the order of its best."""
    found: dict[str, list[Place]] = {}
    for row in data.rows:
        sensitivity, precision = row.mean["sensitivity"], row.mean["precision"]
        if sensitivity is not None and precision is not None:
            found.setdefault(row.model, []).append(Place(row, sensitivity, precision))
    return found


def f1_line(f1: float, sensitivity: Array) -> Array:
    """Return the precision at which each sensitivity has this F1; NaN where none has."""
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = f1 * sensitivity / (2 * sensitivity - f1)
    found: Array = np.where((sensitivity > f1 / 2) & (precision <= 1), precision, np.nan)
    return found


@dataclass(frozen=True)
class Table:
    """Means by technique and model.

    Attributes
    ----------
    models, techniques : tuple of str
        Rows and columns.
    values : float64 ndarray of shape (models, techniques)
        NaN where there is no result.
    best : (int, int) or None
        The best cell of those that are ranked.
    """

    models: tuple[str, ...]
    techniques: tuple[str, ...]
    values: Array
    best: tuple[int, int] | None


def heatmap(data: PlotData) -> Table:
    """Return the mean of the metric by technique and model."""
    rows = data.rows
    models = tuple(dict.fromkeys(row.model for row in rows))
    there = {row.technique for row in rows}
    techniques = (*(one for one in TECHNIQUES if one in there), *sorted(there.difference(TECHNIQUES)))
    values = np.full((len(models), len(techniques)), np.nan)
    for row in rows:
        mean = row.mean[data.metric]
        if mean is not None:
            values[models.index(row.model), techniques.index(row.technique)] = mean
    first = next((row for row in rows if row.standing.rank is not None), None)
    best = None if first is None else (models.index(first.model), techniques.index(first.technique))
    return Table(models, techniques, values, best)


@dataclass(frozen=True)
class Effort:
    """A combination's quality and what it took: CPU seconds of a unit, on average over the repetitions."""

    row: SummaryRow
    value: float
    cpu_seconds: float


def time(data: PlotData) -> list[Effort]:
    """Return quality and CPU seconds of every combination that tells both, the best first."""
    found = []
    for row in data.rows:
        units = [unit for seed in row.seeds if (unit := data.unit(row, seed)) is not None]
        seconds = [unit.cpu_seconds for unit in units if unit.cpu_seconds is not None]
        value = row.mean[data.metric]
        if seconds and value is not None:
            found.append(Effort(row, value, statistics.fmean(seconds)))
    return found
