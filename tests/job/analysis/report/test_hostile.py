"""Text from outside stays text, whatever it holds: on the page, in its plots, in tables for spreadsheets and LaTeX."""

from __future__ import annotations

import csv
import io
from dataclasses import fields, is_dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.analysis import tables
from job.analysis.report.blocks import Page
from job.analysis.report.content import gather
from job.analysis.report.figures import Plots, named
from job.analysis.report.page import page_of, rendered
from job.analysis.wording import Wording
from job.console import Console
from tests.job.analysis.plots.planted import execution_of
from tests.job.analysis.report.test_page import Read

PIECES = (
    "<script>alert(1)</script>", "</style>", "</script>", "]]>", "<!--", "-->", "<svg onload=alert(1)>", '" onfocus="',
    "' autofocus '", "{{ 7*7 }}", "{% raw %}", "&lt;", "&#60;", "javascript:", "</title>", "\u202e", "\x1b[31m", "\x00",
    "$x^2$", "<img src=x onerror=alert(1)>", "\n", "\r",
)  # fmt: skip
HOSTILE = st.lists(st.sampled_from(PIECES) | st.text(max_size=8), min_size=1, max_size=4).map("".join)
KEPT = {"id", "svg", "language", "order", "numeric", "marked", "names", "english", "level"}


def with_text(value: Any, text: str) -> Any:
    """Return a part of a page with every text in it replaced."""
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(with_text(one, text) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        changed = {one.name: with_text(getattr(value, one.name), text) for one in fields(value) if one.name not in KEPT}
        return replace(value, **changed)
    return value


@pytest.fixture(scope="module")
def page() -> Page:
    gone = gather(*execution_of([1, 2, 3], lambda unit: unit.seed == 3, synthetic=True), "roc_auc", Console.silent())
    return page_of(replace(gone, damaged=("one",)), Plots(), Wording.of("en_US"))


@settings(max_examples=25)
@given(text=HOSTILE)
def test_no_text_changes_what_a_page_is_made_of(page: Page, text: str) -> None:
    plain, hostile = (Read(rendered(with_text(page, one), Wording.of("en_US"))) for one in ("plain", f"a{text}"))
    outline = [[(tag, sorted(attributes)) for tag, attributes in one.elements] for one in (plain, hostile)]
    assert outline[0] == outline[1]
    assert [len(one.raw["script"]) for one in (plain, hostile)] == [1, 1]
    assert hostile.raw["script"] == plain.raw["script"]


def test_nothing_turns_the_direction_of_writing_around(page: Page) -> None:
    html = rendered(with_text(page, "evil\u202egnp.exe"), Wording.of("en_US"))
    assert "\u202e" not in html
    assert r"\u202e" in html


@given(title=HOSTILE, alt=HOSTILE)
def test_a_plot_is_named_by_text_alone(title: str, alt: str) -> None:
    svg = named('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"><g/></svg>', "p", title, alt)
    root = ET.fromstring(svg)
    assert [child.tag.rpartition("}")[2] for child in root] == ["title", "desc", "g"]
    assert set(root.attrib) == {"viewBox", "role", "aria-labelledby"}


@given(text=st.sampled_from("=+-@\t\r＝＋－＠").flatmap(lambda first: HOSTILE.map(lambda rest: first + rest)))
def test_no_cell_of_a_csv_begins_a_formula(text: str) -> None:
    written = tables.to_csv([{"name": text, "value": -1.5, "values": [-1.5, 2.0], "listed": [text]}]).decode()
    (row,) = csv.DictReader(io.StringIO(written, newline=""))
    for name in ("name", "listed"):
        assert row[name][:1] not in tuple("=+-@\t\r＝＋－＠") or set(row[name]) <= set("+-.0123456789eE ")
    assert (row["value"], row["values"]) == ("-1.5", "-1.5 2.0")


@pytest.mark.parametrize(
    ("text", "cell"),
    [("=1+1", "'=1+1"), ("-2.5", "-2.5"), ("-1+cmd|' /C calc'!A0", "'-1+cmd|' /C calc'!A0"), ("@SUM(A1)", "'@SUM(A1)")],
)
def test_formulas_have_an_apostrophe_and_numbers_have_none(text: str, cell: str) -> None:
    assert tables.harmless_cell(text) == cell


@given(text=HOSTILE)
def test_latex_sees_no_command_of_a_text(text: str) -> None:
    latex = tables.to_latex([{"name": text, "other": "x"}], ["name", "other"])
    lines = latex.split("\n")
    assert len(lines) == 8
    body = lines[4]
    for known in tables.LATEX.values():
        body = body.replace(known, "")
    assert not set(body.removesuffix("\\\\").replace(" & x ", "")) & set("\\$%#_{}~^&[]*")
