"""What a user waits for before anything happens: ``ldp --help``, and the first log lines of ``ldp experiment run``.

    python -m benchmarks startup

A run's first record says what computes; the second, that the execution is started, comes when the units are planned,
their data described and the execution created, here for the `default` spec on a sample of the Taiwan data.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks.measure import Case, Claim, Side, circumstances, compare, figure, peak_mib, publish

LDP = (sys.executable, "-c", "from job.cli import run; run()")
PACKAGES = ("numpy", "obstore", "pyarrow", "scikit-learn", "typer")


def until(event: str) -> None:
    """Run an experiment until it logs `event`, and answer with what that took."""
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "LDP_STORAGE_URL": place, "LDP_LOG_FORMAT": "json"}
        for command in (("sample", "taiwan_credit", "--rows", "1000"), ("process", "taiwan_credit")):
            subprocess.run([*LDP, "data", *command], env=environment, check=True, capture_output=True)
        start = time.perf_counter()
        run = [*LDP, "experiment", "run", "--spec", "default", "--jobs", "1"]
        with subprocess.Popen(run, env=environment, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            for line in process.stderr:
                if json.loads(line)["event"] == event:
                    break
            wall_s = time.perf_counter() - start
            process.kill()
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
    print(json.dumps({"cpu_s": usage.ru_utime + usage.ru_stime, "wall_s": wall_s, "peak_mib": peak_mib(usage)}))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks startup", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--until", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.until:
        until(options.until)
        return 0
    about = circumstances(f"python -m benchmarks startup --rounds {options.rounds}", PACKAGES)
    me = (sys.executable, "-m", "benchmarks.startup", "--until")
    sides = (
        Side("python", (sys.executable, "-c", "pass"), "the interpreter alone"),
        Side("ldp --help", (*LDP, "--help")),
        Side("first record", (*me, "environment"), "`ldp experiment run` until its first log record"),
        Side(
            "execution started", (*me, "starting"), "`ldp experiment run` until it says that the execution is started"
        ),
    )
    runs = compare(sides, options.rounds)
    claims = tuple(Claim(side.name, figure(runs, side.name, "cpu_s"), "s") for side in sides)
    return publish("startup", about, [Case("from the command to the first sign of life", sides, runs, claims)])


if __name__ == "__main__":
    sys.exit(main())
