"""The page as one file of HTML that asks nothing of the network: everything escaped, one script, one style sheet.

The page's policy lets no other script or style run than these two, which it knows by their SHA-256, and nothing be
fetched: text that got past the escaping would be text still.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from job.analysis.report import accounts, head, results, scores
from job.analysis.report.blocks import Banner, Page
from job.analysis.report.content import Content
from job.analysis.report.figures import Plots
from job.analysis.report.writer import Writer
from job.analysis.wording import Wording
from job.terminal import harmless

if TYPE_CHECKING:
    from jinja2 import Environment

_SPACES = "\n\u00a0\u202f"


def written(content: Content, plots: Plots, wording: Wording) -> str:
    """Return a report as HTML."""
    return rendered(page_of(content, plots, wording), wording)


def page_of(content: Content, plots: Plots, wording: Wording) -> Page:
    """Return what a report says, in a language."""
    writer = Writer(content, wording)
    execution = content.execution
    banners = head.banners(writer)
    title = wording.text("{spec}: which combination detects defaulters best", spec=execution.spec.name)
    sections = (
        results.verdict(writer),
        results.comparison(writer, plots),
        results.stability(writer, plots),
        results.tradeoff(writer, plots),
        results.heatmap(writer, plots),
        results.imbalance(writer, plots),
        results.cost_sensitive(writer, plots),
        scores.curves(writer, plots),
        scores.costs(writer, plots),
        scores.effort(writer, plots),
        scores.parameters(writer, plots),
        accounts.left_out(writer),
        accounts.appendix(writer),
        accounts.reproduction(writer),
    )
    return Page(
        str(wording.locale).replace("_", "-"),
        " – ".join([*(banner.word.upper() for banner in banners), title]),
        execution.id,
        wording.text("Which combination detects defaulters best?"),
        head.lead(writer),
        banners,
        head.facts(writer),
        sections,
        wording.text("Made by ldp {version} from the stored results of {execution}.", version=content.version,
                     execution=execution.id),
    )  # fmt: skip


def rendered(page: Page, wording: Wording) -> str:
    """Return a page as HTML."""
    style, script = _asset("page.css") + _running_head(page.banners), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template("page.html")
    return template.render(page=page, text=wording.text, style=style, script=script, policy=policy)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("job.analysis.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printed,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _running_head(banners: tuple[Banner, ...]) -> str:
    """Return what prints the banners' words on every sheet."""
    words = "   ".join(banner.word.upper() for banner in banners)
    spelled = "".join(one if one.isascii() and one.isalnum() else f"\\{ord(one):x} " for one in words)
    return f'@media print {{ @page {{ @top-right {{ content: "{spelled}"; font: bold 9pt sans-serif; }} }} }}\n'


def _printed(value: Any) -> Any:
    """Return what stands for a value: of text from outside, nothing that turns the direction of writing around."""
    return harmless(value, keep=_SPACES) if type(value) is str else value


def _asset(name: str) -> str:
    return (files("job.analysis.report") / "assets" / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
