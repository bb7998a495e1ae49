"""Candidates fitted on one fold, and what they predict for its validation rows; each piece of work is done once.

The first 100 trees of a forest of 200 are the forest of 100, and the first 100 rounds of boosting the model of 100
rounds: one fit gives the predictions of both. A fit that converges below its ``max_iter`` is the fit of any larger one.
LightGBM and XGBoost sort the training rows into bins before they fit: once for all candidates of a fold. Nothing of
this changes a bit of any prediction.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from job.metrics import Array
from job.training import models
from job.training.candidates import CEILINGS, NESTED, Candidate, ModelName
from job.training.forests import growing_probabilities
from job.training.kernels import MOST_THREADS, single
from job.training.preparation import PreparedFold
from job.training.techniques import Sampler


@dataclass(frozen=True)
class Prediction:
    """What a fitted model says of the validation rows.

    Attributes
    ----------
    score : ndarray of shape (k,)
        Probability of default, in the model's own float type.
    decision : int8 ndarray of shape (k,)
        The model's own decision, 1 for a default.
    ranking : ndarray of shape (k,)
        What scikit-learn's ROC AUC scorer ranks rows by: the decision function where there is one, else the score.
    """

    score: Array
    decision: Array
    ranking: Array


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
        What the candidate would cost if it were fitted alone; about, where a prefix of a fit served it.
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
    threads : callable
        Asked again and again in the middle of a forest how many threads may grow it; other models have one
        (:data:`job.training.kernels.MOST_THREADS`). They change no bit of any prediction.

    Attributes
    ----------
    binning_cpu_seconds : float
        What the bins took that all candidates share.
    """

    def __init__(
        self,
        model: ModelName,
        fold: PreparedFold,
        *,
        sampler: Sampler,
        seed: int,
        threads: Callable[[], int] = single,
    ) -> None:
        self._model = model
        self._fold = fold
        self._sampler = sampler
        self._seed = seed
        self._allowed = threads
        self.binning_cpu_seconds = 0.0

    def fit(self, family: Sequence[Candidate]) -> Iterator[Fitted]:
        """Fit a family of candidates (:func:`job.training.candidates.families`) and predict the validation rows.

        Yields
        ------
        Fitted
            One for each member, in their order.
        """
        with models.quiet():
            if self._model in NESTED:
                yield from self._nested(family)
            else:
                yield from self._up_to_convergence(family)

    def _nested(self, family: Sequence[Candidate]) -> Iterator[Fitted]:
        predict = {"random_forest": self._forest, "lightgbm": self._lightgbm, "xgboost": self._xgboost}[self._model]
        binned = self.binning_cpu_seconds
        start = time.process_time()
        predictions = list(predict(family))
        spent = time.process_time() - start - (self.binning_cpu_seconds - binned)
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
        import lightgbm

        estimator = self._build(family[-1])
        weights = models.sample_weights(self._model, family[-1], self._fold.y_train)
        parameters = estimator.get_params()
        for name in ("n_estimators", "class_weight", "importance_type", "objective"):
            parameters.pop(name)
        parameters |= {"objective": "binary"}
        data = self.lightgbm_data(weights, estimator.min_child_samples)
        # A round that finds nothing to split leaves no tree, and the next one may find something again where columns
        # or rows are drawn: how many trees there are after a round shows only when it is made.
        trees: list[int] = []
        booster = lightgbm.train(
            parameters,
            data,
            num_boost_round=estimator.n_estimators,
            callbacks=[lambda made: trees.append(made.model.num_trees())],
        )
        for candidate in family:
            rounds = self._size(candidate)
            if rounds < 1:
                raise ValueError(f"LightGBM has no model of {rounds} rounds")
            count = trees[rounds - 1]
            score = np.asarray(booster.predict(self._fold.X_valid, num_iteration=count, num_threads=1))
            # LGBMClassifier takes the larger of 1 − score and score, the first where they are equal.
            yield Prediction(score, (score > 1.0 - score).astype(np.int8), score)

    def lightgbm_data(self, weights: Array | None, min_child_samples: int) -> Any:
        """Return the binned training rows as LightGBM takes them, with the weight of each row or without.

        Parameters
        ----------
        weights : float64 ndarray of shape (m,), or None
        min_child_samples : int
            Columns that cannot be split into leaves of so many rows are left out, as LightGBM leaves them out. Without
            that it splits some of them after all, since it estimates how many rows a leaf has.
        """
        # LightGBM cannot take weights back once they are set, and treats weights of 1 as none.
        weighted = weights is not None and not np.all(weights == 1)
        key = min_child_samples, weighted
        if key not in self._lightgbm_binned:
            self._lightgbm_binned[key] = self._timed(lambda: self._lightgbm_bins(min_child_samples))
        data = self._lightgbm_binned[key]
        return data.set_weight(weights) if weighted else data

    @cached_property
    def _lightgbm_binned(self) -> dict[tuple[int, bool], Any]:
        return {}

    def _lightgbm_bins(self, min_child_samples: int) -> Any:
        import lightgbm

        # Of many rows LightGBM looks at a sample to make its bins, and draws it by the seed.
        parameters = {
            "min_child_samples": min_child_samples, "seed": self._seed, "num_threads": 1, "verbosity": -1
        }  # fmt: skip
        data = lightgbm.Dataset(self._fold.X_train, self._fold.y_train, params=parameters, free_raw_data=False)
        return data.construct()

    def _xgboost(self, family: Sequence[Candidate]) -> Iterator[Prediction]:
        import xgboost

        estimator = self._build(family[-1])
        bins = self.xgboost_bins(estimator.max_bin)
        parameters = {**estimator.get_xgb_params(), "objective": "binary:logistic"}
        booster = xgboost.train(
            parameters, bins, num_boost_round=estimator.get_num_boosting_rounds(), verbose_eval=False
        )
        # Margins are sums over the trees in their order, so that a longer prefix goes on where a shorter one ended.
        done, margin = 0, None
        for i, candidate in enumerate(family):
            rounds = self._size(candidate)
            rows = xgboost.DMatrix(self._fold.X_valid, base_margin=margin, nthread=1)
            if rounds < 1:  # an empty range of iterations means all of them
                score = xgboost.train(parameters, bins, num_boost_round=0).predict(rows)
                yield Prediction(score, (score > 0.5).astype(np.int8), score)
                continue
            span = (done, rounds)
            score = booster.predict(rows, iteration_range=span)
            yield Prediction(score, (score > 0.5).astype(np.int8), score)
            if i < len(family) - 1:
                done, margin = rounds, booster.predict(rows, iteration_range=span, output_margin=True)

    def xgboost_bins(self, max_bin: int | None) -> Any:
        """Return the binned training rows as XGBoost takes them."""
        # XGBoost's bins depend on max_bin and on sample weights, which no unit uses; the class's weight is no such.
        import xgboost

        if max_bin not in self._binned:
            arguments = {} if max_bin is None else {"max_bin": max_bin}
            self._binned[max_bin] = self._timed(
                lambda: xgboost.QuantileDMatrix(self._fold.X_train, label=self._fold.y_train, nthread=1, **arguments)
            )
        return self._binned[max_bin]

    @cached_property
    def _binned(self) -> dict[int | None, Any]:
        return {}

    def _timed(self, make: Any) -> Any:
        start = time.process_time()
        made = make()
        self.binning_cpu_seconds += time.process_time() - start
        return made

    def _threads(self) -> int:
        return min(self._allowed(), MOST_THREADS[self._model])

    def _build(self, candidate: Candidate) -> Any:
        return models.build(self._model, candidate, sampler=self._sampler, target=self._fold.y_train, seed=self._seed)


def _predict(estimator: Any, X: Array) -> Prediction:
    """Ask the logistic model or the MLP; what decides is the decision function, else the score."""
    if hasattr(estimator, "decision_function"):
        ranking = estimator.decision_function(X)
        score = estimator.predict_proba(X)[:, 1]
        return Prediction(score, (ranking > 0).astype(np.int8), ranking)
    score = estimator.predict_proba(X)[:, 1]
    return Prediction(score, (score > 0.5).astype(np.int8), score)
