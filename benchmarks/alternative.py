"""What a user would write instead: ``GridSearchCV`` over an imbalanced-learn pipeline, with two jobs, on 100,000 loans.

    python -m benchmarks alternative

The spec is `default`'s models and techniques with one seed, two folds and a quarter of its trees and rounds, on the
Lending Club sample, split by row. Three sides:

- *ldp*: ``ldp experiment run --jobs 2`` from its start to its end;
- *GridSearchCV*: for each model and technique scikit-learn's search with ``n_jobs=2``, and
  ``TunedThresholdClassifierCV`` where the threshold moves: tests/reference.py, which the exactness tests use as well;
- *interrupted*: the same run ended ten times, in turns by SIGTERM and by SIGKILL, and gone on with.

Fold scores, winners, scores and decisions are compared, bit for bit. How busy the workers are is sampled from Linux,
twice a second, from the first moment at which two of their threads have work to the last one: how many are running
or ready to run, counted up to two. So a machine that does other things as well makes no worker idle.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.costs import KEPT
from benchmarks.measure import Case, Claim, Side, circumstances, compare, publish, ratio, spread
from job.training.kernels import numeric_environment

PACKAGES = ("numpy", "scikit-learn", "imbalanced-learn", "xgboost-cpu", "lightgbm")
ME = (sys.executable, "-m", "benchmarks.alternative")
LDP = (sys.executable, "-c", "from job.cli import run; run()")
DATASET, INTERRUPTIONS = "lending_club", 10
OURS, THEIRS, INTERRUPTED = "ldp, 2 workers", "GridSearchCV, n_jobs=2", "ldp, ended ten times"
SPEC = f"""
datasets = ["{DATASET}"]
techniques = ["baseline", "random_under_sampling", "smote", "smote_tomek", "cost_sensitive", "threshold_moving"]
seeds = [1]
folds = 2
[models.logistic_regression.grid]
alpha = [1e-4, 1e-3, 1e-2]
penalty = ["l2", "elasticnet"]
[models.random_forest.grid]
n_estimators = 50
max_depth = [10, 20]
min_samples_leaf = [1, 5]
[models.lightgbm.grid]
n_estimators = [25, 75]
learning_rate = [0.03, 0.1]
num_leaves = [15, 63]
min_child_samples = [20, 100]
[models.xgboost.grid]
n_estimators = [25, 75]
learning_rate = [0.03, 0.1]
max_depth = [3, 6]
subsample = 0.8
colsample_bytree = 0.8
[models.mlp.grid]
hidden_layer_sizes = [[50], [100]]
alpha = [1e-4, 1e-2]
early_stopping = true
"""


def prepare(place: Path, rows: int) -> None:
    """Write and process the sample, and the spec."""
    environment = {**os.environ, "LDP_STORAGE_URL": str(place)}
    for command in (("sample", DATASET, "--rows", str(int(rows / KEPT))), ("process", DATASET)):
        subprocess.run([*LDP, "data", *command], env=environment, check=True, capture_output=True)
    (place / "bench.toml").write_text(SPEC)


def ours(place: Path, name: str, interruptions: int, lasts_s: float) -> dict[str, Any]:
    """Run the spec, ended so many times, evenly over about so many seconds; return digests and who ended it."""
    options = ("--spec", str(place / "bench.toml"), "--jobs", "2", "--execution-id", name)
    command, ended = [*LDP, "experiment", "run", *options], []
    before, started = os.times(), time.perf_counter()
    for number in range(interruptions):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(timeout=lasts_s / (interruptions + 1))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGTERM if number % 2 == 0 else signal.SIGKILL)
                ended.append(process.wait())
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        busy = _busy(run)
    if run.returncode:
        raise RuntimeError(f"the run ended with {run.returncode}")
    after = os.times()  # of what was started here alone: that looking on takes time is not the run's
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    wall_s = time.perf_counter() - started
    return {"cpu_s": cpu_s, "wall_s": wall_s, "ended": ended, "busy": busy, "digests": _digests_of(place, name)}


def _busy(run: subprocess.Popen[bytes]) -> float:
    """Return the share of two cores' time for which the workers have something to do, when the run has ended."""
    samples = []
    while run.poll() is None:
        samples.append(min(2, _ready(run.pid)))
        time.sleep(0.5)
    first = samples.index(2) if 2 in samples else 0
    last = len(samples) - samples[::-1].index(2) if 2 in samples else len(samples)
    worked = samples[first:last]
    return sum(worked) / (2 * max(len(worked), 1))


