"""The house: imports point down, nothing unpickles, and the command line starts without the heavy libraries."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GROUND = frozenset({
    "store", "arrays", "metrics", "console", "warned", "progress", "records", "settings", "terminal", "address",
    "errors", "catalogue", "checker", "machines", "control_groups", "streams", "signals", "bounds", "probing", "opencl",
})  # fmt: skip
# From the top down. A room imports from rooms below it, and from within itself.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"cli"}),
    frozenset({"running", "cloud", "analysis", "models"}),
    frozenset({"executions"}),
    frozenset({"planning"}),
    frozenset({"training"}),
    frozenset({"data"}),
    GROUND,
)
# Within `job/data`, whose rooms have floors of their own.
DATA_FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"processing", "drafting"}),
    frozenset({"leaks"}),
    frozenset({"findings", "audit"}),
    frozenset({"datasets"}),
    frozenset({"declarations"}),
    frozenset({"raw", "processed"}),
    frozenset({"conversion", "declared", "compute"}),
)
# On the ground floor everybody may use what has no imports of its own but these.
GROUND_MAY_IMPORT = frozenset({
    "address", "bounds", "errors", "catalogue", "progress", "control_groups", "streams", "terminal",
    "probing", "opencl",
})  # fmt: skip
HEAVY = {
    "numpy", "pandas", "pyarrow", "scipy", "sklearn", "imblearn", "lightgbm", "xgboost", "matplotlib", "boto3",
    "botocore", "moto", "jinja2", "babel", "aws_cdk", "cupy",
}  # fmt: skip


def floor_of(room: str, floors: tuple[frozenset[str], ...] = FLOORS) -> int:
    return next(i for i, rooms in enumerate(floors) if room in rooms)


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "job").parts[0].removesuffix(".py")


def imports_of(path: Path) -> list[tuple[int, str, str]]:
    """Return (line, module, name) of everything imported from `job`, also inside functions."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "job":
            found += [(node.lineno, node.module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(node.lineno, alias.name, "") for alias in node.names if alias.name.split(".")[0] == "job"]
    return found


MODULES = sorted(path for path in (ROOT / "job").rglob("*.py") if path != ROOT / "job" / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_down_the_house(path: Path) -> None:
    room = room_of(path)
    for line, module, name in imports_of(path):
        parts = module.split(".")
        other = parts[1] if len(parts) > 1 else name
        if other == room:
            continue
        where = f"{path.relative_to(ROOT)}:{line} imports {module}"
        assert not any(part.startswith("_") for part in (*parts, name)), f"{where}: private"
        if floor_of(room) == len(FLOORS) - 1:
            assert other in GROUND_MAY_IMPORT, where
        else:
            assert floor_of(other) > floor_of(room), f"{where}: not below {room}"


@pytest.mark.parametrize("path", [path for path in MODULES if room_of(path) == "data"], ids=lambda path: path.stem)
def test_reading_a_raw_file_knows_no_dataset_and_a_dataset_no_processing(path: Path) -> None:
    if path == ROOT / "job" / "data" / "__init__.py":
        return
    room = path.relative_to(ROOT / "job" / "data").parts[0].removesuffix(".py")
    for line, module, name in imports_of(path):
        parts = [*module.split("."), name]
        if parts[1] != "data" or parts[2] == room:
            continue
        where = f"{path.relative_to(ROOT)}:{line} imports {module}"
        assert floor_of(parts[2], DATA_FLOORS) > floor_of(room, DATA_FLOORS), f"{where}: not below {room}"


def test_the_rule_sees_every_room() -> None:
    rooms = {room_of(path) for path in MODULES}
    assert rooms <= set().union(*FLOORS)
    assert {"running", "executions", "planning"} <= rooms
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_in_the_package_unpickles(path: Path) -> None:
    text = path.read_text("utf-8")
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            imported.add(str(node.module).split(".")[0])
        elif isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
    assert not imported & {"pickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
    assert "allow_pickle" not in text, "NumPy's own default refuses"
    assert "read_pickle" not in text


@pytest.mark.parametrize("arguments", [["--help"], ["data", "--help"], ["data", "list"], ["experiment", "--help"]])
def test_the_command_line_starts_without_heavy_imports(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, atexit\n"
        "names = lambda: sorted({name.split('.')[0] for name in sys.modules})\n"
        "atexit.register(lambda: print('loaded', *names(), file=sys.stderr))\n"
        f"sys.argv = ['ldp', *{arguments!r}]\n"
        "from job.cli import main\n"
        "main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(run.stderr.splitlines()[-1].split()[1:])
    assert "job" in loaded
    assert not loaded & HEAVY
