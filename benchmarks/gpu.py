"""What a GPU saves, in seconds and in dollars: XGBoost, LightGBM and Tomek links, against all cores of the machine.

    python -m benchmarks gpu                          # 30, 300 and 900 thousand rows, in at most 540 seconds
    python -m benchmarks gpu --budget 240 --sizes 30000 300000
    python -m benchmarks gpu --device numpy --sizes 5000 9000 --out build    # a dry run of the logic without a GPU

A GPU does one piece of work after another; the cores do one with a thread on each (`threads`), or one each at the same
time, as an execution's workers do (`each_core`): the better of the two stands against the GPU. Rows are those of
synthetic loans with 42 features; Tomek links are sought among as many rows after SMOTE. What would not end in time is
left out, and said. Results are written as they come.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu_page import as_page
from benchmarks.gpu_sides import WARM_UP, WITH_THREADS
from benchmarks.measure import RESULTS, circumstances
from job.executions.versions import versions
from job.training.kernels import numeric_environment

SIZES = (30_000, 300_000, 900_000)
BUDGET_S = 540.0
GRACE_S = 30.0
SIDES = (
    ("xgboost", "gpu"),
    ("lightgbm", "gpu"),
    ("tomek", "gpu"),
    ("xgboost", "threads"),
    ("lightgbm", "threads"),
    ("tomek", "one_core"),
    ("xgboost", "each_core"),
    ("lightgbm", "each_core"),
    ("lightgbm", "gpu_with_threads"),
    ("tomek", "each_core"),
)
"""In the order in which they run: those without which the others say nothing come first."""
ME = (sys.executable, "-m", "benchmarks.gpu_sides")


@dataclass(frozen=True)
class Card:
    """What computes: the GPU's model, its driver, its memory in MiB."""

    name: str
    driver: str
    memory_mib: int


def card(device: str) -> Card:
    """Return the GPU that is measured.

    Raises
    ------
    DeviceUnavailable
    """
    if device == "numpy":
        return Card("no GPU: a dry run on NumPy", "", 0)
    from job.arrays import require_device

    found = require_device(True, ())  # a library that finds none fails its own sides
    import cupy

    return Card(found.name, found.driver, cupy.cuda.runtime.memGetInfo()[1] >> 20)


def run_side(
    command: Sequence[str], environment: Mapping[str, str], most_s: float, take: Callable[[dict[str, Any]], None]
) -> str | None:
    """Run a side, hand on each line as it comes, and return how it failed, if it did."""
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said: list[str] = []
        stderr = process.stderr
        reader = threading.Thread(target=lambda: said.extend(stderr))
        reader.start()
        timer = threading.Timer(most_s, lambda: os.killpg(process.pid, signal.SIGKILL))
        timer.start()
        for line in process.stdout:
            if line.startswith("{"):
                take(json.loads(line))
        timed_out = not timer.is_alive()
        timer.cancel()
        process.wait()
        reader.join()
    if process.returncode == 0:
        return None
    last = next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")
    return f"ended after {most_s:.0f} s, as long as it had" if timed_out else f"ended with {process.returncode}: {last}"


def environment_of(side: str, cores: int) -> dict[str, str]:
    """Return the variables of a side: those of a worker, but for OpenMP's threads where a fit is to have all cores.

    XGBoost never takes more threads than OMP_NUM_THREADS says, whatever it is asked for.
    """
    threads = {"OMP_NUM_THREADS": str(cores)} if side in WITH_THREADS else {}
    return {**numeric_environment(), **threads}


def share_of(left_s: float, sides_left: int) -> float:
    """Return the seconds that the next side may take: twice an even share, since the first ones take the least."""
    return min(2 * left_s / sides_left, left_s)


def measure_all(options: argparse.Namespace, keep: Callable[[dict[str, Any]], None]) -> None:
    """Run all sides within the budget, and keep each answer as it comes."""
    began = time.perf_counter()
    sizes = [str(size) for size in options.sizes]
    with tempfile.TemporaryDirectory() as place:
        common = ("--place", place, "--sizes", *sizes)
        print("making the rows …", file=sys.stderr)
        subprocess.run(
            [*ME, "--prepare", "--device", options.device, *common],
            check=True,
            env={**os.environ, **numeric_environment()},
        )
        sides = [(work, side) for work, side in SIDES if work in options.works]
        for number, (work, side) in enumerate(sides):
            left = options.budget - (time.perf_counter() - began)
            share = share_of(left, len(sides) - number)

            def take(answer: dict[str, Any], work: str = work, side: str = side) -> None:
                print(f"  {work}, {side}: {answer}", file=sys.stderr)
                keep({"work": work, "side": side, **answer})

            if left <= 0:
                keep({"work": work, "side": side, "left_out": "no time was left"})
                continue
            command = (*ME, "--work", work, "--side", side, "--device", options.device, *common)
            command += ("--trees", str(options.trees), "--cores", str(options.cores), "--most-s", f"{share:.1f}")
            failed = run_side(command, environment_of(side, options.cores), left + GRACE_S, take)
            if failed is not None:
                print(f"  {work}, {side}: failed: {failed}", file=sys.stderr)
                keep({"work": work, "side": side, "failed": failed})


def file_stem(name: str) -> str:
    """Return the name of the results' files.

    >>> file_stem("NVIDIA H100 80GB HBM3")
    'gpu-nvidia-h100-80gb-hbm3'
    """
    return "gpu-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="rows")
    parser.add_argument("--works", nargs="+", default=["xgboost", "lightgbm", "tomek"], help="what is measured")
    parser.add_argument("--budget", type=float, default=BUDGET_S, help="seconds that all of it may take, about")
    parser.add_argument("--trees", type=int, default=100, help="boosting rounds of a fit")
    parser.add_argument("--cores", type=int, default=_cores(), help="how many cores stand against the GPU")
    parser.add_argument("--device", choices=("gpu", "numpy"), default="gpu", help="numpy: a dry run of the logic")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the results are written")
    options = parser.parse_args()
    if min(options.sizes) < WARM_UP:
        parser.error(f"of fewer than {WARM_UP} rows nothing can be told")
    from job.errors import LdpError

    given = "".join(f" {argument}" for argument in sys.argv[1:])
    try:
        measured = card(options.device)
    except LdpError as error:
        print(f"error: {error.what}\n  {error.remedy}", file=sys.stderr)
        return error.exit_code
    # Its own package is named by what installed it: xgboost, or xgboost-cpu.
    about = circumstances(f"python -m benchmarks gpu{given}", ("scipy",))
    about["versions"] = {**versions(), **about["versions"], **_cupy()}
    found: dict[str, Any] = {"benchmark": "gpu", **about, "card": asdict(measured), "trees": options.trees}
    found |= {"compared_cores": options.cores, "answers": []}
    options.out.mkdir(parents=True, exist_ok=True)
    stem = options.out / file_stem(measured.name)

    def keep(answer: dict[str, Any]) -> None:
        found["answers"].append(answer)
        text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
        stem.with_suffix(".json").write_text(text, "utf-8")
        stem.with_suffix(".md").write_text(as_page(found), "utf-8")

    measure_all(options, keep)
    print(as_page(found))
    return int(any("failed" in answer for answer in found["answers"]))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cupy() -> dict[str, str]:
    from importlib import metadata

    names = {str(one.metadata["Name"]): one.version for one in metadata.distributions()}
    return {name: version for name, version in names.items() if name.startswith("cupy")}


if __name__ == "__main__":
    sys.exit(main())
