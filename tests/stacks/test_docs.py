"""The platform's page says what the code does."""

from __future__ import annotations

import json
import re

from stacks.parsers import VALUES
from stacks.settings import PlatformSettings
from tests.stacks.synthesis import ROOT, Synthesized

PAGE = (ROOT / "docs" / "platform.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_context_value_is_described_with_its_default() -> None:
    described = {}
    for names, default, _ in rows(section("Variables"))[1:]:
        for name in re.findall(r"`(\w+)`", names):
            described[name] = default
    assert set(described) == {*VALUES, "config"}
    for name, default in described.items():
        attribute = re.sub("([A-Z])", r"_\1", name).lower()
        if default.startswith("`"):
            value = getattr(PlatformSettings(), attribute)
            assert default == f"`{json.dumps(value) if isinstance(value, bool) else value}`", name
        elif default == "none" and attribute not in {"vpc_id", "subnet_ids", "availability_zones", "config"}:
            assert getattr(PlatformSettings(), attribute) in (None, {}), name


def test_every_output_is_described(cpu: Synthesized) -> None:
    described = {name for names, _ in rows(section("Outputs"))[1:] for name in re.findall(r"`(\w+)`", names)}
    assert described == set(cpu.template["Outputs"])


def test_every_make_target_that_is_described_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"(?:`|^)make ([a-z][a-z-]+)", PAGE, re.MULTILINE))
    assert len(targets) >= 8
    assert {target for target in targets if not re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)} == set()


def test_the_example_file_is_the_one_that_is_shown() -> None:
    (shown,) = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    assert json.loads(shown) == json.loads((ROOT / "config" / "gpu.json").read_text(encoding="utf-8"))


def test_every_link_within_the_page_leads_somewhere() -> None:
    titles = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) - anchors == set()
