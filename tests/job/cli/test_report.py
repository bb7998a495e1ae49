"""``ldp analyze report``: the page and its files, from a command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from job.analysis.report import making
from job.analysis.report.figures import Plots
from job.store import Store
from tests.job.analysis.plots.planted import execution_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def execution(tmp_path: Path) -> str:
    """A planted execution in the directory that the command runs in."""
    store, execution = execution_of([1, 2, 3])
    local = Store.open(str(tmp_path))
    for info in store.objects("executions/"):
        local.put(info.key, store.get(info.key) or b"")
    return execution.id


def test_the_page_its_plots_and_tables_are_written(ldp: Run, tmp_path: Path, execution: str) -> None:
    code, _, told = ldp("analyze", "report", execution)
    assert code == 0, told
    folder = tmp_path / "reports" / execution
    page = (folder / "report.html").read_text("utf-8")
    assert execution in page
    assert str(folder / "report.html") in told
    for dataset in ("taiwan_credit", "corporate_ccc"):
        for name in ("comparison", "heatmap", "roc"):
            assert (folder / "plots" / f"{name}-{dataset}.svg").read_bytes().startswith(b"<?xml")
            assert (folder / "plots" / f"{name}-{dataset}.png").read_bytes().startswith(b"\x89PNG")
    assert {"summary.csv", "summary.tex", "differences.csv"} <= {one.name for one in (folder / "tables").iterdir()}


def test_a_page_that_was_edited_is_kept_until_force(
    ldp: Run, tmp_path: Path, execution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "draw", lambda *_: Plots())
    assert ldp("analyze", "report", "--locale", "pt_BR")[0] == 0
    page = tmp_path / "reports" / execution / "report.pt_BR.html"
    made = page.read_text("utf-8")
    assert "inadimplentes" in made
    page.write_text(made + "<!-- mine -->", "utf-8")
    code, _, told = ldp("analyze", "report", "--locale", "pt_BR")
    assert code == 0
    assert "was changed since it was made: kept" in told
    assert page.read_text("utf-8").endswith("mine -->")
    assert ldp("analyze", "report", "--locale", "pt_BR", "--force")[0] == 0
    assert page.read_text("utf-8") == made


def test_another_metric_has_a_page_of_its_own(
    ldp: Run, tmp_path: Path, execution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "draw", lambda *_: Plots())
    assert ldp("analyze", "report", "--metric", "brier")[0] == 0
    assert "Brier" in (tmp_path / "reports" / execution / "report-brier.html").read_text("utf-8")
    assert not (tmp_path / "reports" / execution / "report.html").exists()


def test_what_cannot_be_is_refused_in_two_lines(ldp: Run, execution: str) -> None:
    for option, value in (("--locale", "de_DE"), ("--metric", "accuracy")):
        code, _, told = ldp("analyze", "report", option, value)
        assert code == 2
        assert value in told


def test_without_the_libraries_it_says_how_to_have_them(
    ldp: Run, execution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.analysis.libraries.find_spec", lambda name: None if name == "jinja2" else object())
    code, _, told = ldp("analyze", "report")
    assert code == 1
    assert "pages and plots need what is not installed: Jinja2" in told
    assert "ldp[report]" in told
