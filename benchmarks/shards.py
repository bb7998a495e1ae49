"""How evenly shards divide the `default` spec on Lending Club at full size, by the cost model: nothing is run.

    python -m benchmarks.shards
    python -m benchmarks.shards --rows 1400000 --workers 4

prints for each number of shards how long the longest takes, against what each would take if work could be divided at
will, and against a division that leaves items whole.
"""

from __future__ import annotations

import argparse
from unittest.mock import patch

from job.data.processed import ProcessedInfo
from job.planning import shards
from job.planning.costs import item_costs
from job.planning.division import divide
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.spec import read_spec

COUNTS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
FEATURES = 42


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_400_000)
    parser.add_argument("--workers", type=int, default=4)
    asked = parser.parse_args()
    spec = read_spec("default")
    dataset = "lending_club" if "lending_club" in spec.datasets else spec.datasets[-1]
    info = ProcessedInfo(dataset, "f", 1, "r", asked.rows, FEATURES, 0.2, False)
    searches = Searches(spec)
    items = items_of(unit for unit in spec.units() if unit.dataset == dataset)
    costs = item_costs(searches, items, {dataset: info})
    total = sum(cost.cpu_seconds for cost in costs.values())
    longest = max(cost.cpu_seconds for cost in costs.values())
    print(f"default on {dataset} at {asked.rows:,} rows: {len(items)} items, {total / 3600:.1f} CPU hours; "
          f"the longest item takes {longest / 3600:.2f} h; {asked.workers} workers a shard")  # fmt: skip
    print(f"{'shards':>7}{'longest h':>12}{'of ideal':>10}{'items whole':>13}")
    for count in COUNTS:
        found = divide(costs, searches, count, asked.workers)
        with patch.object(shards, "LEAST_DIVIDED_S", float("inf")):
            whole = divide(costs, searches, count, asked.workers)
        print(f"{count:>7,}{found.longest_s / 3600:>12.2f}{found.stretch:>10.2f}{whole.stretch:>13.2f}")


if __name__ == "__main__":
    main()
