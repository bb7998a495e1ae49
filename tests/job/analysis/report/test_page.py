"""The page says what its execution says, in its order, in both languages, and asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from job.analysis.ranking import Standing
from job.analysis.report.content import Content, gather
from job.analysis.report.figures import Plots, draw
from job.analysis.report.page import written
from job.analysis.wording import Wording
from job.console import Console
from job.store import sample_key
from job.training.unit import Unit
from tests.job.analysis.plots.planted import execution_of

SECTIONS = (
    "verdict", "comparison", "stability", "tradeoff", "heatmap", "imbalance", "cost-sensitive", "curves", "costs",
    "effort", "parameters", "left-out", "appendix", "reproduce",
)  # fmt: skip


class Read(HTMLParser):
    """What a page is made of: its elements, what stands in style and script, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, list[str]] = {"style": [], "script": []}
        self.words: list[str] = []
        self._in = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        self._in = tag

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        self.raw.get(self._in, self.words).append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, tag: str, name: str) -> list[str | None]:
        return [attributes.get(name) for one, attributes in self.elements if one == tag and name in attributes]


@pytest.fixture(scope="module")
def content() -> Content:
    return gather(*execution_of([1, 2, 3]), "balanced_accuracy", Console.silent())


@pytest.fixture(scope="module")
def html(content: Content) -> str:
    wording = Wording.of("en_US")
    return written(content, draw(content, wording, files=False), wording)


def page_of(content: Content, locale: str = "en_US") -> Read:
    return Read(written(content, Plots(), Wording.of(locale)))


def test_every_section_stands_there_in_order_and_in_the_table_of_contents(html: str) -> None:
    page = Read(html)
    assert tuple(page.attributes("section", "id")) == SECTIONS
    links = [str(link).removeprefix("#") for link in page.attributes("a", "href")]
    assert tuple(links[1:]) == SECTIONS
    assert page.attributes("main", "id") == [links[0]]
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids)), "two elements have one id"


def test_only_its_own_script_and_style_may_run_and_nothing_may_be_fetched(html: str) -> None:
    page = Read(html)
    (policy,) = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in str(policy).split(";"))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in str(policy)
    for name in ("style", "script"):
        (text,) = page.raw[name]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    for tag, attributes in page.elements:
        assert "style" not in attributes, tag
        assert not [name for name in attributes if name.startswith("on")], tag
        for name in ("src", "href", "action", "srcset"):
            value = attributes.get(name)
            assert value is None or value.startswith("#") or value == "data:,", (tag, value)
    assert "@import" not in page.raw["style"][0]
    assert "url(" not in page.raw["style"][0]


def test_every_plot_has_a_name_and_says_what_it_shows(html: str) -> None:
    page = Read(html)
    drawn = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(drawn) > 25
    assert all(attributes["role"] == "img" for attributes in drawn)
    for attributes in drawn:
        title, alt = str(attributes["aria-labelledby"]).split()
        for name in (title, alt):
            found = re.search(rf'id="{name}">([^<]+)<', html)
            assert found is not None
            assert len(found[1]) > 2


def test_the_whole_study_would_fit_into_five_megabytes(html: str, content: Content) -> None:
    # Three datasets, 17 combinations and 5 seeds: 3/2 of the plots here, and tables 7 times as large at most.
    plots = sum(len(svg) for svg in re.findall(r"<svg.*?</svg>", html, re.DOTALL))
    assert 1.5 * plots + 7 * (len(html) - plots) < 5_000_000


def test_figures_are_those_of_the_summary(html: str, content: Content) -> None:
    page = Read(html)
    for row in content.rows("taiwan_credit"):
        mean = row.mean["balanced_accuracy"]
        assert mean is not None
        assert f"{mean:.3f}" in page.text
    best = content.rows("taiwan_credit")[0]
    orders = [float(str(value)) for value in page.attributes("td", "data-order")]
    assert best.mean["balanced_accuracy"] in orders


def test_synthetic_data_are_called_so_in_the_title_the_head_and_on_every_table() -> None:
    content = gather(*execution_of([1, 2, 3], synthetic=True), "balanced_accuracy", Console.silent())
    page = page_of(content)
    assert "Nothing on this page is a finding about borrowers" in page.text
    assert re.search(r"<title>SYNTHETIC", written_title(content))
    assert page.text.count("· synthetic") + page.text.count("synthetic") >= len(page.attributes("table", "class"))
    assert "Synthetic" not in page_of(replace_synthetic(content)).text


def written_title(content: Content) -> str:
    return written(content, Plots(), Wording.of("en_US"))


