"""Tables at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from job.terminal import harmless, spelled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from job.analysis.rows import SummaryRow
    from job.analysis.summary import DatasetState, Summary

WIDTH_ELSEWHERE = 100
TIED = "*"  # not distinguishable from the best
NAMED = 4  # combinations that a line names one by one
_GAP = 3  # between two columns


def output() -> Console:
    """Return a rich console on standard output; outside a terminal it has a fixed width."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else WIDTH_ELSEWHERE
    return Console(width=width, highlight=False, markup=False, emoji=False)


def print_table(title: str, columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table.

    Parameters
    ----------
    title : str
        The line above it; empty for none.
    columns : sequence of (str, bool)
        The heading, and whether the column is numeric.
    rows : iterable of sequences
        Cells; None is shown as a dash.
    """
    if title:
        print_line(title)
    output().print(_table(columns, rows))


def print_line(text: str) -> None:
    """Print one line on standard output, whatever it holds."""
    sys.stdout.write(harmless(text) + "\n")


def _table(columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[Any]]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, numeric in columns:
        table.add_column(_fitting(heading), justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(_fitting("–" if cell is None else str(cell)) for cell in row))
    return table


def _fitting(text: str) -> str:
    """Return `text` as standard output can show it: columns are as wide as what is shown."""
    return spelled(harmless(text), sys.stdout.encoding)


def print_summary(summary: Summary, metrics: Sequence[str]) -> None:
    """Print a comparison: for each dataset the combinations with mean ± standard deviation of some metrics.

    As many metrics stand side by side as the width allows, the one that sorts first; the others follow below.
    """
    console = output()
    metrics = [summary.sort, *(metric for metric in metrics if metric != summary.sort)]
    for state in summary.datasets:
        rows = [row for row in summary.rows if row.dataset == state.dataset]
        if not rows:
            continue
        wide = any(len(row.seeds) > 1 for row in rows)
        rows += [row for row in summary.references if row.dataset == state.dataset]
        cells = {metric: [_cell(row, metric, metric == summary.sort) for row in rows] for metric in metrics}
        names = max(len(row.model) for row in rows) + max(len(row.technique) for row in rows) + _GAP
        blocks = _blocks(metrics, cells, console.width - names)
        notes = [f"{state.present} of {state.total} units" + (": partial" if state.partial else "")]
        if state.synthetic:
            notes.append("synthetic sample data")
        console.print()
        print_line(f"{state.dataset} ({', '.join(notes)}), {summary.execution}")
        for note in state.notes:
            print_line(note)
        for block in blocks:
            columns = [("model", False), ("technique", False), *((metric, True) for metric in block)]
            body = [[row.model, row.technique, *(cells[m][k] for m in block)] for k, row in enumerate(rows)]
            console.print(_table(columns, body))
            console.print()
        _print_terms(summary, state.dataset)
        seeds = sorted({seed for row in rows for seed in row.seeds})
        one = state.repetition
        spread = f"mean ± standard deviation of single {one}s" if wide else f"one {one}, so no spread: {one}"
        print_line(
            f"{spread} {', '.join(map(str, seeds))}; sorted by {summary.sort}" if seeds else f"no {one} has a result"
        )
        for line in (_data(state, summary.spec), *_tested(rows, one), *_conclusions(rows, state, summary.sort)):
            print_line(line)
        _print_findings(rows, one)


def _data(state: DatasetState, spec: str) -> str:
    """Say which data the figures are of."""
    size = "" if state.rows is None else f"{state.rows:,} rows, "
    return f"spec {spec}; {size}split {state.split}, fingerprint {(state.fingerprint or 'unknown')[:12]}"


def _tested(rows: Sequence[SummaryRow], one: str) -> list[str]:
    """Say how many test rows and defaults the figures rest on."""
    found = [tested for row in rows for tested in row.evidence.values()]
    if not found:
        return []
    rows_tested = _range([tested.rows for tested in found])
    positives = _range([tested.positives for tested in found])
    blocks = [tested.positive_blocks for tested in found if tested.positive_blocks is not None]
    of = f" of {_range(blocks)} {'months' if one == 'origin' else 'groups'}" if blocks else ""
    return [f"test part of each {one}: {rows_tested} rows, {positives} defaults{of}"]


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _conclusions(rows: Sequence[SummaryRow], state: DatasetState, sort: str) -> list[str]:
    """Say which rows the best is not distinguishable from, or why nothing is tested, and which are not ranked."""
    found = []
    tied = [row for row in rows if row.standing.tied]
    ranked = [row for row in rows if row.standing.rank is not None]
    if tied:
        found += [
            f"{TIED} not distinguishable from the best by {sort}: {len(tied)} of {len(ranked)}, itself included",
            "  (corrected resampled t-test, all pairs, Holm, 5 %)",
        ]
    elif len(ranked) > 1:
        found.append(f"{_why_untested(state)}: the order alone tells no difference")
    for reason in dict.fromkeys(row.standing.unranked for row in rows if row.standing.unranked):
        names = [f"{row.model} × {row.technique}" for row in rows if row.standing.unranked == reason]
        who = ", ".join(names) if len(names) <= NAMED else f"{len(names)} combinations"
        found.append(f"not ranked: {who}: {reason}")
    return found


def _why_untested(state: DatasetState) -> str:
    if state.repetition == "origin":
        return "origins are no repetitions to test over"
    return "nothing is tested under 3 seeds" if state.test_to_train else "no record tells how many rows were trained on"


def _print_findings(rows: Sequence[SummaryRow], one: str) -> None:
    """Say what is particular to rows; `one` is what a repetition is."""
    for row in rows:
        for name in dict.fromkeys(row.features.values()):
            where = ", ".join(str(seed) for seed, feature in row.features.items() if feature == name)
            print_line(f"the best single feature at {one} {where}: {name}")
        for reason in dict.fromkeys(row.inapplicable.values()):
            where = ", ".join(str(seed) for seed, why in row.inapplicable.items() if why == reason)
            print_line(f"inapplicable: {row.model} × {row.technique}, {one} {where}: {reason}")
        for metric, count in row.undefined.items():
            print_line(f"undefined: {metric} of {row.model} × {row.technique} at {count} {one}s")
        for flag in row.flags:
            print_line(f"{row.model} × {row.technique}: {flag}")


def _print_terms(summary: Summary, dataset: str) -> None:
    """Print a dataset's rows once more for each term, where outcomes are due after different times."""
    rows = [row for row in summary.terms if row.dataset == dataset]
    if not rows:
        return
    metrics = list(dict.fromkeys([summary.sort, "roc_auc", "brier"]))
    columns = [("term", True), ("test rows", True), ("model", False), ("technique", False)]
    body = [
        [row.term, f"{row.rows:,.0f}", row.model, row.technique, *(_number(row.mean[metric]) for metric in metrics)]
        for row in rows
    ]
    print_line(f"{dataset} by term, in months: the same predictions on the test rows of each term")
    output().print(_table([*columns, *((metric, True) for metric in metrics)], body))
    output().print()


def _number(value: float | None) -> str | None:
    return None if value is None else f"{value:z.3f}"


def _blocks(metrics: Sequence[str], cells: dict[str, list[str]], width: int) -> list[list[str]]:
    """Split the metrics into blocks that fit side by side into `width` characters."""
    blocks: list[list[str]] = [[]]
    used = 0
    for metric in metrics:
        need = _GAP + max(len(metric), *(len(cell) for cell in cells[metric]))
        if blocks[-1] and used + need > width:
            blocks.append([])
            used = 0
        blocks[-1].append(metric)
        used += need
    return blocks


def _cell(row: SummaryRow, metric: str, sorts: bool) -> str:
    mean, std = row.mean[metric], row.std[metric]
    if mean is None:
        return "–"
    mark = "" if not sorts or row.standing.tied is None else f" {TIED}" if row.standing.tied else "  "
    return f"{mean:z.3f}{mark}" if std is None else _fitting(f"{mean:z.3f} ± {std:.3f}{mark}")
