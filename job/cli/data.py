"""``ldp data``: datasets from raw file to features."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from job.cli.context import JsonOption, UseGpuOption, begin, open_context, print_json

app = typer.Typer(help="Datasets: list them, make sample data, turn raw files into features.", no_args_is_help=True)


@app.command("list")
def list_datasets(json: JsonOption = False) -> None:
    """List the datasets, and what of each is there."""
    from job.catalogue import CATALOGUE
    from job.cli.tables import print_table
    from job.data.declarations.stored import declared_names, require_declaration
    from job.data.raw.place import is_file
    from job.errors import DeclarationInvalid
    from job.store import features_key, raw_keys, target_key

    context = open_context()
    found = []
    known = [(entry.id, entry.title, entry.source, entry.id) for entry in CATALOGUE]
    for name in declared_names(context.store):
        try:
            own = require_declaration(context.store, name)
        except DeclarationInvalid:  # the others are to be seen all the same
            known.append((name, f"cannot be used: `ldp data process {name}` says why", "your own", name))
            continue
        known.append((name, own.title or "declared here", own.source or "your own", own.raw))
    for name, title, source, raw_name in known:
        raw = next((key for key in raw_keys(raw_name) if is_file(context.store, key)), None)
        processed = all(context.store.info(key) for key in (features_key(name), target_key(name)))
        found.append({"dataset": name, "title": title, "source": source, "raw": raw, "processed": processed})
    if json:
        print_json(found)
        return
    print_table(
        f"Datasets in {context.store.url}",
        [("dataset", False), ("what it is", False), ("raw file", False), ("processed", False)],
        [(one["dataset"], one["title"], one["raw"], "yes" if one["processed"] else None) for one in found],
    )


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="A table: CSV, plain or gzip.")],
    name: Annotated[str | None, typer.Option(help="What the dataset is called (default: after the file).")] = None,
    target: Annotated[str | None, typer.Option(help="The column that says how a row ended.")] = None,
    bad: Annotated[list[str] | None, typer.Option(help="A value of it that is a default (repeatable).")] = None,
    good: Annotated[list[str] | None, typer.Option(help="One that is none (default: all others).")] = None,
    drop: Annotated[list[str] | None, typer.Option(help="One whose rows are left out (repeatable).")] = None,
    group: Annotated[str | None, typer.Option(help="The column of what belongs together.")] = None,
    time: Annotated[str | None, typer.Option(help="The column of when it was decided.")] = None,
    time_format: Annotated[str | None, typer.Option(help="How its dates are written: DD.MM.YYYY.")] = None,
    key: Annotated[str | None, typer.Option(help="The column that tells the rows apart.")] = None,
    columns: Annotated[str | None, typer.Option(help="The columns' names, separated by commas: no header.")] = None,
    separator: Annotated[str | None, typer.Option(help="What separates the cells, where it is not found.")] = None,
    header: Annotated[bool | None, typer.Option("--header/--no-header", help="Whether there is a header.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a declaration and a raw file.")] = False,
) -> None:
    """Look at a file of your own and write a draft declaration; from then on it is a dataset by its name.

    What no option says is asked at a terminal.
    """
    from job.cli.data_init import draft

    draft(
        file,
        name=name,
        target=target,
        bad=bad or (),
        good=good or (),
        drop=drop or (),
        group=group,
        time=time,
        time_format=time_format,
        key=key,
        columns=columns,
        separator=separator,
        header=header,
        force=force,
    )


@app.command()
def sample(
    dataset: Annotated[str, typer.Argument(help="Which dataset to imitate.")],
    rows: Annotated[int, typer.Option(help="How many rows.")] = 5000,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same file.")] = 1,
    force: Annotated[bool, typer.Option("--force", help="Replace a raw file that is there.")] = False,
) -> None:
    """Write a synthetic raw file: the real schema, realistic distributions, a target that can be learnt."""
    from job.data.datasets.samples import write_sample

    context = open_context()
    key = write_sample(context.store, dataset, rows=rows, seed=seed, force=force)
    context.console.info(
        "sample_written", f"wrote {context.store.where(key)}: {rows} synthetic rows", dataset=dataset, rows=rows
    )


@app.command()
def process(
    dataset: Annotated[str | None, typer.Argument(help="Which dataset; all that have a raw file if left out.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Process again what is up to date.")] = False,
    use_gpu: UseGpuOption = False,
) -> None:
    """Turn raw files into cleaned tables and features."""
    # Nothing here multiplies matrices; OpenBLAS's other threads would only spin for a while, which costs as much as
    # importing NumPy.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from job.data.processing import process, process_present
    from job.running.notice import ending_on_notice
    from job.running.whereabouts import recorded
    from job.training.on_gpu import memory_named

    context, device = begin(use_gpu, fits=False)
    with ending_on_notice(context.console), recorded(context.store, dataset, context.console), memory_named(device):
        if dataset is None:
            process_present(context.store, context.console, force=force, device=device)
        else:
            process(context.store, dataset, context.console, force=force, device=device)
