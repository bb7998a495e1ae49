"""What techniques add: over the baseline of the same model, and cost-sensitive learning against resampling."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from job.analysis.differences import BASELINE, Difference, name_of, seed_differences
from job.analysis.plots.data import PlotData
from job.analysis.ranking import LOWER_IS_BETTER
from job.analysis.rows import SummaryRow

COST_SENSITIVE = "cost_sensitive"
RESAMPLING = ("random_under_sampling", "smote", "smote_tomek")


@dataclass(frozen=True)
class Gain:
    """What a technique adds to the baseline of the same model on one dataset.

    Attributes
    ----------
    default_rate : float
        Of the test parts.
    by_model : dict of str to float
        Technique less baseline; below 0 where it is worse, whatever direction the metric has.
    mean : float
        Over the models.
    """

    dataset: str
    technique: str
    default_rate: float
    by_model: Mapping[str, float]
    mean: float


def imbalance(data: PlotData) -> list[Gain]:
    """Return every technique's gain over the baseline, dataset by dataset, the rarest defaults first.

    Datasets of which nothing is ranked are left out.
    """
    sign = -1 if data.metric in LOWER_IS_BETTER else 1
    found = []
    for state in data.summary.datasets:
        if data.dataset not in (None, state.dataset):
            continue
        rows = replace(data, dataset=state.dataset).every
        if all(row.standing.rank is None for row in rows):
            continue
        rate = default_rate(rows)
        own = {row.model: row for row in rows if row.technique == BASELINE}
        for technique in dict.fromkeys(row.technique for row in rows):
            gains = {
                row.model: sign * gain
                for row in rows
                if row.technique == technique != BASELINE
                and row.model in own
                and (gain := _less(row, own[row.model], data.metric)) is not None
            }
            if gains and rate and data.shows(technique):
                found.append(Gain(state.dataset, technique, rate, gains, statistics.fmean(gains.values())))
    return sorted(found, key=lambda one: (one.default_rate, one.dataset, one.technique))


def _less(row: SummaryRow, other: SummaryRow, metric: str) -> float | None:
    """Return the mean difference over the repetitions that both have."""
    one, two = row.values[metric], other.values[metric]
    both = sorted(one.keys() & two.keys())
    return statistics.fmean(one[seed] - two[seed] for seed in both) if both else None


def default_rate(rows: Sequence[SummaryRow]) -> float | None:
    """Return the share of defaults in the test parts."""
    tested = [one for row in rows for one in row.evidence.values()]
    total = sum(one.rows for one in tested)
    return sum(one.positives for one in tested) / total if total else None


def cost_sensitive(data: PlotData) -> list[Difference]:
    """Return cost-sensitive learning less the baseline and each resampling of the same model, model by model.

    By time nothing is tested: the differences are bare.
    """
    ratio = None if data.state.repetition == "origin" else data.state.test_to_train
    found: list[Difference] = []
    every = data.every
    for model in dict.fromkeys(row.model for row in every):
        own = {row.technique: row for row in every if row.model == model}
        if COST_SENSITIVE not in own:
            continue
        # All pairs of the dataset are adjusted for together, as in the summary.
        tested = _first_named(seed_differences(every, data.metric, ratio), name_of(own[COST_SENSITIVE]))
        found += [
            tested[name_of(own[other])]
            for other in (BASELINE, *RESAMPLING)
            if other in own and data.shows(other) and name_of(own[other]) in tested
        ]
    return [one for one in found if one.difference is not None]


def _first_named(found: Sequence[Difference], name: str) -> dict[str, Difference]:
    """Return the differences of one combination less each other, by the other's name."""
    own = [one.seen_from(name) for one in found if name in (one.first, one.second)]
    return {one.second: one for one in own}
