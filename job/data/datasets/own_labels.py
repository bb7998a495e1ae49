"""Target, time, horizon and group of a user's own dataset, by what is declared of them."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import numpy as np

from job.data.declarations.dates import FORMATS_RULE, reader_of
from job.data.declarations.declaration import Declaration, Target
from job.data.declarations.kinds import DateColumn
from job.data.raw.cells import months, numbers
from job.data.raw.dates import why_no_date
from job.data.raw.missing import is_missing
from job.data.raw.rawfile import RawTable
from job.metrics import Array

DATES = (date(1900, 1, 1), date(2099, 12, 31))
DROPPED = 2  # what a row is that is left out, beside 0 and 1


def state_of(target: Target, raw: RawTable) -> Array:
    """Return for each row 1 where it is bad, 0 where it is good, 2 where it is left out, as int8."""
    meanings = {value: code for code, part in ((1, target.bad), (0, target.good), (2, target.drop)) for value in part}
    as_numbers = {_as_number(value): code for value, code in meanings.items() if _as_number(value) is not None}
    found = raw.texts(target.column)  # ``1.0`` is the 1 that is declared
    codes = [meanings.get(value, as_numbers.get(_as_number(value), -1)) for value in found.values]
    state: Array = np.array(codes or [-1], dtype=np.int8)[found.codes]
    if (state < 0).any():
        row = int((state < 0).argmax())
        remedy = "Say under [target] of the declaration what it is, or correct the cell."
        raw.refuse(row, target.column, found.at(row), "is neither bad, good nor to be left out", remedy)
    return state


def _as_number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return None if math.isnan(found) else found


def dropped_of(target: Target, raw: RawTable, state: Array) -> dict[str, int]:
    """Return how many rows are left out, by the target's value."""
    found = raw.texts(target.column)
    gone = np.bincount(found.codes[state == DROPPED], minlength=len(found.values))
    dropped: dict[str, int] = {}
    for value, count in zip(found.values, gone.tolist(), strict=False):
        if count:
            reason = f"no {target.column}" if is_missing(value) else f"{target.column} {value}"
            dropped[reason] = dropped.get(reason, 0) + count
    return dropped


def dates_in(raw: RawTable, column: DateColumn) -> Array:
    """Return a column of dates as datetime64[D] ndarray of shape (n,), missing cells as NaT."""

    def why_not(cell: str) -> tuple[str, str]:
        if column.format is not None:
            return f"is no date as {column.format}", "Correct the cell, or the format in the declaration."
        what, remedy = why_no_date(cell)
        return what, f"Declare its format: {FORMATS_RULE}." if "/" in cell or "." in cell else remedy

    return months(raw, column.column, *DATES, reader_of(column.format), why_not)


def time_of(declaration: Declaration, raw: RawTable) -> Array | None:
    """Return each row's time as datetime64[D], where one is declared; a row without one is refused."""
    if declaration.time is None:
        return None
    found = dates_in(raw, declaration.time)
    undated = np.isnat(found)
    if undated.any():
        row, column = int(undated.argmax()), declaration.time.column
        raw.refuse(row, column, raw.texts(column).at(row), "is no date, and every row has one", "Correct the cell.")
    return found


def horizon_of(target: Target, raw: RawTable) -> Array | None:
    """Return each row's months until its outcome is due as int8, where they are declared."""
    if target.horizon is None:
        return None
    if not isinstance(target.horizon, str):
        return np.full(raw.rows, target.horizon, np.int8)
    found = numbers(raw, target.horizon)
    wrong = ~((found >= 1) & (found <= 127) & (found == np.floor(found)))
    if wrong.any():
        row = int(wrong.argmax())
        problem = "is no whole number of months from 1 to 127"
        raw.refuse(row, target.horizon, f"{found[row]:g}", problem, "Correct the cell.")
    return found.astype(np.int8)


def due_in(time: Array, horizon: Array) -> Array:
    """Return the month in which each row's outcome is due, as datetime64[M]."""
    found: Array = time.astype("datetime64[M]") + horizon.astype("timedelta64[M]")
    return found


def within_horizon(raw: RawTable, outcome: DateColumn, state: Array, time: Array, horizon: Array) -> Array:
    """Return the target with the bad rows as good that turned bad after their horizon."""
    when = dates_in(raw, outcome)
    bad = state == 1
    for wrong, problem in (
        (bad & np.isnat(when), "is no date, and the row is bad"),
        (bad & (when < time), "is before the row's own time"),
    ):
        if wrong.any():
            row = int(wrong.argmax())
            raw.refuse(row, outcome.column, raw.texts(outcome.column).at(row), problem, "Correct the cell.")
    return np.where(bad & (when.astype("datetime64[M]") > due_in(time, horizon)), 0, state).astype(np.int8)


def group_of(raw: RawTable, column: str) -> Any:
    """Return each row's group as pyarrow string array; a row without one is refused."""
    found = raw.texts(column)
    empty = np.array([is_missing(value) for value in found.values] or [False])[found.codes]
    if empty.any():
        row = int(empty.argmax())
        raw.refuse(row, column, found.at(row), "is no group, and every row has one", "Fill the cell.")
    return found.strings()
