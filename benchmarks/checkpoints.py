"""What checkpoints cost: the CPU time of a run that saves, against the same run without checkpoints.

    python -m benchmarks.checkpoints SPEC [RUNS]

The data of the spec must be processed under LDP_STORAGE_URL. Each pair of runs stands beside each other, so that the
machine's noise hits both; the ratio's spread says how far to trust it.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys


def cpu_seconds(spec: str, checkpoint_seconds: str) -> float:
    """Run the spec from the beginning and return the CPU seconds of it and its workers."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", "from job.cli import main; main()", "experiment", "run", "--spec", spec]
    environment = {**os.environ, "LDP_CHECKPOINT_SECONDS": checkpoint_seconds}
    subprocess.run([*command, "--skip-resume"], env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    spec, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    for seconds in ("30", "1", "0"):
        ratios = [cpu_seconds(spec, seconds) / cpu_seconds(spec, "3600") for _ in range(runs)]
        print(
            f"a checkpoint every {seconds:>2} s: {statistics.median(ratios):.4f} of the CPU time without "
            f"(from {min(ratios):.4f} to {max(ratios):.4f} over {runs} pairs)"
        )


if __name__ == "__main__":
    main()
