"""How well a column separates the classes by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from job.data.leaks.columns import Column, as_codes, every_second, take
from job.metrics import Array

LEAST_OF_A_CLASS = 10  # with fewer, a column of three hundred separates them by chance
Z99 = 2.5758293035489004  # the normal distribution's quantile at 0.995: limits that hold together with 99 %


@dataclass(frozen=True)
class Separation:
    """How well something separates the classes.

    Attributes
    ----------
    auc : float
        At least 0.5: whether low values or high ones go with a default is no matter.
    low : float
        The lower limit of its 99 % interval.
    """

    auc: float
    low: float


def separation(column: Column, target: Array, rows: Array, least: float) -> Separation | None:
    """Return how well a column separates the classes by itself; None where its AUC cannot be above `least`.

    Of numbers the order counts, missing ones standing below all others or above them, whichever separates better. Of
    names each one's default rate among half of the rows is the score of the other half.
    """
    y = target[rows] == 1
    if isinstance(column[0], np.ndarray):
        values = take(column, rows)
        if _highest_auc(values, y) <= least:
            return None
        missing = np.isnan(values)
        if not missing.any():
            return _separation(values, y)
        ends = (np.where(missing, end, values) for end in (-np.inf, np.inf))
        return max((_separation(scores, y) for scores in ends), key=lambda found: found.auc)
    codes = take(as_codes(column), rows).astype(np.int64)
    learnt = np.zeros(rows.size, bool)
    learnt[every_second(y)] = True
    counts = np.bincount(codes[learnt], minlength=codes.max() + 1)
    bads = np.bincount(codes[learnt & y], minlength=counts.size)
    rates = (bads + y.mean()) / (counts + 1)
    scores = rates[codes[~learnt]]
    return None if _highest_auc(scores, y[~learnt]) <= least else _separation(scores, y[~learnt])


def _highest_auc(values: Array, bad: Array) -> float:
    """Return a number that the AUC of some values is not above, by high values or low ones, by counting alone.

    Values whose float32 distances from the least one begin with the same sixteen bits count as if all of them were
    ordered rightly. That is a twentieth of the work of sorting them.

    Parameters
    ----------
    values : float ndarray of shape (n,)
        Missing ones as NaN, which stand below all others or above them.
    bad : bool ndarray of shape (n,)
        Both values occur.
    """
    with np.errstate(over="ignore"):
        distances = (values - np.fmin.reduce(values)).astype(np.float32)
    places = (distances.view(np.uint32) >> 16 & 0x7FFF).astype(np.int64)
    places[np.isnan(distances)] = 0x7FFF  # behind infinity
    counts = np.bincount(2 * places + bad, minlength=1 << 16).reshape(-1, 2)
    return max(_highest_of(counts), _highest_of(np.roll(counts, 1, axis=0)))


def _highest_of(counts: Array) -> float:
    """Return the most that an AUC can be by the counts of (good, bad) values in ascending order."""
    goods, bads = counts.T
    below = np.cumsum(goods) - goods
    surely, at_most = float(bads @ below), float(bads @ (below + goods))
    pairs = float(goods.sum()) * float(bads.sum())
    return max(at_most, pairs - surely) / pairs


def auc_with_limit(score: Array, bad: Array) -> Separation:
    """Return a score's AUC, and the lower limit of its 99 % interval by DeLong, on the logit scale.

    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), 837-845; the logit transformation is Pepe's (2003). Where
    the classes do not overlap the variance is zero, and the limit is 1.

    Parameters
    ----------
    score : float ndarray of shape (n,), without NaN
    bad : bool ndarray of shape (n,)
        Both values occur, each at least twice.
    """
    bads, goods = np.sort(score[bad]), np.sort(score[~bad])
    above = (np.searchsorted(goods, bads, "left") + np.searchsorted(goods, bads, "right")) / (2 * goods.size)
    auc = float(above.mean())
    if not 0 < auc < 1:
        return Separation(auc, auc)
    below = (np.searchsorted(bads, goods, "left") + np.searchsorted(bads, goods, "right")) / (2 * bads.size)
    error = math.sqrt(above.var(ddof=1) / bads.size + below.var(ddof=1) / goods.size)
    logit = math.log(auc / (1 - auc)) - Z99 * error / (auc * (1 - auc))
    return Separation(auc, 1 / (1 + math.exp(-logit)))


def _separation(score: Array, bad: Array) -> Separation:
    """Return the separation by high values or by low ones, whichever is better."""
    found = auc_with_limit(score, bad)
    return found if found.auc >= 1 / 2 else auc_with_limit(-score, bad)
