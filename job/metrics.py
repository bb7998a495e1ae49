"""Every metric, computed from target, score and decision.

The threshold metrics come from the decisions (0/1), the ranking and calibration metrics from the scores
(probability of default). A metric that is undefined, because one class is absent, is None; precision, F1 and MCC are
0 where nothing is predicted positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]

METRIC_IDS: tuple[str, ...] = (
    "balanced_accuracy",
    "g_mean",
    "f1",
    "precision",
    "sensitivity",
    "specificity",
    "roc_auc",
    "gini",
    "pr_auc",
    "ks",
    "brier",
    "log_loss",
    "mcc",
)


def confusion(target: Array, decision: Array) -> tuple[int, int, int, int]:
    """Count (true negatives, false positives, false negatives, true positives).

    Parameters
    ----------
    target, decision : ndarray of shape (n,)
        0 or 1; 1 is a default.
    """
    counts = np.bincount(2 * target.astype(np.int64) + decision.astype(np.int64), minlength=4)
    tn, fp, fn, tp = (int(count) for count in counts)
    return tn, fp, fn, tp


def balanced_accuracy(target: Array, decision: Array) -> float:
    """Return the mean of sensitivity and specificity, to the last bit what scikit-learn returns.

    Both classes must be present in `target`.
    """
    tn, fp, fn, tp = confusion(target, decision)
    return (tn / (tn + fp) + tp / (tp + fn)) / 2


def roc_auc(target: Array, ranking: Array) -> float:
    """Return the area under the ROC curve (scikit-learn's). `ranking` is any score that grows with the risk."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(target, ranking))


def average_precision(target: Array, ranking: Array) -> float:
    """Return the average precision (scikit-learn's)."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(target, ranking))


def threshold_metrics(target: Array, decision: Array) -> dict[str, float | None]:
    """Compute the metrics of a decision.

    Returns
    -------
    dict
        ``balanced_accuracy, g_mean, f1, precision, sensitivity, specificity, mcc``. G-mean is the geometric mean of
        sensitivity and specificity (Kubat and Matwin 1997); MCC is Matthews's correlation coefficient (1975).
    """
    return metrics_of_counts(*confusion(target, decision))


def metrics_of_counts(tn: float, fp: float, fn: float, tp: float) -> dict[str, float | None]:
    """Compute the metrics of a decision from its counts; see :func:`threshold_metrics`."""
    sensitivity = tp / (tp + fn) if tp + fn else None
    specificity = tn / (tn + fp) if tn + fp else None
    both = sensitivity is not None and specificity is not None
    denominator = math.sqrt(tp + fp) * math.sqrt(tp + fn) * math.sqrt(tn + fp) * math.sqrt(tn + fn)
    return {
        "balanced_accuracy": (specificity + sensitivity) / 2 if both else None,  # type: ignore[operator]
        "g_mean": math.sqrt(sensitivity * specificity) if both else None,  # type: ignore[operator]
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fn else None,
        "precision": (tp / (tp + fp) if tp + fp else 0.0) if tp + fn else None,
        "sensitivity": sensitivity,
        "specificity": specificity,
        "mcc": ((tp * tn - fp * fn) / denominator if denominator else 0.0) if both else None,
    }


def ranking_metrics(target: Array, score: Array) -> dict[str, float | None]:
    """Compute the metrics of a score.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1.
    score : float64 ndarray of shape (n,)
        Probability of default.

    Returns
    -------
    dict
        ``roc_auc``; ``gini`` = 2·AUC − 1; ``pr_auc``, the average precision; ``ks``, by how much the others'
        cumulative score distribution is above the defaulters' at most (Kolmogorov-Smirnov, one-sided: a score
        that ranks the wrong way round separates nothing); ``brier``, the mean squared error of the
        probability; ``log_loss`` in nats, probabilities clipped to the float's resolution as scikit-learn does.
    """
    if np.unique(target).size < 2:
        return dict.fromkeys(("roc_auc", "gini", "pr_auc", "ks", "brier", "log_loss"))
    from sklearn.metrics import brier_score_loss, log_loss, roc_curve

    false_positive_rate, true_positive_rate, _ = roc_curve(target, score, drop_intermediate=False)
    auc = roc_auc(target, score)
    return {
        "roc_auc": auc,
        "gini": 2 * auc - 1,
        "pr_auc": average_precision(target, score),
        "ks": float(np.max(true_positive_rate - false_positive_rate)),
        "brier": float(brier_score_loss(target, score)),
        "log_loss": float(log_loss(target, score)),
    }


def all_metrics(target: Array, score: Array, decision: Array) -> dict[str, float | None]:
    """Compute every metric, in the order of :data:`METRIC_IDS`."""
    found = {**threshold_metrics(target, decision), **ranking_metrics(target, score)}
    return {metric: found[metric] for metric in METRIC_IDS}


def _of_decision(metric: str) -> Callable[[Array, Array], float]:
    def score(target: Array, decision: Array) -> float:
        value = threshold_metrics(target, decision)[metric]
        if value is None:
            raise ValueError("a validation fold lacks a class, which makes its unit inapplicable")
        return value

    return score


# How candidates are scored on a validation fold: from the model's own decision, or from what ranks its rows.
DECISION_SCORINGS: dict[str, Callable[[Array, Array], float]] = {
    "balanced_accuracy": balanced_accuracy,
    "f1": _of_decision("f1"),
    "g_mean": _of_decision("g_mean"),
    "mcc": _of_decision("mcc"),
}
RANKING_SCORINGS: dict[str, Callable[[Array, Array], float]] = {"roc_auc": roc_auc, "pr_auc": average_precision}
SCORINGS: tuple[str, ...] = (*DECISION_SCORINGS, *RANKING_SCORINGS)
