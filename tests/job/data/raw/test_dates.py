"""Dates: what can mean one month only is read; what cannot be, or would have to be guessed, is refused by its line."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.data.raw.dates import date_of
from job.errors import RawFileInvalid
from tests.job.data.rawfiles import as_csv, processed, sample_bytes, sample_rows

LENDING = "lending_club"
FINISHED = ("Fully Paid", "Charged Off")


@pytest.mark.parametrize(
    "text",
    [
        "Dec-2015", "dec-2015", "DEC-2015", "Dec 2015", "December 2015", "december-2015", "01-Dec-2015", "01DEC2015",
        "2015-12", "2015-12-01", "2015/12/01", "2015-12-01 00:00", "2015-12-01 00:00:00", "2015-12-01T00:00:00",
        "2015-12-01 00:00:00.000", "2015-12-01T00:00:00Z", "2015-12-01 00:00:00+00", "2015-12-01T00:00:00.000+00:00",
        "2015-12-01 00:00:00 UTC",
    ],
)  # fmt: skip
def test_a_date_that_can_mean_one_month_only_is_read(text: str) -> None:
    assert date_of(text) == date(2015, 12, 1)


@given(st.dates(min_value=date(1900, 1, 1)), st.sampled_from(["%Y-%m-%d", "%d-%b-%Y", "%Y-%m-%dT00:00:00"]))
def test_every_day_is_read_back_as_it_was_written(day: date, form: str) -> None:
    assert date_of(day.strftime(form)) == day


UNUSABLE = {
    "Dec-65": "has no year of four digits",
    "15-Dec": "has no year of four digits",
    "12/1/65": "has no year of four digits",
    "1-Dec-65": "has no year of four digits",
    "12/01/2015": "may have the day or the month first",
    "2015-13-01": "is no date that there is",
    "2015-02-30": "is no date that there is",
    "30-Feb-2015": "is no date that there is",
    "Foo-2015": "is no date that there is",
    "2015-12-01 23:30:00": "has a time of day or a time zone",
    "2015-12-01 00:00:00+02": "has a time of day or a time zone",
    "42339": "is a spreadsheet's number of a day",
    "Dec-1899": "cannot be",
    "Dec-2165": "cannot be",
    "0001-01-01": "cannot be",
}


def with_dates(row: int, **cells: str) -> bytes:
    """A sample whose loan in one row has other dates; the header is row 0."""
    records = sample_rows(LENDING)
    for column, value in cells.items():
        records[row][records[0].index(column)] = value
    return as_csv(records)


def a_finished_loan() -> int:
    records = sample_rows(LENDING)
    return next(i for i, record in enumerate(records) if i > 20 and record[16] in FINISHED)


@pytest.mark.parametrize("column", ["issue_d", "earliest_cr_line"])
@pytest.mark.parametrize("text", UNUSABLE)
def test_a_date_that_cannot_be_used_is_refused_by_its_line(text: str, column: str, tmp_path: Path) -> None:
    row = a_finished_loan()
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, LENDING, with_dates(row, **{column: text}))
    assert f"line {row + 1}, column {column}: '{text}' {UNUSABLE[text]}" in caught.value.what


@pytest.mark.parametrize("text", ["Dec-65", "12/1/65", "1-Dec-65", "Dec-2165"])
def test_no_remedy_makes_anybody_complete_years_in_a_spreadsheet(text: str, tmp_path: Path) -> None:
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, LENDING, with_dates(a_finished_loan(), earliest_cr_line=text))
    assert "from the original file" in caught.value.remedy


@pytest.mark.parametrize("issued", ["Dec-2006", "Jan-2021", "Dec-2065"])
def test_a_loan_from_before_or_after_lending_clubs_time_is_refused(issued: str, tmp_path: Path) -> None:
    with pytest.raises(RawFileInvalid, match=f"'{issued}' cannot be: dates here lie between 2007-01 and 2020-12"):
        processed(tmp_path, LENDING, with_dates(a_finished_loan(), issue_d=issued))


@pytest.mark.parametrize("opened", ["Jun-2065", "Jan-2016"])
def test_a_credit_line_that_opens_after_the_loan_is_refused_by_its_line(opened: str, tmp_path: Path) -> None:
    row = a_finished_loan()
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, LENDING, with_dates(row, issue_d="Dec-2015", earliest_cr_line=opened))
    assert f"line {row + 1}, column earliest_cr_line: '{opened}'" in caught.value.what
    assert "the credit line opens after the loan, whose issue_d is Dec-2015" in caught.value.what


def test_a_credit_line_of_the_loans_own_month_is_read(tmp_path: Path) -> None:
    same = with_dates(a_finished_loan(), issue_d="Dec-2015", earliest_cr_line="Dec-2015")
    data = processed(tmp_path, LENDING, same)
    assert data.X[:, data.feature_names.index("credit_age")].min() == 0


def test_dates_as_databases_write_them_give_the_same_features(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    for column in ("issue_d", "earliest_cr_line"):
        place = records[0].index(column)
        for record in records[1:]:
            day = date_of(record[place])
            assert day is not None
            record[place] = f"{day} 00:00:00"
    plain = processed(tmp_path / "plain", LENDING, sample_bytes(LENDING))
    assert processed(tmp_path / "database", LENDING, as_csv(records)).fingerprint == plain.fingerprint
