"""What fits really cost against what :mod:`job.planning.costs` expects, on the Lending Club sample and on real data.

    python -m benchmarks.costs --rows 30000 100000 300000
    python -m benchmarks.costs --data PATH      storage with the processed data of taiwan_credit

prints for each model, sampler and typical candidate its CPU seconds, what is expected, and their ratio.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Any

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import ProcessedData, load_processed
from job.data.processing import process
from job.planning.fit_costs import binning_cost, fit_cost
from job.store import Store
from job.training.candidates import MODELS, ModelName
from job.training.fitting import Trainer
from job.training.models import load_libraries
from job.training.preparation import prepare
from job.training.splits import split
from job.training.techniques import Sampler

SAMPLERS: tuple[Sampler, ...] = ("none", "smote")
KEPT = 0.63  # of the sample's loans, those that are finished
DRAWN = {"subsample": 0.8, "colsample_bytree": 0.8}
# Few trees and rounds: what a fit costs grows with their number.
CANDIDATES: tuple[tuple[ModelName, dict[str, Any]], ...] = (
    ("logistic_regression", {"alpha": 1e-4, "penalty": "l2"}),
    ("logistic_regression", {"alpha": 1e-3, "penalty": "elasticnet"}),
    ("logistic_regression", {"alpha": 1e-2, "penalty": "l2"}),
    ("random_forest", {"n_estimators": 8, "max_depth": 10, "min_samples_leaf": 5}),
    ("random_forest", {"n_estimators": 8, "max_depth": 20, "min_samples_leaf": 1}),
    ("lightgbm", {"n_estimators": 50, "num_leaves": 15}),
    ("lightgbm", {"n_estimators": 50, "num_leaves": 63}),
    ("xgboost", {"n_estimators": 50, "max_depth": 3, **DRAWN}),
    ("xgboost", {"n_estimators": 50, "max_depth": 6, **DRAWN}),
    ("xgboost", {"n_estimators": 50, "max_depth": 10, **DRAWN}),
    ("mlp", {"hidden_layer_sizes": (50,), "alpha": 1e-4, "early_stopping": True}),
)


def sample(rows: int) -> ProcessedData:
    with tempfile.TemporaryDirectory() as place:
        store = Store.open(place)
        write_sample(store, "lending_club", rows=int(rows / KEPT), seed=1)
        process(store, "lending_club", Console.silent())
        return load_processed(store, "lending_club")


def measured(
    data: ProcessedData, chosen: Sequence[ModelName]
) -> Iterator[tuple[ModelName, Sampler, dict[str, Any], float, float]]:
    """Yield model, sampler, candidate, CPU seconds and what is expected of one fold's fits."""
    fold = split(data.target, seed=1, folds=5, test_share=0.3).folds[0]
    for sampler in SAMPLERS:
        prepared = prepare(data.X, data.target, fold, sampler=sampler, seed=1)
        for model, candidate in ((model, one) for model, one in CANDIDATES if model in chosen):
            load_libraries(model)
            start = time.process_time()
            list(Trainer(model, prepared, sampler=sampler, seed=1).fit((candidate,)))
            spent = time.process_time() - start
            rows, features = prepared.X_train.shape
            expected = fit_cost(model, candidate, sampler, rows, features)
            yield model, sampler, candidate, spent, expected + binning_cost(model, [candidate], rows, features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="*", default=[30_000, 100_000])
    parser.add_argument("--data", metavar="PATH", help="storage with processed data of taiwan_credit")
    parser.add_argument("--model", choices=MODELS, nargs="*", default=MODELS)
    asked = parser.parse_args()
    sets = [(f"lending_club sample, {rows:,} rows", sample(rows)) for rows in asked.rows]
    if asked.data:
        sets.append(("taiwan_credit", load_processed(Store.open(asked.data), "taiwan_credit")))
    ratios: dict[str, list[float]] = {}
    for name, data in sets:
        for model, sampler, candidate, spent, expected in measured(data, asked.model):
            ratios.setdefault(model, []).append(spent / expected)
            print(f"{name:36}{sampler:7}{model:21}{spent:8.2f} s, expected {expected:8.2f} s, "
                  f"ratio {spent / expected:5.2f}  {candidate}", flush=True)  # fmt: skip
    for each, found in ratios.items():
        middle = statistics.geometric_mean(found)
        print(f"{each:21}ratio {middle:.2f} on the average, {min(found):.2f} to {max(found):.2f}")


if __name__ == "__main__":
    main()
