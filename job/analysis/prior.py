"""Probabilities put back to the training part's default rate, where weights or resampling raised it.

A model that was fitted on other odds of default than the data have gives the probabilities of a population with those
odds. With β, the odds of default of the training part divided by those it was fitted on, the corrected probability is
β·p/(β·p + 1 − p) (Saerens, Latinne and Decaestecker, Neural Computation 14 (2002), 21-41; Dal Pozzolo et al., IEEE SSCI
2015). Rankings stay what they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from job.metrics import Array
from job.training.candidates import WEIGHT_PARAMETERS

Exactness = Literal["exact", "approximate", "none"]


@dataclass(frozen=True)
class PriorShift:
    """What undoes a unit's shift of the odds.

    Attributes
    ----------
    beta : float
        1 where there is nothing to undo.
    exactness : {'exact', 'approximate', 'none'}
        'exact' for rows that were taken away at random; 'approximate' for weights, to which trees and penalties react
        in other ways too, and for rows that SMOTE made up; 'none' where nothing shifted the odds.
    """

    beta: float
    exactness: Exactness


def prior_shift(record: Mapping[str, Any]) -> PriorShift | None:
    """Read from a result's record what shifted its odds; None where the record does not count rows of both classes.

    Parameters
    ----------
    record : mapping
        The ``ldp`` JSON of a result that is done.
    """
    technique, model = record["unit"]["technique"], record["unit"]["model"]
    if technique in ("baseline", "threshold_moving"):
        return PriorShift(1.0, "none")
    train, refit = record.get("train"), record.get("refit")
    if not train or not refit or 0 in (*train.values(), *refit.values()):
        return None
    best = record.get("best_index")
    weight = None if best is None else record["candidates"][best].get(WEIGHT_PARAMETERS[model])
    if technique == "cost_sensitive" and weight in (None, 1):
        return PriorShift(1.0, "none")
    factor = refit["n0"] / refit["n1"] if weight == "balanced" else float(weight or 1)
    fitted = refit["n1"] * factor / refit["n0"]
    beta = train["n1"] / train["n0"] / fitted
    return PriorShift(beta, "exact" if technique == "random_under_sampling" else "approximate")


def corrected(score: Array, beta: float) -> Array:
    """Return probabilities with their odds multiplied by `beta`.

    Parameters
    ----------
    score : float64 ndarray of shape (n,)
    """
    found: Array = beta * score / (beta * score + 1 - score)
    return found
