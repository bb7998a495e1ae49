"""Blocks: wherever a file is cut, and however it is compressed, the same cells come out."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.data.raw import blocks, columns
from job.data.raw.between import Between
from job.data.raw.blocks import parse_in_order, parse_side_by_side
from job.data.raw.columns import Cells, Odd
from job.data.raw.parser import Layout
from tests.job.data.rawfiles import processed, sample_bytes, zipped

HEADER = ("text", "number", "other")
LAYOUT = Layout(3, {"number": 1}, {"text": 0}, Between(HEADER, {"text": 0, "number": 1}, frozenset(), (HEADER,)))
Rows = list[list[str]]

CELLS = st.text(st.sampled_from('ab ",\n%'), max_size=6)
NUMBERS = st.one_of(st.integers(-9, 99).map(str), st.sampled_from(["", "n/a", "1.5%", " 7 ", "+3", "1e3"]))
ROWS = st.lists(st.tuples(st.sampled_from(["x", "y", " z ", "w\nv"]), NUMBERS, CELLS), min_size=1, max_size=40)


def as_bytes(rows: Rows) -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def read(parts: list[Cells]) -> tuple[list[str], list[str]]:
    """Every cell as text: the names, and the numbers as pandas would show them."""
    names = [part.texts["text"].values[code] for part in parts for code in part.texts["text"].codes]
    pieces = [piece for part in parts for piece in part.numbers["number"]]
    shown = []
    for piece in pieces:
        for cell in piece.tolist() if not hasattr(piece, "to_pylist") else piece.to_pylist():
            text = str(cell)
            plain = {"": "nan", "n/a": "nan", "+3": "3.0"}.get(text)
            shown.append(plain or (text if text.endswith("%") else str(float(text))))
    return names, shown


@settings(max_examples=300, deadline=None)
@given(ROWS, st.integers(1, 60), st.integers(1, 20))
def test_wherever_a_file_is_cut_the_same_cells_come_out(rows: Rows, block: int, part: int) -> None:
    data = as_bytes([list(row) for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block)
        patch.setattr(columns, "PART_ROWS", part)
        wanted = read(parse_in_order(io.BytesIO(data), LAYOUT))
        assert read(parse_side_by_side(io.BytesIO(data), LAYOUT)) == wanted
    assert len(wanted[0]) == len(rows)


BYTES = st.lists(
    st.sampled_from([b"\xff", b"\xc3", b"\xa4", b"\xe2\x82", b"\xed\xa0\x80", "ä€".encode(), b"x"]), max_size=4
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(BYTES, BYTES), min_size=1, max_size=20), st.integers(1, 60))
def test_wherever_a_file_is_cut_what_is_not_utf_8_is_replaced_alike(
    rows: list[tuple[list[bytes], list[bytes]]], block: int
) -> None:
    data = b"".join(b"n%b,1,%b\n" % (b"".join(text), b"".join(other)) for text, other in rows)
    wanted = [row.split(",")[0] for row in data.decode("utf-8", "replace").splitlines()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_BYTES", block)
        assert read(parse_side_by_side(io.BytesIO(data), LAYOUT))[0] == wanted
        assert read(parse_in_order(io.BytesIO(data), LAYOUT))[0] == wanted


def test_a_cut_inside_a_cell_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stray quotation mark misleads the count, so that a block would end within the cell with the line break."""
    data = b'a,1,5" nail\n' * 3 + b'b,2,"two\nlines"\n' + b"c,3,x\n" * 3
    monkeypatch.setattr(blocks, "BLOCK_BYTES", data.index(b"two") + 4)
    with pytest.raises(Odd, match="does not end where it seems to end"):
        parse_side_by_side(io.BytesIO(data), LAYOUT)
    assert read(parse_in_order(io.BytesIO(data), LAYOUT)) == (
        ["a"] * 3 + ["b"] + ["c"] * 3,
        list_of("1.0", "2.0", "3.0"),
    )


def list_of(first: str, second: str, third: str) -> list[str]:
    return [first] * 3 + [second] + [third] * 3


@pytest.mark.parametrize("name", ["lending_club", "taiwan_credit", "corporate_credit_rating"])
def test_a_gzip_a_plain_and_a_chunked_read_give_the_same_answer(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sample_bytes(name)
    plain = processed(tmp_path / "plain", name, data).fingerprint
    assert processed(tmp_path / "gzip", name, zipped(data)).fingerprint == plain
    monkeypatch.setattr(blocks, "BLOCK_BYTES", 777)
    monkeypatch.setattr(columns, "PART_ROWS", 50)
    assert processed(tmp_path / "chunked", name, data).fingerprint == plain
    assert processed(tmp_path / "both", name, zipped(data)).fingerprint == plain


def test_a_line_in_a_message_is_right_in_a_later_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from job.errors import RawFileInvalid

    monkeypatch.setattr(blocks, "BLOCK_BYTES", 777)
    monkeypatch.setattr(columns, "PART_ROWS", 50)
    lines = sample_bytes("taiwan_credit").split(b"\n")
    cells = lines[251].split(b",")
    lines[251] = b",".join([cells[0], b"old", *cells[2:]])
    with pytest.raises(RawFileInvalid, match="line 252, column LIMIT_BAL: 'old' is not a number"):
        processed(tmp_path, "taiwan_credit", b"\n".join(lines))
