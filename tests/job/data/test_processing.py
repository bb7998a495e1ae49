"""Processing is deterministic, all or nothing, and knows what is up to date."""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job.catalogue import DATASET_IDS, raw_name
from job.console import Console
from job.data import processing
from job.data.datasets.dataset import float32
from job.data.processed import describe_processed, fingerprint, load_processed
from job.data.processing import process, process_present
from job.errors import (
    DatasetNotFound,
    NoSpaceLeft,
    ProcessedDataInvalid,
    ProcessedDataNotFound,
    RawFileInvalid,
    RawFileNotFound,
)
from job.store import Store, features_key, interim_key, raw_keys, target_key
from tests.job.data.ear import Ear
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows, zipped

OUTPUTS = (interim_key, features_key, target_key)


def files(store: Store, name: str) -> dict[str, bytes | None]:
    return {make(name): store.get(make(name)) for make in OUTPUTS}


@pytest.mark.parametrize("name", DATASET_IDS)
def test_the_same_raw_file_gives_the_same_bytes(name: str, tmp_path: Path) -> None:
    first, second = (put_raw(tmp_path / place, name, sample_bytes(name)) for place in "ab")
    for store in (first, second):
        process(store, name, Console.silent())
    assert files(first, name) == files(second, name)
    assert None not in files(first, name).values()


@pytest.mark.parametrize("name", DATASET_IDS)
def test_features_are_float32_and_the_target_comes_first(name: str, tmp_path: Path) -> None:
    data = processed(tmp_path, name, sample_bytes(name))
    store = Store.open(str(tmp_path))
    X, y = (pq.read_schema(io.BytesIO(store.get(key) or b"")) for key in (features_key(name), target_key(name)))
    assert {str(field.type) for field in X} == {"float"}
    optional = {
        "taiwan_credit": [], "corporate_credit_rating": ["group"], "corporate_ccc": ["group"],
        "lending_club": ["time"], "lending_club_matured": ["time", "horizon"],
    }[name]  # fmt: skip
    assert y.names == ["target", *optional]
    assert data.X.dtype == np.float32
    assert data.X.flags.c_contiguous
    assert np.isfinite(data.X[~np.isnan(data.X)]).all()
    assert set(np.unique(data.target)) == {0, 1}


def test_it_is_left_alone_where_it_is_up_to_date_and_made_anew_where_not(tmp_path: Path) -> None:
    name = "taiwan_credit"
    store = put_raw(tmp_path, name, sample_bytes(name))
    ear = Ear()
    assert not process(store, name, ear).up_to_date
    times = {key: store.info(key).modified for key in files(store, name)}  # type: ignore[union-attr]
    assert process(store, name, ear).up_to_date
    assert times == {key: store.info(key).modified for key in times}  # type: ignore[union-attr]
    assert not process(store, name, ear, force=True).up_to_date
    store.put(raw_keys(name)[0], sample_bytes(name, seed=2))
    assert not process(store, name, ear).up_to_date
    store.delete(raw_keys(name)[0])
    assert process(store, name, ear).up_to_date
    events = [event for _, event in ear.heard]
    assert events == ["processed", "up_to_date", "processed", "raw_changed", "processed", "up_to_date"]


def test_another_version_of_the_processing_makes_it_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "taiwan_credit"
    store = put_raw(tmp_path, name, sample_bytes(name))
    process(store, name, Console.silent())
    monkeypatch.setattr(processing, "PROCESSING_VERSION", 99)
    assert not process(store, name, Console.silent()).up_to_date


