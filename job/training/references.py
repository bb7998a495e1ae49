"""What every comparison is held against: the default rate alone, and the best single feature.

The *prior* gives every row the training part's default rate and decides for the commoner class, as scikit-learn's
``DummyClassifier(strategy="prior")`` does. The *single feature* is the one that ranks the folds' validation rows best,
by ROC AUC and in the direction that it has on the folds' training rows; test rows choose nothing. Its score is a
logistic curve over its rank among the training rows, and a row is called a default from the training part's default
rate on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from job.metrics import Array, all_metrics, roc_auc
from job.training.splits import Fold, Splits


@dataclass(frozen=True)
class References:
    """What the two reach on the test part.

    Attributes
    ----------
    prior, single_feature : dict of metric to float or None
    feature : int
        The position of the single feature.
    """

    prior: Mapping[str, float | None]
    single_feature: Mapping[str, float | None]
    feature: int


def references(X: Array, target: Array, splits: Splits) -> References:
    """Compute both on one repetition.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p)
        Missing values as NaN; they count as the training rows' median.
    target : int8 ndarray of shape (n,)
    """
    refit = splits.refit
    rate = float(np.mean(target[refit.train]))
    tested = target[refit.valid]
    constant = np.full(tested.size, rate)
    prior = all_metrics(tested, constant, np.full(tested.size, int(rate > 0.5), np.int8))
    ranks = np.array([[_ranked(X[:, j], target, fold) for fold in splits.folds] for j in range(X.shape[1])])
    feature = int(np.argmax(ranks.mean(axis=1)))
    score = _score(X[:, feature], target, refit)
    single = all_metrics(tested, score, (score >= rate).astype(np.int8))
    return References(prior, single, feature)


def _ranked(column: Array, target: Array, fold: Fold) -> float:
    """Return how well a feature ranks a fold's validation rows, in its direction on the training rows."""
    train, valid = _filled(column, fold)
    direction = 1 if roc_auc(target[fold.train], train) >= 0.5 else -1
    return roc_auc(target[fold.valid], direction * valid)


def _score(column: Array, target: Array, fold: Fold) -> Array:
    from sklearn.linear_model import LogisticRegression

    train, valid = _filled(column, fold)
    ordered = np.sort(train)
    ranks = [
        (np.searchsorted(ordered, part, "left") + np.searchsorted(ordered, part, "right")) / (2 * ordered.size)
        for part in (train, valid)
    ]
    # Over ranks the curve rises exactly where the ROC AUC of the training rows is above a half.
    model = LogisticRegression().fit(ranks[0][:, None], target[fold.train])
    score: Array = model.predict_proba(ranks[1][:, None])[:, 1]
    return score


def _filled(column: Array, fold: Fold) -> tuple[Array, Array]:
    train, valid = column[fold.train].astype(np.float64), column[fold.valid].astype(np.float64)
    known = train[~np.isnan(train)]
    median = np.median(known) if known.size else 0.0
    return np.where(np.isnan(train), median, train), np.where(np.isnan(valid), median, valid)
