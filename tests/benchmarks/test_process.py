"""What the benchmark of processing measures on."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmarks.process import repeat

HEADER = b'"id","loan_amnt"\r\n'
LOANS = [b"1,100", b"2,200", b"3,300"]


@pytest.mark.parametrize("compressed", [False, True])
def test_loans_are_repeated_under_ids_of_their_own_and_what_is_no_loan_is_left_out(
    tmp_path: Path, compressed: bool
) -> None:
    preface = b"Notes offered by Prospectus\n"
    content = (
        preface + HEADER + LOANS[0] + b"\r\n" + LOANS[1] + b"\n\nTotal amount funded in policy code 1: 7,\n" + LOANS[2]
    )
    real = tmp_path / ("real.csv.gz" if compressed else "real.csv")
    real.write_bytes(gzip.compress(content) if compressed else content)
    repeat(real, tmp_path / "raw.csv", 7)
    lines = (tmp_path / "raw.csv").read_bytes().splitlines()
    again = [b"4,100", b"5,200", b"6,300", b"7,100"]
    assert lines == [HEADER.strip(), *LOANS, *again]


def test_a_file_without_loans_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_bytes(HEADER)
    with pytest.raises(SystemExit, match="has no loans"):
        repeat(tmp_path / "real.csv", tmp_path / "raw.csv", 7)
