"""Whether features give back a column that becomes known later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from job.data.leaks.columns import Column, as_codes, every_second, level_names, take
from job.data.leaks.separation import LEAST_OF_A_CLASS, Z99, auc_with_limit
from job.metrics import Array

MOST_PREDICTORS = 128
MOST_LEVELS = 10
RAREST_LEVEL = 0.01
FAR = 5.0  # standard deviations, at which what a prediction is made from ends
NAMED = 3


@dataclass(frozen=True)
class Recovery:
    """How well features predict a column: by rank correlation or AUC, its lower 99 % limit, and those that do most."""

    measure: str
    value: float
    low: float
    by: tuple[str, ...]


def recovery(later: Column, rows: Array, features: Mapping[str, Array]) -> Iterator[tuple[str | None, Recovery]]:
    """Yield how well features predict a column that is known later, measured on rows that taught nothing.

    On half of the rows a linear model is fitted by least squares, of each feature, its logarithm and whether it is
    missing: logarithms make ratios of features plain, such as an installment over the amount. On the other half the
    prediction is held against the column: numbers by Spearman's rank correlation with Fisher's transformation (Fieller,
    Hartley and Pearson, Biometrika 44 (1957), 470-481, for its error), two values or each common level by AUC.

    Parameters
    ----------
    later : column of all rows
    rows : int ndarray of shape (m,)
        Those that are looked at.
    features : dict of str to float64 ndarray of shape (m,)

    Yields
    ------
    (level or None for a number, Recovery)
    """
    asked: list[tuple[str | None, Array]]
    if isinstance(later[0], np.ndarray):
        values = take(later, rows).astype(np.float64)
        there = ~np.isnan(values)
        different = np.unique(values[there])
        if different.size == 2:
            asked = [(f"{different[1]:.17g}", values == different[1])]
        else:
            asked = [(None, values)] if different.size > 2 else []
    else:
        codes, names = take(as_codes(later), rows), level_names(later)
        there = codes < len(names)
        counts = np.bincount(codes[there].astype(np.int64), minlength=len(names))
        common = [int(i) for i in np.argsort(-counts, kind="stable")[:MOST_LEVELS]]
        asked = [(names[i], codes == i) for i in common]
    here = np.flatnonzero(there)
    for level, answer in asked:
        wanted = answer[here].astype(np.float64)
        if level is not None and not RAREST_LEVEL <= wanted.mean() <= 1 - RAREST_LEVEL:
            continue
        if here.size < 4 * LEAST_OF_A_CLASS:
            continue
        found = _predicted(
            wanted, {name: column[here] for name, column in features.items()}, is_level=level is not None
        )
        if found is not None:
            yield level, found


def _predicted(wanted: Array, features: Mapping[str, Array], *, is_level: bool) -> Recovery | None:
    learnt = np.zeros(wanted.size, bool)
    learnt[every_second(wanted if is_level else np.zeros(wanted.size))] = True
    ranks = _ranks(wanted)
    names = [name for name, column in features.items() if np.ptp(np.nan_to_num(column)) > 0 or np.isnan(column).any()]
    if len(names) > MOST_PREDICTORS:
        nearness = {name: -abs(_correlation(_ranks(np.nan_to_num(features[name])), ranks)) for name in names}
        names = sorted(names, key=lambda name: nearness[name])[:MOST_PREDICTORS]
    terms, owners = _terms([features[name] for name in names], learnt)
    if not owners.size:
        return None
    # Amounts are predicted by their logarithms, rates as they are: the better of the two counts.
    answers = np.column_stack([wanted] if is_level else [wanted, _logarithm(wanted)])
    taught = terms[learnt]
    gram = taught.T @ taught + 1e-3 * taught.shape[0] / 1000 * np.eye(owners.size)
    weights = np.linalg.solve(gram, taught.T @ (answers[learnt] - answers[learnt].mean(0)))
    best: Recovery | None = None
    for weight in weights.T:
        scores = terms[~learnt] @ weight
        if is_level:
            bad = wanted[~learnt] == 1
            if min(bad.sum(), (~bad).sum()) < LEAST_OF_A_CLASS:
                return None
            found = auc_with_limit(scores, bad)
            value, low, measure = found.auc, found.low, "AUC"
        else:
            value, measure = _correlation(_ranks(scores), _ranks(wanted[~learnt])), "rank correlation"
            low = math.tanh(math.atanh(min(value, 1 - 1e-12)) - Z99 * 1.03 / math.sqrt(scores.size - 3))
        if best is None or low > best.low:
            shares = np.bincount(owners, np.abs(weight), minlength=len(names))
            by = tuple(names[i] for i in np.argsort(-shares, kind="stable")[:NAMED])
            best = Recovery(measure, value, low, by)
    return best


def _terms(columns: Sequence[Array], learnt: Array) -> tuple[Array, Array]:
    """Return what a prediction is made from, in standard deviations of the rows that teach, and whose each term is."""
    terms, owners = [], []
    for i, column in enumerate(columns):
        missing = np.isnan(column)
        middle = np.median(column[learnt & ~missing]) if (learnt & ~missing).any() else 0.0
        filled = np.where(missing, middle, column)
        for term in (filled, _logarithm(filled), missing.astype(np.float64)):
            deviation = term[learnt].std()
            if deviation > 1e-9 * max(1.0, float(np.abs(term[learnt]).max())):
                terms.append(np.clip((term - term[learnt].mean()) / deviation, -FAR, FAR))
                owners.append(i)
    return np.column_stack(terms) if terms else np.empty((learnt.size, 0)), np.array(owners, np.int64)


def _logarithm(values: Array) -> Array:
    found: Array = np.sign(values) * np.log1p(np.abs(values))
    return found


def _ranks(values: Array) -> Array:
    """Return the mean ranks of values without NaN."""
    ordered = np.sort(values)
    found: Array = (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / 2
    return found


def _correlation(one: Array, other: Array) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
