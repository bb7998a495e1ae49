"""Raw files in the wild: what can be read without guessing is read, the rest is refused in words that help."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from job.console import Console
from job.data.datasets.taiwan_credit import HEADER, TARGET
from job.data.processing import process
from job.errors import RawFileInvalid, RawFileNotFound
from job.store import Store, raw_keys
from tests.job.data.rawfiles import as_csv, processed, put_raw, sample_bytes, sample_rows, zipped

TAIWAN, LENDING = "taiwan_credit", "lending_club"
Records = list[list[str]]


def taiwan(change: Callable[[Records], object] = lambda _: None) -> bytes:
    records = sample_rows(TAIWAN)
    change(records)
    return as_csv(records)


def put(row: int, column: str, value: str) -> Callable[[Records], None]:
    """Put a value into a cell; the header is row 0, so a row's number here is its line minus one."""

    def change(records: Records) -> None:
        records[row][HEADER.index(column)] = value

    return change


def rename(old: str, new: str) -> Callable[[Records], None]:
    return put(0, old, new)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    return processed(tmp_path_factory.mktemp("plain"), TAIWAN, taiwan()).fingerprint


ODDITIES: dict[str, Callable[[bytes], bytes]] = {
    "gzip": zipped,
    "a byte-order mark": lambda data: b"\xef\xbb\xbf" + data,
    "a byte-order mark and CRLF in gzip": lambda data: zipped(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n")),
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CR only": lambda data: data.replace(b"\n", b"\r"),
    "no newline at the end": lambda data: data.rstrip(b"\n"),
    "empty lines": lambda data: data.replace(b"\n", b"\n\n"),
    "rows of commas alone": lambda data: data + b"," * (len(HEADER) - 1) + b"\n",
    "every cell quoted": lambda _: as_csv(sample_rows(TAIWAN), quoting=1),  # type: ignore[arg-type]
    "blanks around cells": lambda _: as_csv([[f" {cell} " for cell in row] for row in sample_rows(TAIWAN)]),
    "UCI's header": lambda data: data.replace(TARGET.encode(), b'"default payment next month"'),
    "PAY_1 for PAY_0": lambda data: data.replace(b"PAY_0", b"PAY_1"),
    "a lower-case header": lambda data: data.split(b"\n", 1)[0].lower() + b"\n" + data.split(b"\n", 1)[1],
    "UCI's extra title line": lambda data: (
        b",X1,X2,X3,X4,X5,X6,X7,X8,X9,X10,X11,X12,X13,X14,X15,X16,X17,X18,X19,X20,X21,X22,X23,Y\n" + data
    ),
    "a title in words, and an empty line": lambda data: b"Credit card clients (Taiwan); all rights reserved\n\n" + data,
    "scientific notation": lambda _: as_csv(
        [
            [f"{float(cell):.17e}" if i and HEADER[j] == "LIMIT_BAL" else cell for j, cell in enumerate(row)]
            for i, row in enumerate(sample_rows(TAIWAN))
        ]
    ),
    "a plus sign": lambda _: as_csv(
        [
            [f"+{cell}" if i and HEADER[j] == "AGE" else cell for j, cell in enumerate(row)]
            for i, row in enumerate(sample_rows(TAIWAN))
        ]
    ),
    "percent signs": lambda _: as_csv(
        [
            [f"{cell}%" if i and HEADER[j] == "AGE" and i % 2 else cell for j, cell in enumerate(row)]
            for i, row in enumerate(sample_rows(TAIWAN))
        ]
    ),
    "thousands of other columns": lambda _: as_csv(
        [[*row, *((f"extra_{i}" if row[0] == "ID" else "x") for i in range(3000))] for row in sample_rows(TAIWAN)]
    ),
    "another column with line breaks and quotes": lambda _: as_csv(
        [[*row, "note" if row[0] == "ID" else 'said "no",\nthen\r\nyes'] for row in sample_rows(TAIWAN)]
    ),
    "another column in Latin-1": lambda data: b"\n".join(
        line + (b",note" if i == 0 else b",caf\xe9") for i, line in enumerate(data.rstrip(b"\n").split(b"\n"))
    ),
    "columns in another order": lambda _: as_csv([row[::-1] for row in sample_rows(TAIWAN)]),
}


@pytest.mark.parametrize("oddity", ODDITIES)
def test_the_same_table_is_read_whatever_it_is_wrapped_in(oddity: str, tmp_path: Path, expected: str) -> None:
    assert processed(tmp_path, TAIWAN, ODDITIES[oddity](taiwan())).fingerprint == expected


@pytest.mark.parametrize("empty", ["", "n/a", "NA", "NaN", "null"])
def test_an_empty_cell_is_a_missing_value(empty: str, tmp_path: Path) -> None:
    data = processed(tmp_path, TAIWAN, taiwan(put(4, "BILL_AMT3", empty)))
    assert np.isnan(data.X[3, data.feature_names.index("BILL_AMT3")])
    assert np.isnan(data.X).sum() == 1


def test_a_file_that_is_named_gz_and_is_not_compressed_is_read(tmp_path: Path, expected: str) -> None:
    store = Store.open(str(tmp_path))
    store.put(raw_keys(TAIWAN)[1], taiwan())
    assert process(store, TAIWAN, Console.silent()).info.fingerprint == expected


def whole(data: bytes) -> Callable[[], bytes]:
    return lambda: data


REFUSALS: dict[str, tuple[Callable[[], bytes], str]] = {
    "an empty file": (whole(b""), "is empty"),
    "blanks only": (whole(b"\n \n"), "is empty"),
    "the header alone": (lambda: taiwan(lambda r: r.__delitem__(slice(1, None))), "has a header and no rows"),
    "missing columns": (
        lambda: taiwan(lambda r: (rename("AGE", "x")(r), rename("PAY_3", "y")(r))),
        "lacks the columns AGE, PAY_3",
    ),
    "the same column twice": (lambda: taiwan(rename("ID", "age")), "has more than one column AGE"),
    "another table": (whole(b"a,b\n1,2\n"), "no header with the columns of this dataset"),
    "the last row cut off": (lambda: taiwan()[:-40], "line 301 is cut off"),
    "a row cut off in the middle": (lambda: taiwan(lambda r: r[7].__delitem__(slice(9, None))), "line 8 is cut off: 9"),
    "a row that is too long": (lambda: taiwan(lambda r: r[7].append("1")), "line 8 is too long: 26"),
    "a quotation mark that is not closed": (lambda: taiwan().replace(b"\n20,", b'\n"20,'), "cannot be read"),
    "text in a number": (lambda: taiwan(put(11, "AGE", "old")), "line 12, column AGE: 'old' is not a number"),
    "a thousands separator": (lambda: taiwan(put(2, "AGE", "1,000")), "line 3, column AGE: '1,000' is not a number"),
    "infinity": (lambda: taiwan(put(2, "AGE", "inf")), "line 3, column AGE: 'inf' is not a number"),
    "a number that is none": (lambda: taiwan(put(2, "AGE", "-nan")), "line 3, column AGE: '-nan' is not a number"),
    "minus infinity": (lambda: taiwan(put(2, "AGE", "-inf")), "line 3, column AGE: '-inf' is not a number"),
    "a number too small": (lambda: taiwan(put(2, "AGE", "-1e300")), "line 3, column AGE: '-1e300' is not a number"),
    "a number too large": (lambda: taiwan(put(2, "AGE", "1e300")), "line 3, column AGE: '1e300' is not a number"),
    "an unknown target": (lambda: taiwan(put(5, TARGET, "2")), "line 6, column default.payment.next.month: '2'"),
    "an empty target": (lambda: taiwan(put(5, TARGET, "")), "line 6, column default.payment.next.month: ''"),
    "only one class": (
        lambda: taiwan(lambda r: [put(i, TARGET, "0")(r) for i in range(1, len(r))]),
        "has 0 defaults and 300 others",
    ),
    "one row of a class": (
        lambda: taiwan(lambda r: [put(i, TARGET, str(int(i == 9)))(r) for i in range(1, len(r))]),
        "has 1 defaults and 299 others",
    ),
    "semicolons": (lambda: as_csv(sample_rows(TAIWAN), delimiter=";"), "separated by semicolons"),
    "tabs": (lambda: as_csv(sample_rows(TAIWAN), delimiter="\t"), "separated by tabs"),
    "UTF-16": (lambda: taiwan().decode().encode("utf-16"), "is UTF-16 text"),
    "a binary file": (whole(bytes(range(256)) * 40), "is a binary file"),
    "an Excel workbook": (whole(b"PK\x03\x04" + bytes(100)), "is a ZIP archive or an Excel workbook"),
    "a log-in page": (whole(b"<!DOCTYPE html><html><body>Sign in</body></html>"), "a web page, perhaps a log-in page"),
    "JSON": (whole(b'{"error": "not found"}'), "is JSON"),
    "a gzip cut off": (lambda: zipped(taiwan())[:-200], "cannot be decompressed"),
    "a damaged gzip": (
        lambda: zipped(taiwan())[:500] + b"\xff\xff\xff" + zipped(taiwan())[503:],
        "cannot be decompressed",
    ),
    "a needed cell that is not UTF-8": (
        lambda: taiwan(put(3, "AGE", "@@")).replace(b"@@", b"\xe9"),
        "line 4, column AGE",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_would_have_to_be_guessed_is_refused_and_nothing_is_written(case: str, tmp_path: Path) -> None:
    make, words = REFUSALS[case]
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, TAIWAN, make())
    assert words in caught.value.what
    assert "taiwan_credit.csv" in caught.value.what
    assert caught.value.remedy
    assert "\n" not in caught.value.what
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["taiwan_credit.csv"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_the_line_in_a_message_is_the_line_in_the_file(ends: str, tmp_path: Path) -> None:
    """Whatever stands before: title, empty lines, cells with line breaks, rows without values."""
    records = [[*row, "note" if i == 0 else f"two{ends}lines"] for i, row in enumerate(sample_rows(TAIWAN))]
    put(10, "AGE", "old")(records)
    records.insert(5, [""] * len(records[0]))
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator=ends).writerows(records)
    text = f"a title{ends}{ends}{out.getvalue()}"
    line = 1 + text[: text.index(",old,")].replace("\r\n", "\n").replace("\r", "\n").count("\n")
    with pytest.raises(RawFileInvalid, match=f"line {line}, column AGE: 'old'"):
        processed(tmp_path, TAIWAN, text.encode())


def test_a_missing_file_says_where_to_put_it_and_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(RawFileNotFound) as caught:
        process(Store.open(str(tmp_path)), TAIWAN, Console.silent())
    assert "data/raw/taiwan_credit.csv" in caught.value.what
    assert "ldp data sample taiwan_credit" in caught.value.remedy


def test_two_raw_files_are_ambiguous(tmp_path: Path) -> None:
    store = put_raw(tmp_path, TAIWAN, taiwan())
    store.put(raw_keys(TAIWAN)[1], zipped(taiwan()))
    with pytest.raises(RawFileInvalid, match="two raw files"):
        process(store, TAIWAN, Console.silent())


FOOTERS = [
    b"Total amount funded in policy code 1: 460296150\n",
    b'"Total amount funded in policy code 2: 0"\n\n',
    b"Loans that do not meet the credit policy" + b"," * 150 + b"\n",
]


def test_lending_clubs_titles_and_footers_are_passed_over(tmp_path: Path) -> None:
    plain = sample_bytes(LENDING)
    lines = plain.splitlines(keepends=True)
    title = b"Notes offered by Prospectus (https://www.example.org/info/prospectus.action)\n"
    odd = title + b"".join([*lines[:100], FOOTERS[2], *lines[100:], *FOOTERS])
    expected = processed(tmp_path / "plain", LENDING, plain)
    assert processed(tmp_path / "odd", LENDING, odd).fingerprint == expected.fingerprint


def test_a_line_in_a_message_counts_footers_too(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    place = records[0].index("loan_status")
    records[200][place] = "Lost"
    lines = as_csv(records).splitlines(keepends=True)
    with pytest.raises(RawFileInvalid, match="line 202, column loan_status: 'Lost'"):
        processed(tmp_path, LENDING, b"".join([*lines[:100], FOOTERS[0], *lines[100:]]))
