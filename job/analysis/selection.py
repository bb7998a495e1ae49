"""What a user who has only the folds would have chosen, and what it is worth on the test part.

The best of many test scores flatters: it was chosen by the rows that it is judged on. The honest figure is the test
score of the unit that was best in the search's own folds. How much the best test score flatters is estimated by
drawing the test rows again: the best of the rows in the bag is chosen, and its score in the bag is held against its
score on the rows outside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from job.analysis.gathered import gather
from job.analysis.ranking import LOWER_IS_BETTER, too_few
from job.executions.results import StoredResult

REPLICATES = 200


@dataclass(frozen=True)
class Selection:
    """A choice on one dataset and seed.

    Attributes
    ----------
    candidates : int
        Units that were searched with the same scoring and could be chosen.
    left_out : tuple of str
        Those that were searched by something else: threshold moving searches by ROC AUC.
    chosen : str
        The unit with the best mean fold score.
    fold_score, test_score : float
        Of it: by the search's scoring, and on the test part by the metric.
    best : str
        The unit with the best test score.
    best_score : float
    optimism : float or None
        By how much `best_score` flatters; None where no draw had both classes on both sides.
    unreliable : str or None
        Why nothing can be concluded from the test scores.
    """

    dataset: str
    seed: int
    metric: str
    scoring: str
    candidates: int
    left_out: tuple[str, ...]
    chosen: str
    fold_score: float
    test_score: float
    best: str
    best_score: float
    optimism: float | None
    unreliable: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return vars(self) | {"left_out": list(self.left_out)}


def fold_score(result: StoredResult) -> float | None:
    """Return the mean fold score of a unit's winner; None where it has none."""
    record = result.record
    if record.get("fold_scores") is None or record.get("best_index") is None:
        return None
    return float(np.average(record["fold_scores"][record["best_index"]]))


def scoring_of(result: StoredResult, scoring: str) -> str:
    """Return what a unit was searched by, where the spec says `scoring`."""
    return "roc_auc" if result.unit.technique == "threshold_moving" else scoring


def select(
    results: Sequence[StoredResult], metric: str, scoring: str, *, seed: int, replicates: int = REPLICATES
) -> Selection | None:
    """Choose among the units of one dataset and seed; None where none has fold scores or the metric is undefined.

    Parameters
    ----------
    results : sequence of StoredResult
        With their predictions, done, all on the same test rows.
    metric : str
        What the test part is judged by.
    scoring : str
        The spec's.
    seed : int
        Of the draws.
    """
    alike = [one for one in results if scoring_of(one, scoring) == scoring]
    scored = [(one, score) for one in alike if (score := fold_score(one)) is not None]
    gathered = [gather(one.target, one.score, one.decision) for one, _ in scored]
    tested = [rows.metric(metric, rows.counts()) for rows in gathered]
    if not scored or any(value is None for value in tested):
        return None
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    values = np.array(tested, float)
    chosen = int(np.argmax([score for _, score in scored]))
    best = int(np.argmax(sign * values))
    rng = np.random.default_rng(seed)
    n = scored[0][0].target.size
    unreliable = too_few(int(np.count_nonzero(scored[0][0].target)))
    gaps = []
    for _ in range(0 if unreliable else replicates):
        bag = np.bincount(rng.integers(0, n, n), minlength=n)
        inside = [rows.metric(metric, rows.counts(bag)) for rows in gathered]
        if any(value is None for value in inside):
            continue
        picked = int(np.argmax(sign * np.array(inside, float)))
        outside = gathered[picked].metric(metric, gathered[picked].counts(bag == 0))
        if outside is not None:
            gaps.append(sign * (np.array(inside, float)[picked] - outside))
    unit = scored[chosen][0].unit
    return Selection(
        unit.dataset,
        unit.seed,
        metric,
        scoring,
        len(scored),
        tuple(_name(one) for one in results if scoring_of(one, scoring) != scoring),
        _name(scored[chosen][0]),
        scored[chosen][1],
        float(values[chosen]),
        _name(scored[best][0]),
        float(values[best]),
        float(np.mean(gaps)) if gaps else None,
        unreliable,
    )


def _name(result: StoredResult) -> str:
    return f"{result.unit.model} × {result.unit.technique}"
