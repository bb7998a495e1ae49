"""What share of a dataset's rows a fit learns from, by how they are split: for what it is expected to cost."""

from __future__ import annotations

from job.planning.spec import Spec
from job.training.blocks import ByTime
from job.training.unit import Unit


def training_share(spec: Spec, unit: Unit) -> float:
    """Return the share of the rows in a unit's training part; by time about what has come before its origin."""
    split = spec.split(unit.dataset)
    if isinstance(split, ByTime):
        return unit.seed / (split.origins + 1)
    return 1 - spec.protocol.test_share


def fold_share(spec: Spec, unit: Unit) -> float:
    """Return the share of the training part that a fold learns from; by time, where folds grow, their mean."""
    folds = spec.protocol.folds
    return 0.5 if isinstance(spec.split(unit.dataset), ByTime) else (folds - 1) / folds
