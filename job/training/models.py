"""The five models: how each is built for a candidate, fitted with the rarer class's weight, and asked for predictions.

Every model is seeded by the unit's seed and computes with one thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from job.metrics import Array
from job.training.candidates import WEIGHT_PARAMETERS, Candidate, ModelName, Value
from job.training.techniques import Sampler


def build(model: ModelName, candidate: Candidate, *, sampler: Sampler, target: Array, seed: int) -> Any:
    """Build an unfitted scikit-learn estimator.

    Parameters
    ----------
    model : str
    candidate : dict
        One point of the unit's grid, the weight included.
    sampler : str
        The MLP stops early on a tenth of its training rows, except under random under-sampling, which leaves too few
        (as in the published study).
    target : int8 ndarray of shape (n,)
        The target of the rows it will be fitted on; XGBoost's 'balanced' weight is their ratio of the classes.
    seed : int
    """
    parameters: dict[str, Any] = dict(candidate)
    weight = parameters.pop(WEIGHT_PARAMETERS[model], None)
    if model == "logistic_regression":
        from sklearn.linear_model import SGDClassifier

        return SGDClassifier(loss="log_loss", class_weight=_class_weight(weight), random_state=seed, **parameters)
    if model == "random_forest":
        from sklearn.ensemble import RandomForestClassifier

        return RandomForestClassifier(class_weight=_class_weight(weight), random_state=seed, n_jobs=1, **parameters)
    if model == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(
            class_weight=_class_weight(weight), random_state=seed, n_jobs=1, verbosity=-1, **parameters
        )
    if model == "xgboost":
        from xgboost import XGBClassifier

        if weight == "balanced":
            negatives, positives = np.bincount(target, minlength=2)
            weight = float(negatives / positives)
        return XGBClassifier(
            tree_method="hist", scale_pos_weight=weight, random_state=seed, n_jobs=1, verbosity=0, **parameters
        )
    from sklearn.neural_network import MLPClassifier

    if sampler == "random_under_sampling":
        parameters["early_stopping"] = False
    return MLPClassifier(random_state=seed, **parameters)


def fit(model: ModelName, candidate: Candidate, X: Array, target: Array, *, sampler: Sampler, seed: int) -> Any:
    """Fit one candidate.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p)
        Prepared rows: imputed, scaled, resampled.
    target : int8 ndarray of shape (n,)
    """
    estimator = build(model, candidate, sampler=sampler, target=target, seed=seed)
    weight = candidate.get("sample_weight") if model == "mlp" else None
    with quiet():
        if weight is None:
            return estimator.fit(X, target)
        return estimator.fit(X, target, sample_weight=_sample_weight(weight, target))


def score(estimator: Any, X: Array) -> Array:
    """Return the probability of default of each row, in the model's own float type, shape (n,)."""
    with quiet():
        probabilities: Array = estimator.predict_proba(X)
    return probabilities[:, 1]


def ranking(estimator: Any, X: Array) -> Array:
    """Return what scikit-learn's ROC AUC scorer ranks rows by: the decision function, else the probability."""
    if hasattr(estimator, "decision_function"):
        values: Array = estimator.decision_function(X)
        return values
    return score(estimator, X)


def decide(estimator: Any, X: Array) -> Array:
    """Return the model's own decision for each row: int8 ndarray of shape (n,), 1 for a default."""
    with quiet():
        return np.asarray(estimator.predict(X)).astype(np.int8)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what a grid search expects: a candidate's ``max_iter`` may end before convergence."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        # LightGBM names the columns of an array itself, then misses the names when it predicts.
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        yield


def _class_weight(weight: Value) -> Any:
    if weight is None or weight == "balanced":
        return weight
    return {0: 1, 1: weight}


def _sample_weight(weight: Value, target: Array) -> Array:
    from sklearn.utils.class_weight import compute_sample_weight

    if weight == "balanced":
        weights: Array = compute_sample_weight("balanced", target)
        return weights
    return np.where(target == 1, float(weight), 1.0)  # type: ignore[arg-type]
