"""Run benchmarks by name, or all of them.

python -m benchmarks                        # all but the GPU's, one after another
python -m benchmarks process --rounds 3     # one, with its own options (--help lists them)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
# The order they run in: the quickest first.
NAMES = tuple(
    name
    for name in ("startup", "durability", "scale", "analysis", "workers", "process", "resample", "search")
    if (HERE / f"{name}.py").is_file()
)
ASKED_FOR = ("gpu", "alternative", "declared")  # what needs a machine that few have, an hour, or 2 GB of disk


def main(arguments: list[str]) -> int:
    names = (*NAMES, *ASKED_FOR)
    if arguments and arguments[0] in names:
        return run(*arguments)
    if arguments:
        print(f"error: there is no benchmark {arguments[0]!r}\n  There are: {', '.join(names)}.", file=sys.stderr)
        return 2
    return max(run(name) for name in NAMES)


def run(name: str, *options: str) -> int:
    return subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *options], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
