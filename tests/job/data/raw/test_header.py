"""Headers: UCI's names without a meaning, two headers, separators, and what older copies lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.data.datasets.taiwan_credit import HEADER, TARGET
from job.errors import RawFileInvalid
from tests.job.data.rawfiles import as_csv, processed, sample_bytes, sample_rows

TAIWAN, LENDING = "taiwan_credit", "lending_club"
Records = list[list[str]]
CODES = [*(f"X{i}" for i in range(1, 24)), "Y"]


def headed(header: list[str], records: Records | None = None) -> Records:
    return [header, *(records or sample_rows(TAIWAN))[1:]]


def without_first(records: Records) -> Records:
    return [row[1:] for row in records]


NAMED: dict[str, Callable[[], Records]] = {
    "UCI's codes": lambda: headed(["ID", *CODES]),
    "UCI's codes in small letters": lambda: headed(["id", *map(str.lower, CODES)]),
    "codes without ID": lambda: without_first(headed(["", *CODES])),
    "small codes without ID": lambda: without_first(headed(["", *map(str.lower, CODES)])),
    "codes behind an index": lambda: headed(["", *CODES]),
    "codes and class": lambda: without_first(headed(["", *map(str.lower, CODES[:-1]), "class"])),
    "names and y": lambda: headed([*HEADER[:-1], "y"]),
    "codes above the names": lambda: [["", *CODES], *sample_rows(TAIWAN)],
    "names above the codes": lambda: [list(HEADER), *headed(["ID", *CODES])],
    "a title, codes and names": lambda: [["UCI data set 350"], ["", *CODES], *sample_rows(TAIWAN)],
    "names, and other columns that look like codes": lambda: [
        [*row, *(["X5", "y", "class"] if i == 0 else ["1", "2", "a"])] for i, row in enumerate(sample_rows(TAIWAN))
    ],
}


@pytest.mark.parametrize("named", NAMED)
def test_ucis_distribution_is_read_like_the_named_columns(named: str, tmp_path: Path) -> None:
    plain = processed(tmp_path / "plain", TAIWAN, sample_bytes(TAIWAN))
    assert processed(tmp_path / "named", TAIWAN, as_csv(NAMED[named]())).fingerprint == plain.fingerprint


def test_a_code_does_not_stand_for_a_column_that_a_named_file_lacks(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    records[0][HEADER.index("AGE")] = "X5"
    with pytest.raises(RawFileInvalid, match="line 1 lacks the columns AGE"):
        processed(tmp_path, TAIWAN, as_csv(records))


def test_two_headers_that_disagree_are_refused_with_both_lines(tmp_path: Path) -> None:
    records = [["", *reversed(CODES[:-1]), "Y"], *sample_rows(TAIWAN)]
    with pytest.raises(RawFileInvalid, match="two headers, in lines 1 and 2, that"):
        processed(tmp_path, TAIWAN, as_csv(records))


SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize(
    ("before", "line"),
    [([], 1), ([["", *CODES]], 1), ([["sep={}"]], 2), ([["Credit card clients"], [""]], 3)],
    ids=["alone", "two headers", "Excel's line", "titles"],
)
def test_another_separator_is_named_with_its_line(separator: str, before: Records, line: int, tmp_path: Path) -> None:
    before = [[cell.format(separator) for cell in row] for row in before]
    records = [
        *before,
        *([cell.replace(".", ",") for cell in row] if i else row for i, row in enumerate(sample_rows(TAIWAN))),
    ]
    with pytest.raises(RawFileInvalid) as caught:
        processed(
            tmp_path, TAIWAN, as_csv(records, delimiter=separator).replace(b'"sep=', b"sep=").replace(b';"\n', b";\n")
        )
    assert f"line {line}, are separated by {SEPARATORS[separator]}" in caught.value.what
    assert "commas between the columns and points in the numbers" in caught.value.remedy


def test_lines_that_are_quoted_as_a_whole_are_named(tmp_path: Path) -> None:
    lines = sample_bytes(TAIWAN).decode().replace('"', "").splitlines()
    with pytest.raises(RawFileInvalid, match="line 1, are separated by commas within quotation marks"):
        processed(tmp_path, TAIWAN, "".join(f'"{line}"\n' for line in lines).encode())


LATE = ["acc_open_past_24mths", "avg_cur_bal", "inq_fi", "percent_bc_gt_75", "total_rev_hi_lim"]


def test_an_older_vintage_is_told_what_it_lacks_and_what_to_do_is_true(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    kept = [i for i, name in enumerate(records[0]) if name not in LATE]
    old = [[row[i] for i in kept] for row in records]
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path / "old", LENDING, as_csv(old))
    assert all(name in caught.value.what for name in LATE)
    assert "line 1 lacks the columns" in caught.value.what
    assert "add them with empty cells, which count as missing" in caught.value.remedy
    added = [[*row, *(LATE if i == 0 else [""] * len(LATE))] for i, row in enumerate(old)]
    assert processed(tmp_path / "added", LENDING, as_csv(added)).X.shape[1] == 42


def test_a_column_that_cannot_be_empty_has_another_remedy(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    records[0][HEADER.index(TARGET)] = "other"
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, TAIWAN, as_csv(records))
    assert "line 1 lacks the columns default.payment.next.month" in caught.value.what
    assert "empty" not in caught.value.remedy
