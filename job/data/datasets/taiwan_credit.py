"""Default of credit card clients in Taiwan, 2005 (Yeh and Lien 2009): 30,000 clients, 6 months of history each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any

import numpy as np

from job.arrays import namespace, to_host
from job.data.datasets.dataset import Dataset, Derived, Put, as_categories, float32, one_hot
from job.data.raw.cells import mapped, numbers
from job.data.raw.header import RawColumn
from job.data.raw.rawfile import RawTable

TARGET = "default.payment.next.month"
STATUS = ("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6")
BILLS = tuple(f"BILL_AMT{i}" for i in range(1, 7))
PAYMENTS = tuple(f"PAY_AMT{i}" for i in range(1, 7))
NUMBERS = ("LIMIT_BAL", "AGE", *STATUS, *BILLS, *PAYMENTS)
# Codes, and the code for "other" where the documentation knows one: 4 for education, 3 for marriage.
LEVELS = {"EDUCATION": (1, 2, 3, 4), "MARRIAGE": (1, 2, 3), "SEX": (1, 2)}
OTHER = {"EDUCATION": 4, "MARRIAGE": 3}
HEADER = ("ID", "LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE", *STATUS, *BILLS, *PAYMENTS, TARGET)


def derive(raw: RawTable, put: Put) -> Derived:
    """Derive 26 features.

    Payment status ≤ 0 (paid in full, revolving, no consumption) is 0, otherwise months late. EDUCATION outside 1–3
    is 4, MARRIAGE outside 1–2 is 3, missing codes included.
    """
    target = mapped(
        raw, TARGET, {"0": 0, "1": 1, "0.0": 0, "1.0": 1}, "is not 0 or 1", "Correct the cell or remove the row."
    ).astype(np.int8)
    there = {name: put(numbers(raw, name)) for name in NUMBERS}
    for name in STATUS:
        there[name] = _where(there[name] <= 0, 0.0, there[name])
    features = {name: float32(there[name]) for name in NUMBERS}
    values = {name: to_host(column) for name, column in there.items()}
    unknown: dict[str, Mapping[str, int]] = {}
    for name, levels in LEVELS.items():
        values[name] = to_host(_codes(put(numbers(raw, name)), levels, OTHER.get(name)))
        encoded, strange = one_hot(name, as_categories(values[name]), tuple(map(str, levels)), put)
        features |= encoded
        if strange:
            unknown[name] = strange
    interim = {name: values[name] for name in HEADER[1:-1]} | {"target": target}
    return Derived(interim, features, target, unknown=unknown)


def _codes(codes: Any, levels: tuple[int, ...], other: int | None) -> Any:
    if other is None:
        return codes
    known = [codes == level for level in levels if level != other]
    return _where(reduce(or_, known), codes, float(other))


def _where(condition: Any, values: Any, others: Any) -> Any:
    return namespace(condition).where(condition, values, others)


def sample(rows: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """Imitate the raw file: utilisation and delinquency drive both the history and the default (22 %)."""
    rng = np.random.default_rng(seed)
    limit = np.clip(np.round(np.exp(rng.normal(11.7, 0.85, rows)) / 1e4), 1, 80) * 1e4
    age = np.clip(np.round(21 + rng.gamma(2.4, 6.0, rows)), 21, 79)
    trouble = rng.normal(0, 1, rows) - 0.35 * (np.log(limit) - 11.7)
    usage = np.clip(1 / (1 + np.exp(-(rng.normal(-0.9, 1.3, rows) + 0.5 * trouble))), 0, 1.1)
    columns: dict[str, Any] = {
        "ID": np.arange(1, rows + 1),
        "LIMIT_BAL": limit.astype(np.int64),
        "SEX": rng.choice([1, 2], rows, p=[0.4, 0.6]),
        "EDUCATION": rng.choice([0, 1, 2, 3, 4, 5, 6], rows, p=[0.001, 0.352, 0.467, 0.163, 0.004, 0.01, 0.003]),
        "MARRIAGE": rng.choice([0, 1, 2, 3], rows, p=[0.002, 0.455, 0.532, 0.011]),
        "AGE": age.astype(np.int64),
    }
    latest_late = np.zeros(rows)
    for i, name in enumerate(STATUS):
        late = trouble + rng.normal(0, 0.8, rows) > 1.45 + 0.05 * i
        months = np.where(late, 2 + (rng.random(rows) < 0.08) + (rng.random(rows) < 0.03), 0)
        on_time = rng.choice([-2, -1, 0], rows, p=[0.12, 0.22, 0.66])
        columns[name] = np.where(late, months, on_time)
        latest_late += late * (0.9 if i == 0 else 0.18)
    bill = usage * limit
    for name in BILLS:
        columns[name] = np.round(bill).astype(np.int64)
        bill = np.maximum(bill * rng.normal(0.97, 0.08, rows), -2000)
    for i, name in enumerate(PAYMENTS):
        share = np.where(rng.random(rows) < 0.2, 0, rng.gamma(0.7, 0.12, rows) * np.exp(-0.25 * trouble))
        columns[name] = np.maximum(np.round(share * columns[BILLS[min(i + 1, 5)]]), 0).astype(np.int64)
    log_odds = -1.95 + 1.25 * latest_late + 0.35 * trouble + 0.4 * usage - 0.2 * (np.log(limit) - 11.7)
    log_odds += 0.004 * (age - 35) + 0.1 * (columns["SEX"] == 1)
    columns[TARGET] = (rng.random(rows) < 1 / (1 + np.exp(-log_odds))).astype(np.int64)
    yield columns


# UCI's own distribution calls the columns X1 to X23 and Y, in this order.
CODES = {name: f"X{i}" for i, name in enumerate(HEADER[1:-1], 1)}

TAIWAN_CREDIT = Dataset(
    "taiwan_credit",
    HEADER,
    (
        *(
            RawColumn(name, ("PAY_1",) if name == "PAY_0" else (), number=True, codes=(CODES[name],))
            for name in (*NUMBERS, *LEVELS)
        ),
        RawColumn(TARGET, ("default payment next month", "default"), codes=("Y", "class")),
    ),
    derive,
    sample,
    RawColumn("ID"),
)
