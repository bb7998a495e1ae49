"""What may not be meant is said when a file is processed, with names and counts; ordinary files say nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from job.catalogue import DATASET_IDS
from job.data.datasets.taiwan_credit import TARGET
from job.data.processed import describe_processed
from job.data.processing import process
from job.data.raw.dialect import LARGEST_NUMBER
from job.errors import RawFileInvalid
from job.training.preparation import prepare
from job.training.splits import Fold
from tests.job.data.ear import Ear
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows

TAIWAN, LENDING, CORPORATE = "taiwan_credit", "lending_club", "corporate_credit_rating"


def changed(root: Path, name: str, column: str, every: int, value: str) -> Ear:
    """Process a sample with a value in every n-th cell of a column."""
    records = sample_rows(name)
    for record in records[1::every]:
        record[records[0].index(column)] = value
    ear = Ear()
    process(put_raw(root, name, as_csv(records)), name, ear)
    return ear


@pytest.mark.parametrize("name", [name for name in DATASET_IDS if name != LENDING])
def test_an_ordinary_file_says_nothing(name: str, tmp_path: Path) -> None:
    ear = Ear()
    process(put_raw(tmp_path, name, sample_bytes(name, 2000)), name, ear)
    assert ear.warnings == []


def test_of_the_published_lending_club_its_leak_is_said_and_kept(tmp_path: Path) -> None:
    store = put_raw(tmp_path, LENDING, sample_bytes(LENDING, 2000))
    ear, again = Ear(), Ear()
    process(store, LENDING, ear)
    assert ear.warnings == ["leak_known_later"]
    assert ear.fields["leak_known_later"]["column"] == "int_rate"
    info = describe_processed(store, LENDING)
    assert info is not None
    assert list(info.leaks) == [message for message in ear.messages if "int_rate" in message]
    assert process(store, LENDING, again).up_to_date
    assert again.warnings == ["leak"]
    assert info.leaks[0] in again.messages


@pytest.mark.parametrize("spoilt", ["garbage", "-nan", "1e300", "5 %%", "€"])
def test_a_cell_that_is_only_looked_at_refuses_no_file_and_changes_no_data(spoilt: str, tmp_path: Path) -> None:
    records = sample_rows(LENDING, 2000)
    plain = processed(tmp_path / "plain", LENDING, as_csv(records))
    rate = records[0].index("int_rate")
    for record in records[1::50]:
        record[rate] = spoilt
    changed = processed(tmp_path / "spoilt", LENDING, as_csv(records))
    without = processed(tmp_path / "without", LENDING, as_csv([r[:rate] + r[rate + 1 :] for r in records]))
    assert plain.fingerprint == changed.fingerprint == without.fingerprint
    assert changed.info.leaks
    assert not without.info.leaks


def test_loans_that_differ_in_what_is_only_looked_at_are_the_same(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    again = list(records[1])
    again[records[0].index("int_rate")] = "1"
    data = processed(tmp_path, LENDING, as_csv([*records, again]))
    assert data.fingerprint == processed(tmp_path / "once", LENDING, as_csv(records)).fingerprint


def test_an_inverted_target_is_said_with_its_rate(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    for record in records[1:]:
        record[-1] = str(1 - int(record[-1]))
    ear = Ear()
    info = process(put_raw(tmp_path, TAIWAN, as_csv(records)), TAIWAN, ear).info
    assert ear.warnings == ["target_commoner"]
    assert ear.fields["target_commoner"]["default_rate"] == info.default_rate > 0.5


@pytest.mark.parametrize(
    ("name", "column", "value", "event"),
    [
        (TAIWAN, "AGE", "", "columns_empty"),
        (TAIWAN, "AGE", "NA", "columns_empty"),
        (TAIWAN, "BILL_AMT1", "7", "columns_constant"),
        (TAIWAN, "SEX", "2", "columns_constant"),
        (LENDING, "inq_fi", "", "columns_empty"),
        (LENDING, "purpose", "car", "columns_constant"),
        (CORPORATE, "debtRatio", "0.5", "columns_constant"),
        (CORPORATE, "Sector", "Energy", "columns_constant"),
    ],
)
def test_columns_without_information_are_named(name: str, column: str, value: str, event: str, tmp_path: Path) -> None:
    ear = changed(tmp_path, name, column, 1, value)
    assert ear.warnings == [event]
    assert ear.fields[event]["columns"] == [column]
    assert any(f"column {column} " in message for message in ear.messages)


def test_a_column_of_names_that_is_always_empty_is_named(tmp_path: Path) -> None:
    ear = changed(tmp_path, CORPORATE, "Sector", 1, "")
    assert ear.fields["columns_empty"]["columns"] == ["Sector"]


@pytest.mark.parametrize("value", ["-999", "-9999", "999999999", "2147483647", "-2147483648"])
def test_a_sentinel_far_from_all_other_values_is_said_with_its_count(value: str, tmp_path: Path) -> None:
    ear = changed(tmp_path, TAIWAN, "AGE", 30, value)
    assert ear.warnings == ["sentinel"]
    assert ear.fields["sentinel"] == {"column": "AGE", "value": float(value), "count": 10}


@pytest.mark.parametrize(
    ("column", "value"), [("AGE", "99"), ("BILL_AMT1", "9999"), ("PAY_0", "-1"), ("AGE", "123456")]
)
def test_a_value_that_may_be_one_is_no_sentinel(column: str, value: str, tmp_path: Path) -> None:
    assert changed(tmp_path, TAIWAN, column, 30, value).warnings == []


@pytest.mark.parametrize("name", [TAIWAN, LENDING, CORPORATE])
@pytest.mark.parametrize("value", ["3.4e38", "-3.4028234663852886e+38", "9.99e37", "1e30", "-1e30", "1.1e15"])
def test_a_number_that_no_model_survives_is_refused_by_its_line(name: str, value: str, tmp_path: Path) -> None:
    column = {TAIWAN: "LIMIT_BAL", LENDING: "annual_inc", CORPORATE: "debtRatio"}[name]
    records = sample_rows(name)
    records[40][records[0].index(column)] = value
    with pytest.raises(RawFileInvalid, match=f"line 41, column {column}: .* is not a number that can be used"):
        processed(tmp_path, name, as_csv(records))


@pytest.mark.parametrize("income", ["1e-30", "-1e15", "1e15"])
def test_no_feature_that_is_computed_is_larger_either(income: str, tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    for record in records[1:]:
        record[records[0].index("annual_inc")] = income
    data = processed(tmp_path, LENDING, as_csv(records))
    assert np.nanmax(np.abs(data.X)) <= LARGEST_NUMBER


@pytest.mark.parametrize("sampler", ["none", "smote"])
@pytest.mark.parametrize("where", ["train", "valid", "both"])
def test_the_largest_number_comes_out_of_the_preparation_finite(where: str, sampler: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(0, 1e-3, (400, 3)).astype(np.float32)
    target = (rng.random(400) < 0.3).astype(np.int8)
    fold = Fold("f", np.arange(300), np.arange(300, 400))
    for start, end, name in ((0, 150, "train"), (300, 350, "valid")):
        if where in (name, "both"):
            X[start:end, 0], X[start + 1 : end : 2, 0] = LARGEST_NUMBER, -LARGEST_NUMBER
    made = prepare(X, target, fold, sampler=sampler, seed=1)  # type: ignore[arg-type]
    assert np.isfinite(made.X_train).all()
    assert np.isfinite(made.X_valid).all()
    assert np.isfinite((made.X_train**2).sum(axis=1)).all()


def test_the_target_is_no_column_without_information(tmp_path: Path) -> None:
    ear = changed(tmp_path, TAIWAN, TARGET, 1000, "1")
    assert ear.warnings == []
