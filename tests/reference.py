"""The protocol as a naive user of scikit-learn and imbalanced-learn would write it: what our answers must equal."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from imblearn.under_sampling import RandomUnderSampler, TomekLinks
from lightgbm import LGBMClassifier
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    TunedThresholdClassifierCV,
    train_test_split,
)
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from xgboost import XGBClassifier

CLASS_WEIGHTS = [None, "balanced", {0: 1, 1: 5}, {0: 1, 1: 10}]


class WeightedXGB(XGBClassifier):
    """XGBoost that understands 'balanced' as the ratio of the classes it is fitted on."""

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        asked = self.scale_pos_weight
        if asked == "balanced":
            self.scale_pos_weight = float((y == 0).sum() / (y == 1).sum())
        try:
            return super().fit(X, y, **kwargs)
        finally:
            self.scale_pos_weight = asked


class WeightedMLP(MLPClassifier):
    """The MLP with the rarer class's weight as a parameter."""

    def __init__(self, sample_weight: Any = None, random_state: Any = None, **kwargs: Any) -> None:
        self.sample_weight = sample_weight
        super().__init__(random_state=random_state, **kwargs)

    @classmethod
    def _get_param_names(cls) -> list[str]:
        return sorted([*MLPClassifier._get_param_names(), "sample_weight"])

    def fit(self, X: Any, y: Any) -> Any:
        if self.sample_weight is None:
            return super().fit(X, y)
        if self.sample_weight == "balanced":
            return super().fit(X, y, sample_weight=compute_sample_weight("balanced", y))
        return super().fit(X, y, sample_weight=np.where(y == 1, float(self.sample_weight), 1.0))


def model_of(name: str, technique: str, seed: int) -> Any:
    if name == "logistic_regression":
        return SGDClassifier(loss="log_loss", random_state=seed)
    if name == "random_forest":
        return RandomForestClassifier(random_state=seed)
    if name == "lightgbm":
        return LGBMClassifier(random_state=seed, n_jobs=1, verbosity=-1)
    if name == "xgboost":
        return WeightedXGB(tree_method="hist", random_state=seed, n_jobs=1)
    return WeightedMLP(random_state=seed)


def grid_of(name: str, technique: str, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
    named = {f"model__{key}": list(values) for key, values in grid.items()}
    if name == "mlp" and technique == "random_under_sampling" and "early_stopping" in grid:
        named["model__early_stopping"] = [False]
    if technique == "cost_sensitive":
        if name in ("logistic_regression", "random_forest", "lightgbm"):
            named["model__class_weight"] = CLASS_WEIGHTS
        elif name == "xgboost":
            named["model__scale_pos_weight"] = [None, "balanced", 5, 10]
        else:
            named["model__sample_weight"] = [None, "balanced", 5, 10]
    return named


class DeclaredSteps(TransformerMixin, BaseEstimator):
    """Ends drawn in to the training rows' quantiles, then a column that marks what is missing."""

    def __init__(self, winsor: float | None = None, winsorised: Any = (), indicators: Any = ()) -> None:
        self.winsor, self.winsorised, self.indicators = winsor, winsorised, indicators

    def fit(self, X: Any, y: Any = None) -> Any:
        known = {j: X[~np.isnan(X[:, j]), j] for j in self.winsorised}
        self.ends_ = {j: np.quantile(k, [self.winsor, 1 - self.winsor]) for j, k in known.items() if k.size}
        return self

    def transform(self, X: Any) -> Any:
        marks, X = np.isnan(X[:, list(self.indicators)]), X.copy()
        for j, (low, high) in self.ends_.items():
            X[:, j] = np.clip(X[:, j], low, high)
        return np.hstack([X, marks.astype(np.float32)])


def sampler_of(technique: str, seed: int) -> Any:
    smote = SMOTE(k_neighbors=3, random_state=seed)
    return {
        "random_under_sampling": RandomUnderSampler(random_state=seed),
        "smote": smote,
        "smote_tomek": SMOTETomek(smote=smote, tomek=TomekLinks(sampling_strategy="all"), random_state=seed),
    }.get(technique, "passthrough")


Parts = tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]
"""Rows of the training and the test part, and the folds' pairs as positions in the training part."""


@dataclass(frozen=True)
class Reference:
    fold_scores: np.ndarray
    best_index: int
    score: np.ndarray
    decision: np.ndarray
    threshold: float | None
    test: np.ndarray


def reference(
    model: str,
    technique: str,
    grid: dict[str, list[Any]],
    X: np.ndarray,
    y: np.ndarray,
    *,
    seed: int,
    folds: int,
    test_share: float = 0.3,
    scoring: str = "balanced_accuracy",
    parts: Parts | None = None,
    steps: DeclaredSteps | str = "passthrough",
    fixed: Mapping[str, Any] = MappingProxyType({}),
    jobs: int | None = None,
) -> Reference:
    """Run ``GridSearchCV`` over the imbalanced-learn pipeline, then predict the test part.

    `fixed` are more parameters of the model, such as its device; `jobs` how many candidates are fitted at once.
    """
    cv: Any
    if parts is None:
        train, test = train_test_split(np.arange(y.size), test_size=test_share, stratify=y, random_state=seed)
        cv = StratifiedKFold(folds, shuffle=True, random_state=seed)
    else:
        train, test, cv = parts
    pipeline = Pipeline(
        [
            ("declared", steps),
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("resample", sampler_of(technique, seed)),
            ("model", model_of(model, technique, seed).set_params(**fixed)),
        ]
    )
    moving = technique == "threshold_moving"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        search = GridSearchCV(
            pipeline,
            grid_of(model, technique, grid),
            cv=cv,
            scoring="roc_auc" if moving else scoring,
            refit=not moving,
            n_jobs=jobs,
        )
        search.fit(X[train], y[train])
        threshold = None
        if moving:
            tuned = TunedThresholdClassifierCV(
                pipeline.set_params(**search.best_params_), scoring="balanced_accuracy", cv=cv, thresholds=100
            )
            tuned.fit(X[train], y[train])
            threshold = float(tuned.best_threshold_)
            fitted: Any = tuned
        else:
            fitted = search.best_estimator_
        score = fitted.predict_proba(X[test])[:, 1].astype(np.float64)
        decision = fitted.predict(X[test])
    per_fold = [search.cv_results_[f"split{i}_test_score"] for i in range(folds)]
    return Reference(
        np.array(per_fold).T, search.best_index_, score, np.asarray(decision).astype(np.int8), threshold, test
    )
