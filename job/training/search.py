"""Exact grid search: the same fold scores and the same winner as scikit-learn's ``GridSearchCV``.

``GridSearchCV`` over a pipeline imputes, scales and resamples every fold again for every candidate, and fits every
candidate from the start. Here a fold is prepared once, what candidates have in common is fitted once
(:mod:`job.training.fitting`), and units that search the same folds with the same model share their fits; the numbers
that come out are the same, because each candidate's prediction is. A search that was interrupted goes on from the fits
it is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from job.arrays import CPU, Device
from job.metrics import DECISION_SCORINGS, RANKING_SCORINGS, Array
from job.training.boosting import Prediction
from job.training.candidates import Candidate, Key, ModelName, families, key_of, without_weight
from job.training.fitting import Fitted, Trainer
from job.training.kernels import single
from job.training.preparation import PreparedFold
from job.training.techniques import Sampler

Place: TypeAlias = tuple[int, int]
"""A candidate's index and a fold's."""


@dataclass(frozen=True)
class Fit:
    """One finished fit.

    Attributes
    ----------
    score : float
        The candidate's, on the fold's validation rows.
    cpu_seconds : float
        What it took.
    gpu : str or None
        The GPU that verifiably made it; None on the CPU.
    """

    score: float
    cpu_seconds: float
    gpu: str | None = None


Name: TypeAlias = Any
"""What tells the demands of one search apart: a unit, mostly; hashable."""


@dataclass(frozen=True)
class Demand:
    """What one unit asks of a search.

    Attributes
    ----------
    name : hashable
    points : tuple of dict
        The candidates, in ``ParameterGrid`` order.
    scoring : str
        One of :data:`job.metrics.SCORINGS`.
    keep_scores : bool
        Whether to return the winner's probabilities of default on the validation rows.
    known : dict of Place to Fit
        Fits that need not be made again.
    """

    name: Name
    points: tuple[Candidate, ...]
    scoring: str
    keep_scores: bool = False
    known: Mapping[Place, Fit] = field(default_factory=dict)


@dataclass(frozen=True)
class SearchResult:
    """What a search found for one demand.

    Attributes
    ----------
    fold_scores : float64 ndarray of shape (n_candidates, n_folds)
    best_index : int
        The first maximum of the folds' mean.
    valid_targets : tuple of int8 ndarray, one for each fold; empty unless scores were asked for
    valid_scores : tuple of ndarray, one for each fold; empty unless they were asked for
        The winner's probabilities of default on the validation rows.
    cpu_seconds : float
        What all the fits would have taken for this demand alone, those of an earlier attempt included.
    shared_cpu_seconds : float
        How much of that other demands needed too.
    """

    fold_scores: Array
    best_index: int
    valid_targets: tuple[Array, ...]
    valid_scores: tuple[Array, ...]
    cpu_seconds: float
    shared_cpu_seconds: float


@dataclass(frozen=True)
class Memory:
    """What was fitted before on folds that may turn out to be the same, by what determines it.

    Attributes
    ----------
    fits : dict of (fold identity, candidate's key, scoring) to Fit
    refits : dict of (fold identity, candidate's key) to Fitted
    """

    fits: dict[tuple[str, Key, str], Fit] = field(default_factory=dict)
    refits: dict[tuple[str, Key], Fitted] = field(default_factory=dict)


def first_maximum(fold_scores: Array) -> int:
    """Return the index of the first candidate with the highest mean over its folds."""
    return int(np.argmax(np.average(fold_scores, axis=1)))


def search(
    model: ModelName,
    demands: Sequence[Demand],
    folds: Sequence[Callable[[], PreparedFold]],
    *,
    sampler: Sampler,
    seed: int,
    memory: Memory | None = None,
    on_fit: Callable[[Name, Place, Fit], None] = lambda _name, _place, _fit: None,
    is_busy: Callable[[int], bool] = lambda _fold: False,
    only: Callable[[Name, Place], bool] | None = None,
    device: Device = CPU,
    threads: Callable[[], int] = single,
) -> dict[Name, SearchResult]:
    """Fit every candidate on every fold, once for all demands.

    Parameters
    ----------
    model : str
    demands : sequence of Demand
    folds : sequence of callables that return a PreparedFold
        Called one after the other, in any order, and only for folds that have something to fit; one fold is held at a
        time.
    sampler : str
        What resampled the folds.
    seed : int
    memory : Memory, optional
        Read and added to.
    on_fit : callable
        Told of each demand's fits as they are finished.
    only : callable, optional
        Whether a demand's fit is to be made here. Nothing is concluded then: the others are made elsewhere.
    is_busy : callable
        Whether somebody else is preparing the fold with that index at the moment: then others go first.
    device : Device
        What XGBoost and LightGBM fit on.
    threads : callable
        Asked before each fit how many threads it may have (:class:`~job.training.fitting.Trainer`).
    """
    ledgers = [_Ledger(demand) for demand in demands]
    left = list(range(len(folds)))
    while left:
        f = next((f for f in left if not is_busy(f)), left[0])
        left.remove(f)
        wanted = _wanted(model, ledgers, f, only)
        if not wanted:
            continue
        fold = folds[f]()
        identity = "" if memory is None else fold.identity
        if memory is not None:
            _remember(memory, identity, wanted, on_fit)
        trainer = Trainer(model, fold, sampler=sampler, seed=seed, device=device, threads=threads)
        for family in families(model, [without_weight(model, want[0].point) for want in wanted.values()]):
            charged: dict[tuple[int, int], float] = {}
            for fitted in trainer.fit(family):
                wants = wanted[key_of(fitted.candidate)]
                for want in wants:
                    fit = want.fit(fitted, fold, charged)
                    want.ledger.take(want.place, fit, shared=len(wants) > 1)
                    if want.ledger.demand.keep_scores:
                        want.ledger.kept[want.place] = fitted.prediction.score
                    if memory is not None:
                        memory.fits[identity, key_of(fitted.candidate), want.ledger.demand.scoring] = fit
                    on_fit(want.ledger.demand.name, want.place, fit)
        _share_bins(trainer, wanted)
        del trainer  # and with it the bins, which a GPU keeps in its memory
    if only is not None:
        return {}
    return {
        ledger.demand.name: _conclude(model, ledger, folds, sampler=sampler, seed=seed, device=device, threads=threads)
        for ledger in ledgers
    }


def predict_once(
    trainer: Trainer, model: ModelName, points: Iterable[Candidate], *, memory: Memory | None = None, identity: str = ""
) -> dict[Key, Fitted]:
    """Fit candidates, each piece once, and return what each of them predicts, by :func:`key_of`.

    Parameters
    ----------
    memory : Memory, optional
        Read and added to; `identity` is the fold's.
    """
    distinct = {key_of(point): point for point in (without_weight(model, point) for point in points)}
    refits = {} if memory is None else memory.refits
    found = {key: refits[identity, key] for key in distinct if (identity, key) in refits}
    for family in families(model, [point for key, point in distinct.items() if key not in found]):
        for fitted in trainer.fit(family):
            found[key_of(fitted.candidate)] = refits[identity, key_of(fitted.candidate)] = fitted
    return found


class _Ledger:
    """The fits of one demand: those it has, and what they cost."""

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.fits: dict[Place, Fit] = dict(demand.known)
        self.kept: dict[Place, Array] = {}
        self.shared_cpu_seconds = 0.0
        self.binning_cpu_seconds = 0.0

    def take(self, place: Place, fit: Fit, *, shared: bool) -> None:
        self.fits[place] = fit
        self.shared_cpu_seconds += fit.cpu_seconds if shared else 0.0


@dataclass(frozen=True)
class _Want:
    """One demand's wish for one candidate on one fold."""

    ledger: _Ledger
    place: Place

    @property
    def point(self) -> Candidate:
        return self.ledger.demand.points[self.place[0]]

    def fit(self, fitted: Fitted, fold: PreparedFold, charged: dict[tuple[int, int], float]) -> Fit:
        """Score a prediction; of the members that one fit served, a demand pays for the dearest."""
        account = id(self.ledger), fitted.fit
        paid = charged.get(account, 0.0)
        charged[account] = max(paid, fitted.cpu_seconds)
        score = score_of(fitted.prediction, fold.y_valid, self.ledger.demand.scoring)
        return Fit(score, charged[account] - paid, fitted.prediction.gpu)


def score_of(prediction: Prediction, target: Array, scoring: str) -> float:
    """Score a prediction as the search does.

    Parameters
    ----------
    prediction : Prediction
        Of k rows.
    target : int8 ndarray of shape (k,)
    scoring : str
        One of :data:`job.metrics.SCORINGS`.
    """
    if scoring in RANKING_SCORINGS:
        return RANKING_SCORINGS[scoring](target, prediction.ranking)
    return DECISION_SCORINGS[scoring](target, prediction.decision)


def _wanted(
    model: ModelName, ledgers: Sequence[_Ledger], f: int, only: Callable[[Name, Place], bool] | None
) -> dict[Key, list[_Want]]:
    """Return who wants which candidate on fold `f`, in the order of the candidates."""
    wanted: dict[Key, list[_Want]] = {}
    for ledger in ledgers:
        for c, point in enumerate(ledger.demand.points):
            if (c, f) not in ledger.fits and (only is None or only(ledger.demand.name, (c, f))):
                wanted.setdefault(key_of(without_weight(model, point)), []).append(_Want(ledger, (c, f)))
    return wanted


def _remember(
    memory: Memory, identity: str, wanted: dict[Key, list[_Want]], on_fit: Callable[[Name, Place, Fit], None]
) -> None:
    """Take from memory what it has, and take it off the list of what is wanted."""
    for key, wants in list(wanted.items()):
        for want in list(wants):
            fit = memory.fits.get((identity, key, want.ledger.demand.scoring))
            if fit is None or want.ledger.demand.keep_scores:
                continue
            want.ledger.take(want.place, fit, shared=True)
            on_fit(want.ledger.demand.name, want.place, fit)
            wants.remove(want)
        if not wants:
            del wanted[key]


def _share_bins(trainer: Trainer, wanted: dict[Key, list[_Want]]) -> None:
    """Enter what the bins took into every ledger that used them."""
    for ledger in {id(want.ledger): want.ledger for wants in wanted.values() for want in wants}.values():
        ledger.binning_cpu_seconds += trainer.bins.cpu_seconds


def _conclude(
    model: ModelName,
    ledger: _Ledger,
    folds: Sequence[Callable[[], PreparedFold]],
    *,
    sampler: Sampler,
    seed: int,
    device: Device,
    threads: Callable[[], int],
) -> SearchResult:
    points, fits = ledger.demand.points, ledger.fits
    fold_scores = np.array(
        [[fits[c, f].score for f in range(len(folds))] for c in range(len(points))], dtype=np.float64
    )
    best = first_maximum(fold_scores)
    targets: list[Array] = []
    scores: list[Array] = []
    for f, prepare in enumerate(folds if ledger.demand.keep_scores else ()):
        fold = prepare()
        if (best, f) not in ledger.kept:  # fitted by an earlier attempt, which left its score alone
            trainer = Trainer(model, fold, sampler=sampler, seed=seed, device=device, threads=threads)
            (fitted,) = predict_once(trainer, model, [points[best]]).values()
            ledger.kept[best, f] = fitted.prediction.score
        targets.append(np.asarray(fold.y_valid))
        scores.append(ledger.kept[best, f])
    # Those of an attempt before this one count as well.
    spent = sum(fit.cpu_seconds for fit in fits.values()) + ledger.binning_cpu_seconds
    shared = ledger.shared_cpu_seconds + ledger.binning_cpu_seconds
    return SearchResult(fold_scores, best, tuple(targets), tuple(scores), spent, shared)
