"""Exact intervals and tests of what is counted: sensitivity, specificity, precision, and paired decisions."""

from __future__ import annotations

from dataclasses import dataclass

from job.metrics import Array, confusion


@dataclass(frozen=True)
class Proportion:
    """A share with its Clopper-Pearson interval; None where nothing could be counted."""

    hits: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.of


@dataclass(frozen=True)
class PairedDecisions:
    """Two decisions on the rows of one class.

    Attributes
    ----------
    only_first, only_second : int
        Rows that one gets right and the other wrong.
    p : float
        McNemar's exact test, two-sided.
    """

    only_first: int
    only_second: int
    p: float


def clopper_pearson(hits: int, of: int, level: float = 0.95) -> Proportion | None:
    """Return a share with the exact interval of Clopper and Pearson, Biometrika 26 (1934), 404-413 (SciPy's)."""
    from scipy.stats import binomtest

    if of == 0:
        return None
    interval = binomtest(hits, of).proportion_ci(level, method="exact")
    return Proportion(hits, of, float(interval.low), float(interval.high))


def proportions(target: Array, decision: Array, level: float = 0.95) -> dict[str, Proportion | None]:
    """Return ``sensitivity``, ``specificity`` and ``precision`` of a decision.

    Parameters
    ----------
    target, decision : ndarray of shape (n,)
        0 or 1; rows independent of each other.
    """
    tn, fp, fn, tp = confusion(target, decision)
    counted = {"sensitivity": (tp, tp + fn), "specificity": (tn, tn + fp), "precision": (tp, tp + fp)}
    return {name: clopper_pearson(hits, of, level) for name, (hits, of) in counted.items()}


def mcnemar(target: Array, first: Array, second: Array) -> dict[str, PairedDecisions]:
    """Compare two decisions on the same rows, apart ``within_defaulters`` and ``within_others``.

    McNemar, Psychometrika 12 (1947), 153-157, exact. Apart, because over both classes it would compare accuracies,
    which under imbalance are specificities.

    Parameters
    ----------
    target, first, second : ndarray of shape (n,)
        0 or 1.
    """
    from scipy.stats import binomtest

    found = {}
    for name, label in (("within_defaulters", 1), ("within_others", 0)):
        rows = target == label
        one, other = first[rows] == label, second[rows] == label
        b, c = int((one & ~other).sum()), int((other & ~one).sum())
        found[name] = PairedDecisions(b, c, float(binomtest(b, b + c).pvalue) if b + c else 1.0)
    return found
