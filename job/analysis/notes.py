"""What a table has to say of itself: how its rows were split, what leaks, what it is held against.

A result's ``ldp.run`` tells some of it, which no digest covers and other programs may have written: what is not as it
has to be is passed over.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from job.catalogue import entry_of
from job.executions.results import StoredResult
from job.metrics import METRIC_IDS
from job.records import is_number
from job.training.blocks import ByRow, ByTime, Split

REFERENCE = "reference"
_REFERENCES = ("prior", "single_feature")


def split_notes(dataset: str, split: Split, results: Sequence[StoredResult]) -> list[str]:
    """Return the lines that stand above a dataset's table.

    Parameters
    ----------
    results : sequence of StoredResult
        Those of the dataset.
    """
    notes = []
    entry = entry_of(dataset)
    if entry is not None and entry.note is not None:
        notes.append(entry.note)
    if isinstance(split, ByRow):
        told: list[Any] = [r.run.get("shared_groups") for r in results]
        shared = [float(value) for value in told if is_number(value) and 0 <= value <= 1]
        group = "group" if entry is None else entry.group
        if shared:
            percent = f"{100 * statistics.fmean(shared):.0f} %"
            notes.append(f"row split: {percent} of test rows have their {group} in training")
        elif entry is not None and "group" in entry.splits and any(r.record["status"] == "done" for r in results):
            notes.append(f"row split: test rows may have their {group} in training (results of an earlier ldp)")
    else:
        notes.append(f"split {split}")
    if isinstance(split, ByTime):
        for number, origin in origins_of(results).items():
            (first, last), (begin, end) = origin["train"], origin["test"]
            notes.append(f"origin {number}: learns from {first} to {last}, tests {begin} to {end}")
    return notes


def gpu_notes(results: Iterable[StoredResult]) -> list[str]:
    """Return a line for each combination whose fits GPUs of several models made; bits differ between those."""
    found: dict[tuple[str, str], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for result in results:
        if result.gpu is not None:
            found[result.unit.model, result.unit.technique][result.gpu].append(result.unit.seed)
    return [
        f"{model} {technique}: fitted on GPUs of several models, "
        + ", ".join(f"{gpu} ({', '.join(map(str, sorted(seeds)))})" for gpu, seeds in sorted(by_gpu.items()))
        for (model, technique), by_gpu in sorted(found.items())
        if len(by_gpu) > 1
    ]


def gpus_of(results: Iterable[StoredResult]) -> dict[int, str]:
    """Return the GPU model that made each repetition's fits, by its number; without those that the CPU made."""
    return {r.unit.seed: r.gpu for r in results if r.gpu is not None}


def origins_of(results: Iterable[StoredResult]) -> dict[int, dict[str, Any]]:
    """Return the months of each origin, by its number."""
    found = {r.unit.seed: r.record["origin"] for r in results if "origin" in r.record}
    return dict(sorted(found.items()))


def references_of(results: Iterable[StoredResult]) -> dict[str, dict[int, Mapping[str, Any]]]:
    """Return the metrics of the reference rows by name and repetition, the single feature's name as ``feature``."""
    found: dict[str, dict[int, Mapping[str, Any]]] = {}
    for result in results:
        told = result.run.get("references")
        if not isinstance(told, dict) or not all(_is_metrics(told.get(name)) for name in _REFERENCES):
            continue
        for name in _REFERENCES:
            found.setdefault(name, {})[result.unit.seed] = told[name] | {"feature": str(told.get("feature"))[:100]}
    return found


def terms_of(result: StoredResult) -> dict[int, Mapping[str, Any]]:
    """Return a result's rows and metrics by the months after which outcomes are due, where it tells them."""
    told = result.run.get("terms")
    if not isinstance(told, dict):
        return {}
    return {int(term): one for term, one in told.items() if str(term).isdecimal() and _is_metrics(one)}


def _is_metrics(found: Any) -> bool:
    return isinstance(found, dict) and all(found.get(name) is None or is_number(found[name]) for name in METRIC_IDS)