def _ready(parent: int) -> int:
    """Return how many threads of a process's children are running, ready to run or waiting for the disk."""
    found = 0
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            after = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(after[1]) == parent:
                found += sum(_state(task) in "RD" for task in (entry / "task").iterdir())
    return found


def _state(task: Path) -> str:
    return (task / "stat").read_text().rsplit(")", 1)[1].split()[0]


def _digests_of(place: Path, name: str) -> dict[str, str]:
    from job.analysis.load import stored_results
    from job.executions.executions import load_execution
    from job.store import Store

    store = Store.open(str(place))
    results = stored_results(store, load_execution(store, name), DATASET)
    return {
        f"{one.unit.model} {one.unit.technique}": _digest(
            one.record["fold_scores"], one.record["best_index"], one.score, one.decision
        )
        for one in results
    }


def theirs(place: Path) -> dict[str, Any]:
    """Search every model and technique with scikit-learn; return digests."""
    from job.data.processed import load_processed
    from job.planning.spec import read_spec
    from job.store import Store
    from tests.reference import reference

    spec, data = read_spec(str(place / "bench.toml")), load_processed(Store.open(str(place)), DATASET)
    digests = {}
    for unit in spec.units():
        grid = {name: list(values) for name, values in spec.models[unit.model].grid.items()}
        found = reference(
            unit.model, unit.technique, grid, data.X, data.target, seed=unit.seed, folds=spec.protocol.folds, jobs=2
        )
        scores = found.fold_scores.tolist()
        digests[f"{unit.model} {unit.technique}"] = _digest(scores, int(found.best_index), found.score, found.decision)
    return {"digests": digests}


def _digest(fold_scores: Any, best: int, score: Any, decision: Any) -> str:
    import numpy as np

    found = hashlib.sha256(json.dumps([fold_scores, best]).encode())
    found.update(np.ascontiguousarray(score, "<f8").tobytes() + np.ascontiguousarray(decision, "i1").tobytes())
    return found.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks alternative")
    parser.add_argument("--rows", type=int, default=100_000, help="loans, about")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--interruptions", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--lasts", type=float, default=0.0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        whose, place = options.side[0], Path(options.side[1])
        name = f"bench-{time.time_ns()}"
        print(
            json.dumps(theirs(place) if whose == "theirs" else ours(place, name, options.interruptions, options.lasts))
        )
        return 0
    about = circumstances(f"python -m benchmarks alternative --rows {options.rows}", PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        prepare(place, options.rows)
        environment = {**numeric_environment(), "LDP_STORAGE_URL": folder, "LDP_LOG_FORMAT": "json"}

        def a_side(name: str, words: str, whose: str, *more: str) -> Side:
            return Side(name, (*ME, "--side", whose, folder, *more), words, environment, tree=True)

        first = a_side(OURS, "`ldp experiment run --jobs 2`", "ours")
        runs = compare([first, a_side(THEIRS, "the pipeline's search, one after another", "theirs")], 1)
        more = ("--interruptions", str(INTERRUPTIONS), "--lasts", str(runs[OURS][0].wall_s))
        last = a_side(INTERRUPTED, "the same, by SIGTERM and SIGKILL", "ours", *more)
        runs |= compare([last], 1)
    return publish("alternative", about, [_case(runs, options.rows, first, last)])


def _case(runs: Any, rows: int, first: Side, last: Side) -> Case:
    mine, other, ended = (runs[name][0] for name in (OURS, THEIRS, INTERRUPTED))
    assert mine.answer["digests"] == other.answer["digests"], "answers differ from GridSearchCV's"
    assert mine.answer["digests"] == ended.answer["digests"], "answers differ after interruptions"
    busy = spread([mine.answer["busy"]])
    claims = (
        Claim("CPU, GridSearchCV / ldp", ratio(runs, THEIRS, OURS), at_least=3.0),
        Claim("wall, GridSearchCV / ldp", ratio(runs, THEIRS, OURS, "wall_s")),
        Claim("share of two cores' time for which the workers have something to do", busy, "", at_least=0.85),
        Claim("CPU, ended ten times / at one go", ratio(runs, INTERRUPTED, OURS)),
    )
    units = len(mine.answer["digests"])
    checks = (
        f"equal bits: fold scores, winners, scores and decisions of {units} units on all three sides",
        f"ended {len(ended.answer['ended'])} times, with {sorted(set(ended.answer['ended']))}",
    )
    theirs = replace(first, name=THEIRS, note="`n_jobs=2`, model after model, technique after technique")
    return Case(f"{units} units on about {rows:,} loans", (first, theirs, last), runs, claims, checks)


if __name__ == "__main__":
    sys.exit(main())
