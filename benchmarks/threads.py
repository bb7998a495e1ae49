"""Which models may have threads: whether a fit on a million rows predicts the same with 1, 2 and 4 of them.

    python -m benchmarks.threads
    python -m benchmarks.threads --rows 200000

prints for each fit how many of its predictions, or trees, are those of one thread to the last bit: the reason for
:data:`job.training.kernels.MOST_THREADS`. The rows are such that sums over them depend on their order: a few columns of
two values, so that one bin holds half of the rows, and defaulters that are rare and easily told, so that gradients are
of very different sizes. XGBoost has no more threads than there are processors.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

FEATURES, ASKED = 12, 50_000
COUNTS = (1, 2, 4)


def rows(count: int) -> tuple[Any, Any]:
    """Return rows and their target; the first `ASKED` of them are asked for."""
    rng = np.random.default_rng(13)
    X = rng.standard_normal((count, FEATURES), dtype=np.float32)
    X[:, 8:] = rng.random((count, 4)) < [0.02, 0.1, 0.3, 0.5]
    default = 6 * (X[:, :4].sum(axis=1) + X[:, 4] * X[:, 5] + X[:, 8] - X[:, 10]) + rng.logistic(size=count)
    return X, (default > np.quantile(default, 0.97)).astype(np.int8)


def forest(X: Any, y: Any, threads: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    made = RandomForestClassifier(4, max_depth=8, max_features=2, random_state=1, n_jobs=threads).fit(X, y)
    return made.set_params(n_jobs=1).predict_proba(X[:ASKED])[:, 1]


def lightgbm_with(weight: float, **parameters: Any) -> Callable[[Any, Any, int], Any]:
    def fit(X: Any, y: Any, threads: int) -> Any:
        import lightgbm

        data = lightgbm.Dataset(X, y, weight=np.where(y == 1, weight, 1.0), params={"verbosity": -1, "num_threads": 1})
        chosen = {"objective": "binary", "learning_rate": 0.5, "num_leaves": 31, "verbosity": -1, **parameters}
        made = lightgbm.train({**chosen, "num_threads": threads}, data, num_boost_round=20)
        return made.predict(X[:ASKED], num_threads=1)

    return fit


def xgboost(_X: Any, y: Any, threads: int) -> Any:
    import xgboost

    # Eight kinds of rows, whose shares of defaulters are from 0.3 per million to a half.
    rng = np.random.default_rng(0)
    X = (rng.random((len(y), 3)) < np.array([0.5, 0.3, 0.1])).astype(np.float32)
    share = 10 ** rng.uniform(-6.5, -0.3, 8)[(X @ np.array([4, 2, 1], np.float32)).astype(int)]
    bins = xgboost.QuantileDMatrix(X, label=(rng.random(len(y)) < share).astype(np.float32), nthread=1)
    chosen = {
        "objective": "binary:logistic", "tree_method": "hist", "max_depth": 3, "learning_rate": 1.0, "reg_lambda": 0,
        "base_score": 0.3, "scale_pos_weight": 3.7, "seed": 1,
    }  # fmt: skip
    return np.array(xgboost.train({**chosen, "nthread": threads}, bins, num_boost_round=40).get_dump())


FITS: dict[str, Callable[[Any, Any, int], Any]] = {
    "random_forest": forest,
    "lightgbm": lightgbm_with(1.0),
    "lightgbm, weight 5": lightgbm_with(5.0),
    "lightgbm, weight 5, deterministic": lightgbm_with(5.0, deterministic=True, force_col_wise=True, learning_rate=1.5),
    "xgboost, its trees": xgboost,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    chosen = parser.parse_args()
    # Where OpenMP may have one thread only, XGBoost has one whatever it is told; and threads that wait should sleep.
    if os.environ.get("OMP_WAIT_POLICY") != "PASSIVE" or "OMP_NUM_THREADS" in os.environ:
        rest = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        command = [sys.executable, "-m", "benchmarks.threads", *sys.argv[1:]]
        os.execve(sys.executable, command, {**rest, "OMP_WAIT_POLICY": "PASSIVE"})
    X, y = rows(chosen.rows)
    for name, fit in FITS.items():
        found = [fit(X, y, threads) for threads in COUNTS]
        shares = [
            f"{threads} threads {np.mean(one == found[0]):.1%}" for threads, one in zip(COUNTS, found, strict=True)
        ]
        print(f"{name}: equal to one thread's: {', '.join(shares)}", flush=True)


if __name__ == "__main__":
    main()
