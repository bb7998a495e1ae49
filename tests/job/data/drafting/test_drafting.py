"""What is guessed of a file by looking at it, and that no file makes the drafting fail in a way that is not ours."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job.cli.data_init import draft
from job.console import Console
from job.data.declarations.declaration import Declaration
from job.data.declarations.kinds import Number
from job.data.declarations.stored import find_declaration
from job.data.drafting.guessing import guess, guess_encoding
from job.data.processing import process
from job.errors import LdpError, RawFileInvalid
from job.store import Store


def guessed(text: str, **how):
    return guess(text.encode(), "file", "utf-8", how.get("separator"), how.get("columns", ()), how.get("header"))


@pytest.mark.parametrize(
    ("text", "separator", "decimal", "thousands"),
    [
        ("a,b,c\n1,2.5,x\n2,3.5,y\n", ",", ".", ""),
        ("a;b;c\n1;2,5;x\n2;3,5;y\n", ";", ",", ""),
        ("a\tb\tc\n1\t2,5\tx, y\n2\t3,5\ty\n", "\t", ",", ""),
        ("a|b|c\n1|2.5|x\n2|3.5|y\n", "|", ".", ""),
        ("a b c\n1 2.5 x\n2 3.5 y\n", " ", ".", ""),
        ('a,b,c\n1,"1,234.5",x\n2,"2,345,678.5",y\n', ",", ".", ","),
        ("a;b;c\n1;1.234,5;x\n2;2.345.678,5;y\n", ";", ",", "."),
        ("a;b;c\n1;1 234,5;x\n2;2 345 678,5;y\n", ";", ",", " "),
        ("a,b,c\n1,1'234.5,x\n2,2'345'678.5,y\n", ",", ".", "'"),
        ("a;b;c\n1;1.234;x\n2;2.345;y\n", ";", ".", ""),  # numbers between 1 and 3, as far as anybody can tell
    ],
)
def test_separators_and_marks(text: str, separator: str, decimal: str, thousands: str) -> None:
    found = guessed(text)
    assert found.names == ("a", "b", "c")
    assert (found.dialect.separator, found.dialect.decimal, found.dialect.thousands) == (separator, decimal, thousands)


def test_a_first_row_with_numbers_or_values_that_come_again_is_no_header() -> None:
    assert guessed("A11 6 x\nA12 7 y\n").names == ("c1", "c2", "c3")
    assert guessed("x,y\n" + "x,y\ny,x\n" * 3).names == ("c1", "c2")
    assert guessed("2010,2011\n1,2\n", header=True).names == ("2010", "2011")
    assert guessed("1,2\n3,4\n", columns=("a", "b")).names == ("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "id,amount,note,bad\n" + "1,100,late, twice,1\n2,200,never, so far,0\n" * 5,  # a separator within cells
        "amount,note,bad\n" + "1,100,late,1\n2,200,never,0\n" * 5,  # a row's name in front, as R writes it
    ],
)
def test_names_that_do_not_fit_the_rows_are_refused_and_not_taken_for_a_title(text: str) -> None:
    with pytest.raises(RawFileInvalid, match=r"its first line has [34] names, and its rows have [45] cells"):
        guessed(text)
    titled = "loans of 2019\n" + "id,amount,bad\n" + "1,100,1\n2,200,0\n" * 5
    assert guessed(titled).names == ("id", "amount", "bad")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_show_themselves(encoding: str) -> None:
    found = guess_encoding("Straße;Höhe\nMünchen;1\n".encode(encoding))
    assert found == {"utf-8-sig": "utf-8", "utf-16-le": "utf-16", "utf-16-be": "utf-16"}.get(encoding, encoding)


def drafted(folder: Path, text: str) -> Declaration:
    path = folder / "file.csv"
    path.write_text(text)
    with mock.patch.dict(os.environ, {"LDP_STORAGE_URL": str(folder / "store")}):
        assert attempted(path) is None
    found = find_declaration(Store.open(str(folder / "store")), "mine")
    assert found is not None
    return found


def test_more_columns_than_there_can_be_features_are_left_out_with_that_reason(tmp_path: Path) -> None:
    lines = [",".join([*(f"x{i}" for i in range(1100)), "y"])]
    lines += [",".join([*(str((i * j) % 97 + j / 100) for i in range(1, 1101)), str(j % 2)]) for j in range(60)]
    assert len(drafted(tmp_path, "\n".join(lines)).features) == 1000
    assert "# x1099: there can be 1,000 columns of features" in (tmp_path / "store/data/raw/mine.toml").read_text()


def test_features_that_would_become_the_same_column_are_told_apart(tmp_path: Path) -> None:
    rows = "".join(f"{'uv'[i % 2]},{i % 37 + 0.5},{i % 3 % 2}\n" for i in range(200))
    found = drafted(tmp_path, "a,a_v,y\n" + rows)
    assert [feature.name for feature in found.features] == ["a"]


def test_a_column_that_is_mostly_nought_at_first_is_a_number(tmp_path: Path) -> None:
    rows = "".join(f"{i * 1.5 if i > 3000 else 0},{i % 7 * 0.1},{i % 2}\n" for i in range(6000))
    found = {feature.name: feature for feature in drafted(tmp_path, "late,x,y\n" + rows).features}
    assert isinstance(found["late"], Number)


CELLS = st.sampled_from(
    [
        "",
        "0",
        "1",
        "2.5",
        "1,5",
        "-999",
        "1.234,5",
        "n/a",
        "x",
        "ü",
        '"',
        "'",
        "2015-01-01",
        "01.02.2015",
        "1e9",
        "a b",
        "\x00",
    ]
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    separator = draw(st.sampled_from([",", ";", "\t", " ", "|"]))
    width = draw(st.integers(1, 5))
    names = draw(st.lists(st.one_of(CELLS, st.text(max_size=5)), min_size=width, max_size=width))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=0, max_size=12))
    text = "\n".join(separator.join([*row, "01"[i % 2]]) for i, row in enumerate(rows * draw(st.integers(1, 20))))
    data = (separator.join([*names, "y"]) + "\n" + text).encode(draw(st.sampled_from(["utf-8", "utf-16"])), "replace")
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.sampled_from([b"", b"", b"\xff", b"\n", b'"', b"\x00"])) + data[at:]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(files())
def test_any_file_is_drafted_or_refused_and_what_is_drafted_can_be_read(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_bytes(data)
        store = Store.open(f"{folder}/store")
        with mock.patch.dict(os.environ, {"LDP_STORAGE_URL": f"{folder}/store"}):
            refused = attempted(path)
        if refused is None:
            assert find_declaration(store, "mine") is not None
            processed_or_refused(store)
        else:
            assert str(refused).isprintable()
            assert find_declaration(store, "mine") is None


def attempted(path: Path) -> LdpError | None:
    nothing = dict.fromkeys(("group", "time", "time_format", "key", "columns", "separator", "header"))
    try:
        draft(path, name="mine", target="y", bad=("1",), good=(), drop=(), force=False, **nothing)
    except LdpError as error:
        return error
    return None


def processed_or_refused(store: Store) -> None:
    try:
        process(store, "mine", Console.silent())
    except LdpError as error:
        assert str(error).isprintable()  # noqa: PT017 - either is right
