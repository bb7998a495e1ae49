"""What happens to a fold's rows before any model sees them, done once and shared by every candidate, model and worker.

What a dataset declares (ends drawn in, missing values marked), median imputation, standard scaling and resampling are
fitted on the fold's training rows alone; validation and test rows are only transformed, never resampled. Every sampler
starts from the same imputed and scaled rows, and SMOTE-Tomek from SMOTE's.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from job.arrays import CPU, Device
from job.metrics import Array
from job.training.resampling import resample
from job.training.splits import Fold
from job.training.steps import ColumnSteps, draw_in, with_indicators
from job.training.stretches import NOWHERE, Kept
from job.training.techniques import BEFORE, Sampler, chain

_COLUMNS = 4
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, None})  # None: NumPy only says how much of an array was written


@dataclass(frozen=True)
class PreparedFold:
    """A fold that models can be fitted on.

    Attributes
    ----------
    X_train : float32 ndarray of shape (m, p), C-contiguous
        Imputed, scaled, resampled.
    y_train : int8 ndarray of shape (m,)
    X_valid : float32 ndarray of shape (k, p), C-contiguous
        Imputed and scaled by what was learnt from the training rows.
    y_valid : int8 ndarray of shape (k,)
    cpu_seconds : float
        What the preparation cost, whoever paid for it.
    """

    X_train: Array
    y_train: Array
    X_valid: Array
    y_valid: Array
    cpu_seconds: float

    @cached_property
    def identity(self) -> str:
        """A hash of the training rows, equal for folds that models cannot tell apart."""
        digest = hashlib.blake2b(repr(self.X_train.shape).encode())
        digest.update(np.ascontiguousarray(self.X_train).data)
        digest.update(np.ascontiguousarray(self.y_train).data)
        return digest.hexdigest()


_NO_STEPS = ColumnSteps()


def prepare(
    X: Array, target: Array, fold: Fold, *, sampler: Sampler, seed: int, steps: ColumnSteps = _NO_STEPS
) -> PreparedFold:
    """Impute, scale and resample one fold.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p)
        Features with missing values as NaN. A column without any value in the training rows becomes 0.
    target : int8 ndarray of shape (n,)
    steps : ColumnSteps
        What comes before imputation.
    """
    return FoldCache(None).get(X, target, fold, dataset="", sampler=sampler, seed=seed, steps=steps)


def _scaled(X: Array, target: Array, fold: Fold, steps: ColumnSteps) -> PreparedFold:
    from sklearn.preprocessing import StandardScaler

    start = time.process_time()
    X_train, X_valid = X[fold.train], X[fold.valid]  # copies, which are filled and scaled in place
    draw_in(X_train, X_valid, steps)
    X_train = with_indicators(X_train, steps)
    X_valid = with_indicators(X_valid, steps)
    medians = _medians(X_train)
    for part in (X_train, X_valid):
        for column, median in zip(part.T, medians, strict=True):
            column[np.isnan(column)] = median
    scaler = StandardScaler(copy=False)
    X_train = np.ascontiguousarray(scaler.fit_transform(X_train))
    X_valid = np.ascontiguousarray(scaler.transform(X_valid))
    spent = time.process_time() - start
    return PreparedFold(X_train, target[fold.train], X_valid, target[fold.valid], spent)


def _medians(X: Array) -> Array:
    """Return SimpleImputer's medians, some columns at a time: on all at once it takes several times X's memory."""
    from sklearn.impute import SimpleImputer

    blocks = [X[:, first : first + _COLUMNS] for first in range(0, X.shape[1], _COLUMNS)]
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    return np.concatenate([imputer.fit(block).statistics_ for block in blocks])


def _resampled(
    sampler: Sampler, before: PreparedFold, seed: int, on_fall_back: Callable[[int], None], device: Device, kept: Kept
) -> PreparedFold:
    start = time.process_time()
    X_train, y_train = resample(sampler, before.X_train, before.y_train, seed, on_fall_back, device, kept)
    spent = before.cpu_seconds + time.process_time() - start
    return PreparedFold(X_train, y_train, before.X_valid, before.y_valid, spent)


class FoldCache:
    """Prepared folds on local disk, made by whichever worker needs one first and memory-mapped by the others.

    Parameters
    ----------
    directory : pathlib.Path or None
        None keeps nothing.
    limit : int or None
        Bytes that the folds may take up. A fold that finds no room is made again by whoever needs it.
    on_full : callable
        Told each time a fold found no room.
    on_fall_back : callable
        Told, before it begins, that a fold's neighbours are sought in the slow way, and among how many rows.
    device : Device
        Where rows are compared; folds are the same.
    kept : callable
        From a dataset and a seed to where neighbours are kept that are sought in the slow way.
    """

    _ARRAYS = ("X_train", "y_train", "X_valid", "y_valid")

    def __init__(
        self,
        directory: Path | None,
        limit: int | None = None,
        on_full: Callable[[], None] = lambda: None,
        on_fall_back: Callable[[int], None] = lambda _rows: None,
        device: Device = CPU,
        kept: Callable[[str, int], Kept] = lambda _dataset, _seed: NOWHERE,
    ) -> None:
        self._directory = directory
        self._limit = limit
        self._on_full = on_full
        self._on_fall_back = on_fall_back
        self._device = device
        self._kept = kept

    def get(
        self,
        X: Array,
        target: Array,
        fold: Fold,
        *,
        dataset: str,
        sampler: Sampler,
        seed: int,
        random_state: int | None = None,
        steps: ColumnSteps = _NO_STEPS,
    ) -> PreparedFold:
        """Return a prepared fold, from the cache where it has been made.

        Parameters
        ----------
        seed : int
            The repetition's number, which tells its folds from others in the cache.
        random_state : int, optional
            Of the sampler, where it is not `seed`.
        """
        state = seed if random_state is None else random_state

        def make() -> PreparedFold:
            before = BEFORE[sampler]
            if before is None:
                return _scaled(X, target, fold, steps)
            made = self.get(
                X, target, fold, dataset=dataset, sampler=before, seed=seed, random_state=random_state, steps=steps
            )
            return _resampled(sampler, made, state, self._on_fall_back, self._device, self._kept(dataset, seed))

        if self._directory is None:
            return make()
        place = self.place(self._directory, dataset, sampler, seed) / fold.name
        done = place / "done.json"
        try:
            place.mkdir(parents=True, exist_ok=True)
            lock = (place / "lock").open("w")
        except OSError as error:
            if error.errno not in _NO_ROOM:
                raise
            self._on_full()
            return make()
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, or its process dies
            if not done.exists():
                made = make()
                if not self._keep(self._directory, place, made):
                    return made
        arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in self._ARRAYS}
        return PreparedFold(**arrays, cpu_seconds=float(json.loads(done.read_text())))

    def is_being_made(self, fold: Fold, *, dataset: str, sampler: Sampler, seed: int) -> bool:
        """Return whether somebody else is making a fold at this moment, or what it is made from."""
        if self._directory is None:
            return False
        for part in chain(sampler):
            place = self.place(self._directory, dataset, part, seed) / fold.name
            try:
                with (place / "lock").open("r+") as lock:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except FileNotFoundError:
                continue
        return False

    def _keep(self, directory: Path, place: Path, made: PreparedFold) -> bool:
        arrays = {name: getattr(made, name) for name in self._ARRAYS}
        with (directory / "folds" / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # one after the other, so that all of them together keep to the limit
            size = sum(array.nbytes for array in arrays.values())
            if self._limit is not None and size + _bytes_under(directory / "folds") > self._limit:
                self._on_full()
                return False
            try:
                for name, array in arrays.items():
                    np.save(place / f"{name}.npy", array)
                staged = place / "done.new"
                staged.write_text(json.dumps(made.cpu_seconds))
                staged.replace(place / "done.json")
            except OSError as error:  # the directory is smaller than the limit, or shared with others
                for path in (*(place / f"{name}.npy" for name in arrays), place / "done.new"):
                    path.unlink(missing_ok=True)
                if error.errno not in _NO_ROOM:
                    raise
                self._on_full()
                return False
        return True

    @staticmethod
    def place(directory: Path, dataset: str, sampler: Sampler, seed: int) -> Path:
        """Return the folder of the folds that units of one dataset, sampler and seed share."""
        return directory / "folds" / dataset / f"seed_{seed}" / sampler


def _bytes_under(directory: Path) -> int:
    total = 0
    # Folds that nobody needs any more go away meanwhile, folders and all: os.walk passes over those, rglob does not.
    for folder, _, names in os.walk(directory):
        for name in names:
            if name.endswith(".npy"):
                with contextlib.suppress(FileNotFoundError):
                    total += (Path(folder) / name).stat().st_size
    return total
