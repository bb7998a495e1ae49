"""Candidates fitted on one fold, and what they predict for its validation rows; each piece of work is done once.

The first 100 trees of a forest of 200 are the forest of 100, and the first 100 rounds of boosting the model of 100
rounds: one fit gives the predictions of both. A fit that converges below its ``max_iter`` is the fit of any larger one.
What boosters share is in :mod:`job.training.boosting`. Nothing of this changes a bit of any prediction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from job.arrays import CPU, Device
from job.metrics import Array
from job.training import models, on_gpu
from job.training.boosting import Bins, Prediction, lightgbm_predictions, xgboost_predictions
from job.training.candidates import CEILINGS, NESTED, Candidate, ModelName
from job.training.forests import growing_probabilities
from job.training.kernels import MOST_THREADS, single
from job.training.preparation import PreparedFold
from job.training.techniques import Sampler


@dataclass(frozen=True)
class Fitted:
    """A candidate's prediction.

    Attributes
    ----------
    candidate : dict
    prediction : Prediction
    fit : int
        Which fit of the family it comes from: members with the same number share one.
    cpu_seconds : float
        What the candidate would cost if it were fitted alone; about, where a prefix of a fit served it. Of a fit on a
        GPU the process's own CPU seconds.
    """

    candidate: Candidate
    prediction: Prediction
    fit: int
    cpu_seconds: float


class Trainer:
    """Fits candidates of one model on one fold.

    Parameters
    ----------
    model : str
    fold : PreparedFold
    sampler : str
        What resampled the fold.
    seed : int
    device : Device
        What XGBoost and LightGBM fit on; the other models fit on the CPU.
    threads : callable
        Asked again and again in the middle of a forest how many threads may grow it; other models have one
        (:data:`job.training.kernels.MOST_THREADS`). They change no bit of any prediction.

    Attributes
    ----------
    bins : Bins
        The training rows in bins, which all candidates share.
    """

    def __init__(
        self,
        model: ModelName,
        fold: PreparedFold,
        *,
        sampler: Sampler,
        seed: int,
        device: Device = CPU,
        threads: Callable[[], int] = single,
    ) -> None:
        self._model = model
        self._fold = fold
        self._sampler = sampler
        self._seed = seed
        self._allowed = threads
        self._device = on_gpu.device_of(model, device)
        self.bins = Bins(fold, self._device)

    def fit(self, family: Sequence[Candidate]) -> Iterator[Fitted]:
        """Fit a family of candidates (:func:`job.training.candidates.families`) and predict the validation rows.

        Yields
        ------
        Fitted
            One for each member, in their order.
        """
        with models.quiet(), on_gpu.memory_named(self._device):
            if self._model in NESTED:
                yield from self._nested(family)
            else:
                yield from self._up_to_convergence(family)

    def _nested(self, family: Sequence[Candidate]) -> Iterator[Fitted]:
        predict = {"random_forest": self._forest, "lightgbm": self._lightgbm, "xgboost": self._xgboost}[self._model]
        binned = self.bins.cpu_seconds
        start = time.process_time()
        predictions = list(predict(family))
        spent = time.process_time() - start - (self.bins.cpu_seconds - binned)
        largest = max(self._size(family[-1]), 1)
        for candidate, prediction in zip(family, predictions, strict=True):
            yield Fitted(candidate, prediction, 0, spent * self._size(candidate) / largest)

    def _size(self, candidate: Candidate) -> int:
        estimator = self._build(candidate)
        size: int = estimator.get_num_boosting_rounds() if self._model == "xgboost" else estimator.n_estimators
        return size

    def _up_to_convergence(self, family: Sequence[Candidate]) -> Iterator[Fitted]:
        fold, name = self._fold, CEILINGS[self._model]
        converged: Fitted | None = None
        for i, candidate in enumerate(family):
            if converged is not None:
                yield replace(converged, candidate=candidate)
                continue
            start = time.process_time()
            estimator = self._build(candidate)
            weights = models.sample_weights(self._model, candidate, fold.y_train)
            if weights is None:
                estimator.fit(fold.X_train, fold.y_train)
            else:
                estimator.fit(fold.X_train, fold.y_train, sample_weight=weights)
            made = Fitted(candidate, _predict(estimator, fold.X_valid), i, time.process_time() - start)
            # L-BFGS counts its iterations otherwise.
            if name in candidate and estimator.n_iter_ < estimator.max_iter and candidate.get("solver") != "lbfgs":
                converged = made
            yield made

    def _forest(self, family: Sequence[Candidate]) -> Iterator[Prediction]:
        fold, forest = self._fold, self._build(family[-1])
        sizes = {self._size(candidate) for candidate in family}
        grown = growing_probabilities(forest, fold.X_train, fold.y_train, fold.X_valid, sizes, self._threads)
        for probability in grown:
            decision = np.argmax(probability, axis=1).astype(np.int8)
            yield Prediction(probability[:, 1], decision, probability[:, 1])

    def _lightgbm(self, family: Sequence[Candidate]) -> Iterator[Prediction]:
        weights = models.sample_weights(self._model, family[-1], self._fold.y_train)
        sizes = [self._size(candidate) for candidate in family]
        estimator = self._build(family[-1])
        return lightgbm_predictions(estimator, sizes, weights, self._fold.X_valid, self.bins, self._device)

    def _xgboost(self, family: Sequence[Candidate]) -> Iterator[Prediction]:
        sizes = [self._size(candidate) for candidate in family]
        return xgboost_predictions(self._build(family[-1]), sizes, self._fold.X_valid, self.bins, self._device)

    def _threads(self) -> int:
        return min(self._allowed(), MOST_THREADS[self._model])

    def _build(self, candidate: Candidate) -> Any:
        return models.build(
            self._model,
            candidate,
            sampler=self._sampler,
            target=self._fold.y_train,
            seed=self._seed,
            device=self._device,
        )


def _predict(estimator: Any, X: Array) -> Prediction:
    """Ask the logistic model or the MLP; what decides is the decision function, else the score."""
    if hasattr(estimator, "decision_function"):
        ranking = estimator.decision_function(X)
        score = estimator.predict_proba(X)[:, 1]
        return Prediction(score, (ranking > 0).astype(np.int8), ranking)
    score = estimator.predict_proba(X)[:, 1]
    return Prediction(score, (score > 0.5).astype(np.int8), score)
