"""Modules that lie in the working directory, or where workers share their data, are not code of ours: none is run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.specs import TINY

# What an interpreter, multiprocessing, the libraries and this package import on their way.
HOSTILE = (
    "pickle", "socket", "struct", "random", "selectors", "tempfile", "signal", "threading", "queue", "json", "copyreg",
    "sitecustomize", "usercustomize", "multiprocessing", "numpy", "sklearn", "lightgbm", "pyarrow", "obstore", "typer",
    "rich", "job", "secrets", "hashlib", "logging", "platform", "resource", "_posixshmem", "runpy", "encodings",
)  # fmt: skip
SPEC = TINY.replace("[1, 2]", "[1]").replace('"smote", "threshold_moving"', '"smote"')


def test_no_module_of_the_working_or_the_scratch_directory_is_imported(root: Path, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    ran = tmp_path / "ran"
    for folder in (root, scratch):
        for name in HOSTILE:
            (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r} + ' ')\nraise SystemExit(9)\n")
    (root / "tiny.toml").write_text(SPEC)
    command = Path(sys.executable).with_name("ldp")
    done = subprocess.run(
        [str(command), "experiment", "run", "--spec", "tiny.toml", "--jobs", "2"],
        cwd=root,
        env={**os.environ, "LDP_SCRATCH_DIR": str(scratch), "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not ran.exists(), f"these ran: {ran.read_text()}"
    assert done.returncode == 0, done.stderr
    assert "complete, 4 of 4 units" in done.stderr
