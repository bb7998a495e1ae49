"""What decisions cost: over the ratio of the two mistakes' costs, net benefit, expected maximum profit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from job.analysis.curves import hull
from job.errors import UsageError, shown
from job.metrics import Array, confusion

RATIOS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)


@dataclass(frozen=True)
class ProfitModel:
    """How much of a loan a default loses, and what a good loan earns.

    Attributes
    ----------
    nothing, everything : float
        The probabilities that a default loses nothing, and that it loses all; in between every share is as likely.
    return_on_investment : float
    heading : str
        Whose figures these are.
    """

    nothing: float = 0.55
    everything: float = 0.10
    return_on_investment: float = 0.2644
    heading: str = "Verbraken's defaults (p0 0.55, p1 0.10, ROI 0.2644)"


def read_profit(given: str) -> ProfitModel:
    """Return the profit model that ``P0,P1,ROI`` says.

    Raises
    ------
    UsageError
        Where it is not three numbers, probabilities that add up to more than 1, or a return that is no gain.
    """
    try:
        nothing, everything, earned = (float(part) for part in given.split(","))
    except ValueError:
        nothing = everything = earned = math.nan
    if not (nothing >= 0 and everything >= 0 and nothing + everything <= 1 and 0 < earned < math.inf):
        raise UsageError(
            f"{shown(given)} is no profit model",
            "Give P0,P1,ROI: the probabilities that a default loses nothing, and all; what a good loan earns.",
        )
    return ProfitModel(nothing, everything, earned, f"p0 {nothing:g}, p1 {everything:g}, ROI {earned:g}, as given")


@dataclass(frozen=True)
class ExpectedCost:
    """Cost for each applicant, in units of refusing a good one, where granting a bad one costs `ratio` of them.

    Attributes
    ----------
    own : float
        By the unit's own decisions.
    threshold : float
        c_FP/(c_FP + c_FN), from which probability on refusing costs less.
    by_threshold : float
        By deciding so on probabilities that were put back to the training part's default rate.
    trivial : float
        Of granting all or refusing all, whichever costs less.
    """

    ratio: float
    own: float
    threshold: float
    by_threshold: float
    trivial: float


def expected_cost(target: Array, probability: Array, decision: Array, ratio: float) -> ExpectedCost:
    """Return the expected cost at one ratio.

    Elkan, "The foundations of cost-sensitive learning", IJCAI 2001, 973-978.

    Parameters
    ----------
    target, decision : ndarray of shape (n,)
        0 or 1.
    probability : float64 ndarray of shape (n,)
        Corrected for the prior.
    ratio : float
        c_FN/c_FP: what granting to a defaulter costs, in units of refusing a good borrower.
    """
    threshold = 1 / (1 + ratio)
    positives = int(target.sum())
    costs = [_cost(target, one, ratio) for one in (decision, (probability >= threshold).astype(np.int8))]
    trivial = min(ratio * positives, target.size - positives) / target.size
    return ExpectedCost(ratio, costs[0], threshold, costs[1], trivial)


def _cost(target: Array, decision: Array, ratio: float) -> float:
    _, fp, fn, _ = confusion(target, decision)
    return (fp + ratio * fn) / target.size


def net_benefit(target: Array, probability: Array, threshold: float) -> float:
    """Return the share of true positives less that of false ones, weighed by the threshold's odds.

    Vickers and Elkin, "Decision curve analysis", Medical Decision Making 26 (2006), 565-574.

    Parameters
    ----------
    target : ndarray of shape (n,)
    probability : float64 ndarray of shape (n,)
    threshold : float
        Below 1.
    """
    _, fp, _, tp = confusion(target, (probability >= threshold).astype(np.int8))
    return (tp - fp * threshold / (1 - threshold)) / target.size


def expected_maximum_profit(target: Array, score: Array, profit: ProfitModel | None = None) -> tuple[float, float]:
    """Return the expected maximum profit for each applicant, as a share of the loan, and the share refused for it.

    Verbraken, Bravo, Weber and Baesens, "Development and application of consumer credit scoring models using
    profit-based classification measures", EJOR 238 (2014), 505-513. Exact: between the corners of the ROC curve's
    convex hull the profit is linear in the loss.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1, both present.
    score : float64 ndarray of shape (n,)
    """
    profit = profit or ProfitModel()
    prior = float(np.mean(target))
    f, t, turns = _turns(target, score, profit.return_on_investment)
    edges = np.clip(np.r_[0.0, turns, np.inf], 0, 1)
    density = 1 - profit.nothing - profit.everything
    width = np.diff(edges)
    squares = np.diff(edges**2) / 2
    earned = prior * t * squares - profit.return_on_investment * (1 - prior) * f * width
    refused = prior * t + (1 - prior) * f
    whole = prior * t - profit.return_on_investment * (1 - prior) * f  # where everything is lost
    best = int(np.argmax(whole))
    value = density * float(earned.sum()) + profit.everything * float(whole[best])
    share = density * float(refused @ width) + profit.everything * float(refused[best])
    return value, share


def profit_by_losses(target: Array, score: Array, losses: Array, earned: float) -> tuple[float, float]:
    """Return the same where losses are known: the mean, over them, of the maximum profit at each.

    Parameters
    ----------
    target : ndarray of shape (n,)
        0 or 1, both present.
    score : float64 ndarray of shape (n,)
    losses : float64 ndarray of shape (m,)
        What granting to a defaulter costs, each as likely as the others: one, where it is the same for all.
    earned : float
        What granting to a good borrower earns, in the same unit; above 0.
    """
    prior = float(np.mean(target))
    f, t, turns = _turns(target, score, earned)
    corner = np.searchsorted(turns, losses)  # where refusing more is worth nothing, fewer are refused
    value = prior * losses * t[corner] - earned * (1 - prior) * f[corner]
    return float(value.mean()), float((prior * t[corner] + (1 - prior) * f[corner]).mean())


def _turns(target: Array, score: Array, earned: float) -> tuple[Array, Array, Array]:
    """Return the corners of the hull, and the loss from which on it pays to refuse the stretch behind each."""
    prior = float(np.mean(target))
    f, t = hull(target, score)
    with np.errstate(divide="ignore"):
        return f, t, earned * (1 - prior) * np.diff(f) / (prior * np.diff(t))
