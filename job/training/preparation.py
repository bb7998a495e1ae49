"""What happens to a fold's rows before any model sees them, done once and shared by every candidate, model and worker.

Median imputation, standard scaling and resampling are fitted on the fold's training rows alone; validation and test
rows are only transformed, never resampled.
"""

from __future__ import annotations

import fcntl
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from job.metrics import Array
from job.training.splits import Fold
from job.training.techniques import Sampler, resample


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


def prepare(X: Array, target: Array, fold: Fold, *, sampler: Sampler, seed: int) -> PreparedFold:
    """Impute, scale and resample one fold.

    Parameters
    ----------
    X : float32 ndarray of shape (n, p)
        Features with missing values as NaN. A column without any value in the training rows becomes 0.
    target : int8 ndarray of shape (n,)
    """
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    start = time.process_time()
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    scaler = StandardScaler()
    X_train = scaler.fit_transform(imputer.fit_transform(X[fold.train]))
    X_valid = scaler.transform(imputer.transform(X[fold.valid]))
    X_train, y_train = resample(sampler, np.ascontiguousarray(X_train), target[fold.train], seed)
    return PreparedFold(
        X_train, y_train, np.ascontiguousarray(X_valid), target[fold.valid], time.process_time() - start
    )


class FoldCache:
    """Resampled folds on local disk, made by whichever worker needs one first and memory-mapped by the others.

    Folds that are not resampled cost less to make than to read back, and are not kept.

    Parameters
    ----------
    directory : pathlib.Path or None
        None keeps nothing.
    """

    _ARRAYS = ("X_train", "y_train", "X_valid", "y_valid")

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def get(self, X: Array, target: Array, fold: Fold, *, dataset: str, sampler: Sampler, seed: int) -> PreparedFold:
        """Return a prepared fold, from the cache where it has been made."""
        if self._directory is None or sampler == "none":
            return prepare(X, target, fold, sampler=sampler, seed=seed)
        place = self.place(self._directory, dataset, sampler, seed) / fold.name
        place.mkdir(parents=True, exist_ok=True)
        with (place / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file is closed, or its process dies
            done = place / "done.json"
            if not done.exists():
                made = prepare(X, target, fold, sampler=sampler, seed=seed)
                for name in self._ARRAYS:
                    np.save(place / f"{name}.npy", getattr(made, name))
                done.write_text(json.dumps(made.cpu_seconds))
        arrays = {name: np.load(place / f"{name}.npy", mmap_mode="r") for name in self._ARRAYS}
        return PreparedFold(**arrays, cpu_seconds=float(json.loads(done.read_text())))

    @staticmethod
    def place(directory: Path, dataset: str, sampler: Sampler, seed: int) -> Path:
        """Return the folder of the folds that units of one dataset, sampler and seed share."""
        return directory / "folds" / dataset / sampler / f"seed_{seed}"
