"""The alarm on a file of a user's own: what was taken as a feature although it was known later, and what was not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job.data.processing import process
from job.store import Store, declaration_key, raw_keys
from tests.job.data.declarations.strangers import wide
from tests.job.data.ear import Ear

DECLARATION = """
[target]
column = "default"
bad = ["1"]
good = ["0"]
"""
LEAKS = {
    "recovered": "leak_one_class",
    "written_off": "leak_one_class",
    "score_at_end": "leak_separates",
    "loan_number": "leak_key",
}


def told(tmp_path: Path, features: list[str], more: str = "", data: bytes | None = None) -> list[tuple[str, str]]:
    """Event and message of each warning."""
    wide(tmp_path / "wide.csv")
    store = Store.open("memory:///")
    store.put(raw_keys("wide")[0], data or (tmp_path / "wide.csv").read_bytes())
    declared = "".join(f'[features.{name}]\nkind = "number"\n' for name in features)
    store.put(declaration_key("wide"), (DECLARATION + more + declared).encode())
    ear = Ear()
    process(store, "wide", ear)
    said = zip(ear.heard, ear.messages, strict=True)
    return [(event, message) for (level, event), message in said if level == "warning" and event.startswith("leak")]


def ordinary_columns(tmp_path: Path) -> list[str]:
    wide(tmp_path / "wide.csv")
    header = (tmp_path / "wide.csv").read_text().splitlines()[0].split(",")
    return [name for name in header if re.fullmatch(r"x[0-9]{3}", name)]


def test_of_three_hundred_columns_those_that_leak_are_named(tmp_path: Path) -> None:
    ordinary = ordinary_columns(tmp_path)
    assert len(ordinary) > 250
    found = told(tmp_path, [*ordinary, *LEAKS])
    named = {str(re.search(r"column (\w+)", message)[1]): event for event, message in found}  # type: ignore[index]
    assert named == LEAKS


def test_without_those_columns_nothing_is_said(tmp_path: Path) -> None:
    later = '[known_later]\ncolumns = ["recovered", "score_at_end"]\n'
    assert told(tmp_path, ordinary_columns(tmp_path), later) == []


@pytest.mark.parametrize("kind", ["numbers", "names"])
def test_features_that_give_back_what_is_declared_as_known_later_are_told(kind: str, tmp_path: Path) -> None:
    wide(tmp_path / "wide.csv")
    header, *rows = (tmp_path / "wide.csv").read_text().splitlines()
    place = header.split(",").index("x007")
    values = [float(row.split(",")[place]) for row in rows]
    later = [f"{3 * one + 1:.4f}" if kind == "numbers" else "high" if one > 0.3 else "low" for one in values]
    data = "\n".join([f"{header},later", *(f"{row},{one}" for row, one in zip(rows, later, strict=True))]).encode()
    found = told(tmp_path, ["x007", "x008"], '[known_later]\ncolumns = ["later"]\n', data)
    assert {event for event, _ in found} == {"leak_known_later"}
    assert all("the features give later" in message and "most of it from x007" in message for _, message in found)
