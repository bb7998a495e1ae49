"""From a raw Lending Club file to features: ours against polars, pandas, and the bare parsing of the needed columns.

    python -m benchmarks process [--rows N ...] [--rounds N] [--folder DIRECTORY] [--data FILE]

The raw file is a synthetic one with the full header of 151 columns, uncompressed (``ldp data sample``, seed 1). With
``--data``, it is the loans of a real file, again and again until there are enough, each with an id of its own: real
rows are twice as long, since the sample leaves columns empty that nobody needs.

Every side is a process of its own and pays for its start. Ours is the command ``ldp data process``, with all that it
promises: every needed cell is checked, the raw file's SHA-256 and the features' fingerprint are computed, and interim
table, features and target are written with page checksums. The others compute the same features, write them, and check
nothing (:mod:`benchmarks.process_sides`); afterwards every value of theirs is compared with ours.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Case, Claim, Measurement, Side, circumstances, compare, figure, publish, ratio
from benchmarks.process_sides import SIDES, side
from job.data.raw.between import FOOTER

ROWS = (100_000, 500_000, 2_260_000)
MILLION = 1_000_000
PACKAGES = ("numpy", "pandas", "polars", "pyarrow")
LDP = (sys.executable, "-c", "from job.cli import run; run()", "data")
NOTE = "checks every cell, hashes the raw file and the features; writes interim, X and y with page checksums"


def make_raw(folder: Path, rows: int, real: Path | None) -> Path:
    """Write the raw file; a synthetic one only if it is not there."""
    raw = folder / "data" / "raw" / "lending_club.csv"
    if real is not None:
        raw.parent.mkdir(parents=True, exist_ok=True)
        repeat(real, raw, rows)
    elif not raw.is_file():
        command = [*LDP, "sample", "lending_club", "--rows", str(rows), "--seed", "1"]
        environment = {**os.environ, "LDP_STORAGE_URL": str(folder)}
        subprocess.run(command, env=environment, check=True, capture_output=True)
    return raw


def repeat(real: Path, raw: Path, rows: int) -> None:
    """Write so many of a file's loans, a line each, from the first again after the last, with ids of their own."""
    written = 0
    with raw.open("wb") as out:
        while written < rows:
            before = written
            with gzip.open(real) if real.suffix == ".gz" else real.open("rb") as lines:
                header = next((line for line in lines if b"loan_amnt" in line), b"")
                if not header.startswith((b"id,", b'"id",')):
                    raise SystemExit(f"the first column of {real} is not id")
                if not written:
                    out.write(header)
                loans = (line.rstrip(b"\r\n") for line in lines if not FOOTER.match(line.decode("utf-8", "replace")))
                for loan in itertools.islice((loan for loan in loans if loan), rows - written):
                    written += 1
                    out.write(b"%d,%b\n" % (written, loan.split(b",", 1)[1]))
            if written == before:
                raise SystemExit(f"{real} has no loans")


def check(ours: Path, theirs: Path) -> None:
    """Compare every value of two tables.

    Raises
    ------
    AssertionError
    """
    import numpy as np
    import pyarrow.parquet as pq

    one, other = pq.read_table(ours), pq.read_table(theirs)
    assert one.column_names == other.column_names, (one.column_names, other.column_names)
    for name in one.column_names:
        wanted, found = one[name].to_numpy(), other[name].to_numpy()
        if wanted.dtype.kind == "M":
            np.testing.assert_array_equal(found.astype("datetime64[D]"), wanted.astype("datetime64[D]"), name)
        else:
            assert found.dtype == wanted.dtype, name
            np.testing.assert_allclose(found, wanted, rtol=1e-6, equal_nan=True, err_msg=name)


def measure_case(folder: Path, rows: int, rounds: int, real: Path | None) -> Case:
    # A folder of its own for each kind: a real file is not to be taken for a synthetic one later.
    out = folder / (str(rows) if real is None else f"{rows}_real")
    raw = make_raw(out, rows, real)
    ours = Side("ldp", (*LDP, "process", "lending_club", "--force"), NOTE, {"LDP_STORAGE_URL": str(out)})
    sides = (ours, *(side(name, raw, out / name) for name in SIDES))
    print(f"{rows:,} rows, {raw.stat().st_size / 1e6:,.0f} MB", file=sys.stderr)
    runs = compare(sides, rounds)
    for name in SIDES:
        for part in () if name in ("floor", "SHA-256") else ("X", "y"):
            standing = out / "data" / "processed" / f"lending_club_{part}.parquet"
            command = [
                sys.executable,
                "-m",
                "benchmarks.process",
                "--check",
                str(standing),
                str(out / name / f"{part}.parquet"),
            ]
            subprocess.run(command, check=True)  # in a process of its own, so that this one stays small
    checks = ("Every feature of every side is ours to within 1e-6 (relative), and so are target and time.",)
    return Case(
        f"{rows:,} {'rows' if real is None else 'real rows, repeated'}, {raw.stat().st_size / 1e6:,.0f} MB",
        sides,
        runs,
        claims(runs, rows, is_real=real is not None),
        checks,
    )


def claims(runs: dict[str, list[Measurement]], rows: int, *, is_real: bool) -> tuple[Claim, ...]:
    """Return the ratios; those of small files, of a million real rows and of the whole synthetic file have limits."""
    memory = figure(runs, "ldp", "peak_mib")
    whole, million = rows == ROWS[-1] and not is_real, rows == MILLION and is_real
    beside_polars = 1.3 if whole else 1.25 if million else 1.5 if rows == ROWS[0] else None
    return (
        Claim("CPU of ldp / polars", ratio(runs, "ldp", "polars"), at_most=beside_polars),
        Claim("the same, without ldp's SHA-256 of the raw file", ratio(without_hashing(runs), "ldp", "polars")),
        Claim(
            "CPU of pandas / ldp",
            ratio(runs, "pandas", "ldp"),
            at_least=3.0 if whole else 1.0 if million else None,
        ),
        Claim("CPU of pandas, tuned / ldp", ratio(runs, "pandas, tuned", "ldp")),
        Claim("CPU of ldp / floor", ratio(runs, "ldp", "floor"), at_most=1.5 if whole else None),
        Claim("peak memory of ldp", memory, "MiB", at_most=2048.0 if whole else None),
    )


def without_hashing(runs: dict[str, list[Measurement]]) -> dict[str, list[Measurement]]:
    """Return the runs with ours less what the hashing of the raw file takes alone, round by round."""
    pairs = zip(runs["ldp"], runs["SHA-256"], strict=True)
    return {**runs, "ldp": [replace(ours, cpu_s=ours.cpu_s - hashing.cpu_s) for ours, hashing in pairs]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks process")
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where raw files are kept and found again (2 GB)")
    parser.add_argument("--data", type=Path, metavar="FILE", help="a real raw file whose loans are repeated")
    parser.add_argument("--check", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.check:
        check(*options.check)
        return 0
    shown = "" if tuple(options.rows) == ROWS else f" --rows {' '.join(map(str, options.rows))}"
    given = "" if options.data is None else f" --data {options.data.name}"
    about = circumstances(f"python -m benchmarks process{given}{shown} --rounds {options.rounds}", PACKAGES)
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place)
        cases = [measure_case(folder, rows, options.rounds, options.data) for rows in options.rows]
    return publish("process" if options.data is None else "process_real", about, cases)


if __name__ == "__main__":
    sys.exit(main())
