"""A unit of work, how it is made, and what it found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from job.metrics import Array
from job.training.blocks import Origin
from job.training.candidates import Candidate, ModelName
from job.training.techniques import Technique


@dataclass(frozen=True, order=True)
class Unit:
    """The smallest thing that has a result."""

    dataset: str
    model: ModelName
    technique: Technique
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset}/{self.model}/{self.technique}/seed_{self.seed}"


@dataclass(frozen=True)
class Protocol:
    """How every unit of an execution is made.

    Attributes
    ----------
    folds : int
        Folds of the cross-validation.
    test_share : float
        Share of the rows held out for the test.
    scoring : str
        The metric that picks the winner; threshold moving picks by ROC AUC whatever this says.
    """

    folds: int = 5
    test_share: float = 0.3
    scoring: str = "balanced_accuracy"


@dataclass(frozen=True)
class UnitResult:
    """What a unit found.

    Attributes
    ----------
    unit : Unit
    status : {'done', 'inapplicable'}
    reason : str or None
        Why it is inapplicable.
    row : int32 ndarray of shape (n_test,)
        Positions of the test rows in the processed data. Empty where the unit is inapplicable, like the next three.
    target : int8 ndarray of shape (n_test,)
    score : float64 ndarray of shape (n_test,)
        Probability of default.
    decision : int8 ndarray of shape (n_test,)
    candidates : tuple of dict
        In the order they were searched.
    fold_scores : float64 ndarray of shape (n_candidates, n_folds) or None
    best_index : int or None
    threshold : float or None
        Only under threshold moving.
    train_counts, refit_counts : tuple of (int, int) or None
        Rows of each class, others first, in the training part, and in what the winner was fitted on: the training part
        after resampling.
    metrics : dict
        On the test rows.
    block : int32 ndarray of shape (n_test,), or None
        By group or time: a dense code of what was kept together.
    origin : Origin or None
        By time: which months learnt and which tested.
    gpu : str or None
        The GPU that verifiably made every fit; None where the CPU did.
    beside : dict
        What is said beside the result and is no part of it, as plain JSON values: ``shared_groups``, by row of data
        with groups, the share of the test rows whose group has rows in the training part; ``terms``, where outcomes are
        due after different times, rows and metrics for each.
    cpu_seconds, shared_cpu_seconds : float
        What the unit would cost alone, and how much of that units beside it need too.
    """

    unit: Unit
    status: Literal["done", "inapplicable"]
    reason: str | None = None
    row: Array = field(default_factory=lambda: np.empty(0, np.int32))
    target: Array = field(default_factory=lambda: np.empty(0, np.int8))
    score: Array = field(default_factory=lambda: np.empty(0, np.float64))
    decision: Array = field(default_factory=lambda: np.empty(0, np.int8))
    candidates: tuple[Candidate, ...] = ()
    fold_scores: Array | None = None
    best_index: int | None = None
    threshold: float | None = None
    train_counts: tuple[int, int] | None = None
    refit_counts: tuple[int, int] | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    block: Array | None = None
    origin: Origin | None = None
    gpu: str | None = None
    beside: Mapping[str, Any] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    shared_cpu_seconds: float = 0.0
