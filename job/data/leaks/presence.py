"""Columns that are filled for one class only, and columns that tell each row apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from job.data.leaks.columns import Column, as_codes, is_missing, with_rows
from job.metrics import Array

CHANCE = 1e-6  # that a column is filled for one class only, if that had nothing to do with the class
LEAST_KEYS = 100  # so many rows have no whole numbers by chance that all differ and lie close together
MANY_KEYS = 10_000
SPREAD = 10


def filled_for_one_class(column: Column, target: Array) -> tuple[str, int, int] | None:
    """Tell a column whose filled cells, or whose missing ones, all belong to one class, where that is no chance.

    Numbers that are not 0 count as filled too: many programs write 0 where there is nothing. The chance is that of
    drawing so many rows of one class without replacement.

    Returns
    -------
    (``filled``, ``missing`` or ``other than 0``, the class, the number of cells), or None
    """
    bad = target == 1
    of_class = (int(np.count_nonzero(~bad)), int(np.count_nonzero(bad)))
    for what, counts in _by_class(column, bad).items():
        for value in (0, 1):
            chance = _log_chance(counts[value], of_class[value], target.size)
            if counts[1 - value] == 0 and chance < math.log(CHANCE):
                return what, value, counts[value]
    return None


def _by_class(column: Column, bad: Array) -> dict[str, tuple[int, int]]:
    """Return how many cells of each kind belong to loans that did not default, and to defaults.

    Those of a kind are not counted further once there are some of both.
    """
    kinds: dict[str, Callable[[Any, Array], Array]] = {
        "filled": lambda _, missing: ~missing,
        "missing": lambda _, missing: missing,
    }
    if isinstance(column[0], np.ndarray):
        kinds["other than 0"] = lambda piece, missing: (piece != 0) & ~missing
    counts, start = dict.fromkeys(kinds, (0, 0)), 0
    for piece in column:
        here, missing = bad[start : start + len(piece)], is_missing(piece)
        start += len(piece)
        for what in [what for what, found in counts.items() if 0 in found]:
            cells = kinds[what](piece, missing)
            defaults = int(np.count_nonzero(cells & here))
            goods, bads = counts[what]
            counts[what] = goods + int(np.count_nonzero(cells)) - defaults, bads + defaults
        if not any(0 in found for found in counts.values()):
            break
    return counts


def _log_chance(drawn: int, of_class: int, rows: int) -> float:
    """Return the logarithm of the chance that rows drawn without replacement are all of one class."""

    def ways(of: int) -> float:
        return math.lgamma(of + 1) - math.lgamma(of - drawn + 1)

    return ways(of_class) - ways(rows)


def is_key(column: Column) -> bool:
    """Tell whether every row has a value of its own, as keys have.

    Names that all differ are keys. So are whole numbers that all differ and lie close together, or follow the order of
    the rows; amounts that happen to differ do neither.
    """
    column = with_rows(column)
    rows = sum(len(piece) for piece in column)
    if rows < LEAST_KEYS or any(is_missing(piece).any() for piece in column):
        return False
    if not isinstance(column[0], np.ndarray):
        few = column[0][: min(len(column[0]), LEAST_KEYS)]
        return _all_differ(as_codes([few])[0]) and _all_differ(np.concatenate(as_codes(column)))
    few = column[0][:MANY_KEYS]  # which tells nearly all that are none
    if few.dtype.kind not in "iuf" or (few != np.floor(few)).any() or not _all_differ(few):
        return False
    values = np.concatenate(column).astype(np.float64)
    if (values != np.floor(values)).any():
        return False
    steps = np.diff(values)
    if (steps > 0).all() or (steps < 0).all():
        return True
    return bool(np.ptp(values) < SPREAD * rows and _all_differ(values))


def _all_differ(values: Array) -> bool:
    ordered = np.sort(values)
    return bool((ordered[1:] != ordered[:-1]).all())
