"""What is said of columns that know more of a default than anybody could when the loan was granted.

Four kinds are told: a column that separates the classes by itself, one that is filled for one class only, one that
tells each row apart, and features from which a column that becomes known later can be computed. All are said as
warnings: only a file's owner can know what was known when.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from job.data.datasets.dataset import DerivedFile
from job.data.findings import Finding
from job.data.leaks.columns import chosen_rows, features_as_columns, of_one_kind, take, with_rows
from job.data.leaks.presence import filled_for_one_class, is_key
from job.data.leaks.recovery import recovery
from job.data.leaks.separation import LEAST_OF_A_CLASS, separation

HIGHEST_AUC = 0.95
HIGHEST_CORRELATION = 0.95  # or AUC, of a prediction of what is known later
RECOVERY_ROWS = 20_000


def leaks(dataset: str, derived: DerivedFile) -> Iterator[Finding]:
    """Yield what is to be said of a file's columns; at most one thing of each.

    Where a class has fewer than :data:`LEAST_OF_A_CLASS` rows, nothing can be told.
    """
    target = derived.target
    if np.bincount(target, minlength=2).min() < LEAST_OF_A_CLASS:
        return
    columns = dict(features_as_columns(derived))
    interim = derived.interim
    rows = chosen_rows(target)
    for name, column in columns.items():
        side = filled_for_one_class(column, target)
        if side is not None:
            yield _one_sided(dataset, name, side)
        elif is_key(interim.get(name, column)):
            message = (
                f"{dataset}, column {name}: every row has a value of its own, as keys have; a model learns rows by "
                "heart from it"
            )
            yield Finding("leak_key", message, {"column": name})
        else:
            found = separation(column, target, rows, HIGHEST_AUC)
            if found is not None and found.low > HIGHEST_AUC:
                message = (
                    f"{dataset}, column {name}: it alone tells defaults with an AUC of {found.auc:.3f} (at least "
                    f"{found.low:.3f} with 99 %, on {rows.size:,} rows); is it known when the loan is granted?"
                )
                yield Finding("leak_separates", message, {"column": name, "auc": found.auc, "low": found.low})
    yield from _known_later(dataset, derived)


def _one_sided(dataset: str, name: str, side: tuple[str, int, int]) -> Finding:
    what, value, count = side
    of = "defaults" if value == 1 else "loans that did not default"
    message = (
        f"{dataset}, column {name}: all {count:,} rows in which it is {what} are {of}; was it {what} when the loan was "
        "granted?"
    )
    return Finding("leak_one_class", message, {"column": name, "cells": what, "target": value, "count": count})


def _known_later(dataset: str, derived: DerivedFile) -> Iterator[Finding]:
    """Yield the columns, known later, that the features give back."""
    later = derived.known_later
    if not later:
        return
    rows = chosen_rows(derived.target, RECOVERY_ROWS)
    features = {name: take(pieces, rows).astype(np.float64) for name, pieces in derived.features.items()}
    for name, pieces in later.items():
        for what, found in recovery(of_one_kind(with_rows(pieces)), rows, features):
            if found.low <= HIGHEST_CORRELATION:
                continue
            column = name if what is None else f"{name} = {what}"
            message = (
                f"{dataset}: the features give {column} back, which is not known when a loan is asked for (most of it "
                f"from {', '.join(found.by)}; {found.measure} {found.value:.3f}, at least {found.low:.3f} with 99 %)"
            )
            fields = {"column": name, "level": what, "value": found.value, "low": found.low, "by": list(found.by)}
            yield Finding("leak_known_later", message, fields)
