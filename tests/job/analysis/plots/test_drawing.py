"""Every plot as a page takes it: text as text, safe with any name, the same bytes each time, small, translated."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from job.analysis.plots import PLOTS, Plot, PlotData, Style, head, heading, standalone_svg, to_png, to_svg
from job.analysis.plots.cells import contrast, ink_on, shade
from job.analysis.plots.files import files_of, stem
from job.analysis.plots.style import PALETTE
from job.analysis.wording import Wording
from job.executions.executions import Execution
from job.store import Store
from tests.job.analysis.plots.planted import data_of, execution_of

SVG = "{http://www.w3.org/2000/svg}"
LARGEST = 60_000
ENGLISH, PORTUGUESE = Wording.of("en_US"), Wording.of("pt_BR")


@pytest.fixture(scope="module")
def done() -> tuple[Store, Execution]:
    return execution_of([1, 2, 3])


@pytest.fixture(scope="module")
def drawn(done: tuple[Store, Execution]) -> dict[str, str]:
    return {plot.id: svg_of(plot, of(plot, done)) for plot in PLOTS}


def of(plot: Plot, done: tuple[Store, Execution]) -> PlotData:
    return data_of(*done, dataset=None if plot.across else "taiwan_credit")


def svg_of(plot: Plot, data: PlotData, wording: Wording = ENGLISH) -> str:
    figure = plot.draw(data, Style(wording))
    assert figure is not None
    return to_svg(figure, plot.id)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(svg).iter(f"{SVG}text")]


def test_every_plot_is_drawn_small_and_with_its_text_as_text(drawn: dict[str, str]) -> None:
    assert len(drawn) == 16
    for name, svg in drawn.items():
        assert len(svg) < LARGEST, name
        assert len(texts(svg)) >= 5, name
        assert "<image" not in svg, name
    assert "Random forest × SMOTE" in texts(drawn["comparison"])


def test_a_page_that_allows_no_inline_style_shows_them(drawn: dict[str, str]) -> None:
    named = {f"{what}-{name}" for what in ("fill", "stroke") for name in PALETTE}
    for name, svg in drawn.items():
        assert svg.startswith("<svg ")
        root = ET.fromstring(svg)
        assert "style" not in {key for element in root.iter() for key in element.attrib}, name
        assert not list(root.iter(f"{SVG}style")), name
        classes = {one for element in root.iter() for one in element.get("class", "").split()}
        assert {"fill-ink", "stroke-muted"} & classes, name
        assert classes <= named, name
        assert not any(colour in svg for colour in PALETTE.values()), f"{name}: a colour of the palette as such"


def test_ids_begin_with_the_plots_own_and_every_reference_is_met(drawn: dict[str, str]) -> None:
    for name, svg in drawn.items():
        ids = re.findall(r'\bid="([^"]+)"', svg)
        assert len(ids) == len(set(ids)), name
        assert all(one.startswith(f"{name}-") for one in ids), name
        assert set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg)) <= set(ids), name


def test_the_same_results_give_the_same_bytes_whatever_the_users_settings(
    done: tuple[Store, Execution], drawn: dict[str, str]
) -> None:
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "text.usetex": True, "axes.grid": True}):
        for plot in PLOTS:
            assert svg_of(plot, of(plot, done)) == drawn[plot.id], plot.id
    plot = PLOTS[0]
    figures = [plot.draw(of(plot, done), Style(ENGLISH)) for _ in range(2)]
    first, second = (to_png(figure) for figure in figures if figure is not None)
    assert first == second
    assert first.startswith(b"\x89PNG")
    assert b"Matplotlib" not in first


def test_every_plot_has_its_finding_and_is_in_portuguese_too(
    done: tuple[Store, Execution], drawn: dict[str, str]
) -> None:
    for plot in PLOTS:
        data = of(plot, done)
        english, portuguese = plot.alt(data, ENGLISH), plot.alt(data, PORTUGUESE)
        assert english.endswith(".")
        assert "{" not in english + portuguese
        assert english != portuguese, plot.id
        assert texts(svg_of(plot, data, PORTUGUESE)) != texts(drawn[plot.id]), plot.id
    numbers = [text for text in texts(svg_of(PLOTS[0], of(PLOTS[0], done), PORTUGUESE)) if text[:2].isdigit()]
    assert not numbers
    assert any(re.fullmatch(r"0,\d+", text) for text in texts(svg_of(PLOTS[0], of(PLOTS[0], done), PORTUGUESE)))


@given(st.floats(0, 1))
def test_numbers_in_cells_can_be_read_on_every_shade(depth: float) -> None:
    assert contrast(ink_on(depth), shade(depth)) >= 4.5
    assert {ink_on(depth), shade(depth)}.isdisjoint(PALETTE.values())  # or a dark page would change one of the two


def test_darker_cells_are_darker_in_grey() -> None:
    on_white = [contrast(shade(depth / 20), "#ffffff") for depth in range(21)]
    assert on_white == sorted(on_white)
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


HOSTILE = st.text(st.characters(exclude_categories=["C"]), min_size=1, max_size=25)
ODD = (r"$\frac{1}{0}$", "$x$", "</svg><script>alert(1)</script>", '" onload="x', "&amp;", "{x}", "a\nb", "\x00", "％")
ALLOWED = {"svg", "g", "defs", "path", "use", "text", "clipPath", "rect"}


@cache
def _one_seed() -> PlotData:
    return data_of(*execution_of([1], lambda unit: unit.dataset != "taiwan_credit" or unit.model != "mlp"))


@settings(max_examples=15)
@given(st.sampled_from(ODD) | HOSTILE)
@example(ODD[0])
@example(ODD[2])
@example(ODD[-3])
@example(ODD[-2])
def test_hostile_names_stay_text(name: str) -> None:
    data = _one_seed()
    named = {unit: replace(unit, technique=name) if unit.technique == "smote" else unit for unit in data.units}
    rows = tuple(replace(row, technique=name) if row.technique == "smote" else row for row in data.summary.rows)
    odd = replace(
        data,
        summary=replace(data.summary, rows=rows),
        units={named[unit]: one for unit, one in data.units.items()},
    )
    for plot in PLOTS:
        if plot.id in ("comparison", "heatmap"):
            svg = svg_of(plot, odd)
            root = ET.fromstring(svg)
            assert {element.tag.removeprefix(SVG) for element in root.iter()} <= ALLOWED
            assert not [key for element in root.iter() for key in element.attrib if key.lower().startswith("on")]
            if name.isprintable() and name.strip():
                assert any(name.split(maxsplit=1)[0] in text for text in texts(svg)), plot.id
            assert plot.alt(odd, ENGLISH)


def test_a_file_that_stands_by_itself_says_what_it_is_of() -> None:
    store, execution = execution_of([1], lambda unit: unit.technique == "smote", synthetic=True)
    plot = PLOTS[0]
    data = data_of(store, execution)
    said = heading(plot, data, ENGLISH)
    for words in (execution.id, "taiwan_credit", "SYNTHETIC DATA", "PARTIAL: 6 of 8 units"):
        assert words in said
    files = files_of(plot, data, ENGLISH)
    svg = files["plots/comparison-taiwan_credit.svg"].decode()
    assert said in texts(svg)
    assert PALETTE["c1"] in svg
    assert b"SYNTHETIC DATA" in files["tables/comparison-taiwan_credit.tex"]
    assert b",True," in files["tables/comparison-taiwan_credit.csv"]
    figure = plot.draw(data, Style(ENGLISH))
    assert figure is not None
    head(figure, said)
    assert standalone_svg(figure).encode() == files["plots/comparison-taiwan_credit.svg"]
    whole = execution_of([1])
    assert "PARTIAL" not in heading(plot, data_of(*whole), ENGLISH)


def test_what_is_not_as_usual_stands_in_the_files_name(done: tuple[Store, Execution]) -> None:
    data = data_of(*done, metric="roc_auc")
    assert stem(PLOTS[1], data) == "stability-taiwan_credit-roc_auc"
    assert stem(PLOTS[1], replace(data, techniques=frozenset({"smote"}))) == "stability-taiwan_credit-roc_auc-smote"
    assert "plots/stability-taiwan_credit-roc_auc.pt_BR.svg" in files_of(PLOTS[1], data, PORTUGUESE)


def test_without_results_nothing_is_drawn_and_the_finding_says_so() -> None:
    store, execution = execution_of([1], lambda unit: unit.dataset == "taiwan_credit")
    data = data_of(store, execution)
    for plot in PLOTS:
        if not plot.across:
            assert plot.draw(data, Style(ENGLISH)) is None, plot.id
            assert plot.alt(data, ENGLISH), plot.id
