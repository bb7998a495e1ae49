"""The table ``[splits]`` of a spec: how each dataset's rows are split.

A dataset that it leaves out is split by the safest way that it allows, the first in the catalogue; one of a user's own
as :mod:`job.planning.known` finds it declared::

    [splits]
    corporate_credit_rating = "row"
    corporate_ccc = "group"
    lending_club_matured = { by = "time", origins = 3, months = 6, gap = 0, labels = "known_at_cut", term = 36 }

A manifest writes what is not by row, so that one without the table, as all were once, means by row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from job.catalogue import DATASET_IDS, split_names
from job.checker import Checker, is_int
from job.errors import did_you_mean, shown
from job.training.blocks import OUTER_FOLDS, ByGroup, ByRow, ByTime, Labels, Split

WAYS = ("row", "group", "time")
_BOUNDS = {"origins": (1, 100), "months": (1, 240), "gap": (0, 240), "term": (1, 127)}


def read_splits(
    check: Checker, given: Any, datasets: tuple[str, ...], test_share: float, *, known: bool
) -> dict[str, Split]:
    """Return how each dataset is split, and note what is wrong.

    Parameters
    ----------
    given : object
        What a spec or a manifest has under ``splits``.
    datasets : tuple of str
        Those of the spec.
    test_share : float
    known : bool
        Whether the datasets are this catalogue's, which says how each may be split and how it is where nothing is said.
    """
    if not isinstance(given, Mapping):
        check.problem("splits must be a table such as [splits]")
        return {}
    check.keys("splits", given, datasets)
    found: dict[str, Split] = {}
    for dataset in datasets:
        own = known and dataset not in DATASET_IDS
        if own and dataset not in given:  # what it is declared to have says the rest, before it is planned or run
            continue
        allowed = split_names(dataset) if known and not own else WAYS
        standard = allowed[0] if known else "row"
        split = _split(check, f"splits.{dataset}", given.get(dataset, standard), allowed)
        if isinstance(split, ByGroup) and not tenths(test_share):
            check.problem(f"splits.{dataset}: by group, test_share must be in tenths such as 0.2 or 0.3")
        found[dataset] = split
    return found


def _split(check: Checker, where: str, given: Any, allowed: tuple[str, ...]) -> Split:
    table = given if isinstance(given, Mapping) else {"by": given}
    way = table.get("by")
    if way not in allowed:
        unknown = "" if way in WAYS else " is unknown"
        remedy = did_you_mean(str(way), allowed) if unknown else f"the dataset can be split by {' or '.join(allowed)}"
        check.problem(f"{where}: {shown(way)}{unknown or ' is not possible'}: {remedy}")
        return ByRow()
    if way != "time":
        check.keys(where, table, ("by",))
        return ByGroup() if way == "group" else ByRow()
    names = tuple(field.name for field in fields(ByTime))
    check.keys(where, table, ("by", *names))
    values = {name: table[name] for name in names if name in table}
    for name, (least, most) in _BOUNDS.items():
        if name in values and not (is_int(values[name]) and least <= values[name] <= most):
            check.problem(f"{where}.{name} must be a whole number from {least} to {most}")
            del values[name]
    if values.get("labels", "hindsight") not in get_args(Labels):
        labels = values.pop("labels")
        check.problem(f"{where}.labels {shown(labels)} is unknown: {did_you_mean(str(labels), get_args(Labels))}")
    return ByTime(**values)


def tenths(share: float) -> bool:
    """Return whether a share can be made of the outer folds by group."""
    tenths = share * OUTER_FOLDS
    return abs(tenths - round(tenths)) < 1e-9 and 1 <= round(tenths) < OUTER_FOLDS
