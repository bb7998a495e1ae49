"""All that one unit's predictions say: intervals, calibration, ranking, money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from job.analysis.auc import auc_interval
from job.analysis.bootstrap import NO_TRAINING_VARIANCE, metric_intervals
from job.analysis.calibration import brier_skill, observed_expected, recalibration, reliability, spiegelhalter
from job.analysis.curves import curves, depths, h_measure, ks_place
from job.analysis.evidence import evidence_of
from job.analysis.gathered import BINNED_ROWS, gather
from job.analysis.money import RATIOS, ProfitModel, expected_cost, expected_maximum_profit, net_benefit
from job.analysis.prior import corrected, prior_shift
from job.analysis.proportions import proportions
from job.analysis.stakes import Declared, decisions_priced, profit_of, stakes
from job.executions.results import StoredResult
from job.metrics import METRIC_IDS, Array

DEPENDENT = "test rows of a group or a month hang together: only the bootstrap of whole ones has intervals"


def unit_figures(
    result: StoredResult,
    *,
    bootstrap: int = 0,
    seed: int = 0,
    ratios: Sequence[float] = RATIOS,
    profit: ProfitModel | None = None,
    declared: Mapping[str, Declared] | None = None,
) -> dict[str, Any]:
    """Return a unit's figures as plain JSON values.

    Parameters
    ----------
    result : StoredResult
        With its predictions.
    bootstrap : int
        Replicates; 0 for none, which take next to no time.
    seed : int
        Of the draws.
    ratios : sequence of float
        c_FN/c_FP at which decisions are priced.
    profit : ProfitModel, optional
        What the dataset declares without it, and Verbraken's defaults where it declares nothing.
    declared : mapping of str to Declared, optional
        What costs each dataset declares.

    Returns
    -------
    dict
        The unit's names and what it rests on. Where it is done with both classes in its test part also ``intervals``,
        ``calibration`` of the scores, ``calibration_corrected`` where something shifted their odds, ``ranking`` and
        ``money``; otherwise ``why`` there is nothing.
    """
    record, unit, tested = result.record, result.unit, evidence_of(result)
    found: dict[str, Any] = {
        "dataset": unit.dataset, "model": unit.model, "technique": unit.technique, "seed": unit.seed,
        "test_rows": tested.rows, "test_positives": tested.positives, "positive_groups": tested.positive_blocks,
        "why": None,
    }  # fmt: skip
    if record["status"] != "done":
        return found | {"why": record["reason"]}
    if not 0 < tested.positives < tested.rows:
        return found | {"why": "the test part lacks a class"}
    if not np.all((result.score >= 0) & (result.score <= 1)):
        return found | {"why": "scores that are no probabilities"}
    target, score = result.target.astype(np.int64), result.score
    shift = prior_shift(record)
    beta = 1.0 if shift is None else shift.beta
    probability = score if beta == 1 else corrected(score, beta)
    train = record.get("train")
    rate = None if not train else train["n1"] / (train["n0"] + train["n1"])
    found |= {
        "prior_correction": None if shift is None else vars(shift),
        "intervals": _intervals(result, bootstrap, seed),
        "calibration": calibration_of(target, score, rate),
    }
    if beta != 1:
        found["calibration_corrected"] = calibration_of(target, probability, rate)
    return found | {
        "ranking": _ranking(target, score),
        "money": _money(result, probability, ratios, profit, (declared or {}).get(unit.dataset)),
    }


def _intervals(result: StoredResult, bootstrap: int, seed: int) -> dict[str, Any]:
    target, score, decision = result.target, result.score, result.decision
    found: dict[str, Any] = {"of": NO_TRAINING_VARIANCE}
    if result.block is None:
        counted = proportions(target, decision)
        found["delong"] = {"roc_auc": vars(auc_interval(target, score))}
        found["clopper_pearson"] = {name: one and vars(one) | {"value": one.value} for name, one in counted.items()}
    else:
        found["why_no_analytic"] = DEPENDENT
    if bootstrap:
        rows = gather(target, score, decision)
        drawn = metric_intervals(rows, METRIC_IDS, seed=seed, block=result.block, replicates=bootstrap)
        told = result.record["metrics"] | {"ks": evidence_of(result).ks}
        binned = target.size > BINNED_ROWS
        found["bootstrap"] = {
            metric: vars(one) | {"binning_error": _off(one.value, told[metric]) if binned else 0.0}
            for metric, one in drawn.items()
        }
    return found


def _off(binned: float | None, exact: float | None) -> float | None:
    return None if binned is None or exact is None else abs(binned - exact)


def calibration_of(target: Array, probability: Array, training_rate: float | None) -> dict[str, Any]:
    """Return how far probabilities come true, as plain JSON values.

    Parameters
    ----------
    target : ndarray of shape (n,)
    probability : float64 ndarray of shape (n,)
    training_rate : float or None
        The training part's default rate, which the Brier skill is held against.
    """
    parts, line, ratio = (
        reliability(target, probability),
        recalibration(target, probability),
        observed_expected(target, probability),
    )
    z = spiegelhalter(target, probability)
    return {
        "brier": parts.brier,
        "miscalibration": parts.miscalibration,
        "discrimination": parts.discrimination,
        "uncertainty": parts.uncertainty,
        "brier_skill": None if training_rate is None else brier_skill(target, probability, training_rate),
        "recalibration": None if line is None else vars(line),
        "observed_expected": None if ratio is None else vars(ratio),
        "spiegelhalter_z": None if z is None else float(z),
    }


def _ranking(target: Array, score: Array) -> dict[str, Any]:
    drawn = curves(target, score)
    ks, place = ks_place(drawn)
    prior = float(np.mean(target))
    return {
        "ks": ks,
        "ks_score": place if np.isfinite(place) else None,
        "depths": [vars(one) for one in depths(drawn)],
        "h_measure": h_measure(target, score),
        "h_severity": f"Beta({1 + prior:.4f}, {2 - prior:.4f}), of a false alarm's share of both costs",
    }


def _money(
    result: StoredResult,
    probability: Array,
    ratios: Sequence[float],
    profit: ProfitModel | None,
    declared: Declared | None,
) -> dict[str, Any]:
    target, score, decision = result.target.astype(np.int64), result.score, result.decision
    at_stake = None if declared is None else stakes(declared, result.row)
    if profit is None:
        value, refused, heading = profit_of(declared, target, score, result.row)
    else:
        value, refused, heading = *expected_maximum_profit(target, score, profit), profit.heading
    return {
        "expected_cost": [vars(expected_cost(target, probability, decision, ratio)) for ratio in ratios],
        "net_benefit": {f"{1 / (1 + r):.4f}": net_benefit(target, probability, 1 / (1 + r)) for r in ratios},
        "declared": None if at_stake is None else decisions_priced(target, probability, decision, at_stake),
        "emp": value,
        "emp_refused": refused,
        "emp_heading": heading,
    }
