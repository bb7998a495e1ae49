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
        low, high = np.fmin.reduce(values), np.fmax.reduce(values)
        if np.all((values == low) | (values == high) | ~there):
            asked = [(f"{high:.17g}", values == high)] if low < high else []
        else:
            asked = [(None, values)]
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
    names = list(features)
    if len(names) > MOST_PREDICTORS:
        ranks = _ranks(wanted)
        nearness = {name: -abs(_correlation(_ranks(np.nan_to_num(features[name])), ranks)) for name in names}
        names = sorted(names, key=lambda name: nearness[name])[:MOST_PREDICTORS]
    # The half that teaches comes first, so that either is a stretch.
    first = every_second(wanted if is_level else np.zeros(wanted.size))
    teaches = np.zeros(wanted.size, bool)
    teaches[first] = True
    order = np.concatenate([np.flatnonzero(teaches), np.flatnonzero(~teaches)])
    wanted = wanted[order]
    terms, owners = _terms([features[name][order] for name in names], first.size)
    if not owners.size:
        return None
    # Amounts are predicted by their logarithms, rates as they are: the better of the two counts.
    answers = np.column_stack([wanted] if is_level else [wanted, _logarithm(wanted)])[: first.size]
    taught, asked = terms[: first.size], wanted[first.size :]
    gram = taught.T @ taught + 1e-3 * taught.shape[0] / 1000 * np.eye(owners.size)
    weights = np.linalg.solve(gram, taught.T @ (answers - answers.mean(0)))
    best: Recovery | None = None
    for weight in weights.T:
        scores = terms[first.size :] @ weight
        if is_level:
            bad = asked == 1
            if min(bad.sum(), (~bad).sum()) < LEAST_OF_A_CLASS:
                return None
            found = auc_with_limit(scores, bad)
            value, low, measure = found.auc, found.low, "AUC"
        else:
            value, measure = _correlation(_ranks(scores), _ranks(asked)), "rank correlation"
            low = math.tanh(math.atanh(min(value, 1 - 1e-12)) - Z99 * 1.03 / math.sqrt(scores.size - 3))
        if best is None or low > best.low:
            shares = np.bincount(owners, np.abs(weight), minlength=len(names))
            by = tuple(names[i] for i in np.argsort(-shares, kind="stable")[:NAMED])
            best = Recovery(measure, value, low, by)
    return best


def _terms(columns: Sequence[Array], first: int) -> tuple[Array, Array]:
    """Return what a prediction is made from, and whose each term is.

    They are in standard deviations of the `first` rows, which teach.
    """
    terms = np.empty((len(columns[0]), 3 * len(columns)), order="F")
    owners: list[int] = []
    for i, column in enumerate(columns):
        for term in _terms_of(column, first):
            taught = term[:first]
            deviation = taught.std()
            if deviation > 1e-9 * max(1.0, float(np.abs(taught).max())):
                np.clip((term - taught.mean()) / deviation, -FAR, FAR, out=terms[:, len(owners)])
                owners.append(i)
    return terms[:, : len(owners)], np.array(owners, np.int64)


def _terms_of(column: Array, first: int) -> Iterator[Array]:
    missing = np.isnan(column)
    if missing.any():
        known = column[:first][~missing[:first]]
        middle = known.size // 2
        column = np.where(missing, np.partition(known, middle)[middle] if known.size else 0.0, column)
        yield missing.astype(np.float64)
    yield column
    if not ((column == 0) | (column == 1)).all():  # whose logarithms would be the same once more
        yield _logarithm(column)


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
