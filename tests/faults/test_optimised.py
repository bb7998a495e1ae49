"""Python's own switches: without asserts everything works as ever, without docstrings it is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.faults.conftest import Ldp

RUN = ("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")


def test_without_asserts_the_results_are_the_same(
    make_ldp: Callable[..., Ldp], tmp_path: Path, expected: dict[str, str]
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    code, said = ldp.run(*RUN, PYTHONOPTIMIZE="1")
    assert code == 0, said
    assert ldp.digests() == expected


def test_without_docstrings_every_command_is_refused_with_the_remedy(
    make_ldp: Callable[..., Ldp], tmp_path: Path
) -> None:
    ldp = make_ldp(str(tmp_path / "store"))
    for command in (RUN, ("data", "list"), ("--help",)):
        code, said = ldp.run(*command, PYTHONOPTIMIZE="2")
        assert code == 2
        assert "Unset PYTHONOPTIMIZE" in said
    assert not (tmp_path / "store/executions").exists()


def test_no_module_relies_on_an_assert() -> None:
    modules = list((Path(__file__).parents[2] / "job").rglob("*.py"))
    assert len(modules) > 50
    assert not [module for module in modules if "    assert " in module.read_text("utf-8")]
