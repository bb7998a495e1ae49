"""What a split by row flatters: corporate ratings by row and by company, Lending Club's loans by row and by time.

    python -m benchmarks.splits --data DIRECTORY     # which has the real raw files

Corporate: forests and the logistic model on three targets, five seeds. Lending Club: rows 1 to 2000 of the file, which
in the published excerpt are its random part; by time outcomes count in hindsight, since of so few loans too few were
known early enough. Every ROC AUC has its 95 % interval from a bootstrap of the test parts, by company or by loan. The
tables go to standard output.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from job.console import Console
from job.data.processed import load_processed
from job.data.processing import process
from job.metrics import Array, roc_auc
from job.store import Store, interim_key
from job.training.blocks import ByGroup, ByRow, ByTime, Split
from job.training.candidates import ModelName
from job.training.layout import Layout, layout_of
from job.training.together import run_unit
from job.training.unit import Protocol, Unit, UnitResult

SEEDS = (1, 2, 3, 4, 5)
PROTOCOL = Protocol(folds=3)
GRIDS: dict[ModelName, dict[str, Any]] = {
    "random_forest": {"n_estimators": [200], "min_samples_leaf": [5]},
    "logistic_regression": {"alpha": [1e-3, 1e-2]},
}
TARGETS = {"D, C or CC": {"D", "C", "CC"}, "CCC or worse": {"D", "C", "CC", "CCC"}}
TARGETS["B or worse"] = TARGETS["CCC or worse"] | {"B"}
LOANS = 2000
BY_TIME = ByTime(origins=1, months=12, labels="hindsight", term=36)
DRAWS = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.splits", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="the directory of the real raw files")
    data = parser.parse_args().data
    with tempfile.TemporaryDirectory() as place:
        store = Store.open(place)
        store.put("data/raw/corporate_credit_rating.csv", (data / "corporate_credit_rating.csv").read_bytes())
        with gzip.open(data / "lending_club.csv.gz", "rt", newline="") as file:
            store.put("data/raw/lending_club.csv", "".join(itertools.islice(file, LOANS + 1)).encode())
        corporate(store)
        lending_club(store)
    return 0


def corporate(store: Store) -> None:
    """Print the corporate table."""
    process(store, "corporate_ccc", Console.silent())
    data = load_processed(store, "corporate_ccc")
    path = store.local_path(interim_key("corporate_ccc"))
    ratings = pq.read_table(path, columns=["Rating"])["Rating"].to_pylist()
    print("| target | positives | model | by row | by company |\n|---|---|---|---|---|")
    for name, worse in TARGETS.items():
        target = np.array([rating in worse for rating in ratings], np.int8)
        assert data.group is not None
        companies = len(set(data.group[target == 1]))
        for model in GRIDS:
            cells = []
            for split in (ByRow(), ByGroup()):
                layout = layout_of(data, split, SEEDS[0])
                group = layout.group
                assert group is not None
                cells.append(figure(model, data.X, target, layout, lambda rows, group=group: group[rows]))
            print(f"| {name} | {target.sum()} of {companies} companies | {model} | {' | '.join(cells)} |", flush=True)


def lending_club(store: Store) -> None:
    """Print the Lending Club table."""
    process(store, "lending_club_matured", Console.silent())
    data = load_processed(store, "lending_club_matured")
    assert data.horizon is not None
    short = np.flatnonzero(data.horizon == BY_TIME.term)  # the same loans by row and by time
    print(f"\nexcerpt, not representative: {short.size} matured loans of {BY_TIME.term} months in rows 1 to {LOANS}\n")
    print("| split | model | ROC AUC |\n|---|---|---|")
    splits: tuple[Split, ...] = (ByRow(), BY_TIME)
    for split, model in itertools.product(splits, GRIDS):
        layout = layout_of(data, split, SEEDS[0])
        X, target = data.X, data.target
        if isinstance(split, ByRow):
            X, target, layout = X[short], target[short], Layout(steps=layout.steps)
        print(f"| {split} | {model} | {figure(model, X, target, layout, lambda rows: rows)} |", flush=True)


def figure(model: ModelName, X: Array, target: Array, layout: Layout, block: Callable[[Array], Array]) -> str:
    """Return the mean ROC AUC over the repetitions with its interval, or why there is none."""
    repetitions = range(1, layout.split.origins + 1) if isinstance(layout.split, ByTime) else SEEDS
    found = []
    for seed in repetitions:
        unit = Unit("benchmark", model, "baseline", seed)
        result = run_unit(unit, GRIDS[model], PROTOCOL, X, target, layout=layout)
        if result.status == "inapplicable":
            return f"inapplicable: {result.reason}"
        found.append(result)
    rng = np.random.default_rng(0)
    draws = [np.mean([_drawn(result, block(result.row), rng) for result in found]) for _ in range(DRAWS)]
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return f"{np.mean([one.metrics['roc_auc'] for one in found]):.3f} ({low:.3f} to {high:.3f})"


def _drawn(result: UnitResult, block: Array, rng: np.random.Generator) -> float:
    """Return the ROC AUC on test rows whose blocks are drawn with replacement."""
    order = np.argsort(block, kind="stable")
    _, starts, sizes = np.unique(block[order], return_index=True, return_counts=True)
    chosen = rng.integers(0, starts.size, starts.size)
    rows = np.concatenate([order[starts[i] : starts[i] + sizes[i]] for i in chosen])
    if np.unique(result.target[rows]).size < 2:
        return float("nan")
    return roc_auc(result.target[rows], result.score[rows])


if __name__ == "__main__":
    raise SystemExit(main())
