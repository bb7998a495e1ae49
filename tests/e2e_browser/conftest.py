"""Pages of planted executions, opened by a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from job.analysis.report.content import gather
from job.analysis.report.figures import draw
from job.analysis.report.page import written
from job.analysis.wording import LOCALES, Wording
from job.console import Console
from job.training.unit import Unit
from tests.job.analysis.plots.planted import execution_of

NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A browser of the system's; on CI there has to be one."""
    path = next((found for name in NAMES if (found := shutil.which(name)) is not None), None)
    if path is None:
        assert os.environ.get("CI") is None, "no chromium here, and CI tries the page in one"
        pytest.skip("no chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        # Containers and root have no user namespaces for Chromium's own sandbox; the page is ours.
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Synthetic and partial pages of one execution, by locale: they show all that a page may have to."""
    gone = Unit("taiwan_credit", "mlp", "smote", 2)
    content = gather(
        *execution_of([1, 2, 3], lambda unit: unit == gone, synthetic=True), "balanced_accuracy", Console.silent()
    )
    root, found = tmp_path_factory.mktemp("pages"), {}
    for locale in LOCALES:
        wording = Wording.of(locale)
        found[locale] = root / f"{locale}.html"
        found[locale].write_text(written(content, draw(content, wording, files=False), wording), "utf-8")
    return found


@dataclass
class Opened:
    """A page in a browser, with all that it said to the console and asked of the network, and why that was refused."""

    page: Page
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refused: dict[str, str | None] = field(default_factory=dict)


OpenPage = Callable[..., Opened]


@pytest.fixture
def opened(browser: Browser, pages: dict[str, Path]) -> Iterator[OpenPage]:
    """Open a page: in a language, as wide, light or dark."""
    contexts = []

    def open_page(locale: str = "en_US", width: int = 1280, scheme: str = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
        contexts.append(context)
        made = Opened(context.new_page())
        made.page.on("console", lambda message: made.said.append(message.text))
        made.page.on("pageerror", lambda error: made.said.append(str(error)))
        made.page.on("request", lambda request: made.asked.append(request.url))
        made.page.on("requestfailed", lambda request: made.refused.update({request.url: request.failure}))
        made.page.goto(pages[locale].as_uri())
        return made

    yield open_page
    for context in contexts:
        context.close()
