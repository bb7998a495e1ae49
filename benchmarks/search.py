"""The search engine against a naive grid search, and against the floor: the fits and resamplings nobody can avoid.

    python -m benchmarks search --data taiwan_credit.csv    # on the real file; --folds 5 measures all of it
    python -m benchmarks search                             # on a sample

Three sides run in one process on one core, in turns, fit by fit: whenever the engine has made a fit, the same one is
made **bare** (the library's own fit on arrays and bins that lie ready), and for a random sample of candidates the way
a **naive** grid search makes it (clone the imbalanced-learn pipeline, fit it on the fold, score it). A machine that is
busy is so for all three. Each of the measured folds is one round: its CPU seconds times the number of folds, plus the
refit.

- *naive*: a fold is measured whole where that takes less than a minute, by two fits made beforehand, or with
  ``--share 1``; otherwise the mean of a systematic sample times the number of candidates, by model and technique.
  Its standard error, from the differences of neighbours in the order of the expected costs, is given.
- *engine*: everything that :func:`job.training.together.run_units` does, prepared folds shared by way of a scratch
  directory as among workers; whoever needs a fold first pays for it.
- *floor*: each distinct fit once, each imputation, scaling and resampling once, each set of bins once. No predictions,
  no scores.

The peak memory is that of the process, which holds all three.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Case, Claim, Measurement, Side, circumstances, publish, ratio
from benchmarks.search_item import DATASET, ORDER, run_item
from job.planning.items import items_of
from job.planning.spec import Spec, read_spec
from job.training.kernels import numeric_environment
from job.training.techniques import sampler_of
from job.training.unit import Unit

PACKAGES = ("numpy", "scikit-learn", "imbalanced-learn", "xgboost-cpu", "lightgbm")
SIDES = ("naive", "engine", "floor")


def work(spec: Spec, seed: int) -> list[tuple[Unit, ...]]:
    """Return the work items of one seed, those of different samplers apart."""
    units = [unit for unit in spec.units() if unit.dataset == DATASET and unit.seed == seed]
    found = [
        tuple(unit for unit in item if sampler_of(unit.technique) == sampler)
        for item in items_of(units)
        for sampler in dict.fromkeys(sampler_of(unit.technique) for unit in item)
    ]
    return sorted(found, key=lambda item: ORDER.index(item[0].model))


def case(name: str, found: Sequence[dict[str, Any]], claims: dict[str, tuple[str, str, dict[str, float]]]) -> Case:
    """Add items up, round by round."""
    rounds = len(found[0]["rounds"])
    runs = {
        side: [
            Measurement(
                *(sum(item["rounds"][r][side][what] for item in found) for what in (0, 1)),
                max(item["peak_mib"] for item in found),
            )
            for r in range(rounds)
        ]
        for side in SIDES
    }
    sampled, of = (sum(item[what] for item in found) for what in ("sampled", "of"))
    notes = {
        "naive": "measured whole" if sampled == of else f"extrapolated from {sampled} of {of} fits",
        "engine": "everything `run_units` does",
        "floor": "distinct fits, resamplings and bins, bare",
    }
    sides = tuple(Side(side, (), notes[side]) for side in SIDES)
    made = tuple(Claim(what, ratio(runs, of_, to), **limit) for what, (of_, to, limit) in claims.items())
    errors = [item["error"] for item in found if item["error"] is not None]
    checks = (f"standard error of the naive side's mean, by item: at most {100 * max(errors):.0f} %",) if errors else ()
    return Case(name, sides, runs, made, checks if sampled < of else ())


def cases(found: dict[tuple[Unit, ...], dict[str, Any]], *, limits: bool) -> list[Case]:
    """Return the tables: all units, the groups that matter, each item."""

    def claims(naive: float | None, floor: float | None) -> dict[str, tuple[str, str, dict[str, float]]]:
        return {
            "naive / engine": ("naive", "engine", {"at_least": naive} if limits and naive else {}),
            "engine / floor": ("engine", "floor", {"at_most": floor} if limits and floor else {}),
        }

    tomek = [item for item in found if item[0].technique == "smote_tomek"]
    made = [case(f"all {sum(map(len, found))} units of one seed", list(found.values()), claims(2.8, 1.05))]
    if tomek:
        made.append(case("the SMOTE-Tomek units together", [found[item] for item in tomek], claims(4.0, None)))
    for item, one in found.items():
        techniques = " + ".join(unit.technique for unit in item)
        hardest = (item[0].model, techniques) == ("xgboost", "smote_tomek")
        made.append(case(f"{item[0].model} × {techniques}", [one], claims(6.5 if hardest else None, None)))
    return made


def prepare_data(place: Path, raw: Path | None, rows: int) -> None:
    """Process the raw file, or a sample, and lay its arrays where the items find them."""
    import shutil

    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processed import load_processed
    from job.data.processing import process
    from job.store import Store

    store = Store.open(str(place / "data"))
    if raw is None:
        write_sample(store, DATASET, rows=rows, seed=1)
    else:
        (place / "data" / "data" / "raw").mkdir(parents=True)
        shutil.copy(raw, place / "data" / "data" / "raw" / f"{DATASET}.csv")
    process(store, DATASET, Console.silent())
    data = load_processed(store, DATASET)
    np.save(place / "X.npy", data.X)
    np.save(place / "y.npy", data.target)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks search", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, metavar="FILE", help="the raw Taiwan file; a sample without it")
    parser.add_argument("--spec", default="thesis")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", type=int, default=30_000, help="of the sample")
    parser.add_argument("--folds", type=int, default=1, help="how many of the folds to measure (default: 1)")
    parser.add_argument("--share", type=float, default=0.1, help="of the naive fits that are measured (default: 0.1)")
    parser.add_argument("--model", action="append", help="only this model; may be repeated")
    parser.add_argument("--item", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    spec = read_spec(options.spec)
    folds = min(options.folds, spec.protocol.folds)
    items = [item for item in work(spec, options.seed) if not options.model or item[0].model in options.model]
    if options.item is not None:
        print(json.dumps(run_item(options.place, spec, items[int(options.item)], options.share, folds)))
        return 0
    given = "" if options.data is None else f" --data {options.data.name}"
    command = f"python -m benchmarks search{given} --folds {folds} --share {options.share:g} --seed {options.seed}"
    about = circumstances(command, PACKAGES)
    found = {}
    with tempfile.TemporaryDirectory() as place:
        prepare_data(Path(place), options.data, options.rows)
        for i, item in enumerate(items):
            found[item] = _in_a_process([*sys.argv[1:], "--item", str(i), "--place", place])
            figures = ", ".join(
                f"{side} {statistics.fmean(r[side][0] for r in found[item]['rounds']):.1f} CPU s" for side in SIDES
            )
            print(f"  {item[0]}{' and more' if len(item) > 1 else ''}: {figures}", file=sys.stderr)
    # Limits are about the published grids on the real data.
    limits = options.data is not None and spec.name == "thesis" and not options.model
    return publish("search", about, cases(found, limits=limits))


def _in_a_process(arguments: Sequence[str]) -> dict[str, Any]:
    environment = {**os.environ, **numeric_environment()}
    command = [sys.executable, "-m", "benchmarks.search", *arguments]
    told = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    sys.exit(main())
