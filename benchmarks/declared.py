"""Datasets of one's own: what a draft of a large file takes, and declared processing against that of built-in datasets.

    python -m benchmarks declared
    python -m benchmarks declared --megabytes 100 --rounds 1

- *draft*: ``ldp data init`` on a file of 61 columns (numbers, codes, names, dates, free text, a key), the copy into
  data/raw included. The limits are a minute of CPU time and half a GiB, whatever the size.
- *declared*: the samples of Taiwan and of the corporate ratings, processed by a declaration and by the built-in
  dataset, each in a process of its own; the fingerprints must be equal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Case, Claim, Side, circumstances, compare, figure, publish, ratio, timed

ME = (sys.executable, "-m", "benchmarks.declared")
LDP = (sys.executable, "-c", "from job.cli import run; run()")
PACKAGES = ("numpy", "pyarrow")
ROWS = {"taiwan_credit": 400_000, "corporate_ccc": 200_000}
BLOCK = 50_000  # rows that are drawn; the file repeats them, each with a key of its own
MINE = "mine"


def write_large(path: Path, megabytes: int) -> int:
    """Write the file and return its rows."""
    import numpy as np

    rng = np.random.default_rng(1)
    risk = rng.normal(0, 1, BLOCK)
    columns = {f"n{i}": np.char.mod("%.4f", rng.normal(0, 1000, BLOCK) + risk * 100) for i in range(40)}
    columns |= {f"k{i}": rng.integers(0, 500, BLOCK).astype(str) for i in range(10)}
    regions = np.array(["north", "south", "east", "west", "other"])
    columns |= {f"c{i}": regions[rng.integers(0, 5, BLOCK)] for i in range(7)}
    columns["when"] = (np.datetime64("2012-01-01") + rng.integers(0, 2000, BLOCK)).astype(str)
    columns["note"] = np.char.mod("what a person wrote number %d", rng.integers(0, 10**9, BLOCK))
    columns["default"] = (risk + rng.normal(0, 1, BLOCK) > 1.2).astype(int).astype(str)
    lines = [",".join(row) for row in zip(*columns.values(), strict=True)]
    rows = 0
    with path.open("wb") as file:
        file.write((",".join(["id", *columns]) + "\n").encode())
        while file.tell() < megabytes * 1_000_000:
            file.write(("\n".join(f"{rows + i},{line}" for i, line in enumerate(lines)) + "\n").encode())
            rows += BLOCK
    return rows


def prepare(place: Path, dataset: str) -> None:
    """Write a sample, and the declaration that reads it as the built-in dataset does."""
    from job.data.datasets.samples import write_sample
    from job.store import Store, declaration_key
    from tests.job.data.declarations.published import corporate_declaration, taiwan_declaration

    store = Store.open(str(place))
    write_sample(store, dataset, rows=ROWS[dataset], seed=1)
    declared = {"taiwan_credit": taiwan_declaration, "corporate_ccc": corporate_declaration}[dataset]()
    store.put(declaration_key(MINE), declared.encode())


def side(place: Path, name: str) -> None:
    """In a process of its own: process once to load what is needed, then once more, timed."""
    from job.console import Console
    from job.data.processing import process
    from job.store import Store

    store, answer = Store.open(str(place)), dict[str, Any]()
    process(store, name, Console.silent(), force=True)
    with timed(answer):
        answer["fingerprint"] = process(store, name, Console.silent(), force=True).info.fingerprint
    print(json.dumps(answer))


def drafted(place: Path, megabytes: int, rounds: int) -> Case:
    raw = place / "large.csv"
    rows = write_large(raw, megabytes)
    options = ("--name", MINE, "--target", "default", "--bad", "1", "--good", "0", "--time", "when", "--force")
    one = Side(
        "ldp data init",
        (*LDP, "data", "init", str(raw), *options),
        "the whole command",
        {"LDP_STORAGE_URL": str(place)},
    )
    runs = compare([one], rounds)
    claims = (
        Claim("CPU", figure(runs, one.name, "cpu_s"), "s", at_most=60.0),
        Claim("peak memory", figure(runs, one.name, "peak_mib"), "MiB", at_most=512.0),
    )
    size = raw.stat().st_size
    raw.unlink()
    return Case(f"a draft of {rows:,} rows of 61 columns, {size / 1e9:.2f} GB", (one,), runs, claims)


def processed(place: Path, dataset: str, rounds: int) -> Case:
    subprocess.run([*ME, "--prepare", str(place), dataset], check=True)
    names = {"declared": MINE, "built in": dataset}
    sides = tuple(Side(words, (*ME, "--side", str(place), name)) for words, name in names.items())
    runs = compare(sides, rounds)
    prints = {run.answer["fingerprint"] for of_side in runs.values() for run in of_side}
    assert len(prints) == 1, f"{dataset}: the declaration gives other data"
    claim = Claim("CPU, declared / built in", ratio(runs, "declared", "built in"), at_most=1.1)
    return Case(f"{dataset}, {ROWS[dataset]:,} synthetic rows", sides, runs, (claim,), ("equal fingerprints",))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks declared")
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prepare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.prepare:
        prepare(Path(options.prepare[0]), options.prepare[1])
        return 0
    if options.side:
        side(Path(options.side[0]), options.side[1])
        return 0
    about = circumstances(
        f"python -m benchmarks declared --megabytes {options.megabytes} --rounds {options.rounds}", PACKAGES
    )
    cases = []
    with tempfile.TemporaryDirectory() as place:
        cases.append(drafted(Path(place), options.megabytes, options.rounds))
    for dataset in ROWS:
        with tempfile.TemporaryDirectory() as place:
            cases.append(processed(Path(place), dataset, options.rounds))
    return publish("declared", about, cases)


if __name__ == "__main__":
    sys.exit(main())
