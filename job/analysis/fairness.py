"""Whether decisions treat people of different groups alike: approval rates, and mistakes of both kinds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from job.metrics import Array


@dataclass(frozen=True)
class Gap:
    """What a group has beside the reference group, with its 95 % interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class GroupFairness:
    """A group beside the reference group.

    Attributes
    ----------
    group, reference : str
    rows : int
        Test rows of the group.
    approval_ratio : Gap
        Its approval rate over the reference's.
    sensitivity_gap : Gap
        Its share of defaulters that are refused, less the reference's (true positive rate).
    false_alarm_gap : Gap
        Its share of good borrowers that are refused, less the reference's (false positive rate).
    """

    group: str
    reference: str
    rows: int
    approval_ratio: Gap
    sensitivity_gap: Gap
    false_alarm_gap: Gap


def group_fairness(target: Array, decision: Array, group: Array, level: float = 0.95) -> list[GroupFairness]:
    """Hold every group against the largest one.

    Parameters
    ----------
    target, decision : ndarray of shape (n,)
        0 or 1; a decision of 1 refuses.
    group : ndarray of shape (n,)
        The audit column, of text or numbers.
    """
    names, place, rows = np.unique(group, return_inverse=True, return_counts=True)
    largest = int(np.argmax(rows))
    found = []
    for i, name in enumerate(names):
        if i == largest:
            continue
        inside, outside = place == i, place == largest
        approved = [(int((decision[own] == 0).sum()), int(own.sum())) for own in (inside, outside)]
        refused = [
            [
                (int((decision[own & (target == label)] == 1).sum()), int((own & (target == label)).sum()))
                for label in (1, 0)
            ]
            for own in (inside, outside)
        ]
        found.append(
            GroupFairness(
                str(name),
                str(names[largest]),
                int(rows[i]),
                rate_ratio(approved[0], approved[1], level),
                rate_difference(refused[0][0], refused[1][0], level),
                rate_difference(refused[0][1], refused[1][1], level),
            )
        )
    return found


def rate_ratio(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> Gap:
    """Return the ratio of two independent shares, each hits of rows, with the interval of Katz et al.

    Katz, Baptista, Azen and Pike, Biometrics 34 (1978), 469-474: the logarithm's standard error. Without a hit in one
    of them there is no interval.
    """
    from scipy.stats import norm

    (a, m), (b, n) = first, second
    if not (m and n and b):
        return Gap(None, None, None)
    ratio = (a / m) / (b / n)
    if not a:
        return Gap(ratio, None, None)
    half = float(norm.ppf((1 + level) / 2)) * np.sqrt(1 / a - 1 / m + 1 / b - 1 / n)
    return Gap(ratio, float(ratio * np.exp(-half)), float(ratio * np.exp(half)))


def rate_difference(first: tuple[int, int], second: tuple[int, int], level: float = 0.95) -> Gap:
    """Return the difference of two independent shares, each hits of rows, with Newcombe's interval.

    Newcombe, "Interval estimation for the difference between independent proportions", Statistics in Medicine 17
    (1998), 873-890, method 10: Wilson's intervals of both.
    """
    from scipy.stats import binomtest

    (a, m), (b, n) = first, second
    if not (m and n):
        return Gap(None, None, None)
    one, other = (binomtest(hits, of).proportion_ci(level, method="wilson") for hits, of in (first, second))
    p, q = a / m, b / n
    low = p - q - float(np.hypot(p - one.low, other.high - q))
    high = p - q + float(np.hypot(one.high - p, q - other.low))
    return Gap(p - q, low, high)
