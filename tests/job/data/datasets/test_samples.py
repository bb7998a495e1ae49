"""Samples: the real schema, a target that can be learnt, the same bytes for a seed, and never a real file lost."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.model_selection import cross_val_score

from job.catalogue import DATASET_IDS
from job.console import Console
from job.data.datasets import corporate_credit_rating, lending_club, taiwan_credit
from job.data.datasets.samples import write_sample, write_sample_unless_there
from job.data.processed import describe_processed
from job.data.processing import process
from job.errors import AlreadyThere, DatasetNotFound, UsageError
from job.store import Store, raw_keys, sample_key
from tests.job.data.rawfiles import as_csv, processed, sample_bytes

HEADERS = {
    "taiwan_credit": taiwan_credit.HEADER,
    "corporate_credit_rating": corporate_credit_rating.HEADER,
    "lending_club": lending_club.HEADER,
}


@pytest.mark.parametrize(
    ("name", "columns"), [("taiwan_credit", 25), ("corporate_credit_rating", 31), ("lending_club", 151)]
)
def test_a_sample_has_all_columns_of_the_real_header(name: str, columns: int) -> None:
    header = sample_bytes(name).split(b"\n", 1)[0].decode().replace('"', "").split(",")
    assert tuple(header) == HEADERS[name]
    assert len(header) == len(set(header)) == columns


@pytest.mark.parametrize("name", DATASET_IDS)
def test_a_seed_always_gives_the_same_bytes_and_another_seed_others(name: str) -> None:
    again = Store.open("memory:///")
    write_sample(again, name, rows=300, seed=1)
    assert again.get(raw_keys(name)[0]) == sample_bytes(name, 300, 1)
    assert sample_bytes(name, 300, 2) != sample_bytes(name, 300, 1)


@pytest.mark.parametrize(
    ("name", "rows", "default_rate", "auc"),
    [
        ("taiwan_credit", 6000, (0.19, 0.26), (0.70, 0.81)),
        ("lending_club", 8000, (0.16, 0.26), (0.62, 0.76)),
        ("corporate_credit_rating", 2029, (0.003, 0.012), (0.7, 1.0)),
    ],
)
def test_a_sample_can_be_learnt_about_as_well_as_the_real_data(
    name: str, rows: int, default_rate: tuple[float, float], auc: tuple[float, float], tmp_path: Path
) -> None:
    data = processed(tmp_path, name, sample_bytes(name, rows))
    assert default_rate[0] < data.info.default_rate < default_rate[1]
    model = LGBMClassifier(n_estimators=60, num_leaves=15, n_jobs=1, verbosity=-1, random_state=0)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        scores = cross_val_score(model, np.nan_to_num(data.X), data.target, cv=3, scoring="roc_auc")
    if name != "corporate_credit_rating":  # a handful of positives says nothing about AUC
        assert auc[0] < scores.mean() < auc[1]


def test_a_larger_lending_club_sample_comes_in_blocks_and_begins_like_a_smaller_one() -> None:
    small, large = sample_bytes("lending_club", 100_000), sample_bytes("lending_club", 100_500)
    assert large.startswith(small)
    assert large.count(b"\n") == 100_501


@pytest.mark.parametrize("name", DATASET_IDS)
def test_what_is_made_from_a_sample_says_so_and_what_is_made_from_a_real_file_does_not(
    name: str, tmp_path: Path
) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, name, rows=300, seed=1)
    assert process(store, name, Console.silent()).info.synthetic
    note = json.loads(store.get(sample_key(name)) or b"")
    raw = store.get(raw_keys(name)[0]) or b""
    assert note == {"rows": 300, "seed": 1, "sha256": hashlib.sha256(raw).hexdigest()}
    store.put(raw_keys(name)[0], raw + b"\n")  # somebody's own file in its place
    assert not process(store, name, Console.silent()).info.synthetic
    info = describe_processed(store, name)
    assert info is not None
    assert not info.synthetic


@pytest.mark.parametrize("key", [0, 1])
def test_a_raw_file_is_never_overwritten_unasked(key: int, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    store.put(raw_keys("taiwan_credit")[key], b"precious")
    with pytest.raises(AlreadyThere, match="--force"):
        write_sample(store, "taiwan_credit", rows=300, seed=1)
    write_sample_unless_there(store, "taiwan_credit", Console.silent(), rows=300, seed=1)
    assert store.get(raw_keys("taiwan_credit")[key]) == b"precious"
    write_sample(store, "taiwan_credit", rows=300, seed=1, force=True)
    assert store.get(raw_keys("taiwan_credit")[0]) == sample_bytes("taiwan_credit")
    assert store.get(raw_keys("taiwan_credit")[1]) is None


@pytest.mark.parametrize("rows", [0, 99, 10_000_001])
def test_a_number_of_rows_out_of_bounds_is_refused(rows: int) -> None:
    with pytest.raises(UsageError, match="Ask for 100 to 5,000,000"):
        write_sample(Store.open("memory:///"), "taiwan_credit", rows=rows, seed=1)


def test_an_unknown_dataset_gets_the_nearest_name() -> None:
    with pytest.raises(DatasetNotFound, match="did you mean 'taiwan_credit'"):
        write_sample(Store.open("memory:///"), "taiwan", rows=300, seed=1)


# What a lender learns only after it has granted a loan, or decides itself.
AFTER_THE_GRANT = (
    "funded", "out_prncp", "total_pymnt", "total_rec", "recoveries", "recovery", "last_pymnt", "next_pymnt",
    "last_credit_pull", "last_fico", "hardship", "settlement", "deferral", "payment_plan", "orig_projected",
    "pymnt_plan", "int_rate", "grade", "chargeoff", "policy_code", "initial_list_status", "disbursement",
)  # fmt: skip

KNOWN_AT_APPLICATION = {
    "loan_amnt", "installment", "annual_inc", "dti", "delinq_2yrs", "inq_last_6mths", "open_acc", "pub_rec",
    "revol_bal", "revol_util", "total_acc", "avg_cur_bal", "total_rev_hi_lim", "acc_open_past_24mths",
    "percent_bc_gt_75", "inq_fi", "emp_length", "issue_d", "earliest_cr_line", "term", "home_ownership",
    "verification_status", "purpose",
}  # fmt: skip


def test_lending_club_uses_nothing_that_is_known_only_after_the_grant() -> None:
    used = {column.name for column in lending_club.LENDING_CLUB.columns} - {"loan_status"}
    assert used == KNOWN_AT_APPLICATION
    leaking = [name for name in lending_club.HEADER if any(word in name for word in AFTER_THE_GRANT)]
    assert len(leaking) > 40
    assert not used & set(leaking)
    assert used <= set(lending_club.HEADER)


def test_columns_known_only_after_the_grant_change_no_feature(tmp_path: Path) -> None:
    """The sample fills some of them, in step with the outcome; scrambling all of them must change nothing."""
    records = list(csv.reader(io.StringIO(sample_bytes("lending_club", 300).decode())))
    header = records[0]
    used = {column.name for column in lending_club.LENDING_CLUB.columns} | {"id"}
    leaked = {header.index(name) for name in ("total_pymnt", "recoveries", "last_pymnt_amnt", "int_rate", "grade")}
    assert all(any(row[i] for row in records[1:]) for i in leaked)
    before = processed(tmp_path / "before", "lending_club", as_csv(records))
    scrambled = [header] + [
        [cell if header[i] in used else "scrambled" for i, cell in enumerate(row)] for row in records[1:]
    ]
    assert processed(tmp_path / "after", "lending_club", as_csv(scrambled)).fingerprint == before.fingerprint
