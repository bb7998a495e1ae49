"""Techniques against class imbalance, and what each does to the training rows of a fold.

Three of the six change the rows (under-sampling, SMOTE, SMOTE-Tomek); the others leave them alone and change the
model's weights (cost-sensitive) or the threshold of its decision (threshold moving). Rows are what costs, so the
house keeps the *sampler* apart from the technique: techniques with the same sampler share prepared folds.
"""

from __future__ import annotations

from typing import Literal, get_args

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
