"""What a worker holds privately while it runs a unit: the figures of job/planning/memory.py.

    python -m benchmarks.memory --rows 100000 300000 1000000
    python -m benchmarks.memory --model xgboost --technique smote --rows 100000
    python -m benchmarks.memory --model random_forest --threads 4 --grid '{"n_estimators": [200]}'
    python -m benchmarks.memory --model xgboost --grid '{"max_depth": [12]}'

prints for each unit: its rows, the libraries' MiB, what comes on top of it at the peak, what the runner reckons with,
and the share of that which is really taken.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from job.planning.fit_costs import sampled
from job.planning.memory import MIB, THREAD, private_bytes
from job.planning.working_memory import working_bytes
from job.training.candidates import MODELS
from job.training.kernels import numeric_environment
from job.training.preparation import FoldCache
from job.training.techniques import TECHNIQUES, sampler_of
from job.training.together import run_unit
from job.training.unit import Protocol, Unit

FEATURES = 40
DEFAULT_RATE = 0.21  # of the data that are made here
APART = ("baseline", "random_under_sampling", "smote", "smote_tomek")  # the others have the rows of the first
# Few rounds: their number takes time and no memory. Trees of a forest take memory as far as they are held at once.
GRIDS: dict[str, dict[str, list[Any]]] = {
    "logistic_regression": {"alpha": [1e-4], "max_iter": [3]},
    "random_forest": {"n_estimators": [8]},
    "lightgbm": {"n_estimators": [5]},
    "xgboost": {"n_estimators": [5], "max_depth": [6]},
    "mlp": {"hidden_layer_sizes": [(50,)], "max_iter": [1], "early_stopping": [True]},
}


def anonymous_bytes() -> int:
    """Return the anonymous memory of this process: what no other process shares and no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) << 10
    raise OSError("/proc/self/status does not tell RssAnon")


def measure(model: Any, technique: Any, rows: int, grid: dict[str, list[Any]], threads: int) -> tuple[int, int]:
    """Return the private bytes before the unit, and what it adds at its peak."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "folds").mkdir()
        X, target = _data(Path(place), rows)
        unit, protocol = Unit("data", model, technique, 1), Protocol(folds=2)
        run_unit(unit, grid, protocol, np.asarray(X[:2000]), target[:2000])  # loads the libraries
        before = peak = anonymous_bytes()
        ended = threading.Event()

        def watch() -> None:
            nonlocal peak
            while not ended.is_set():
                peak = max(peak, anonymous_bytes())
                time.sleep(0.003)

        watcher = threading.Thread(target=watch)
        watcher.start()
        run_unit(unit, grid, protocol, X, target, FoldCache(Path(place)), threads=lambda: threads)
        ended.set()
        watcher.join()
    return before, peak - before


def _data(place: Path, rows: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    X = np.lib.format.open_memmap(place / "X.npy", "w+", np.float32, (rows, FEATURES))
    for first in range(0, rows, 10_000):
        X[first : first + 10_000] = rng.standard_normal((min(10_000, rows - first), FEATURES))
    target = (X[:, :5].sum(axis=1) + 2 * rng.standard_normal(rows) > 2.4).astype(np.int8)
    X.flush()
    del X
    return np.load(place / "X.npy", mmap_mode="r"), target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--technique", choices=TECHNIQUES)
    parser.add_argument("--rows", type=int, nargs="+", default=[200_000])
    parser.add_argument("--grid", type=json.loads, default={}, help="values beside the benchmark's own, as JSON")
    parser.add_argument("--threads", type=int, default=1, help="that a fit may have")
    chosen = parser.parse_args()
    models, techniques = [chosen.model] if chosen.model else MODELS, [chosen.technique] if chosen.technique else APART
    asked = list(itertools.product(chosen.rows, models, techniques))
    if len(asked) > 1:  # a process for each, so that none has what another left
        more = ("--grid", json.dumps(chosen.grid), "--threads", str(chosen.threads))
        for rows, model, technique in asked:
            one = ("--model", model, "--technique", technique, "--rows", str(rows))
            subprocess.run([sys.executable, "-m", "benchmarks.memory", *one, *more], check=True, env=_environment())
        return
    ((rows, model, technique),) = asked
    given = {name: [tuple(one) if isinstance(one, list) else one for one in chosen.grid[name]] for name in chosen.grid}
    grid = GRIDS[model] | given
    before, added = measure(model, technique, rows, grid, chosen.threads)
    trained = rows * (1 - Protocol().test_share) * max(1.0, sampled(sampler_of(technique), DEFAULT_RATE))
    held = working_bytes(model, {name: values[0] for name, values in grid.items()}, trained, FEATURES)
    if model == "random_forest":
        held += THREAD * trained * (chosen.threads - 1)
    reckoned = private_bytes(4 * rows * FEATURES, held)
    share = f"{(before + added) / reckoned:.2f}"
    print(model, technique, rows, before // MIB, added // MIB, reckoned // MIB, share, flush=True)


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, **numeric_environment()}


if __name__ == "__main__":
    main()
