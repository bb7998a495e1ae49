"""The three real files become exactly the features that are written down, checked against a second computation."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from job.catalogue import DATASET_IDS
from job.console import Console
from job.data.processed import ProcessedData, load_processed
from job.data.processing import process
from job.store import Store


@pytest.fixture(scope="session")
def root(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("real")
    (root / "data" / "raw").mkdir(parents=True)
    for file in real_data.glob("*.csv*"):
        shutil.copy(file, root / "data" / "raw")
    return root


@pytest.fixture(scope="session")
def said(root: Path) -> dict[str, list[dict[str, object]]]:
    """What processing said of each dataset."""
    found = {}
    for name in DATASET_IDS:
        stream = io.StringIO()
        process(Store.open(str(root)), name, Console(stream, "json"))
        found[name] = [json.loads(line) for line in stream.getvalue().splitlines()]
    return found


def load(root: Path, name: str) -> ProcessedData:
    return load_processed(Store.open(str(root)), name)


def records(path: Path) -> Iterator[dict[str, str]]:
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    yield from csv.DictReader(io.StringIO(text, newline=""))


@pytest.mark.parametrize("name", DATASET_IDS)
def test_real_files_are_processed_without_a_warning_but_for_the_published_leak(
    name: str, said: dict[str, list[dict[str, object]]]
) -> None:
    others = [record["event"] for record in said[name] if record["level"] != "info"]
    assert others == (["leak_known_later"] if name == "lending_club" else [])


def test_taiwan(root: Path, said: object, real_data: Path) -> None:
    data = load(root, "taiwan_credit")
    assert data.X.shape == (30_000, 26)
    assert round(data.info.default_rate, 4) == 0.2212
    assert not np.isnan(data.X).any()
    names = {name: i for i, name in enumerate(data.feature_names)}
    for i, row in enumerate(records(real_data / "taiwan_credit.csv")):
        education = row["EDUCATION"] if row["EDUCATION"] in "123" else "4"
        marriage = row["MARRIAGE"] if row["MARRIAGE"] in ("1", "2") else "3"
        expected = {
            name: float(row[name]) for name in names if name in row and not (name.startswith("PAY_") and name[4] != "A")
        }
        expected |= {f"PAY_{k}": max(float(row[f"PAY_{k}"]), 0.0) for k in "023456"}
        expected |= {f"EDUCATION_{k}": float(education == k) for k in "234"}
        expected |= {f"MARRIAGE_{k}": float(marriage == k) for k in "23"}
        expected |= {"SEX_2": float(row["SEX"] == "2")}
        assert set(expected) == set(names)
        np.testing.assert_array_equal(data.X[i], [np.float32(expected[name]) for name in names])
        assert data.target[i] == int(row["default.payment.next.month"])


def test_corporate(root: Path, said: object, real_data: Path) -> None:
    data = load(root, "corporate_credit_rating")
    assert data.X.shape == (2029, 36)
    assert data.target.sum() == 8
    assert data.group is not None
    assert len(set(data.group)) == 593
    assert len(set(data.group[data.target == 1])) == 7
    for i, row in enumerate(records(real_data / "corporate_credit_rating.csv")):
        expected = [np.float32(row[name]) for name in data.feature_names[:25]]
        expected += [float(name == f"Sector_{row['Sector']}") for name in data.feature_names[25:]]
        np.testing.assert_array_equal(data.X[i], expected)
        assert data.group[i] == row["Symbol"]
        assert data.target[i] == (row["Rating"] in ("D", "CC", "C"))


def test_corporate_ccc_has_the_positives_that_rank_something(root: Path, said: object, real_data: Path) -> None:
    data, published = load(root, "corporate_ccc"), load(root, "corporate_credit_rating")
    np.testing.assert_array_equal(data.X, published.X)
    worse = [row["Rating"] in ("D", "CC", "C", "CCC") for row in records(real_data / "corporate_credit_rating.csv")]
    np.testing.assert_array_equal(data.target, worse)
    assert data.group is not None
    assert (data.target.sum(), len(set(data.group[data.target == 1]))) == (72, 46)


MONTHS = {name: i + 1 for i, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())}  # noqa: SIM905
PLAIN = (
    "loan_amnt", "installment", "dti", "delinq_2yrs", "inq_last_6mths", "open_acc", "pub_rec", "revol_bal",
    "revol_util", "total_acc", "avg_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths", "percent_bc_gt_75", "inq_fi",
)  # fmt: skip


def number(text: str) -> float:
    return float(text) if text else math.nan


def month(text: str) -> np.datetime64:
    return np.datetime64(f"{text[4:]}-{MONTHS[text[:3]]:02d}-01")


def log1p(value: float) -> float:
    return math.log1p(0.0 if math.isnan(value) else value)


def loan(row: dict[str, str]) -> dict[str, float]:
    """One loan's numeric features, written down once more and row by row."""
    monthly, installment = number(row["annual_inc"]) / 12, number(row["installment"])
    to_income = number(row["revol_bal"]) / monthly if monthly else math.nan
    new_dti = (number(row["dti"]) / 100 * monthly + installment) / monthly if monthly else math.nan
    years = row["emp_length"].replace("10+", "10").replace("< 1", "0")
    age = (month(row["issue_d"]) - month(row["earliest_cr_line"])).astype(int) / 30.4375
    return {
        **{name: number(row[name]) for name in PLAIN},
        "annual_inc": log1p(number(row["annual_inc"])),
        "emp_length": number(years.split()[0]) if years else math.nan,
        "credit_age": age,
        "new_dti": new_dti,
        "income_to_payment": log1p(monthly / installment if installment else math.nan),
        "revol_to_income": log1p(to_income),
    }


