"""Compare an execution's results with what was written down, or write them down."""

from __future__ import annotations

import argparse
import sys

from job.executions.status import choose_execution
from job.settings import Settings
from job.store import Store
from tests.real_data.unchanged import content_of, differing, record, recorded


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real_data.unchanged", description=__doc__)
    parser.add_argument("execution")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    store = Store.open(Settings.from_environment().storage_url)
    execution = choose_execution(store, arguments.execution, None)
    if arguments.record:
        print(f"wrote {record(store, execution)}")
        return 0
    expected, found = recorded(execution.spec.name), content_of(store, execution)
    wrong = list(differing(found, expected["units"]))
    for unit in wrong:
        print(f"differs: {unit}")
    print(f"{execution.id}, recorded as {expected['execution']}: {len(found) - len(wrong)} of {len(found)} units equal")
    return 1 if wrong or not found else 0


if __name__ == "__main__":
    sys.exit(main())
