"""Every command on terminals and in logs whose encoding has no ± and no –."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.specs import TINY

ROOT = Path(__file__).parents[3]
COMMANDS = [
    "--help",
    "data sample taiwan_credit --rows 400",
    "data process taiwan_credit",
    "data list",
    "experiment plan --spec größe/tiny.toml",
    "experiment run --spec größe/tiny.toml --jobs 1",
    "experiment list",
    "experiment status",
    "analyze summary",
    "analyze summary --json",
    "analyze differences --seed 1",
    "analyze units",
    "analyze --help",
]
SPEC = TINY.replace('"smote", ', "")


@pytest.mark.parametrize(("encoding", "log_format"), [("ascii", "text"), ("ascii", "json"), ("latin-1", "text")])
def test_every_command_speaks_the_encoding_of_its_terminal(encoding: str, log_format: str, tmp_path: Path) -> None:
    (tmp_path / "größe").mkdir()
    (tmp_path / "größe" / "tiny.toml").write_text(SPEC, "utf-8")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONIOENCODING": encoding,
        "LDP_LOG_FORMAT": log_format,
        "LDP_STORAGE_URL": str(tmp_path / "größe – 1"),
    }
    said = ""
    for command in COMMANDS:
        program = [sys.executable, "-c", "from job.cli import run; run()", *command.split()]
        ended = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, check=False)
        said += (ended.stdout + ended.stderr).decode(encoding)
        assert ended.returncode == 0, said
    sign = "±" if encoding == "latin-1" else "+/-"
    assert f"mean {sign} standard deviation of single seeds" in said
    assert f" {sign} 0." in said
    wrong = [sys.executable, "-c", "from job.cli import run; run()", "experiment", "run", "--shard", "9/8"]
    ended = subprocess.run(wrong, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert ended.returncode == 2
    assert ("1 <= I <= N" if log_format == "text" else "\\u2264") in ended.stderr.decode(encoding)


def test_columns_stand_under_each_other_where_a_sign_is_spelled_with_three(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(SPEC, "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"}
    for command in (
        "data sample taiwan_credit --rows 400",
        "data process taiwan_credit",
        "experiment run --spec tiny.toml --jobs 1",
        "analyze summary",
    ):
        program = [sys.executable, "-c", "from job.cli import run; run()", *command.split()]
        ended = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    heading, line, *rows = ended.stdout.split("model ", 1)[1].split("\n\n")[0].splitlines()
    assert len(rows) == 4 + 2  # and what they are held against
    assert {row.count("|") for row in rows} == {heading.count("|")} == {line.count("+")}
    assert all(len(row.rstrip()) <= len(line) for row in rows)
    assert len({tuple(i for i, sign in enumerate(row) if sign == "|") for row in rows}) == 1
