"""``ldp cloud plan``: what a spec takes on AWS, in hours and dollars, before anything is submitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from job.cli.cloud_context import RegionOption, open_cloud
from job.cli.context import DatasetsOption, JsonOption, open_context, print_json

if TYPE_CHECKING:
    from job.cloud.deployed import Deployed
    from job.cloud.scenarios import Assumed, Row


def plan(
    spec: Annotated[
        str, typer.Option("--spec", metavar="NAME|FILE", help="quick, default, thesis, or a TOML file.")
    ] = "default",
    only_dataset: DatasetsOption = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=10, max=100_000_000, help="Of datasets that are not processed.")
    ] = None,
    platform: Annotated[
        str | None, typer.Option("--platform", metavar="STACK", help="Also as this stack is deployed; asks AWS.")
    ] = None,
    reclaims_per_hour: Annotated[
        float, typer.Option("--reclaims-per-hour", min=0, max=60, help="Of a Spot instance; assumed.")
    ] = 0.05,
    boot_minutes: Annotated[
        float, typer.Option("--boot-minutes", min=0, max=120, help="Until an instance runs a job; assumed.")
    ] = 5.0,
    max_vcpus: Annotated[int, typer.Option("--max-vcpus", min=2, max=10_000, help="That may run at once.")] = 64,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same plan.")] = 1,
    region: RegionOption = None,
    json: JsonOption = False,
) -> None:
    """Say what a spec takes on AWS: hours, dollars and how sure, over machines, Spot and On-Demand, and shards."""
    from job.cloud.prices import Prices, find_prices
    from job.cloud.scenarios import Assumed, Work, machines_to_try, pareto
    from job.cloud.scenarios import rows as every_row
    from job.cloud.sizes import find_sizes, settled_by
    from job.planning.plan import choose_datasets
    from job.planning.spec import read_spec

    chosen = read_spec(spec)
    cloud = None if platform is None else open_cloud(platform, region)
    stores = [open_context().store] if cloud is None else [cloud.bucket(), cloud.local()]
    only = tuple(only_dataset or ())
    chosen = settled_by(stores, chosen, only)
    infos, notes = find_sizes(stores, choose_datasets(chosen, only), rows)
    assumed = Assumed(reclaims_per_hour, boot_minutes, seed, max_vcpus=max_vcpus)
    work = Work.of(chosen, infos)
    deployed: list[Deployed] = []
    if cloud is not None:
        from job.cloud.definitions import active_definitions, known_definition
        from job.cloud.deployed import as_deployed
        from job.cloud.queues import find_queues

        batch = cloud.aws.client("batch")
        active = active_definitions(batch, cloud.platform)
        training = {name: known_definition(active, name, "training") for name in infos}
        definitions = {name: one for name, one in training.items() if one is not None}
        queue, types = find_queues(batch, cloud.platform)["any"], cloud.platform.machine_types
        prices = find_prices(cloud.aws, on_demand=types["on-demand"], spot=types["spot"])
        deployed = as_deployed(chosen, infos, definitions, queue, types, prices, assumed, spec)
    # Of the whole table no prices are asked: they are for comparing machines.
    best = pareto(every_row(work, machines_to_try(max_vcpus), assumed, Prices({})), assumed)
    if json:
        print_json(_as_json(deployed, best, notes, assumed, work.cpu_hours))
        return
    _show(chosen.name, deployed, best, notes, assumed, work.cpu_hours)


def _as_json(
    deployed: list[Deployed], best: list[Row], notes: list[str], assumed: Assumed, cpu_hours: float
) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "cpu_hours": cpu_hours,
        "sizes": notes,
        "assumed": asdict(assumed),
        "deployed": [
            {
                "dataset": one.dataset,
                "row": one.row and one.row.as_json(),
                "command": one.command,
                "fit": one.fit.as_json(),
            }
            for one in deployed
        ],
        "if_redeployed": [one.as_json() for one in best],
        "gpu": "not measured",
    }


def _show(
    name: str, deployed: list[Deployed], best: list[Row], notes: list[str], assumed: Assumed, cpu_hours: float
) -> None:
    from job.cli.tables import print_line, print_table
    from job.cloud.prices import TABLE

    columns = [
        ("", False), ("machine", False), ("on", False), ("shards", True), ("jobs", True), ("hours: p10 p50 p90", True),
        ("USD: p10 p50 p90", True), ("lost", True), ("done", True), ("limit", False),
    ]  # fmt: skip
    if deployed:
        print_table(
            f"{name} on the platform as it is deployed",
            columns,
            [_cells(one.dataset, one.row) for one in deployed if one.row is not None],
        )
        for one in deployed:
            print_line(one.command if one.row is not None else f"{one.dataset}: {one.fit.sentence()}")
    print_table(
        f"{name}: {cpu_hours:,.1f} CPU hours expected; if the stack were deployed for it",
        columns,
        [_cells(one.mark, one) for one in best],
    )
    for row in best:
        if row.mark:
            print_line(f'{row.mark}: CONTEXT="{row.context}"')
    for note in notes:
        print_line(f"size: {note}")
    print_line(
        f"assumed: {assumed.reclaims_per_hour:g} reclaims an hour of a Spot instance, {assumed.boot_minutes:g} min to "
        f"boot, at most {assumed.max_vcpus} vCPUs at once, every vCPU as fast as the core that was measured (of most "
        f"types two share one: up to twice as long); prices: {TABLE}; {assumed.draws} draws, seed "
        f"{assumed.seed}. GPUs: not measured."
    )


def _cells(first: str, row: Row | None) -> tuple[object, ...]:
    if row is None:
        return (first,)
    return (
        first,
        row.machine,
        row.life_cycle,
        row.shards,
        row.jobs,
        " ".join(f"{value:.2f}" for value in row.hours),
        " ".join(f"{value:.2f}" for value in row.usd),
        f"{row.lost_usd:.3f}",
        f"{row.complete:.0%}",
        row.limit,
    )
