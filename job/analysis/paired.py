"""Combinations compared on one test set, whose rows are independent: DeLong's test and McNemar's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from job.analysis.auc import auc_difference
from job.analysis.proportions import mcnemar
from job.analysis.resampled import holm
from job.executions.results import StoredResult


@dataclass(frozen=True)
class Pair:
    """The first combination beside the second on the same test rows; all adjusted p-values are Holm's over the pairs.

    Attributes
    ----------
    auc_difference, auc_low, auc_high : float
        First less second, with DeLong's 95 % interval.
    auc_p, auc_p_holm : float
    defaulters_first, defaulters_second : int
        Defaulters that the first, the second alone decides right.
    defaulters_p, defaulters_p_holm : float
        McNemar's exact test of these.
    others_first, others_second : int
    others_p, others_p_holm : float
        The same within those that paid.
    """

    dataset: str
    seed: int
    first: str
    second: str
    auc_difference: float
    auc_low: float
    auc_high: float
    auc_p: float
    auc_p_holm: float
    defaulters_first: int
    defaulters_second: int
    defaulters_p: float
    defaulters_p_holm: float
    others_first: int
    others_second: int
    others_p: float
    others_p_holm: float

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))


def pairs_of_test_set(results: Sequence[StoredResult]) -> list[Pair]:
    """Compare all pairs of one dataset and seed.

    Parameters
    ----------
    results : sequence of StoredResult
        Split by row, done, with their predictions. Fewer than two rows of a class leave nothing to compare.
    """
    if len(results) < 2 or np.bincount(results[0].target, minlength=2).min() < 2:
        return []
    chosen = list(combinations(results, 2))
    aucs = [auc_difference(one.target, one.score, other.score) for one, other in chosen]
    decided = [mcnemar(one.target, one.decision, other.decision) for one, other in chosen]
    inside, outside = ([found[name] for found in decided] for name in ("within_defaulters", "within_others"))
    adjusted = [holm(np.array([one.p for one in group])).tolist() for group in (aucs, inside, outside)]
    return [
        Pair(
            one.unit.dataset, one.unit.seed, _name(one), _name(other),
            auc.difference, auc.low, auc.high, auc.p, adjusted[0][i],
            inside[i].only_first, inside[i].only_second, inside[i].p, adjusted[1][i],
            outside[i].only_first, outside[i].only_second, outside[i].p, adjusted[2][i],
        )
        for i, ((one, other), auc) in enumerate(zip(chosen, aucs, strict=True))
    ]  # fmt: skip


def _name(result: StoredResult) -> str:
    return f"{result.unit.model} × {result.unit.technique}"
