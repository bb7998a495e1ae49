"""One execution with one worker and with two: what the second processor is worth.

    python -m benchmarks workers --data taiwan_credit.csv
    python -m benchmarks workers                             # on a sample

Both sides run ``ldp experiment run`` from its start to its end, in a directory of their own. Wall seconds are what this
is about, so it wants a quiet machine with at least two processors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Case, Claim, Side, circumstances, compare, publish, ratio

PACKAGES = ("numpy", "scikit-learn", "lightgbm")
LDP = (sys.executable, "-c", "from job.cli import run; run()")
SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling", "smote", "cost_sensitive", "threshold_moving"]
seeds = [1, 2]
folds = 3
[models.logistic_regression.grid]
alpha = [1e-4, 1e-3, 1e-2]
[models.random_forest.grid]
n_estimators = 100
max_depth = [10, 20]
[models.lightgbm.grid]
n_estimators = [100, 300]
num_leaves = [15, 63]
"""


def prepare(place: Path, raw: Path | None, rows: int) -> None:
    """Process the raw file, or a sample, for both sides."""
    environment = {**os.environ, "LDP_STORAGE_URL": str(place)}
    (place / "data" / "raw").mkdir(parents=True)
    if raw is None:
        sample = ("data", "sample", "taiwan_credit", "--rows", str(rows))
        subprocess.run([*LDP, *sample], env=environment, check=True, capture_output=True)
    else:
        shutil.copy(raw, place / "data" / "raw" / "taiwan_credit.csv")
    subprocess.run([*LDP, "data", "process", "taiwan_credit"], env=environment, check=True, capture_output=True)
    (place / "bench.toml").write_text(SPEC)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks workers", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="the raw Taiwan file; a sample without it")
    parser.add_argument("--rows", type=int, default=30_000, help="of the sample")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    given = "" if options.data is None else f" --data {options.data.name}"
    about = circumstances(f"python -m benchmarks workers{given} --rounds {options.rounds}", PACKAGES)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        prepare(place, options.data, options.rows)
        run = (*LDP, "experiment", "run", "--spec", str(place / "bench.toml"), "--skip-resume", "--jobs")
        environment = {"LDP_STORAGE_URL": name, "LDP_LOG_FORMAT": "json"}
        sides = tuple(
            Side(f"{count} worker{'s' * (count > 1)}", (*run, str(count)), "", environment, tree=True)
            for count in (1, 2)
        )
        runs = compare(sides, options.rounds)
    claims = (
        Claim("wall, 2 workers / 1", ratio(runs, "2 workers", "1 worker", "wall_s"), at_most=0.55),
        Claim("CPU, 2 workers / 1", ratio(runs, "2 workers", "1 worker")),
    )
    return publish("workers", about, [Case("30 units, 3 models × 5 techniques × 2 seeds", sides, runs, claims)])


if __name__ == "__main__":
    sys.exit(main())
