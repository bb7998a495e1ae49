"""Techniques against class imbalance, and what each does to the training rows of a fold.

Three of the six change the rows (under-sampling, SMOTE, SMOTE-Tomek); the others leave them alone and change the
model's weights (cost-sensitive) or the threshold of its decision (threshold moving). Rows are what costs, so the
house keeps the *sampler* apart from the technique: techniques with the same sampler share prepared folds.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from job.metrics import Array

Technique = Literal["baseline", "random_under_sampling", "smote", "smote_tomek", "cost_sensitive", "threshold_moving"]
Sampler = Literal["none", "random_under_sampling", "smote", "smote_tomek"]

TECHNIQUES: tuple[Technique, ...] = get_args(Technique)
SAMPLERS: tuple[Sampler, ...] = get_args(Sampler)
SMOTE_NEIGHBORS = 3
# What a sampler's rows are made from: another sampler's, or nothing but the fold's own.
BEFORE: dict[Sampler, Sampler | None] = {
    "none": None,
    "random_under_sampling": "none",
    "smote": "none",
    "smote_tomek": "smote",
}


def sampler_of(technique: Technique) -> Sampler:
    """Return what a technique does to the training rows."""
    if technique in ("baseline", "cost_sensitive", "threshold_moving"):
        return "none"
    return technique  # type: ignore[return-value]


def chain(sampler: Sampler) -> tuple[Sampler, ...]:
    """Return what has to be made for a sampler's rows, the sampler itself last."""
    before = BEFORE[sampler]
    return (*(() if before is None else chain(before)), sampler)


def resample(sampler: Sampler, X: Array, target: Array, seed: int) -> tuple[Array, Array]:
    """Resample the training rows of a fold, as imbalanced-learn does with ``random_state = seed``.

    Parameters
    ----------
    sampler : str
        Any but 'none'.
    X : float32 ndarray of shape (n, p)
        Without missing values; scaled, since neighbours are sought by Euclidean distance. For SMOTE-Tomek, SMOTE's
        result with the same seed.
    target : int8 ndarray of shape (n,)

    Returns
    -------
    (float32 ndarray of shape (m, p), int8 ndarray of shape (m,))
        C-contiguous.

    Notes
    -----
    SMOTE: Chawla et al. (2002); SMOTE-Tomek: Batista et al. (2003), here Tomek links of both classes removed after
    that same seeded SMOTE.
    """
    import numpy as np
    from imblearn.over_sampling import SMOTE
    from imblearn.under_sampling import RandomUnderSampler, TomekLinks

    step: Any
    if sampler == "random_under_sampling":
        step = RandomUnderSampler(random_state=seed)
    elif sampler == "smote":
        step = SMOTE(k_neighbors=SMOTE_NEIGHBORS, random_state=seed)
    else:
        step = TomekLinks(sampling_strategy="all")
    X, target = step.fit_resample(X, target)
    return np.ascontiguousarray(X, dtype=np.float32), target
