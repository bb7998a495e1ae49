"""What every comparison is held against is chosen inside the folds, and is what a naive computation gives."""

from __future__ import annotations

import numpy as np
from sklearn.dummy import DummyClassifier
from sklearn.metrics import roc_auc_score

from job.metrics import all_metrics
from job.training.references import references
from job.training.splits import split


def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(600, 4)).astype(np.float32)
    y = (rng.random(600) < 1 / (1 + np.exp(1.5 + 1.4 * X[:, 2]))).astype(np.int8)
    X[rng.random(600) < 0.1, 2] = np.nan
    X[:, 3] = np.nan
    return X, y


def test_the_prior_is_the_dummy_classifier() -> None:
    X, y = rows()
    splits = split(y, seed=1, folds=3, test_share=0.3)
    train, test = splits.refit.train, splits.refit.valid
    dummy = DummyClassifier(strategy="prior").fit(X[train], y[train])
    expected = all_metrics(y[test], dummy.predict_proba(X[test])[:, 1], dummy.predict(X[test]))
    assert references(X, y, splits).prior == expected


def test_the_single_feature_ranks_as_the_feature_itself_in_its_direction() -> None:
    X, y = rows()
    splits = split(y, seed=1, folds=3, test_share=0.3)
    found = references(X, y, splits)
    assert found.feature == 2  # which falls with the risk
    train, test = splits.refit.train, splits.refit.valid
    filled = np.where(np.isnan(X[test, 2]), np.nanmedian(X[train, 2]), X[test, 2])
    assert abs((found.single_feature["roc_auc"] or 0) - roc_auc_score(y[test], -filled)) < 0.01
    assert (found.single_feature["balanced_accuracy"] or 0) > 0.6


def test_test_rows_choose_nothing() -> None:
    X, y = rows()
    splits = split(y, seed=1, folds=3, test_share=0.3)
    test = splits.refit.valid
    leaking = X.copy()
    leaking[test, 0] = y[test] * 100
    assert references(leaking, y, splits).feature == 2
