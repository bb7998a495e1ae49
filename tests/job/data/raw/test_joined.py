"""Files of several quarters put together: their titles, headers and footers in between are passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.data.raw import blocks
from job.errors import RawFileInvalid
from tests.job.data.rawfiles import as_csv, processed, sample_bytes, sample_rows, zipped

TAIWAN, LENDING = "taiwan_credit", "lending_club"
TITLE = b"Notes offered by Prospectus (https://www.example.org/info/prospectus.action)\n"
FOOTER = b"\nTotal amount funded in policy code 1: 1000\nTotal amount funded in policy code 2: 0\n"


def quarters(title: bytes = TITLE, footer: bytes = FOOTER) -> list[bytes]:
    """Two quarterly files; their loans together are the sample."""
    lines = sample_bytes(LENDING).splitlines(keepends=True)
    return [title + lines[0] + b"".join(part) + footer for part in (lines[1:150], lines[150:])]


JOINED = {
    "as Lending Club's own files are": b"".join(quarters()),
    "without footers": b"".join(quarters(footer=b"")),
    "without titles": b"".join(quarters(title=b"")),
    "with a title that only the first has": quarters()[0] + quarters(title=b"")[1],
    "with a title that only the second has": quarters(title=b"")[0] + quarters()[1],
    "with a title of their own": b"".join(quarters(b'"Loans, all of them",,\n')),
    "with a title of full width": b"".join(quarters(b"Loans" + b"," * 150 + b"\n")),
    "with a byte-order mark each": b"".join(b"\xef\xbb\xbf" + one for one in quarters()),
    "with other line ends": b"".join(quarters()).replace(b"\n", b"\r\n"),
    "with a header in capitals": quarters()[0] + quarters()[1].replace(b"loan_amnt", b"LOAN_AMNT"),
    "as members of one gzip": b"".join(map(zipped, quarters())),
    "as members with a byte-order mark": b"".join(zipped(b"\xef\xbb\xbf" + one) for one in quarters()),
    "with the marks of R": b"".join(
        quarters(footer=b'"Total amount funded in policy code 1: 9"' + b",NA" * 150 + b"\n")
    ),
}


@pytest.mark.parametrize("block", [777, 1 << 20])
@pytest.mark.parametrize("joined", JOINED)
def test_two_quarters_together_are_read_as_what_they_are(
    joined: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", block)
    plain = processed(tmp_path / "plain", LENDING, sample_bytes(LENDING))
    assert processed(tmp_path / "joined", LENDING, JOINED[joined]).fingerprint == plain.fingerprint


@pytest.mark.parametrize("headers", [1, 2])
def test_ucis_two_headers_may_come_again_too(headers: int, tmp_path: Path) -> None:
    lines = sample_bytes(TAIWAN).splitlines(keepends=True)
    codes = b"," + b",".join(b"X%d" % i for i in range(1, 24)) + b",Y\n"
    head = (codes if headers == 2 else b"") + lines[0]
    joined = head + b"".join(lines[1:100]) + head + b"".join(lines[100:])
    plain = processed(tmp_path / "plain", TAIWAN, sample_bytes(TAIWAN))
    assert processed(tmp_path / "joined", TAIWAN, joined).fingerprint == plain.fingerprint


def test_a_line_in_a_message_counts_titles_and_headers_in_between(tmp_path: Path) -> None:
    whole = b"".join(quarters())
    lines = whole.split(b"\n")
    line = len(lines) - 10
    lines[line - 1] = lines[line - 1].replace(b"Fully Paid", b"Lost").replace(b"Charged Off", b"Lost")
    lines[line - 1] = lines[line - 1].replace(b"Current", b"Lost")
    with pytest.raises(RawFileInvalid, match=f"line {line}, column loan_status: 'Lost'"):
        processed(tmp_path, LENDING, b"\n".join(lines))


def test_a_second_header_in_another_order_is_refused_by_its_line(tmp_path: Path) -> None:
    records = sample_rows(TAIWAN)
    other = [row[::-1] for row in (records[0], *records[100:])]
    with pytest.raises(RawFileInvalid) as caught:
        processed(tmp_path, TAIWAN, as_csv([*records[:100], *other]))
    assert "line 101 is another header, with other columns than line 1, or in another order" in caught.value.what
    assert "Join only files whose columns are the same" in caught.value.remedy


def test_a_second_header_of_another_width_is_refused_by_its_line(tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    other = [row[:111] for row in (records[0], *records[100:])]
    with pytest.raises(RawFileInvalid, match="line 101 is another header, with 111 columns where line 1 has 151"):
        processed(tmp_path, LENDING, as_csv([*records[:100], *other]))


def test_a_line_that_is_no_title_is_not_passed_over(tmp_path: Path) -> None:
    lines = sample_bytes(LENDING).splitlines(keepends=True)
    lines.insert(100, b"Something else altogether\n")
    with pytest.raises(RawFileInvalid, match="line 101 is cut off: 1 cells where the header has 151"):
        processed(tmp_path, LENDING, b"".join([TITLE.replace(b"Notes", b"Loans"), *lines])[len(TITLE) :])
