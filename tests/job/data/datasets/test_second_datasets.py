"""What the second datasets of a raw file put right, on the samples of the first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from job.catalogue import CATALOGUE, raw_name
from job.console import Console
from job.data.datasets.corporate_credit_rating import RATIOS
from job.data.datasets.dataset import DerivedFile
from job.data.datasets.lending_club_matured import LENDING_CLUB_MATURED, MAY_BE_MISSING
from job.data.findings import findings
from job.data.processed import ProcessedData
from job.data.processing import process
from job.data.raw.rawfile import RawTable, read_raw
from job.store import raw_keys
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows

MATURED = "lending_club_matured"


def loans(root: Path, **cells: str) -> ProcessedData:
    """The sample with every loan issued in January 2012, and the first finished loan with other cells."""
    records = sample_rows(MATURED)
    place = {name: i for i, name in enumerate(records[0])}
    finished = [r for r in records[1:] if r[place["loan_status"]] in ("Fully Paid", "Charged Off")]
    for record in finished:
        record[place["issue_d"]] = "Jan-2012"
        record[place["earliest_cr_line"]] = "Jan-2000"
    for name, value in cells.items():
        finished[0][place[name]] = value
    return processed(root, MATURED, as_csv([records[0], *finished]))


def of_first(data: ProcessedData, name: str) -> float:
    return float(data.X[0, data.feature_names.index(name)])


def test_datasets_that_share_a_raw_file_read_the_same_one() -> None:
    assert raw_keys("corporate_ccc") == raw_keys("corporate_credit_rating")
    assert all(raw_name(raw_name(entry.id)) == raw_name(entry.id) for entry in CATALOGUE)


def test_a_loan_counts_where_its_whole_term_is_over_and_no_sooner(tmp_path: Path) -> None:
    everything = loans(tmp_path / "all").target.size
    for number, (term, last, after) in enumerate(
        [(" 36 months", "Mar-2016", "Apr-2016"), (" 60 months", "Mar-2014", "Apr-2014")]
    ):
        kept, gone = (
            loans(tmp_path / f"{number}{month}", term=term, issue_d=month).target.size for month in (last, after)
        )
        assert (kept, gone) == (everything, everything - 1)


def test_a_loan_whose_term_is_not_declared_is_left_out_and_counted(tmp_path: Path) -> None:
    records = sample_rows(MATURED)
    for record in records[1:40]:
        record[records[0].index("term")] = "48 months"
    report = process(put_raw(tmp_path, MATURED, as_csv(records)), MATURED, Console.silent())
    assert 0 < report.dropped["a term that is not declared"] < 40


def test_neither_installment_nor_what_is_made_of_it_is_a_feature_and_the_file_may_lack_it(tmp_path: Path) -> None:
    data = loans(tmp_path)
    assert not {"installment", "new_dti", "income_to_payment", "int_rate"} & set(data.feature_names)
    records = sample_rows(MATURED)
    at = records[0].index("installment")
    without = processed(tmp_path / "b", MATURED, as_csv([r[:at] + r[at + 1 :] for r in records]))
    whole = processed(tmp_path / "c", MATURED, as_csv(records))
    assert without.fingerprint == whole.fingerprint


def test_debt_over_no_income_is_missing_and_not_the_least(tmp_path: Path) -> None:
    assert np.isnan(of_first(loans(tmp_path / "a", annual_inc="0", revol_bal="900"), "revol_to_income"))
    assert of_first(loans(tmp_path / "b", annual_inc="60000", revol_bal="0"), "revol_to_income") == 0


@pytest.mark.parametrize("cell", ["TENT", ""])
def test_a_level_that_is_not_declared_has_a_column_of_its_own(cell: str, tmp_path: Path) -> None:
    data = loans(tmp_path, home_ownership=cell)
    levels = [name for name in data.feature_names if name.startswith("home_ownership_")]
    assert [name for name in levels if of_first(data, name)] == ["home_ownership_unknown"]
    assert data.X[1:, data.feature_names.index("home_ownership_unknown")].sum() == 0


def test_months_until_the_outcome_is_due_are_the_term_whatever_the_outcome(tmp_path: Path) -> None:
    data = loans(tmp_path)
    assert data.horizon is not None
    long = data.X[:, data.feature_names.index("term_60 months")] == 1
    np.testing.assert_array_equal(data.horizon, np.where(long, 60, 36))
    assert set(data.target[long]) == set(data.target[~long]) == {0, 1}


def test_what_is_declared_names_features_and_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    data = loans(tmp_path)
    assert set(MAY_BE_MISSING) <= set(data.feature_names)
    assert data.info.declared.as_of == "2019-03"
    corporate = {
        name: processed(tmp_path / name, name, sample_bytes("corporate_credit_rating"))
        for name in ("corporate_credit_rating", "corporate_ccc")
    }
    ours, published = corporate["corporate_ccc"], corporate["corporate_credit_rating"]
    np.testing.assert_array_equal(ours.X, published.X)
    assert ours.info.declared.steps.winsorised == RATIOS
    assert not published.info.declared.as_json()
    assert ours.target.sum() > published.target.sum()
    assert (ours.target >= published.target).all()


def test_a_part_of_a_file_without_a_matured_loan_is_no_finding(tmp_path: Path) -> None:
    derived = [LENDING_CLUB_MATURED.derive(part, np.asarray) for part in parts_of(tmp_path)]
    assert [part.target.size > 0 for part in derived] == [True, False]
    assert list(findings(MATURED, DerivedFile(tuple(derived)))) == []


def parts_of(root: Path) -> Iterator[RawTable]:
    """The sample's rows, then the same as loans of 2018."""
    records = sample_rows(MATURED, 2000)
    at = records[0].index("issue_d")
    for number, change in enumerate((lambda cell: cell, lambda _: "Jan-2018")):
        changed = [[*r[:at], change(r[at]), *r[at + 1 :]] for r in records[1:]]
        store = put_raw(root / str(number), MATURED, as_csv([records[0], *changed]))
        raw = read_raw(store, raw_keys(MATURED)[0], LENDING_CLUB_MATURED.columns, LENDING_CLUB_MATURED.key)
        yield from raw.parts
