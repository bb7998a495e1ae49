"""What everything that ``ldp analyze`` says of an execution costs, at the size of the published study on Taiwan.

    python -m benchmarks analysis

The execution is planted: `thesis` on `taiwan_credit`, 17 combinations × 5 seeds, each with 9,000 test rows of which
1,991 are defaults, scores drawn. What reading, tests, draws and tables cost depends on those numbers alone. Each is a
command in a process of its own; the statistics together, without the page, have a limit of 120 CPU seconds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Case, Claim, Side, circumstances, compare, publish, spread

ME = (sys.executable, "-m", "benchmarks.analysis")
LDP = (sys.executable, "-c", "from job.cli import run; run()", "analyze")
PACKAGES = ("numpy", "scipy", "matplotlib")
DATASET, ROWS, TEST_ROWS, DEFAULTS = "taiwan_credit", 30_000, 9_000, 1_991
PAGE = "the page"
COMMANDS = {
    "summary": ("summary", "--all"),
    "differences": ("differences", "--all"),
    "on one test set": ("differences", "--seed", "1"),
    "selection": ("selection",),
    "units, 2,000 draws": ("units", "--bootstrap", "2000", "--json"),
    "tables and curves": ("export", "--to", "csv", "--all", "--curves"),
    PAGE: ("report",),
}
MOST_S = 120.0


def plant(place: Path) -> None:
    """Write an execution whose results are whole and drawn."""
    import numpy as np

    from job.executions.bindings import bind
    from job.executions.executions import create_next
    from job.executions.identity import Identity
    from job.executions.provenance import provenance
    from job.executions.results import encode
    from job.metrics import all_metrics
    from job.planning.spec import read_spec
    from job.store import Store
    from job.training.candidates import candidates
    from job.training.unit import UnitResult

    store, spec = Store.open(str(place)), replace(read_spec("thesis"), datasets=(DATASET,))
    execution = create_next(store, Identity.here(spec, "cpu"))
    bind(store, execution, DATASET, "f", {"synthetic": True, "rows": ROWS})
    target = (np.arange(TEST_ROWS) < DEFAULTS).astype(np.int8)
    ratio = DEFAULTS / TEST_ROWS
    trained = (round((ROWS - TEST_ROWS) * (1 - ratio)), round((ROWS - TEST_ROWS) * ratio))
    for number, unit in enumerate(spec.units()):
        # Rows of a seed are alike in all units, as real ones are; what a combination adds is its own.
        rows, own = np.random.default_rng(unit.seed), np.random.default_rng([unit.seed, number])
        margin = rows.normal(size=TEST_ROWS) + 0.3 * own.normal(size=TEST_ROWS) + 1.1 * target - 1.8
        score = 1 / (1 + np.exp(-margin))
        decision = (score >= 0.5).astype(np.int8)
        points = tuple(candidates(spec.grid(unit)))
        folds = own.normal(0.7, 0.01, (len(points), spec.protocol.folds))
        result = UnitResult(
            unit, "done", None, np.arange(TEST_ROWS, dtype=np.int32), target, score, decision, points, folds,
            int(np.argmax(folds.mean(axis=1))), None, trained, trained, metrics=all_metrics(target, score, decision),
        )  # fmt: skip
        made_from = provenance(execution.identity, unit, "f")
        store.put(execution.result_key(unit), encode(result, made_from, {"cpu_seconds": 1.0}))
    print(json.dumps({"units": number + 1}))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks analysis")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--plant", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plant:
        plant(options.plant)
        return 0
    about = circumstances(f"python -m benchmarks analysis --rounds {options.rounds}", PACKAGES)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([*ME, "--plant", place], check=True)
        environment = {"LDP_STORAGE_URL": place}
        sides = tuple(
            Side(name, (*LDP, *one), f"`ldp analyze {' '.join(one)}`", environment) for name, one in COMMANDS.items()
        )
        runs = compare(sides, options.rounds)
    turns = [dict(zip(runs, turn, strict=True)) for turn in zip(*runs.values(), strict=True)]
    statistics = spread(sum(run.cpu_s for name, run in turn.items() if name != PAGE) for turn in turns)
    claims = (
        Claim("CPU of the statistics", statistics, "s", at_most=MOST_S),
        Claim("CPU with the page", spread(sum(run.cpu_s for run in turn.values()) for turn in turns), "s"),
    )
    return publish("analysis", about, [Case("17 combinations × 5 seeds, 9,000 test rows", sides, runs, claims)])


if __name__ == "__main__":
    sys.exit(main())
