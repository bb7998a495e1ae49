"""Rows that stand in a file twice: told by the dataset's key, left out where they are alike, refused where not."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.data.processed import load_processed
from job.data.processing import process
from job.data.raw import blocks, columns
from job.errors import RawFileInvalid
from tests.job.data.ear import Ear
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows

TAIWAN, LENDING, CORPORATE = "taiwan_credit", "lending_club", "corporate_credit_rating"
KEYS = {TAIWAN: "ID", LENDING: "id"}
Records = list[list[str]]


def heard(root: Path, name: str, records: Records) -> tuple[Ear, str]:
    """Process and return what was said, and the fingerprint."""
    store, ear = put_raw(root, name, as_csv(records)), Ear()
    return ear, process(store, name, ear).info.fingerprint


@pytest.mark.parametrize("name", [TAIWAN, LENDING])
def test_a_file_that_was_joined_with_itself_gives_what_it_gives_alone(name: str, tmp_path: Path) -> None:
    records = sample_rows(name)
    plain = processed(tmp_path / "plain", name, sample_bytes(name))
    ear, fingerprint = heard(tmp_path / "twice", name, [*records, *records[1:]])
    assert fingerprint == plain.fingerprint
    assert [event for level, event in ear.heard if level == "warning"] == ["rows_repeated"]
    assert ear.fields["rows_repeated"]["count"] == len(records) - 1
    assert ear.fields["processed"]["dropped"][f"a repeated {KEYS[name]}"] == len(records) - 1


WRITTEN: dict[str, Callable[[str], str]] = {
    "as floats": lambda key: f"{key}.0",
    "with blanks": lambda key: f"  {key} ",
    "as text": lambda key: f"C-{key}",
    "with many digits": lambda key: f"9007199254740{int(key):06d}",
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("part", [50, 1 << 17])
def test_a_key_is_the_same_however_it_is_written(
    written: str, part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 777)
    monkeypatch.setattr(columns, "PART_ROWS", part)
    records = sample_rows(TAIWAN)
    again = [[WRITTEN[written](row[0]), *row[1:]] for row in records[1:41]]
    first = again if written in ("as text", "with many digits") else records[1:41]
    _, fingerprint = heard(tmp_path / "twice", TAIWAN, [records[0], *first, *records[41:], *again])
    assert fingerprint == processed(tmp_path / "plain", TAIWAN, sample_bytes(TAIWAN)).fingerprint


def test_long_keys_that_differ_in_the_last_digit_are_two(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    for i, row in enumerate(records[1:]):
        row[0] = str(10**18 + i)
    ear, _ = heard(tmp_path, TAIWAN, records)
    assert not ear.warnings


@pytest.mark.parametrize("part", [50, 1 << 17])
def test_a_key_with_other_content_is_refused_naming_both_lines(
    part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(columns, "PART_ROWS", part)
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 777)
    records = sample_rows(TAIWAN)
    other = list(records[7])
    other[records[0].index("AGE")] = "77"
    other[records[0].index("BILL_AMT1")] = "1"
    records.insert(200, other)
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, TAIWAN, as_csv(records))
    assert "lines 8 and 201: ID '7' stands in both, with different AGE, BILL_AMT1" in caught.value.what


def test_two_states_of_one_loan_are_refused_even_where_neither_would_be_used(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    status = records[0].index("loan_status")
    row = next(i for i, record in enumerate(records) if record[status] == "Current")
    later = list(records[row])
    later[status] = "In Grace Period"
    with pytest.raises(RawFileInvalid, match=f"lines {row + 1} and {len(records) + 1}: id '{row}' .* loan_status"):
        processed(tmp_path, LENDING, as_csv([*records, later]))


def test_cells_that_nobody_needs_and_marks_for_missing_ones_make_no_difference(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    row = next(i for i, record in enumerate(records) if not record[records[0].index("inq_fi")] and i)
    again = list(records[row])
    again[records[0].index("inq_fi")] = "NA"
    again[records[0].index("title")] = "another title"
    _, fingerprint = heard(tmp_path / "twice", LENDING, [*records, again])
    assert fingerprint == processed(tmp_path / "plain", LENDING, sample_bytes(LENDING)).fingerprint


def test_rows_that_are_alike_but_for_their_key_all_stay(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    again = [[str(9000 + int(row[0])), *row[1:]] for row in records[1:36]]
    ear, _ = heard(tmp_path, TAIWAN, [*records, *again])
    assert not ear.warnings
    assert ear.fields["processed"]["rows"] == len(records) - 1 + 35


def without_key(records: Records) -> Records:
    return [row[1:] for row in records]


def with_empty_keys(records: Records) -> Records:
    return [row if i == 0 else ["", *row[1:]] for i, row in enumerate(records)]


def with_some_empty_keys(records: Records) -> Records:
    return [["n/a", *row[1:]] if 3 <= i < 10 else row for i, row in enumerate(records)]


@pytest.mark.parametrize(
    ("change", "event"),
    [(without_key, "no_key"), (with_empty_keys, "no_key"), (with_some_empty_keys, "rows_without_key")],
)
@pytest.mark.parametrize("name", [TAIWAN, LENDING])
def test_rows_without_a_key_are_not_compared_and_that_is_said(
    name: str, change: Callable[[Records], Records], event: str, tmp_path: Path
) -> None:
    ear, fingerprint = heard(tmp_path / "changed", name, change(sample_rows(name)))
    assert fingerprint == processed(tmp_path / "plain", name, sample_bytes(name)).fingerprint
    assert ear.warnings == [event]
    if event == "rows_without_key":
        assert ear.fields[event]["count"] == 7


def test_a_dataset_without_a_key_keeps_all_its_rows_and_says_nothing(tmp_path: Path) -> None:
    records = sample_rows(CORPORATE)
    ear, _ = heard(tmp_path, CORPORATE, [*records, *records[1:]])
    assert not ear.warnings
    assert ear.fields["processed"]["rows"] == 2 * (len(records) - 1)


def test_lending_clubs_footers_are_no_loans_without_a_key(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    for number in (1, 2):
        records.append([f"Total amount funded in policy code {number}: 1000", *[""] * (len(records[0]) - 1)])
    ear, _ = heard(tmp_path, LENDING, records)
    assert not ear.warnings


def test_a_line_in_a_message_is_right_behind_rows_that_were_left_out(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    wrong = list(records[150])
    wrong[0], wrong[-1] = "9999", "2"
    data = as_csv([*records[:100], *records[1:50], *records[100:], wrong])
    with pytest.raises(RawFileInvalid, match=f"line {len(records) + 50}, column default.payment.next.month: '2'"):
        processed(tmp_path, TAIWAN, data)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 110), max_size=60), st.integers(20, 200))
def test_whatever_rows_come_again_each_client_is_there_once(
    tmp_path_factory: pytest.TempPathFactory, again: list[int], part: int
) -> None:
    records = list(csv.reader(io.StringIO(sample_bytes(TAIWAN, 110).decode())))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "PART_ROWS", part)
        patch.setattr(blocks, "BLOCK_BYTES", 777)
        store = put_raw(tmp_path_factory.mktemp("x"), TAIWAN, as_csv([*records, *(records[i] for i in again)]))
        report = process(store, TAIWAN, Ear(), force=True)
    plain = processed(tmp_path_factory.mktemp("y"), TAIWAN, as_csv(records))
    np.testing.assert_array_equal(load_processed(store, TAIWAN).X, plain.X)
    assert sum(report.dropped.values()) == len(again)
