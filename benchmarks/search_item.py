"""One work item of the `search` benchmark, all three ways in one process: naive, by the engine, and its bare fits."""

from __future__ import annotations

import itertools
import math
import random
import resource
import statistics
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import peak_mib
from job.planning.fit_costs import fit_cost
from job.planning.spec import Spec
from job.training import models
from job.training.candidates import CEILINGS, NESTED, Candidate, families, key_of, without_weight
from job.training.fitting import Trainer
from job.training.preparation import FoldCache, PreparedFold
from job.training.resampling import resample
from job.training.search import Fit, Place
from job.training.splits import Fold, split
from job.training.techniques import chain, sampler_of
from job.training.together import run_units
from job.training.unit import Unit

WHOLE_S = 60.0
LEAST = 4  # sampled fits of each fold
DATASET = "taiwan_credit"
# The model whose units need each resampled fold first, as among workers that start with the longest work.
ORDER = ("xgboost", "random_forest", "mlp", "lightgbm", "logistic_regression")


def clock() -> Any:
    """Return the CPU seconds of this process, and seconds by the clock on the wall: float64 ndarray of shape (2,)."""
    return np.array([time.process_time(), time.perf_counter()])


class Observer:
    """Looks over the engine's shoulder: repeats each of its fits bare, and a sample of them the naive way."""

    def __init__(self, spec: Spec, units: Sequence[Unit], X: Any, target: Any, share: float, folds: int) -> None:
        self.spec, self.units, self.X, self.target = spec, units, X, target
        self.model = units[0].model
        self.sampler = sampler_of(units[0].technique)
        self.seed = units[0].seed
        self.rng = random.Random(f"{self.model} {self.sampler}")
        protocol = spec.protocol
        self.splits = split(target, seed=self.seed, folds=protocol.folds, test_share=protocol.test_share)
        self.measured = range(folds)
        self.points = {unit: list(_points(spec, unit)) for unit in units}
        self.engine: dict[int, Any] = defaultdict(lambda: np.zeros(2))
        self.floor: dict[int, Any] = defaultdict(lambda: np.zeros(2))
        self.naive: dict[int, list[tuple[float, Any]]] = defaultdict(list)
        self.mark = clock()
        self.fold: tuple[int, PreparedFold] | None = None
        self.bare_fits: set[tuple[int, Any]] = set()
        self.seen: dict[int, set[Any]] = defaultdict(set)
        self.sample = {f: self._sample(share) for f in self.measured}
        self.members = {
            key_of(point): family
            for family in families(self.model, list(self._distinct().values()))
            for point in family
        }

    def _sample(self, share: float) -> set[tuple[Unit, int]]:
        """Choose the candidates of a fold that are fitted the naive way too."""
        every = [(unit, c) for unit, points in self.points.items() for c in range(len(points))]
        tried = [self._fit_naive(self.splits.folds[0], unit, self.points[unit][c]) for unit, c in (every[0], every[-1])]
        if max(one[0] for one in tried) * len(every) < WHOLE_S:
            return set(every)
        # Every so many-th of the candidates, ordered by what they are expected to cost, from a random one on: as many
        # cheap ones and dear ones as there are.
        every.sort(key=lambda one: self._expected(self.points[one[0]][one[1]]))
        count = min(len(every), max(LEAST, round(share * len(every))))
        start = self.rng.random()
        return {every[int((start + i) * len(every) / count)] for i in range(count)}

    def _expected(self, point: Candidate) -> float:
        return fit_cost(self.model, point, self.sampler, len(self.splits.folds[0].train), self.X.shape[1])

    def _distinct(self) -> dict[Any, Candidate]:
        found = [without_weight(self.model, point) for points in self.points.values() for point in points]
        return {key_of(point): point for point in found}

    def known(self) -> dict[Unit, dict[Place, Fit]]:
        """Tell the engine that the folds that are not measured are done."""
        others = [f for f in range(self.spec.protocol.folds) if f not in self.measured]
        return {
            unit: {(c, f): Fit(0.5, 0.0) for f in others for c in range(len(points))}
            for unit, points in self.points.items()
        }

    def fitted(self, unit: Unit, place: Place, _fit: Fit) -> None:
        """Book what the engine took since the last time, then do the same work the other ways."""
        now = clock()
        c, f = place
        self.engine[f] += now - self.mark
        point = without_weight(self.model, self.points[unit][c])
        if self.fold is None or self.fold[0] != f:
            self.fold = (f, self._prepare_bare(f, self.splits.folds[f]))
        self._fit_bare(f, point)
        if (unit, c) in self.sample[f]:
            spent = self._fit_naive(self.splits.folds[f], unit, self.points[unit][c])
            self.naive[f].append((self._expected(self.points[unit][c]), spent))
        self.mark = clock()

    def _prepare_bare(self, f: int, fold: Fold) -> PreparedFold:
        """Impute and scale as scikit-learn does; what is resampled is paid for by the first model that needs it."""
        from sklearn.impute import SimpleImputer
        from sklearn.preprocessing import StandardScaler

        pays = self.model == ORDER[0] or not self._shared()
        start = clock()
        imputer, scaler = SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()
        X = np.ascontiguousarray(scaler.fit_transform(imputer.fit_transform(self.X[fold.train])))
        valid = np.ascontiguousarray(scaler.transform(imputer.transform(self.X[fold.valid])))
        y = self.target[fold.train]
        for sampler in chain(self.sampler)[1:]:
            X, y = resample(sampler, X, y, self.seed)
        spent = clock() - start
        self.floor[f] += spent if pays else 0
        made = PreparedFold(X, y, valid, self.target[fold.valid], 0.0)
        self.trainer = Trainer(self.model, made, sampler=self.sampler, seed=self.seed)
        return made

    def _shared(self) -> bool:
        return any(self.model != ORDER[0] and name == ORDER[0] for name in self.spec.models)

    def _fit_bare(self, f: int, point: Candidate) -> None:
        family = self.members[key_of(point)]
        largest = family[-1] if self.model in NESTED else family[0]
        if (f, key_of(largest)) in self.bare_fits:
            return
        self.bare_fits.add((f, key_of(largest)))
        assert self.fold is not None
        self.floor[f] += self._bare_seconds(self.fold[1], largest, family)

    def _bare_seconds(self, fold: PreparedFold, point: Candidate, family: Sequence[Candidate]) -> Any:
        """Return the CPU and wall seconds of the library's own fit; with bins, only those that nobody has made yet."""
        estimator = models.build(self.model, point, sampler=self.sampler, target=fold.y_train, seed=self.seed)
        start = clock()
        with models.quiet():
            if self.model == "xgboost":
                import xgboost

                bins = self.trainer.bins.xgboost(estimator.max_bin)
                parameters = {**estimator.get_xgb_params(), "objective": "binary:logistic"}
                xgboost.train(parameters, bins, num_boost_round=estimator.n_estimators, verbose_eval=False)
                return clock() - start
            weights = models.sample_weights(self.model, point, fold.y_train)
            if self.model == "lightgbm":
                import lightgbm

                parameters = {k: v for k, v in estimator.get_params().items() if k not in ("n_estimators", "objective")}
                data = self.trainer.bins.lightgbm(weights, estimator.min_child_samples, estimator.random_state)
                parameters = {**parameters, "objective": "binary"}
                lightgbm.train(parameters, data, num_boost_round=estimator.n_estimators)
                return clock() - start
            estimator.fit(fold.X_train, fold.y_train, **({} if weights is None else {"sample_weight": weights}))
        spent = clock() - start
        if self.model in CEILINGS and estimator.n_iter_ >= estimator.max_iter and len(family) > 1:
            spent += self._bare_seconds(fold, family[1], family[1:])  # it did not converge: the next one is needed
        return spent

    def _fit_naive(self, fold: Fold, unit: Unit, point: Candidate) -> Any:
        """Return the CPU and wall seconds of one fit of ``GridSearchCV`` over the pipeline, scored."""
        from sklearn.base import clone
        from sklearn.metrics import get_scorer

        pipeline = _pipeline(unit, point, self.target[fold.train])
        scorer = get_scorer(self.spec.protocol.scoring)
        start = clock()
        with models.quiet(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = clone(pipeline).fit(self.X[fold.train], self.target[fold.train])
            scorer(made, self.X[fold.valid], self.target[fold.valid])
        return clock() - start

    def refit(self, results: Sequence[Any]) -> tuple[Any, Any, Any]:
        """Return what the refits took: naive (from the sample's mean), engine, floor."""
        engine = clock() - self.mark
        self.fold = None
        fold = self._prepare_bare(-1, self.splits.refit)
        winners = {}
        for result in results:
            point = without_weight(self.model, result.candidates[result.best_index])
            winners[key_of(point)] = point
        floor = self.floor.pop(-1) + sum(self._bare_seconds(fold, point, [point]) for point in winners.values())
        naive = len(self.units) * np.mean([s for sample in self.naive.values() for _, s in sample], axis=0)
        return naive, engine, floor


def _points(spec: Spec, unit: Unit) -> Sequence[Candidate]:
    from job.training.candidates import candidates

    return candidates(spec.grid(unit))


def _pipeline(unit: Unit, point: Candidate, target: Any) -> Any:
    from imblearn.combine import SMOTETomek
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import Pipeline
    from imblearn.under_sampling import RandomUnderSampler, TomekLinks
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    sampler = sampler_of(unit.technique)
    smote = SMOTE(k_neighbors=3, random_state=unit.seed)
    steps = {
        "none": "passthrough",
        "random_under_sampling": RandomUnderSampler(random_state=unit.seed),
        "smote": smote,
        "smote_tomek": SMOTETomek(smote=smote, tomek=TomekLinks(sampling_strategy="all"), random_state=unit.seed),
    }
    return Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("resample", steps[sampler]),
            ("model", models.build(unit.model, point, sampler=sampler, target=target, seed=unit.seed)),
        ]
    )