@pytest.mark.parametrize("key", OUTPUTS[1:])
@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "foreign", "another dataset's"])
def test_damaged_processed_data_are_refused_and_made_anew(key, damage: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    name = "taiwan_credit"
    store = put_raw(tmp_path, name, sample_bytes(name))
    before = process(store, name, Console.silent()).info.fingerprint
    good = store.get(key(name)) or b""
    other = put_raw(tmp_path / "other", name, sample_bytes(name, seed=2))
    process(other, name, Console.silent())
    broken = {
        "cut": good[: len(good) // 2],
        "flip": good[:100] + bytes([good[100] ^ 64]) + good[101:],
        "empty": b"",
        "foreign": b"not parquet at all",
        "another dataset's": other.get(key(name)) or b"",
    }[damage]
    store.put(key(name), broken)
    with pytest.raises(ProcessedDataInvalid, match="ldp data process --force taiwan_credit"):
        load_processed(store, name)
    ear = Ear()
    assert process(store, name, ear).info.fingerprint == before
    assert ear.heard[0] == ("warning", "processed_damaged")
    assert load_processed(store, name).fingerprint == before


def test_without_processed_data_it_says_how_to_make_them(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    assert describe_processed(store, "taiwan_credit") is None
    with pytest.raises(ProcessedDataNotFound, match="ldp data process taiwan_credit"):
        load_processed(store, "taiwan_credit")


def test_a_refused_raw_file_leaves_what_was_processed_before(tmp_path: Path) -> None:
    name = "taiwan_credit"
    store = put_raw(tmp_path, name, sample_bytes(name))
    process(store, name, Console.silent())
    before = files(store, name)
    store.put(raw_keys(name)[0], sample_bytes(name)[:-30])
    with pytest.raises(RawFileInvalid):
        process(store, name, Console.silent(), force=True)
    assert files(store, name) == before


def test_all_raw_files_that_are_there_are_processed(tmp_path: Path) -> None:
    with pytest.raises(RawFileNotFound, match="no raw file"):
        process_present(Store.open(str(tmp_path)), Console.silent())
    put_raw(tmp_path, "lending_club", sample_bytes("lending_club"))
    store = put_raw(tmp_path, "taiwan_credit", sample_bytes("taiwan_credit"))
    assert [report.info.dataset for report in process_present(store, Console.silent())] == [
        "taiwan_credit",
        "lending_club",
        "lending_club_matured",
    ]


def test_a_file_that_does_not_suffice_for_a_second_dataset_is_processed_for_its_own(tmp_path: Path) -> None:
    records = sample_rows("lending_club")
    for record in records[1:]:
        record[records[0].index("issue_d")] = "Jan-2018"
    ear = Ear()
    store = put_raw(tmp_path, "lending_club", as_csv(records))
    assert [report.info.dataset for report in process_present(store, ear)] == ["lending_club"]
    assert ear.warnings == ["dataset_left_out"]
    with pytest.raises(RawFileInvalid, match="0 defaults and 0 others"):
        process(store, "lending_club_matured", Console.silent())


def test_an_unknown_dataset_gets_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFound, match="did you mean 'lending_club'"):
        process(Store.open(str(tmp_path)), "lendingclub", Console.silent())


def test_a_full_disk_is_named_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    size = 8 + len(sample_bytes("taiwan_credit", 2000)) // 1024
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", str(full)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let a test mount a small file system (needs root)")
    try:
        store = put_raw(full, "taiwan_credit", sample_bytes("taiwan_credit", 2000))
        with pytest.raises(NoSpaceLeft, match="Free some space"):
            process(store, "taiwan_credit", Console.silent())
        assert [path.name for path in full.rglob("*") if path.is_file()] == ["taiwan_credit.csv"]
    finally:
        subprocess.run(["umount", str(full)], check=True)


def test_an_undeclared_level_is_counted_and_told(tmp_path: Path) -> None:
    records = sample_rows("corporate_credit_rating")
    place = records[0].index("Sector")
    was = records[5][place]
    records[5][place] = "Shipping"
    records[6][place] = ""
    store = put_raw(tmp_path, "corporate_credit_rating", as_csv(records))
    ear = Ear()
    process(store, "corporate_credit_rating", ear)
    assert ear.heard.count(("warning", "unknown_level")) == 2
    data = load_processed(store, "corporate_credit_rating")
    sectors = [i for i, name in enumerate(data.feature_names) if name.startswith("Sector_")]
    assert was
    assert data.X[4, sectors].sum() == data.X[5, sectors].sum() == 0
    assert (data.X[:, sectors].sum(axis=1) <= 1).all()


def test_the_fingerprint_covers_names_and_values_and_not_how_nan_is_written() -> None:
    X = np.array([1, 2, np.nan], np.float32)
    base = fingerprint({"a": X})
    odd_nan = X.copy()
    odd_nan.view(np.uint32)[2] |= 7
    assert fingerprint({"a": odd_nan}) == base
    assert fingerprint({"b": X}) != base
    assert fingerprint({"a": X + 1}) != base
    assert fingerprint({"a": X, "b": X}) != base
    assert fingerprint({"a": X[:2], "b": X[2:]}) != fingerprint({"a": X[:1], "b": X[1:]})


def test_what_is_too_large_for_float32_is_missing() -> None:
    assert np.isnan(float32(np.array([1e300, -np.inf, np.nan]))).all()


MANGLE = st.sampled_from(
    ["cut", "flip", "insert", "drop line", "double line", "cell", "swap", "noise", "gzip then flip"]
)


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, bytes]:
    name = draw(st.sampled_from(DATASET_IDS))
    data = sample_bytes(name, rows=110)
    for _ in range(draw(st.integers(1, 3))):
        how = draw(MANGLE)
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        some = draw(st.binary(min_size=1, max_size=12))
        lines = data.splitlines(keepends=True) or [b""]
        line = at % len(lines)
        if how == "cut":
            data = data[:at]
        elif how == "flip":
            data = data[:at] + bytes([(data[at] if data else 0) ^ some[0]]) + data[at + 1 :]
        elif how == "insert":
            data = data[:at] + some + data[at:]
        elif how == "drop line":
            data = b"".join(lines[:line] + lines[line + 1 :])
        elif how == "double line":
            data = b"".join([*lines[: line + 1], *lines[line:]])
        elif how == "cell":
            cells = lines[line].split(b",")
            odd = [b"", b"n/a", b"1e999", b"-1", b'"', b"0x10", "ü".encode(), b"\x00", b"1_0", b"99%", b"2015-13-01"]
            cells[at % len(cells)] = draw(st.sampled_from(odd))
            data = b"".join([*lines[:line], b",".join(cells), *lines[line + 1 :]])
        elif how == "swap":
            a, b = draw(st.sampled_from([(b",", b";"), (b"\n", b"\r"), (b"\n", b"\r\n"), (b'"', b"'"), (b"0", b"%")]))
            data = data.replace(a, b)
        elif how == "noise":
            data = draw(st.binary(max_size=300))
        else:
            data = zipped(data)
            at %= len(data)
            data = data[:at] + some + data[at + len(some) :]
    return name, data


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(mangled())
def test_any_mangled_raw_file_processes_or_is_refused_and_nothing_is_half_done(made: tuple[str, bytes]) -> None:
    name, data = made
    root = Path(tempfile.mkdtemp())
    try:
        store = put_raw(root, name, data)
        try:
            report = process(store, name, Console.silent())
        except RawFileInvalid as error:
            message = str(error)
            assert message.isprintable()
            assert [path.name for path in root.rglob("*") if path.is_file()] == [f"{raw_name(name)}.csv"]
        else:
            loaded = load_processed(store, name)
            assert loaded.fingerprint == report.info.fingerprint
            assert np.isfinite(loaded.X[~np.isnan(loaded.X)]).all()
            assert min(np.bincount(loaded.target, minlength=2)) >= 2
            again = process(store, name, Console.silent(), force=True)
            assert dataclasses.asdict(again.info) == dataclasses.asdict(report.info)
            assert len([path for path in root.rglob("*") if path.is_file()]) == 4
    finally:
        shutil.rmtree(root)


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(1, 111)), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.booleans())
def test_processing_is_deterministic_and_keeps_the_order_of_rows(order: list[int], ends: bytes, pack: bool) -> None:
    records = sample_rows("taiwan_credit", 110)
    root = Path(tempfile.mkdtemp())
    try:
        straight = processed(root / "straight", "taiwan_credit", as_csv(records))
        data = as_csv([records[0], *(records[i] for i in order)]).replace(b"\n", ends)
        shuffled = processed(root / "shuffled", "taiwan_credit", zipped(data) if pack else data)
        rows = np.array(order) - 1
        np.testing.assert_array_equal(shuffled.X, straight.X[rows])
        np.testing.assert_array_equal(shuffled.target, straight.target[rows])
    finally:
        shutil.rmtree(root)
