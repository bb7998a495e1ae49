"""The page in a browser: silent, alone, whole, sortable, readable by everybody, on every screen and on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e_browser.conftest import AXE, OpenPage

LOCALES = ("en_US", "pt_BR")
RANKING = "#ranking-1 table"


@pytest.mark.parametrize("locale", LOCALES)
def test_it_says_nothing_to_the_console_and_asks_nothing_of_the_network(
    opened: OpenPage, pages: dict[str, Path], locale: str
) -> None:
    made = opened(locale)
    made.page.wait_for_load_state("networkidle")
    made.page.emulate_media(media="print")
    made.page.pdf()
    assert made.said == []
    assert [url for url in made.asked if not url.startswith("data:")] == [pages[locale].as_uri()]


def test_its_policy_holds_in_the_browser(opened: OpenPage) -> None:
    made = opened()
    made.page.evaluate(
        """() => {
          const image = '<img src="https://example.org/x.png" onerror="window.ran = 1">';
          document.body.insertAdjacentHTML("beforeend", image);
          const script = document.createElement("script");
          script.textContent = "window.ran = 2";
          document.body.append(script);
          return new Promise((done) => setTimeout(done, 200));
        }"""
    )
    assert made.page.evaluate("window.ran === undefined")
    assert any("Content Security Policy" in line for line in made.said)
    assert made.refused == {"https://example.org/x.png": "csp"}


def test_every_plot_is_drawn_and_has_ink(opened: OpenPage) -> None:
    made = opened()
    boxes = made.page.eval_on_selector_all(
        "figure.plot svg",
        "found => found.map(svg => { const box = svg.getBoundingClientRect(); return [box.width, box.height]; })",
    )
    assert len(boxes) > 25
    assert all(width > 300 and height > 50 for width, height in boxes)
    # A colour that the page does not define would be black: nothing is drawn in a class without a rule.
    classes = made.page.eval_on_selector_all(
        "figure.plot svg [class]", "found => [...new Set(found.flatMap(one => [...one.classList]))]"
    )
    rules = made.page.evaluate(
        "() => [...document.styleSheets[0].cssRules].map(rule => rule.selectorText ?? '').join(' ')"
    )
    assert set(classes) > {"fill-ink", "stroke-grid"}
    assert [name for name in classes if f".{name}" not in rules.split()] == []


def column(made_page: object, place: int) -> list[str]:
    found: list[str] = made_page.eval_on_selector_all(  # type: ignore[attr-defined]
        f"{RANKING} tbody tr", f"rows => rows.map(row => row.cells[{place}].textContent)"
    )
    return found


def test_tables_sort_by_mouse_and_by_keyboard_and_say_so(opened: OpenPage) -> None:
    page = opened().page
    headings = page.locator(f"{RANKING} thead th")
    metric = next(i for i, text in enumerate(headings.all_inner_texts()) if "Balanced" in text)
    before = column(page, metric)
    headings.nth(metric).locator("button").click()
    falling = column(page, metric)
    assert headings.nth(metric).get_attribute("aria-sort") == "descending"
    assert [float(text) for text in falling] == sorted((float(text) for text in before), reverse=True)
    headings.nth(metric).locator("button").press("Enter")
    assert headings.nth(metric).get_attribute("aria-sort") == "ascending"
    assert column(page, metric) == sorted(before, key=float)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Space")
    name = headings.nth(metric - 1)
    assert name.get_attribute("aria-sort") == "ascending"
    assert headings.nth(metric).get_attribute("aria-sort") is None
    assert column(page, metric - 1) == sorted(column(page, metric - 1), key=str.casefold)


def test_what_is_undefined_sorts_last_both_ways(opened: OpenPage) -> None:
    page = opened().page
    headings = page.locator(f"{RANKING} thead th")
    assert "–" in column(page, 0)
    for _ in range(2):
        headings.nth(0).locator("button").click()
        ranks = column(page, 0)
        assert set(ranks[ranks.index("–") :]) == {"–"}


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("width", [320, 375, 768, 1440])
def test_nothing_is_wider_than_the_screen(opened: OpenPage, locale: str, width: int) -> None:
    page = opened(locale, width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_reaches_the_content_first(opened: OpenPage) -> None:
    page = opened().page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 1280])
def test_axe_finds_no_violation(opened: OpenPage, locale: str, scheme: str, width: int) -> None:
    made = opened(locale, width, scheme)
    made.page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    made.page.evaluate(AXE.read_text("utf-8"))
    found = made.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    told = [
        f"{one['id']}: {one['help']}: {[(node['target'], node['failureSummary']) for node in one['nodes'][:3]]}"
        for one in found["violations"]
    ]
    assert not told, "\n".join(told)
    assert len(found["passes"]) > 20


def test_dark_paper_is_dark_and_printed_paper_is_white(opened: OpenPage) -> None:
    page = opened(scheme="dark").page

    def paper() -> int:
        colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))

    assert paper() < 150
    ink = page.eval_on_selector("figure.plot svg .fill-ink", "one => getComputedStyle(one).fill")
    assert sum(int(part) for part in ink.removeprefix("rgb(").removesuffix(")").split(",")) > 600
    page.emulate_media(media="print", color_scheme="dark")
    assert paper() == 3 * 255


def test_paper_has_everything_and_no_contents(opened: OpenPage) -> None:
    page = opened().page
    page.emulate_media(media="print")
    assert page.locator("nav.contents").is_hidden()
    assert page.locator("#metrics-1 td").first.is_visible()
