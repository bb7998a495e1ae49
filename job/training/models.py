"""The five models: how each is built for a candidate, with the rarer class's weight.

Every model is seeded by the unit's seed and computes with one thread.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from job.arrays import CPU, Device
from job.metrics import Array
from job.training import on_gpu
from job.training.candidates import WEIGHT_PARAMETERS, Candidate, ModelName, Value
from job.training.techniques import Sampler


def build(
    model: ModelName, candidate: Candidate, *, sampler: Sampler, target: Array, seed: int, device: Device = CPU
) -> Any:
    """Build an unfitted scikit-learn estimator.

    LightGBM and the MLP take the weight as :func:`sample_weights` when they are fitted.

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
    device : Device
        What XGBoost and LightGBM are to fit on; the others have no choice.
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

        options = {"n_jobs": 1, "verbosity": -1, **on_gpu.parameters(model, device)}
        return LGBMClassifier(random_state=seed, **options, **parameters)
    if model == "xgboost":
        from xgboost import XGBClassifier

        if weight == "balanced":
            negatives, positives = np.bincount(target, minlength=2)
            weight = float(negatives / positives)
        return XGBClassifier(
            tree_method="hist",
            scale_pos_weight=weight,
            random_state=seed,
            n_jobs=1,
            verbosity=0,
            **on_gpu.parameters(model, device),
            **parameters,
        )
    from sklearn.neural_network import MLPClassifier

    if sampler == "random_under_sampling":
        parameters["early_stopping"] = False
    return MLPClassifier(random_state=seed, **parameters)


def sample_weights(model: ModelName, candidate: Candidate, target: Array) -> Array | None:
    """Return the weight of each row, for the models that take the rarer class's weight in that form.

    Parameters
    ----------
    target : int8 ndarray of shape (n,)
        Of the rows that the model is fitted on.

    Returns
    -------
    float64 ndarray of shape (n,), or None
        None for the models that weigh classes themselves, and without a weight.
    """
    weight = candidate.get(WEIGHT_PARAMETERS[model])
    if weight is None or model not in ("mlp", "lightgbm"):
        return None
    if weight == "balanced":
        from sklearn.utils.class_weight import compute_sample_weight

        weights: Array = compute_sample_weight("balanced", target)
        return weights
    return np.where(target == 1, float(weight), 1.0)  # type: ignore[arg-type]


def load_libraries(model: ModelName) -> None:
    """Import what preparing folds and fitting a model need, so that the first fit is not charged with it."""
    import imblearn.over_sampling
    import imblearn.under_sampling  # noqa: F401

    build(model, {}, sampler="none", target=np.array([0, 1], np.int8), seed=0)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what a grid search expects: a candidate's ``max_iter`` may end before convergence."""
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def _class_weight(weight: Value) -> Any:
    if weight is None or weight == "balanced":
        return weight
    return {0: 1, 1: weight}