def run_item(place: Path, spec: Spec, units: Sequence[Unit], share: float, folds: int) -> dict[str, Any]:
    """Run one work item all three ways; return for each measured fold what each side would take for all folds."""
    X, target = np.load(place / "X.npy", mmap_mode="r"), np.load(place / "y.npy")
    scratch = place / "scratch"
    (scratch / "folds").mkdir(parents=True, exist_ok=True)
    _warm(units[0].model, X, target)
    observer = Observer(spec, units, X, target, share, folds)
    observer.mark = clock()
    results = list(
        run_units(
            {unit: spec.grid(unit) for unit in units},
            spec.protocol,
            X,
            target,
            FoldCache(scratch),
            known=observer.known(),
            on_fit=observer.fitted,
        )
    )
    naive_refit, engine_refit, floor_refit = observer.refit(results)
    count, k = sum(len(points) for points in observer.points.values()), spec.protocol.folds
    rounds = [
        {
            "naive": k * count * np.mean([s for _, s in observer.naive[f]], axis=0) + naive_refit,
            "engine": k * observer.engine[f] + engine_refit,
            "floor": k * observer.floor[f] + floor_refit,
        }
        for f in observer.measured
    ]
    sampled = (one for f in observer.measured for one in observer.naive[f])
    sample = [float(seconds[0]) for _, seconds in sorted(sampled, key=lambda one: one[0])]
    whole = len(sample) == count * len(observer.measured)
    error = None if whole else _standard_error(sample) / statistics.fmean(sample)
    rounds = [{side: [float(value) for value in seconds] for side, seconds in one.items()} for one in rounds]
    peak = peak_mib(resource.getrusage(resource.RUSAGE_SELF))
    return {
        "rounds": rounds,
        "peak_mib": peak,
        "sampled": len(sample),
        "of": count * len(observer.measured),
        "error": error,
    }


def _standard_error(ordered: Sequence[float]) -> float:
    """Estimate the standard error of a systematic sample's mean by successive differences (Wolter 2007, v2)."""
    squares = [(one - other) ** 2 for one, other in itertools.pairwise(ordered)]
    return math.sqrt(sum(squares) / (2 * len(squares)) / len(ordered))


def _warm(model: Any, X: Any, target: Any) -> None:
    """Load the libraries before anything is timed."""
    from job.training.together import run_unit
    from job.training.unit import Protocol

    small = np.r_[np.flatnonzero(target == 1)[:100], np.flatnonzero(target == 0)[:200]]
    grid = {"max_iter": [5]} if model in CEILINGS else {"n_estimators": [2]}
    unit = Unit(DATASET, model, "smote_tomek", 1)
    run_unit(unit, grid, Protocol(folds=2), np.asarray(X)[small], target[small])
