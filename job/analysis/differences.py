"""Which combinations differ, at which metric, by how much: every pair of a dataset, or techniques and their baseline.

By row and by group the repetitions are the seeds, whose parts overlap: the corrected resampled t-test, Holm's
adjustment over all pairs of a dataset at a metric, and the Bayesian correlated t-test with a region of practical
equivalence. By time each origin is a test of its own: the difference on its rows, whole test months drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from job.analysis.bootstrap import REPLICATES, month_difference
from job.analysis.gathered import gather
from job.analysis.ranking import LEVEL
from job.analysis.resampled import EQUIVALENT, LEAST_REPETITIONS, corrected_t, holm, posterior
from job.analysis.rows import SummaryRow
from job.executions.results import StoredResult

BASELINE = "baseline"


@dataclass(frozen=True)
class Difference:
    """The first combination less the second at one metric; None where it was not computed.

    Attributes
    ----------
    origin : int or None
        By time: on the test rows of this origin. None over all seeds.
    difference, low, high : float
        The mean difference and its 95 % interval, not adjusted for the number of pairs.
    p, p_holm : float
        Over seeds: two-sided, and adjusted over all pairs of the dataset at the metric.
    distinguishable : bool
        Whether `p_holm` is at most 5 %; over an origin's months, whether the interval leaves 0 out.
    region : float
        Differences up to this are of no practical interest.
    below, within, above : float
        How probable it is that the true difference is below, within or above that region.
    untested : str
        Why nothing was tested.
    """

    dataset: str
    metric: str
    first: str
    second: str
    origin: int | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    distinguishable: bool | None = None
    region: float | None = None
    below: float | None = None
    within: float | None = None
    above: float | None = None
    untested: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))

    def seen_from(self, name: str) -> Difference:
        """Return it with the combination of this name, one of the two, first."""
        if name == self.first:
            return self
        difference, low, high = (None if one is None else -one for one in (self.difference, self.high, self.low))
        return replace(
            self, first=self.second, second=self.first, difference=difference, low=low, high=high, below=self.above,
            above=self.below,
        )  # fmt: skip


def name_of(row: SummaryRow) -> str:
    """Return a combination's name."""
    return f"{row.model} × {row.technique}"


def pairs_of(rows: Sequence[SummaryRow], against_baseline: bool) -> list[tuple[SummaryRow, SummaryRow]]:
    """Return all pairs of a dataset's rows, or each technique with the baseline of its own model."""
    if not against_baseline:
        return list(combinations(rows, 2))
    own = {row.model: row for row in rows if row.technique == BASELINE}
    return [(row, own[row.model]) for row in rows if row.technique != BASELINE and row.model in own]


def seed_differences(
    rows: Sequence[SummaryRow],
    metric: str,
    test_to_train: float | None,
    *,
    against_baseline: bool = False,
    regions: Mapping[str, float] = EQUIVALENT,
) -> list[Difference]:
    """Test the pairs of a dataset's combinations over their seeds.

    Parameters
    ----------
    rows : sequence of SummaryRow
        Of one dataset, split by row or by group.
    test_to_train : float or None
        Rows of the test part divided by those of the training part.
    regions : mapping of metric to float
        Half the widths of the regions of practical equivalence.
    """
    found: list[Difference] = []
    for first, second in pairs_of(rows, against_baseline):
        one, other = first.values[metric], second.values[metric]
        both = sorted(one.keys() & other.keys())
        made = Difference(first.dataset, metric, name_of(first), name_of(second), region=regions.get(metric))
        if both:
            made = replace(made, difference=float(np.mean([one[seed] - other[seed] for seed in both])))
        why = _why_untested(one, other, test_to_train)
        if why is not None or test_to_train is None:
            found.append(replace(made, untested=why))
            continue
        values = np.array([one[seed] - other[seed] for seed in both])
        test = corrected_t(values, test_to_train)
        made = replace(made, low=test.low, high=test.high, p=test.p)
        if made.region is not None:
            likely = posterior(values, test_to_train / (1 + test_to_train), made.region)
            made = replace(made, **vars(likely))
        found.append(made)
    return _adjusted(found)


def _why_untested(one: Mapping[int, float], other: Mapping[int, float], ratio: float | None) -> str | None:
    if one.keys() != other.keys():
        return "over different seeds"
    if len(one) < LEAST_REPETITIONS:
        counted = "1 seed is" if len(one) == 1 else f"{len(one)} seeds are"
        return f"{counted} too few; at least {LEAST_REPETITIONS} are needed"
    return "nothing tells how many rows were trained on" if ratio is None else None


def _adjusted(found: list[Difference]) -> list[Difference]:
    tested = [i for i, one in enumerate(found) if one.p is not None]
    adjusted = dict(zip(tested, holm(np.array([found[i].p for i in tested], float)).tolist(), strict=True))
    return [
        replace(one, p_holm=adjusted[i], distinguishable=adjusted[i] <= LEVEL) if i in adjusted else one
        for i, one in enumerate(found)
    ]


def origin_differences(
    results: Sequence[StoredResult],
    metrics: Sequence[str],
    *,
    seed: int,
    against_baseline: bool = False,
    replicates: int = REPLICATES,
) -> list[Difference]:
    """Compare the combinations on the test rows of one origin, whole test months drawn again.

    Parameters
    ----------
    results : sequence of StoredResult
        Of one dataset and origin, split by time, with their predictions and done.
    seed : int
        Of the draws.
    """
    gathered = [gather(one.target, one.score, one.decision) for one in results]
    places: dict[tuple[str, str], int] = {(one.unit.model, one.unit.technique): i for i, one in enumerate(results)}
    chosen = list(combinations(range(len(results)), 2))
    if against_baseline:
        chosen = [
            (i, places[model, BASELINE])
            for (model, technique), i in places.items()
            if technique != BASELINE and (model, BASELINE) in places
        ]
    found = []
    for i, j in chosen:
        first, second = results[i], results[j]
        if first.block is None:
            raise ValueError("results that were not split by time have no test months")
        names = [f"{one.unit.model} × {one.unit.technique}" for one in (first, second)]
        drawn = month_difference(gathered[i], gathered[j], metrics, first.block, seed=seed, replicates=replicates)
        for metric, one in drawn.items():
            apart = None if one.low is None or one.high is None else one.low > 0 or one.high < 0
            found.append(
                Difference(
                    first.unit.dataset, metric, names[0], names[1], first.unit.seed, one.value, one.low, one.high,
                    distinguishable=apart, untested=one.why,
                )
            )  # fmt: skip
    return found
