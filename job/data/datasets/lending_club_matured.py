"""Lending Club's loans that were due when their outcomes were looked up, without what gives the lender's rate away.

A loan that has ended before it was due ended badly more often than the others of its month will: of loans issued late,
the finished ones are no fair sample. Here a loan counts where its whole term lies before :data:`AS_OF`, whatever became
of it. Installment and its two ratios are left out, from which the lender's rate follows; levels that are not declared
have a column of their own; and revolving debt over an income of zero is missing, where it was the value of those
without any debt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from job.arrays import to_host
from job.data.datasets.dataset import Derived, Put, float32, one_hot, over
from job.data.datasets.lending_club import (
    DAYS_PER_MONTH,
    LENDING_CLUB,
    LEVELS,
    NUMBERS,
    STATUSES,
    employment_years,
    lenders_rate,
    loan_dates,
)
from job.data.declared import Declared, Steps
from job.data.raw.cells import categories, mapped, numbers
from job.data.raw.rawfile import RawTable

AS_OF = "2019-03"  # the last payments and credit pulls that the published file knows of
TERMS = {"36 months": 36, "60 months": 60}
PLAIN = tuple(name for name in NUMBERS if name != "installment")
# Without inq_fi, which is missing for all loans before December 2015: its indicator would tell the year.
MAY_BE_MISSING = (
    "annual_inc", "dti", "revol_util", "avg_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths", "percent_bc_gt_75",
    "emp_length", "revol_to_income",
)  # fmt: skip


def derive(raw: RawTable, put: Put) -> Derived:
    """Derive the features of loans that were due: charged off (1) against fully paid (0)."""
    status = mapped(
        raw, "loan_status", STATUSES, "is not a status of this dataset", "Correct the cell or remove the row."
    )
    finished = status < 2
    issued, earliest = loan_dates(raw, finished)
    cells = categories(raw, "term")
    term = np.array([*(TERMS.get(value, 0) for value in cells.values), 0], np.int8)[cells.codes]
    due = issued.astype("datetime64[M]") + term.astype("timedelta64[M]")
    undue = finished & (term == 0)
    matured = finished & ~undue & (due <= np.datetime64(AS_OF, "M"))
    rows = np.flatnonzero(matured)
    values = {name: numbers(raw, name).take(rows) for name in PLAIN}
    issued, earliest = issued.take(rows), earliest.take(rows)
    values["emp_length"] = employment_years(raw).take(rows)
    values["credit_age"] = (issued - earliest) / np.timedelta64(1, "D") / DAYS_PER_MONTH
    there = {name: put(column) for name, column in values.items()}
    there["revol_to_income"] = over(there["revol_bal"], there["annual_inc"] / 12)
    values = {name: to_host(column) for name, column in there.items()}
    features = {name: float32(column) for name, column in there.items()}
    for name in ("annual_inc", "revol_to_income"):
        with np.errstate(invalid="ignore", divide="ignore"):
            features[name] = float32(np.log1p(values[name]))
    named: dict[str, Any] = {}
    unknown: dict[str, Mapping[str, int]] = {}
    for name, levels in LEVELS.items():
        cells = categories(raw, name).take(rows)
        encoded, strange = one_hot(name, cells, levels, put, others=name != "term")
        features |= encoded
        named[name] = cells.texts()
        if strange:
            unknown[name] = strange
    found = categories(raw, "loan_status")
    dropped = {f"loan_status {name}": count for name, count in found.counts().items() if name and STATUSES[name] == 2}
    reasons = {"a term that is not declared": undue, f"a term that ends after {AS_OF}": finished & ~undue & ~matured}
    dropped |= {reason: count for reason, which in reasons.items() if (count := int(np.count_nonzero(which)))}
    target = status[rows].astype(np.int8)
    interim = {"issue_d": issued, "earliest_cr_line": earliest, **values, **named, "target": target}
    return Derived(
        interim,
        features,
        target,
        time=issued,
        horizon=term[rows],
        dropped=dropped,
        unknown=unknown,
        known_later=lenders_rate(raw, rows),
    )


LENDING_CLUB_MATURED = replace(
    LENDING_CLUB,
    id="lending_club_matured",
    columns=tuple(column for column in LENDING_CLUB.columns if column.name != "installment"),
    derive=derive,
    declared=Declared(Steps(indicators=MAY_BE_MISSING), AS_OF),
)
