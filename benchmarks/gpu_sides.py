"""The sides of the benchmark `gpu`, each in a process of its own that goes through the sizes, the smallest first.

A side prints a JSON line for each size as soon as it has it: the seconds of a piece of work, or why it left it out. A
piece is one fit with its predictions, on bins that are there, as the fits of an item share them; or the Tomek links of
one fold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from job.arrays import CPU, Device, release, require_device
from job.opencl import PARAMETERS, objection

SEED = 1
HELD_OUT = 20_000
WARM_UP = 5000  # rows, and the least size: the first call loads libraries and compiles kernels
ROUNDS = 2
GROWTH = 1.2  # a piece of k times the rows is expected to take k to this power times as long
WATCH_EVERY_S = 0.01
WITH_THREADS = ("threads", "gpu_with_threads")
_PATIENCE_S = 300.0
CANDIDATES: dict[str, dict[str, Any]] = {
    "xgboost": {
        "learning_rate": 0.1, "max_depth": 6, "subsample": 0.8, "colsample_bytree": 0.8, "base_score": 0.5,
    },
    "lightgbm": {"learning_rate": 0.1, "num_leaves": 63, "min_child_samples": 20},
}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """What a side does.

    Attributes
    ----------
    name : {'xgboost', 'lightgbm', 'tomek'}
    place : pathlib.Path
        Where :func:`prepare` left the rows.
    trees : int
        Boosting rounds of a fit.
    threads : int
        Of a fit.
    """

    name: str
    place: Path
    trees: int
    threads: int


# ── the rows ────────────────────────────────────────────────────────────────────────────────────────────────────────


def prepare(place: Path, sizes: Sequence[int], device: Device) -> None:
    """Write the rows of all sizes: features of synthetic loans, imputed and scaled, and for Tomek links after SMOTE."""
    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import load_processed
    from job.data.processing import process
    from job.store import Store
    from job.training.preparation import prepare as prepared
    from job.training.resampling import resample
    from job.training.splits import Fold

    most = max(sizes) + HELD_OUT
    store = Store.open(str(place))
    write_sample(store, "lending_club", rows=int(most * 1.65), seed=SEED)  # more than a third is not finished
    process(store, "lending_club", Console.silent())
    data = load_processed(store, "lending_club")
    fold = Fold("all", np.arange(max(sizes)), np.arange(max(sizes), most))
    made = prepared(data.X, data.target, fold, sampler="none", seed=SEED)
    arrays = {"X": made.X_train, "y": made.y_train, "X_valid": made.X_valid, "y_valid": made.y_valid}
    for size in sizes:
        # SMOTE makes as many defaulters as there are others: n rows of so many that n / 2 are others.
        base = int(np.searchsorted(np.cumsum(made.y_train == 0), size // 2)) + 1
        smote = resample("smote", made.X_train[:base], made.y_train[:base], SEED, device=device)
        arrays |= {f"X_{size}": smote[0], f"y_{size}": smote[1]}
    for name, array in arrays.items():
        np.save(place / f"{name}.npy", array)


# ── a piece of work ─────────────────────────────────────────────────────────────────────────────────────────────────

Piece = Callable[[], dict[str, Any]]


def ready(work: Work, device: Device, rows: int, size: int) -> tuple[Piece, dict[str, float]]:
    """Make what pieces of work share, and return the piece, which tells its seconds and what came out, and theirs."""
    if work.name == "tomek":
        X, y = _load(work.place, rows, f"X_{size}", f"y_{size}")
        return lambda: _tomek(device, X, y), {}
    X, y = _load(work.place, rows, "X", "y")
    X_valid, y_valid = _load(work.place, HELD_OUT, "X_valid", "y_valid")
    start = time.perf_counter()
    fit = {"xgboost": _xgboost, "lightgbm": _lightgbm}[work.name](work, device, X, y, X_valid)
    return lambda: _fitted(fit, y_valid), {"bins_s": time.perf_counter() - start}


def _fitted(fit: Callable[[], Any], y_valid: Any) -> dict[str, Any]:
    from sklearn.metrics import roc_auc_score

    start = time.perf_counter()
    score = fit()
    spent = time.perf_counter() - start
    return {"wall_s": spent, "roc_auc": float(roc_auc_score(y_valid, score)), "digest": _digest(score)}


def _load(place: Path, rows: int, *names: str) -> list[Any]:
    return [np.load(place / f"{name}.npy", mmap_mode="r")[:rows].copy() for name in names]


def _digest(array: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def _estimator(work: Work, target: Any) -> Any:
    from job.training.models import build

    candidate = {**CANDIDATES[work.name], "n_estimators": work.trees}
    model: Any = work.name
    return build(model, candidate, sampler="none", target=target, seed=SEED)


def _xgboost(work: Work, device: Device, X: Any, y: Any, X_valid: Any) -> Callable[[], Any]:
    import xgboost

    where = "cpu" if device.kind == "cpu" else "cuda"
    estimator = _estimator(work, y).set_params(n_jobs=work.threads, device=where)
    parameters = {**estimator.get_xgb_params(), "objective": "binary:logistic"}
    bins = xgboost.QuantileDMatrix(X, label=y, nthread=work.threads)

    def fit() -> Any:
        booster = xgboost.train(parameters, bins, num_boost_round=work.trees, verbose_eval=False)
        used = json.loads(booster.save_config())["learner"]["generic_param"]["device"]
        if not used.startswith(where):
            raise RuntimeError(f"XGBoost fitted on {used}, not on {where}")
        return booster.predict(xgboost.DMatrix(X_valid, nthread=work.threads))

    return fit


def _lightgbm(work: Work, device: Device, X: Any, y: Any, X_valid: Any) -> Callable[[], Any]:
    import lightgbm

    parameters = {**_estimator(work, y).get_params(), "objective": "binary", "num_threads": work.threads}
    for name in ("n_estimators", "class_weight", "importance_type", "n_jobs"):
        parameters.pop(name)
    binning = {name: parameters[name] for name in ("min_child_samples", "num_threads", "verbosity")}
    if device.kind == "gpu":  # for one LightGBM bundles columns otherwise
        parameters |= {**PARAMETERS, "verbosity": 1}
        binning |= PARAMETERS
    said: list[str] = []
    lightgbm.register_logger(_Ear(said))
    data = lightgbm.Dataset(X, y, params=binning, free_raw_data=False).construct()

    def fit() -> Any:
        said.clear()
        booster = lightgbm.train(parameters, data, num_boost_round=work.trees)
        against = objection("\n".join(said)) if device.kind == "gpu" else None
        if against is not None:
            raise RuntimeError(f"LightGBM did not fit on the GPU: {against}")
        return booster.predict(X_valid, num_threads=work.threads)

    return fit


@dataclass(frozen=True)
class _Ear:
    said: list[str]

    def info(self, text: str) -> None:
        self.said.append(text)

    warning = info


def _tomek(device: Device, X: Any, y: Any) -> dict[str, Any]:
    from threadpoolctl import threadpool_limits

    from job.training.comparing import place_of
    from job.training.neighbours import tomek_links

    with threadpool_limits(1):
        start = time.perf_counter()
        links = tomek_links(X, y, place_of(device))
        spent = time.perf_counter() - start
    return {"wall_s": spent, "links": int(links.sum()), "digest": _digest(links)}


# ── the sides ───────────────────────────────────────────────────────────────────────────────────────────────────────


def one_by_one(work: Work, device: Device, size: int, most_s: float) -> dict[str, Any]:
    """Time a piece of work on a machine that does nothing else, up to :data:`ROUNDS` times."""
    started = time.perf_counter()
    with _device_memory(device) as peak:
        piece, shared = ready(work, device, size, size)
        pieces = [piece()]
        once = time.perf_counter() - started
        while len(pieces) < ROUNDS and (time.perf_counter() - started) * (1 + 1 / len(pieces)) < most_s:
            pieces.append(piece())
    del piece
    release(device)
    walls = [each.pop("wall_s") for each in pieces]
    again = {"rounds_equal": all(each == pieces[0] for each in pieces)} if len(pieces) > 1 else {}
    return {"piece_s": min(walls), "wall_s": walls, **shared, **pieces[0], **again, **peak, "once_s": once}


@contextmanager
def _device_memory(device: Device) -> Iterator[dict[str, float]]:
    """Tell the most memory that was in use on the device, on top of what was before, sampled."""
    found: dict[str, float] = {}
    if device.kind == "cpu":
        yield found
        return
    import cupy

    ended, least = threading.Event(), [cupy.cuda.runtime.memGetInfo()[0]]
    before = least[0]

    def watch() -> None:
        while not ended.wait(WATCH_EVERY_S):
            least[0] = min(least[0], cupy.cuda.runtime.memGetInfo()[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield found
    finally:
        ended.set()
        watcher.join()
    found["peak_device_mib"] = round((before - least[0]) / 2**20, 1)


class OnEachCore:
    """Does a piece of work on each core at the same time, one thread each, as the workers of an execution do."""

    def __init__(self, work: Work, cores: int) -> None:
        self._work, self._cores = work, cores
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(cores)
        self._pool = ProcessPoolExecutor(cores, mp_context=context, initializer=_join, initargs=(barrier,))

    def __call__(self, size: int, rows: int) -> dict[str, Any]:
        started = time.perf_counter()
        asked = ([each] * self._cores for each in (self._work, rows, size))
        pieces = list(self._pool.map(_together, *asked))
        whole = max(each["end"] for each in pieces) - min(each["start"] for each in pieces)
        bins = {"bins_s": max(each["bins_s"] for each in pieces) / self._cores} if "bins_s" in pieces[0] else {}
        spent = time.perf_counter() - started
        kept = {name: pieces[0][name] for name in ("roc_auc", "links", "digest") if name in pieces[0]}
        return {"piece_s": whole / self._cores, "wall_s": [whole], **bins, **kept, "once_s": spent}


_barrier: Any = None


def _join(barrier: Any) -> None:
    global _barrier  # noqa: PLW0603 - a pool has no other way to hand its workers what cannot be pickled
    _barrier = barrier


def _together(work: Work, rows: int, size: int) -> dict[str, Any]:
    _barrier.wait(_PATIENCE_S)
    piece, shared = ready(work, CPU, rows, size)
    _barrier.wait(_PATIENCE_S)
    start = time.perf_counter()
    found = piece()
    return {**found, **shared, "start": start, "end": time.perf_counter()}


def go(sizes: Sequence[int], most_s: float, warm_up: Callable[[], object], do: Callable[[int, float], Any]) -> None:
    """Do a piece of work of each size while there is time, and print a line for each."""
    began = time.perf_counter()
    warm_up()
    warm_up_s = time.perf_counter() - began
    last: tuple[int, float] | None = None
    for size in sorted(sizes):
        left = most_s - (time.perf_counter() - began)
        expected = 0.0 if last is None else last[1] * (size / last[0]) ** GROWTH
        if last is not None and expected > left:  # the smallest is always done
            answer = {"left_out": f"it would take about {expected:.0f} s, and {max(left, 0):.0f} s are left"}
        else:  # what is larger needs the time more than another round does
            answer = {**do(size, left if size == max(sizes) else left / 4), "warm_up_s": warm_up_s}
            last = size, answer["once_s"]
        print(json.dumps({"rows": size, **answer}), flush=True)


def require_threads(threads: int) -> None:
    """Make sure that OpenMP gives a fit as many threads as it asks for.

    Raises
    ------
    RuntimeError
    """
    from threadpoolctl import threadpool_info

    given = [int(one["num_threads"]) for one in threadpool_info() if one["user_api"] == "openmp"]
    if given and max(given) < threads:
        raise RuntimeError(f"OpenMP gives {max(given)} threads, not {threads}: look at OMP_NUM_THREADS")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--side", choices=("gpu", "gpu_with_threads", "one_core", "threads", "each_core"))
    parser.add_argument("--work", choices=("xgboost", "lightgbm", "tomek"))
    parser.add_argument("--device", choices=("gpu", "numpy"), default="gpu")
    parser.add_argument("--place", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="+", required=True)
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--most-s", type=float, default=600.0)
    options = parser.parse_args()
    if options.prepare:
        prepare(options.place, options.sizes, require_device(options.device == "gpu", ()))
        return
    threads = options.cores if options.side in WITH_THREADS else 1
    work = Work(options.work, options.place, options.trees, threads)
    few, first = WARM_UP, min(options.sizes)
    if options.side == "each_core":
        together = OnEachCore(work, options.cores)
        go(options.sizes, options.most_s, lambda: together(first, few), lambda size, _left: together(size, size))
        return
    on_gpu = options.side.startswith("gpu") and options.device == "gpu"
    device = require_device(on_gpu, ())  # each fit proves itself where it was made

    def warm_up() -> None:
        piece, _ = ready(work, device, few, first)
        piece()
        require_threads(threads)

    go(
        options.sizes,
        options.most_s,
        warm_up,
        lambda size, left: one_by_one(work, device, size, left),
    )


if __name__ == "__main__":
    main()
