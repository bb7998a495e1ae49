"""The pages say what is there: every path, module, test, command, option and variable that they name exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main

from job.cli.commands import app
from job.settings import Settings
from tests.stacks.synthesis import MAKE_VARIABLES
from tests.test_house import FLOORS, ROOT

ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())

FOLDERS = r"(?:job|stacks|tests|benchmarks|docs|config|\.ci|\.github)"
TOP = (
    r"requirements[\w*-]*\.txt|pyproject\.toml|package(?:-lock)?\.json|cdk\.json|app\.py|Makefile|Dockerfile\.\w+"
    r"|[A-Z]+\.md"
)
# Of tests, and set for tests only.
OTHER_VARIABLES = {"LDP_TEST_DATA"}


def paths_in(text: str) -> set[str]:
    """Return the files and folders of the project that a text names, with the test after a double colon."""
    below = re.findall(rf"(?<![\w/.-]){FOLDERS}/[\w./*{{}}-]*\w(?:::\w+)?", text)
    return {*below, *re.findall(rf"`({TOP}|\.dockerignore|\.pre-commit-config\.yaml)`", text)}


def is_there(named: str) -> bool:
    path, _, test = named.partition("::")
    found = list(ROOT.glob(re.sub(r"\{\w+\}", "*", path)))
    return bool(found) and (not test or f"def {test}(" in found[0].read_text("utf-8"))


def modules_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w/.-])(?:job|stacks|tests|benchmarks)(?:\.[A-Za-z]\w*)+(?![\w/])", text))


def can_be_imported(name: str) -> bool:
    """Tell whether a dotted name is a module, or something that a module defines."""
    path = ROOT.joinpath(*name.split("."))
    if path.with_suffix(".py").is_file() or (path / "__init__.py").is_file():
        return True
    return path.parent.with_suffix(".py").is_file() and path.name in path.parent.with_suffix(".py").read_text("utf-8")


def commands_in(text: str) -> list[list[str]]:
    """Return the `ldp` commands that a text shows, without the `ldp`."""
    shown = re.findall(r"(?:^|[`/ $])ldp ([a-z-][^\n`|#&;]*)", text, re.MULTILINE)
    return [shlex.split(command) for command in shown]


def unknown_in(command: list[str]) -> str | None:
    """Return the first word of a command that `ldp` does not know, or None."""
    here: Any = typer.main.get_command(app)
    for word in command:
        if word.startswith("--"):
            if word not in {"--help", *(option for parameter in here.params for option in parameter.opts)}:
                return word
        elif hasattr(here, "commands"):
            if word not in here.commands:
                return word
            here = here.commands[word]
    return None


@each_page
def test_every_file_folder_and_test_that_is_named_exists(page: Path) -> None:
    assert sorted(name for name in paths_in(page.read_text("utf-8")) if not is_there(name)) == []


@each_page
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = {link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))}
    missing = [link for link in links if link and "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@each_page
def test_every_link_within_a_page_leads_to_a_title(page: Path) -> None:
    text = page.read_text("utf-8")
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) - anchors == set()


@each_page
def test_every_module_that_is_named_exists(page: Path) -> None:
    assert sorted(name for name in modules_in(page.read_text("utf-8")) if not can_be_imported(name)) == []


@each_page
def test_every_command_and_option_that_is_shown_exists(page: Path) -> None:
    commands = commands_in(page.read_text("utf-8"))
    assert {" ".join(command): unknown_in(command) for command in commands if unknown_in(command)} == {}


@each_page
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"(?:`|^|&& )make ([a-z][a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    assert {target for target in targets if not re.search(rf"^{target}:.*## ", makefile, re.MULTILINE)} == set()


@each_page
def test_every_variable_that_is_named_is_a_setting(page: Path) -> None:
    known = {f"LDP_{name}".upper() for name in Settings.model_fields} | OTHER_VARIABLES
    assert set(re.findall(r"LDP_[A-Z_]+", page.read_text("utf-8"))) - known == set()


def test_the_readme_describes_every_setting_in_its_table() -> None:
    table = (ROOT / "README.md").read_text("utf-8").split("### Settings\n")[1].split("\n## ")[0]
    described = set(re.findall(r"^\| `(LDP_[A-Z_]+)`", table, re.MULTILINE))
    assert described == {f"LDP_{name}".upper() for name in Settings.model_fields}


def test_what_does_not_exist_would_be_noticed() -> None:
    text = "`job/errors.py`, job/shop.py, tests/test_house.py::test_no_such, `requirements-none.txt` and `job.shop.buy`"
    assert {name for name in paths_in(text) if not is_there(name)} == {
        "job/shop.py",
        "tests/test_house.py::test_no_such",
        "requirements-none.txt",
    }
    assert [name for name in modules_in(text) if not can_be_imported(name)] == ["job.shop.buy"]
    shown = commands_in("`ldp data procces x`, and\n$ ldp experiment run --spek quick\nldp data process --force x")
    assert [unknown_in(command) for command in shown] == ["procces", "--spek", None]
    readme = (ROOT / "README.md").read_text("utf-8")
    assert len(commands_in(readme)) >= 8
    assert "job/planning/spec.py" in paths_in(readme)


def _block_with(line: str) -> str:
    (block,) = (
        b
        for b in re.findall(r"^```\n(.*?)^```$", ARCHITECTURE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        if line in b
    )
    return block


def _rooms_of(folder: Path) -> set[str]:
    """Return the modules of a folder, and its folders that have modules: others are what was left of a move."""
    modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
    return modules | {path.parent.name for path in folder.glob("*/*.py")}


def test_the_tree_of_the_architecture_has_every_room_and_no_other() -> None:
    tree: dict[str, set[str]] = {"": set()}
    room = ""
    for indent, name in re.findall(
        r"^(├── |└── |│   [├└]── |    [├└]── )([\w.]+)", _block_with("├── cli/"), re.MULTILINE
    ):
        if indent[0] in "├└":
            room = name
            tree[""].add(name)
        else:
            tree.setdefault(room, set()).add(name)
    assert tree.pop("") == _rooms_of(ROOT / "job")
    assert tree["data"] == _rooms_of(ROOT / "job" / "data")
    assert {f"{room}/{name}" for room, names in tree.items() for name in names
            if not (ROOT / "job" / room / name).exists()} == set()  # fmt: skip


def test_the_floors_of_the_architecture_are_those_that_the_house_test_holds() -> None:
    there = {path.stem for path in (ROOT / "job").iterdir()}
    drawn = [set(line.split()) for line in _block_with("running  cloud").splitlines()]
    assert drawn == [set(floor & there) for floor in FLOORS]


def test_the_hooks_before_a_commit_run_what_make_lint_runs() -> None:
    hooks = re.findall(r"^ +entry: (.+)$", (ROOT / ".pre-commit-config.yaml").read_text("utf-8"), re.MULTILINE)
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "--dry-run", "--no-print-directory", "-o", "setup", "-o", ".venv/.dev", "lint"]
    planned = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert hooks == planned.stdout.splitlines()
    assert len(hooks) == 4