def test_lending_club(root: Path, said: object, real_data: Path) -> None:
    data = load(root, "lending_club")
    loans = [r for r in records(real_data / "lending_club.csv.gz") if r["loan_status"] in ("Fully Paid", "Charged Off")]
    assert data.X.shape == (len(loans), 42) == (3660, 42)
    assert data.target.sum() == 757
    assert data.time is not None
    for i, row in enumerate(loans):
        expected = loan(row)
        for column in ("term", "home_ownership", "verification_status", "purpose"):
            levels = [n for n in data.feature_names if n.startswith(f"{column}_")]
            expected |= {name: float(name == f"{column}_{row[column].strip()}") for name in levels}
        assert set(expected) == set(data.feature_names)
        np.testing.assert_allclose(
            data.X[i], np.array([expected[name] for name in data.feature_names], np.float32), rtol=1e-6
        )
        assert data.time[i] == month(row["issue_d"])
        assert data.target[i] == (row["loan_status"] == "Charged Off")


def test_the_published_lending_club_leaks_the_rate_and_nothing_else_leaks(
    root: Path, said: dict[str, list[dict[str, object]]]
) -> None:
    assert [leak for leak in load(root, "lending_club").info.leaks if "int_rate" in leak]
    for name in DATASET_IDS:
        assert len(load(root, name).info.leaks) == (name == "lending_club")


def test_lending_club_says_what_it_leaves_out(said: dict[str, list[dict[str, object]]], real_data: Path) -> None:
    counts = Counter(row["loan_status"] for row in records(real_data / "lending_club.csv.gz"))
    expected = {f"loan_status {name}": n for name, n in counts.items() if name not in ("", "Fully Paid", "Charged Off")}
    assert said["lending_club"][-1]["dropped"] == expected


def test_lending_club_matured(root: Path, said: object, real_data: Path) -> None:
    """The published loans and features, but for those that were not due and what gives the rate away."""
    data, published = load(root, "lending_club_matured"), load(root, "lending_club")
    loans = [r for r in records(real_data / "lending_club.csv.gz") if r["loan_status"] in ("Fully Paid", "Charged Off")]
    due = [month(row["issue_d"]).astype("M8[M]") + int(row["term"].split()[0]) for row in loans]
    matured = np.array(due) <= np.datetime64("2019-03")
    assert data.X.shape == (matured.sum(), 42) == (1939, 42)
    np.testing.assert_array_equal(data.target, published.target[matured])
    assert data.time is not None
    assert published.time is not None
    np.testing.assert_array_equal(data.time, published.time[matured])
    theirs = {name: published.X[matured, i] for i, name in enumerate(published.feature_names)}
    ours = {name: data.X[:, i] for i, name in enumerate(data.feature_names)}
    added = {"home_ownership_unknown", "verification_status_unknown", "purpose_unknown"}
    assert set(theirs) - set(ours) == {"installment", "new_dti", "income_to_payment"}
    assert set(ours) - set(theirs) == added
    for name in set(ours) - added:
        np.testing.assert_array_equal(ours[name], theirs[name])
    assert not any(ours[name].any() for name in added)
