"""Small files that would take gigabytes, and gigabytes that stand where something small should: refused by their size.

Each command runs with so little memory that reading them would end it.
"""

from __future__ import annotations

import gzip
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.store import Store
from tests.faults.conftest import ROOT, Ldp

MEMORY_BYTES = 3 << 30
LARGE = 8 << 30
LDP = (sys.executable, "-c", "from job.cli import run; run()")


def ldp(where: Path, *arguments: str) -> tuple[int, str]:
    """Run the command with little memory and return (exit code, all it said)."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LDP_STORAGE_URL": str(where),
        "LDP_LOG_FORMAT": "text",
        "LDP_N_JOBS": "1",
        # Address space, not memory, is what can be limited: threads take much of it and use none.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    ended = subprocess.run(
        [*LDP, *arguments],
        cwd=where,
        env=environment,
        text=True,
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
    )
    return ended.returncode, ended.stdout + ended.stderr


def header_of(where: Path) -> bytes:
    """The header of a raw file of `taiwan_credit`."""
    write_sample(Store.open(str(where / "sample")), "taiwan_credit", rows=100, seed=1)
    return (where / "sample/data/raw/taiwan_credit.csv").read_bytes().splitlines(keepends=True)[0]


def raw_file(where: Path, start: bytes, repeated: bytes, times: int) -> None:
    """Write a gzip of `start` and of `repeated` many times; a member of it for each, so that it is quickly made."""
    (where / "data/raw").mkdir(parents=True)
    member = gzip.compress(repeated, 6)
    with (where / "data/raw/taiwan_credit.csv.gz").open("wb") as file:
        file.write(gzip.compress(start))
        for _ in range(times):
            file.write(member)


def test_a_gzip_of_a_few_megabytes_with_one_line_of_gigabytes_is_refused_by_that_line(tmp_path: Path) -> None:
    raw_file(tmp_path, header_of(tmp_path), b"1" * (64 << 20), 48)
    assert (tmp_path / "data/raw/taiwan_credit.csv.gz").stat().st_size < 9 << 20
    code, said = ldp(tmp_path, "data", "process", "taiwan_credit")
    assert code == 1
    assert "line 2 belongs to a row of more than 16,777,216 bytes" in said


def test_a_quotation_mark_that_is_never_closed_is_refused_by_its_line(tmp_path: Path) -> None:
    raw_file(tmp_path, header_of(tmp_path) + b'1,"', b"1,2,3\n" * (8 << 20), 48)
    code, said = ldp(tmp_path, "data", "process", "taiwan_credit")
    assert code == 1
    assert "cannot be read" in said


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (lambda width: b",7" + b"," * (width - 2), "more than 5,000,000 rows"),
        (lambda width: b" 1" + b", 7" * (width - 1), "more than 5,000,000 rows"),
        (lambda _: b"x,y", "line 2 is cut off"),
        (lambda width: b"1," * width, "line 2 is too long"),
        (lambda _: b"", "has a header and no rows"),
        (lambda width: b"1," + b"x" * 20_000 + b",1" * (width - 2), "a cell of more than 10,000 bytes"),
    ],
    ids=["hardly anything", "blanks", "too short", "too long", "nothing", "long cells"],
)
def test_a_small_gzip_of_a_great_many_rows_is_refused(row: Callable[[int], bytes], words: str, tmp_path: Path) -> None:
    header = header_of(tmp_path)
    one = row(header.count(b",") + 1) + b"\n"
    block = one * max(1, (1 << 25) // len(one))
    raw_file(tmp_path, header, block, 20_000_000 // block.count(b"\n") + 1 if len(one) < 1000 else 128)
    code, said = ldp(tmp_path, "data", "process", "taiwan_credit")
    assert code == 1, said
    assert words in said
    assert "unforeseen" not in said
    assert not list(tmp_path.glob("data/processed/*"))


def test_a_header_of_millions_of_columns_is_refused(tmp_path: Path) -> None:
    raw_file(tmp_path, header_of(tmp_path).rstrip() + b",x" * 1_000_000 + b"\n", b"," * 1_000_024 + b"\n", 10)
    code, said = ldp(tmp_path, "data", "process", "taiwan_credit")
    assert code == 1
    assert "columns, where at most 50,000 can be" in said


@pytest.fixture
def done(make_ldp: Callable[..., Ldp], tmp_path: Path) -> Path:
    """A directory with an execution that is complete."""
    one = make_ldp(str(tmp_path / "store"))
    assert one.run("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")[0] == 0
    return tmp_path / "store"


def sparse(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    os.truncate(path, LARGE)


READS = (("experiment", "list"), ("experiment", "status"), ("analyze", "summary"))


@pytest.mark.parametrize(
    ("pattern", "reads"),
    [
        ("manifest.json", READS),
        ("datasets/taiwan_credit.json", READS[1:]),
        ("results/taiwan_credit/lightgbm/smote/seed_1.parquet", READS),
        ("progress/attempts/none.json", READS[:2]),
        ("attempts/none.json", READS[:2]),
        ("failures/taiwan_credit/lightgbm/smote/seed_9.json", READS[:2]),
    ],
)
def test_gigabytes_under_the_name_of_something_small_are_not_read(
    pattern: str, reads: tuple[tuple[str, ...], ...], done: Path
) -> None:
    execution = next((done / "executions").iterdir())
    sparse(execution / pattern)
    for command in reads:
        code, said = ldp(done, *command)
        assert code in (0, 1), said
        assert "unforeseen" not in said
        assert "MemoryError" not in said
    if pattern.startswith(("manifest", "datasets")):
        assert f"{LARGE:,} bytes, where at most" in said


def test_a_result_of_gigabytes_is_made_again_and_so_are_fits_of_such_a_checkpoint(done: Path) -> None:
    execution = next((done / "executions").iterdir())
    result = execution / "results/taiwan_credit/lightgbm/smote/seed_1.parquet"
    before = result.read_bytes()
    sparse(result)
    (done / "tiny.toml").write_text((done.parent / "here/tiny.toml").read_text())
    code, said = run_on(done)
    assert code == 0, said
    assert "at most" in said
    assert result.stat().st_size < 2 * len(before)


def run_on(where: Path) -> tuple[int, str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LDP_STORAGE_URL": str(where), "LDP_LOG_FORMAT": "text"}
    command = [*LDP, "experiment", "run", "--spec", "tiny.toml", "--jobs", "1"]
    ended = subprocess.run(command, cwd=where, env=environment, text=True, capture_output=True, check=False)
    return ended.returncode, ended.stdout + ended.stderr


def rows_of_nothing(path: Path, schema: pa.Schema, rows: int) -> None:
    """Write a parquet file of many equal rows, which takes hardly any room."""
    metadata = pq.read_metadata(path).metadata or {}
    count = 1 << 20
    columns = [pa.array(["x"] * count if pa.types.is_string(kind) else [0] * count, kind) for kind in schema.types]
    table = pa.Table.from_arrays(columns, schema=schema)
    with pq.ParquetWriter(path, schema, use_dictionary=True, compression="zstd", store_schema=False) as writer:
        for _ in range(rows // count):
            writer.write_table(table)
        writer.add_key_value_metadata({k: v for k, v in metadata.items() if k != b"ARROW:schema"})


def test_a_result_of_134_million_rows_is_left_out_by_its_footer(done: Path) -> None:
    result = next((done / "executions").iterdir()) / "results/taiwan_credit/lightgbm/smote/seed_1.parquet"
    rows_of_nothing(result, pq.read_schema(result).remove_metadata(), 128 << 20)
    assert result.stat().st_size < 16 << 20
    code, said = ldp(done, "analyze", "summary")
    assert code == 0
    assert "134,217,728 rows, where at most" in said
    assert "left out" in said


@pytest.mark.parametrize("part", ["X", "y"])
def test_processed_data_of_134_million_rows_are_refused_by_their_footer(part: str, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, "taiwan_credit", rows=500, seed=1)
    process(store, "taiwan_credit", Console.silent())
    path = tmp_path / f"data/processed/taiwan_credit_{part}.parquet"
    schema = pq.read_schema(path).remove_metadata()
    rows_of_nothing(path, pa.schema(list(schema)[:3]), 128 << 20)
    code, said = ldp(tmp_path, "data", "process", "taiwan_credit")
    assert code == 0, said
    assert "are more than there can be: processing again" in said


@pytest.mark.parametrize("kind", ["processed", "note"])
def test_processed_files_and_notes_of_gigabytes_are_not_read(kind: str, tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, "taiwan_credit", rows=500, seed=1)
    process(store, "taiwan_credit", Console.silent())
    notes = [path for path in (tmp_path / "data/raw").iterdir() if path.suffix == ".json"]
    sparse(tmp_path / "data/processed/taiwan_credit_y.parquet" if kind == "processed" else notes[0])
    code, said = ldp(tmp_path, "data", "process", "--force", "taiwan_credit")
    assert code == 0, said


def test_a_spec_without_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "endless.toml").symlink_to("/dev/zero")
    code, said = ldp(tmp_path, "experiment", "plan", "--spec", "endless.toml")
    assert code == 2
    assert "it is no file" in said
