"""Boosted trees on one fold: bins that all candidates share, and one fit that serves several numbers of rounds.

LightGBM and XGBoost sort the training rows into bins before they fit: here once for all candidates of a fold. The first
100 rounds of a fit are the model of 100 rounds. Nothing of this changes a bit of any prediction, on either device.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from job.arrays import Device
from job.metrics import Array
from job.training import on_gpu
from job.training.preparation import PreparedFold


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
    gpu : str or None
        The GPU that verifiably made the fit; None on the CPU.
    """

    score: Array
    decision: Array
    ranking: Array
    gpu: str | None = None


class Bins:
    """The binned training rows of a fold.

    Parameters
    ----------
    fold : PreparedFold
    device : Device
        What LightGBM is to fit on: it bundles columns otherwise for a GPU. XGBoost bins on the host for both.

    Attributes
    ----------
    cpu_seconds : float
        What they took.
    """

    def __init__(self, fold: PreparedFold, device: Device) -> None:
        self._fold = fold
        self._device = device
        self._of_lightgbm: dict[tuple[int, bool], Any] = {}
        self._of_xgboost: dict[int | None, Any] = {}
        self.cpu_seconds = 0.0

    def lightgbm(self, weights: Array | None, min_child_samples: int, seed: int) -> Any:
        """Return the binned training rows as LightGBM takes them, with the weight of each row or without.

        Parameters
        ----------
        weights : float64 ndarray of shape (m,), or None
        min_child_samples : int
            Columns that cannot be split into leaves of so many rows are left out, as LightGBM leaves them out. Without
            that it splits some of them after all, since it estimates how many rows a leaf has.
        seed : int
            Of the fold's only model. Where there are more than 200,000 rows the bins are those of a sample drawn by it.
        """
        import lightgbm

        # LightGBM cannot take weights back once they are set, and treats weights of 1 as none.
        weighted = weights is not None and not np.all(weights == 1)
        parameters = {
            "min_child_samples": min_child_samples,
            "seed": seed,
            "num_threads": 1,
            **on_gpu.parameters("lightgbm", self._device),
            "verbosity": -1,
        }
        key = min_child_samples, weighted
        if key not in self._of_lightgbm:
            X, y = self._fold.X_train, self._fold.y_train
            self._of_lightgbm[key] = self._timed(
                lambda: lightgbm.Dataset(X, y, params=parameters, free_raw_data=False).construct()
            )
        data = self._of_lightgbm[key]
        return data.set_weight(weights) if weighted else data

    def xgboost(self, max_bin: int | None) -> Any:
        """Return the binned training rows as XGBoost takes them."""
        # XGBoost's bins depend on max_bin and on sample weights, which no unit uses; the class's weight is no such.
        import xgboost

        if max_bin not in self._of_xgboost:
            arguments = {} if max_bin is None else {"max_bin": max_bin}
            self._of_xgboost[max_bin] = self._timed(
                lambda: xgboost.QuantileDMatrix(self._fold.X_train, label=self._fold.y_train, nthread=1, **arguments)
            )
        return self._of_xgboost[max_bin]

    def _timed(self, make: Callable[[], Any]) -> Any:
        start = time.process_time()
        made = make()
        self.cpu_seconds += time.process_time() - start
        return made


def lightgbm_predictions(
    estimator: Any, sizes: Sequence[int], weights: Array | None, X_valid: Array, bins: Bins, device: Device
) -> Iterator[Prediction]:
    """Fit one model of LightGBM and yield what it says of the validation rows after each number of rounds.

    Parameters
    ----------
    estimator : LGBMClassifier
        Unfitted, of the largest number.
    sizes : sequence of int
        Numbers of rounds.
    weights : float64 ndarray of shape (m,), or None
        Of the training rows.
    """
    import lightgbm

    parameters = estimator.get_params()
    for name in ("n_estimators", "class_weight", "importance_type", "objective"):
        parameters.pop(name)
    parameters |= {"objective": "binary"}
    data = bins.lightgbm(weights, estimator.min_child_samples, estimator.random_state)
    # A round that finds nothing to split leaves no tree, and the next one may find something again where columns or
    # rows are drawn: how many trees there are after a round shows only when it is made.
    trees: list[int] = []
    with on_gpu.lightgbm_on(device):
        booster = lightgbm.train(
            parameters,
            data,
            num_boost_round=estimator.n_estimators,
            callbacks=[lambda made: trees.append(made.model.num_trees())],
        )
    for rounds in sizes:
        if rounds < 1:
            raise ValueError(f"LightGBM has no model of {rounds} rounds")
        count = trees[rounds - 1]
        score = np.asarray(booster.predict(X_valid, num_iteration=count, num_threads=1))
        # LGBMClassifier takes the larger of 1 − score and score, the first where they are equal.
        yield Prediction(score, (score > 1.0 - score).astype(np.int8), score, device.gpu)


def xgboost_predictions(
    estimator: Any, sizes: Sequence[int], X_valid: Array, bins: Bins, device: Device
) -> Iterator[Prediction]:
    """Fit one model of XGBoost and yield what it says of the validation rows after each number of rounds.

    Parameters
    ----------
    estimator : XGBClassifier
        Unfitted, of the largest number.
    sizes : sequence of int
        Numbers of rounds, ascending.
    """
    import xgboost

    data = bins.xgboost(estimator.max_bin)
    parameters = {**estimator.get_xgb_params(), "objective": "binary:logistic"}
    booster = xgboost.train(parameters, data, num_boost_round=estimator.get_num_boosting_rounds(), verbose_eval=False)
    gpu = on_gpu.require_cuda(booster, device)
    done, margin = 0, None
    for rounds in sizes:
        rows = xgboost.DMatrix(X_valid, base_margin=margin, nthread=1)
        if rounds < 1:  # an empty range of iterations means all of them
            score = xgboost.train(parameters, data, num_boost_round=0).predict(rows)
        else:
            score = booster.predict(rows, iteration_range=(done, rounds))
        yield Prediction(score, (score > 0.5).astype(np.int8), score, gpu)
        # On the CPU margins are sums over the trees in their order, so that a longer prefix goes on where a shorter one
        # ended. A GPU adds the trees up first and the margin to them.
        if gpu is None and 1 <= rounds < sizes[-1]:
            margin = booster.predict(rows, iteration_range=(done, rounds), output_margin=True)
            done = rounds
