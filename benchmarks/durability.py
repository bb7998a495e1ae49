"""What it costs that a result is on disk, and its name too, before it counts as committed.

    python -m benchmarks durability [--commits N] [--rounds N]

Commits of objects as large as a result on the Taiwan data, to local files: as obstore's LocalStore creates them, which
brings nothing to disk, and as the store does. The difference is held against the expected CPU time of the `default`
spec on that dataset, which commits once a unit. Set TMPDIR to a disk where the temporary directory is in memory.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile

from benchmarks.measure import Case, Claim, Side, Spread, circumstances, compare, publish, spread, timed

COMMITS, ROUNDS = 10_000, 3
RESULT_BYTES = 80_000  # 9,000 test rows and the record of a search
FOLDERS = 30  # model × technique
PACKAGES = ("obstore",)
ME = (sys.executable, "-m", "benchmarks.durability")


def commit(how: str, commits: int) -> None:
    """In a side: create so many objects, and answer with what that took."""
    import obstore
    from obstore.store import LocalStore

    from job.store import Store

    answer: dict[str, float] = {}
    data = bytes(range(250)) * (RESULT_BYTES // 250)
    with tempfile.TemporaryDirectory() as place:
        keys = [f"executions/e/results/d/{i % FOLDERS}/seed_{i}.parquet" for i in range(commits)]
        store, local = Store.open(place), LocalStore(place)
        with timed(answer):
            for key in keys:
                if how == "durable":
                    store.put_if_absent(key, data)
                else:
                    obstore.put(local, key, data, mode="create")
    print(json.dumps(answer))


def expected() -> tuple[int, float]:
    """Return how many units the `default` spec has on the Taiwan data, and their expected CPU seconds."""
    from job.data.processed import ProcessedInfo
    from job.planning.costs import item_costs
    from job.planning.items import items_of
    from job.planning.searches import Searches
    from job.planning.spec import read_spec

    spec = read_spec("default")
    units = [unit for unit in spec.units() if unit.dataset == "taiwan_credit"]
    info = ProcessedInfo("taiwan_credit", "f", 1, "r", 30_000, 26, 0.2212, False)
    costs = item_costs(Searches(spec), items_of(units), {"taiwan_credit": info})
    return len(units), sum(cost.cpu_seconds for cost in costs.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks durability", description=__doc__)
    parser.add_argument("--commits", type=int, default=COMMITS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--side", choices=("durable", "not durable"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        commit(options.side, options.commits)
        return 0
    ran = f"python -m benchmarks durability --commits {options.commits} --rounds {options.rounds}"
    about = circumstances(ran, PACKAGES)
    sides = tuple(
        Side(name, (*ME, "--commits", str(options.commits), "--side", name), note)
        for name, note in (
            ("not durable", "a staged file and a hard link, by obstore"),
            ("durable", "the same with fsync of file and directory"),
        )
    )
    runs = compare(sides, options.rounds)
    units, total_s = expected()
    claims = []
    for figure, words in (("cpu_s", "CPU"), ("wall_s", "wall")):
        pairs = zip(runs["durable"], runs["not durable"], strict=True)
        more = [(getattr(one, figure) - getattr(other, figure)) / options.commits for one, other in pairs]
        claims += [
            Claim(f"{words} that a commit takes more", _scaled(more, 1e3), "ms"),
            Claim(
                f"{words} of {units} commits more, of the CPU time of `default` on Taiwan ({total_s:,.0f} s)",
                _scaled(more, 100 * units / total_s),
                "%",
                at_most=1.0,
            ),
        ]
    return publish("durability", about, [Case(f"{options.commits:,} commits", sides, runs, tuple(claims))])


def _scaled(values: list[float], factor: float) -> Spread:
    return spread(value * factor for value in values)


if __name__ == "__main__":
    sys.exit(main())
