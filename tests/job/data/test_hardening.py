"""What could lose rows, mistake one file for another, or leave half an update behind, does not."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from job.console import Console
from job.data import processing
from job.data.datasets.samples import write_sample
from job.data.processed import load_processed
from job.data.processing import process
from job.errors import NoSpaceLeft, ProcessedDataInvalid, RawFileInvalid
from job.store import Store, features_key, interim_key, raw_keys, target_key
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows

TAIWAN, LENDING, CORPORATE = "taiwan_credit", "lending_club", "corporate_credit_rating"


def test_a_raw_file_that_changes_while_it_is_read_is_processed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = put_raw(tmp_path, TAIWAN, sample_bytes(TAIWAN))
    newer = sample_bytes(TAIWAN, seed=2)
    read = processing.read_raw

    def read_and_replace(*arguments: Any) -> Any:
        table = read(*arguments)
        store.put(raw_keys(TAIWAN)[0], newer)
        return table

    monkeypatch.setattr(processing, "read_raw", read_and_replace)
    process(store, TAIWAN, Console.silent())
    monkeypatch.undo()
    assert not process(store, TAIWAN, Console.silent()).up_to_date
    assert load_processed(store, TAIWAN).fingerprint == processed(tmp_path / "new", TAIWAN, newer).fingerprint


def test_another_datasets_processed_data_under_this_name_are_refused(tmp_path: Path) -> None:
    store = put_raw(tmp_path, LENDING, sample_bytes(LENDING))
    process(store, LENDING, Console.silent())
    for key in (features_key, target_key):
        store.put(key(TAIWAN), store.get(key(LENDING)) or b"")
    with pytest.raises(ProcessedDataInvalid, match="are those of 'lending_club'"):
        load_processed(store, TAIWAN)


def test_a_pair_that_does_not_belong_together_is_told_so_once(tmp_path: Path) -> None:
    store = put_raw(tmp_path / "one", TAIWAN, sample_bytes(TAIWAN))
    other = put_raw(tmp_path / "other", TAIWAN, sample_bytes(TAIWAN, seed=2))
    for each in (store, other):
        process(each, TAIWAN, Console.silent())
    store.put(features_key(TAIWAN), other.get(features_key(TAIWAN)) or b"")
    with pytest.raises(ProcessedDataInvalid, match="do not belong together") as caught:
        load_processed(store, TAIWAN)
    assert "cannot be read" not in caught.value.what


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_disk_that_fills_up_leaves_the_older_run_as_it_was(
    writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = put_raw(tmp_path, TAIWAN, sample_bytes(TAIWAN))
    process(store, TAIWAN, Console.silent())
    keys = [make(TAIWAN) for make in (interim_key, features_key, target_key)]
    before = [store.get(key) for key in keys]
    store.put(raw_keys(TAIWAN)[0], sample_bytes(TAIWAN, seed=2))
    write, done = pq.write_table, []

    def write_until_full(*arguments: Any, **options: Any) -> None:
        if len(done) == writes:
            raise OSError(28, "No space left on device")
        done.append(1)
        write(*arguments, **options)

    monkeypatch.setattr(processing.pq, "write_table", write_until_full)
    with pytest.raises(NoSpaceLeft):
        process(store, TAIWAN, Console.silent())
    assert [store.get(key) for key in keys] == before
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 4


def test_a_sample_is_never_taken_for_a_real_file_even_if_writing_it_is_cut_short(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = Store.open("memory:///")

    def stop(key: str, data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "put", stop)
    with pytest.raises(KeyboardInterrupt):
        write_sample(store, TAIWAN, rows=300, seed=1)
    assert store.info(raw_keys(TAIWAN)[0]) is None


def test_many_undeclared_levels_give_a_few_printable_warnings(tmp_path: Path) -> None:
    records = sample_rows(CORPORATE)
    place = records[0].index("Sector")
    for i, record in enumerate(records[1:]):
        record[place] = f"\x1b[31m{i}"
    out = io.StringIO()
    process(put_raw(tmp_path, CORPORATE, as_csv(records)), CORPORATE, Console(out, "text"))
    assert out.getvalue().count("warning") == 11
    assert "290 more undeclared levels" in out.getvalue()
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("blank", ["  ", "\t"])
def test_a_line_of_blanks_is_an_empty_line(blank: str, tmp_path: Path) -> None:
    lines = sample_bytes(TAIWAN).decode().split("\n")
    odd = "\n".join([*lines[:50], blank, *lines[50:], blank]).encode()
    assert processed(tmp_path, TAIWAN, odd).fingerprint == processed(tmp_path, TAIWAN, sample_bytes(TAIWAN)).fingerprint
    wrong = odd.decode().split("\n")
    wrong[60] = wrong[60].replace(",", ",x", 1)
    with pytest.raises(RawFileInvalid, match="line 61, column LIMIT_BAL"):
        processed(tmp_path, TAIWAN, "\n".join(wrong).encode())


def test_a_row_that_lost_all_needed_cells_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    lines = sample_bytes(TAIWAN).split(b"\n")
    lines.insert(50, b"999" + b"," * 24)
    with pytest.raises(RawFileInvalid, match="line 51 has none of the needed cells, and begins with '999'"):
        processed(tmp_path, TAIWAN, b"\n".join(lines))


def test_digits_of_other_scripts_are_not_numbers(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    records[3][records[0].index("AGE")] = "４１"
    with pytest.raises(RawFileInvalid, match="line 4, column AGE"):
        processed(tmp_path, TAIWAN, as_csv(records))


@pytest.mark.parametrize("policy", ["policy. Status:", "policy.  Status:"])
@pytest.mark.parametrize("status", ["Fully Paid", "Charged Off", "Current"])
def test_lending_clubs_own_spelling_of_loans_outside_its_policy_is_known(
    policy: str, status: str, tmp_path: Path
) -> None:
    records = sample_rows(LENDING)
    place = records[0].index("loan_status")
    row = next(i for i, record in enumerate(records) if record[place] == "Current")
    records[row][place] = f"Does not meet the credit {policy}{status}"
    plain = processed(tmp_path, LENDING, sample_bytes(LENDING))
    assert processed(tmp_path, LENDING, as_csv(records)).fingerprint == plain.fingerprint