def replace_synthetic(content: Content) -> Content:
    states = tuple(replace(state, synthetic=False) for state in content.summary.datasets)
    return replace(content, summary=replace(content.summary, datasets=states))


def test_what_is_missing_is_said_in_large_letters_and_one_by_one() -> None:
    gone = Unit("taiwan_credit", "mlp", "smote", 2)
    content = gather(*execution_of([1, 2, 3], lambda unit: unit == gone), "balanced_accuracy", Console.silent())
    page = page_of(content)
    assert "Partial 47 of 48 results are here." in page.text
    assert "taiwan_credit Neural network SMOTE 2 no result yet" in page.text
    assert "Damaged" not in page.text


def test_a_result_that_is_damaged_is_named_and_in_no_figure() -> None:
    store, execution = execution_of([1, 2, 3])
    unit = Unit("taiwan_credit", "mlp", "smote", 2)
    data = store.get(execution.result_key(unit))
    assert data is not None
    store.put(execution.result_key(unit), data[:200] + bytes(50) + data[250:])
    content = gather(store, execution, "balanced_accuracy", Console.silent())
    page = page_of(content)
    assert "Damaged 1 result could not be used and is not in the figures." in page.text
    assert unit not in content.units
    assert "mlp/smote/seed_2" in page.text


def test_a_dataset_of_which_nothing_is_there_takes_one_line() -> None:
    content = gather(
        *execution_of([1, 2, 3], lambda unit: unit.dataset == "corporate_ccc"), "balanced_accuracy", Console.silent()
    )
    page = page_of(content)
    assert page.text.count("corporate_ccc all all all no result yet") == 1
    assert "corporate_ccc Neural" not in page.text
    assert "Partial 24 of 48 results are here: all of taiwan_credit, and none of corporate_ccc." in page.text
    assert "deal with class imbalance, compared on taiwan_credit by balanced accuracy." in page.text
    assert "ldp experiment run --spec s.toml --only-dataset taiwan_credit" in page.text
    assert "ldp data process corporate_ccc" not in page.text


def test_an_execution_without_any_result_has_a_page_that_says_so() -> None:
    content = gather(*execution_of([1, 2, 3], lambda _: True), "balanced_accuracy", Console.silent())
    page = page_of(content)
    assert "0 of 48 results are here" in page.text
    assert tuple(page.attributes("section", "id")) == SECTIONS


def test_one_seed_has_no_tests_and_the_page_says_why() -> None:
    page = page_of(gather(*execution_of([1]), "balanced_accuracy", Console.silent()))
    assert "Nothing was tested: that needs three seeds and more" in page.text
    assert "p, Holm" not in page.text


def test_the_page_speaks_portuguese_and_writes_numbers_so(content: Content) -> None:
    page = page_of(content, "pt_BR")
    assert page.attributes("html", "lang") == ["pt-BR"]
    assert "Qual combinação detecta melhor os inadimplentes?" in page.text
    mean = content.rows("taiwan_credit")[0].mean["balanced_accuracy"]
    assert f"{mean:.3f}".replace(".", ",") in page.text
    for english in ("Comparison", "The verdict", "Seed 1", "Random forest", "What failed"):
        assert english not in page.text


def test_how_to_reproduce_it_names_every_command_and_the_sample_that_the_data_are() -> None:
    store, execution = execution_of([1, 2, 3], synthetic=True)
    store.put(sample_key("taiwan_credit"), b'{"rows": 1000, "seed": 7, "sha256": "f"}')
    store.put(sample_key("corporate_ccc"), b'{"rows": 99, "seed": 8, "sha256": "f"}')  # another one than was processed
    page = page_of(gather(store, execution, "balanced_accuracy", Console.silent()))
    assert "ldp data sample taiwan_credit --rows 1000 --seed 7 ldp data process taiwan_credit" in page.text
    assert "ldp data sample corporate_ccc" not in page.text
    assert "ldp experiment run --spec s.toml ldp analyze" in page.text
    assert f"ldp analyze report {execution.id}" in page.text


def test_nothing_is_concluded_from_a_few_defaults() -> None:
    content = gather(*execution_of([1, 2, 3]), "balanced_accuracy", Console.silent())
    few = "8 defaults in a test part are too few; at least 10 are needed"
    rows = tuple(replace(row, standing=Standing(unranked=few)) for row in content.summary.rows)
    page = page_of(replace(content, summary=replace(content.summary, rows=rows)), "pt_BR")
    assert "Sem posição: 8 inadimplentes em uma parte de teste são poucos; são necessários ao menos 10." in page.text
    assert "Sem conclusão: 8 inadimplentes" in page.text
