"""The whole published study on AWS by `ldp cloud plan`: dollars and hours, beside one big machine; nothing is run.

    python -m benchmarks.study_on_aws
    python -m benchmarks.study_on_aws --max-vcpus 512 --reclaims-per-hour 0.2

prints a table in Markdown: three datasets (Lending Club at full size), 17 combinations, 5 seeds. Whenever the engine
gets faster, and its cost model with it, the figures fall.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from job.cloud.prices import TABLE, Prices
from job.cloud.scenarios import Assumed, Row, Work, machines_to_try, pareto, rows
from job.cloud.sizes import find_sizes
from job.data.processed import ProcessedInfo
from job.machines import MACHINES
from job.planning.spec import read_spec
from job.store import Store

ROWS = {"taiwan_credit": 30_000, "corporate_credit_rating": 2_029, "lending_club": 1_345_000}
"""Of Lending Club about as many as the whole file has that are fully paid or charged off."""

BIG = "c6a.48xlarge"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-vcpus", type=int, default=256)
    parser.add_argument("--reclaims-per-hour", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    infos: dict[str, ProcessedInfo] = {}
    for name, count in ROWS.items():
        found, _ = find_sizes([Store.open("memory:///")], [name], count)
        infos |= found
    work = Work.of(read_spec("thesis"), infos)
    assumed = Assumed(asked.reclaims_per_hour, seed=asked.seed, max_vcpus=asked.max_vcpus)
    spot = [one for one in rows(work, machines_to_try(64), assumed, Prices({})) if one.life_cycle == "spot"]
    alone = Assumed(asked.reclaims_per_hour, seed=asked.seed, max_vcpus=MACHINES[BIG].vcpus)
    one_machine = [one for one in rows(work, [MACHINES[BIG]], alone, Prices({})) if one.shards == 1]
    print(
        f"{len(list(work.spec.units())):,} units, {work.cpu_hours:,.0f} CPU hours expected; at most {asked.max_vcpus} "
        f"vCPUs at once, {asked.reclaims_per_hour:g} reclaims an hour of a Spot instance; prices: {TABLE}\n"
    )
    print("| machine | | shards a dataset | jobs | hours (p10–p90) | US dollars (p10–p90) | lost to reclaims |")
    print("|---|---|---|---|---|---|---|")
    show(pareto(spot, assumed))
    show(one_machine)


def show(found: Iterable[Row]) -> None:
    for one in found:
        hours, usd = one.hours, one.usd
        mark = one.mark or ("one machine" if one.machine == BIG else "")
        cells = (
            f"{one.machine} {one.life_cycle}",
            mark,
            f"{one.shards}",
            f"{one.jobs}",
            f"{hours[1]:.1f} ({hours[0]:.1f}–{hours[2]:.1f})",
            f"{usd[1]:.2f} ({usd[0]:.2f}–{usd[2]:.2f})",
            f"{one.lost_usd:.2f}",
        )
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
