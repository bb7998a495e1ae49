"""A search for neighbours that is interrupted goes on where it was, on another machine too."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from job.console import Console
from job.data.processing import process
from job.executions.checkpoints import in_flight
from job.executions.executions import load_execution
from job.executions.neighbours import saved
from job.planning.spec import parse_spec
from job.store import Store, declaration_key, neighbours_prefix, progress_prefix, raw_keys
from job.training.stretches import STRETCH
from tests.job.running.test_runner import command, digests, environment, run

FEATURES = 13  # so few that scikit-learn asks a tree, and so many that it takes some seconds
ROWS = 30_000  # of which SMOTE leaves two stretches in what the winner is fitted on
SPEC = """
datasets = ["loans"]
techniques = ["smote_tomek"]
seeds = [1]
folds = 2
[models.logistic_regression.grid]
alpha = [1e-3]
"""


@pytest.fixture(scope="session")
def processed_loans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(1)
    bad = rng.random(ROWS) < 0.2
    columns = rng.normal(size=(ROWS, FEATURES)) + 0.3 * bad[:, None]
    root = tmp_path_factory.mktemp("loans")
    store = Store.open(str(root))
    names = [f"x{i}" for i in range(FEATURES)]
    rows = (f"{one:d},{','.join(map(str, row))}" for one, row in zip(bad, columns, strict=True))
    store.put(raw_keys("loans")[0], "\n".join([",".join(["bad", *names]), *rows]).encode())
    features = "".join(f'[features.{name}]\nkind = "number"\n' for name in names)
    declared = f'[target]\ncolumn = "bad"\nbad = ["1"]\ngood = ["0"]\n{features}'
    store.put(declaration_key("loans"), declared.encode())
    process(store, "loans", Console.silent())
    return root


@pytest.fixture
def root(processed_loans: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(processed_loans, tmp_path / "root"))


@pytest.fixture
def store(root: Path) -> Store:
    return Store.open(str(root))


@pytest.fixture(scope="session")
def one_run(processed_loans: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of a run that nobody interrupts."""
    root = Path(shutil.copytree(processed_loans, tmp_path_factory.mktemp("whole") / "root"))
    store = Store.open(str(root))
    execution = run(store, parse_spec(SPEC, "slow", "slow.toml"), root, workers=1).execution
    assert not list(store.objects(neighbours_prefix(execution.id))), "nobody needs them any more"
    return digests(store, execution)


def killed(root: Path) -> tuple[list[str], str]:
    """Start a run and kill it when the first stretch is saved; return the command and the execution."""
    (root / "slow.toml").write_text(SPEC)
    arguments = command(root, "experiment", "run", "--spec", str(root / "slow.toml"), "--jobs", "1")
    with subprocess.Popen(arguments, env=environment(root), stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 120
        while not list((root / "executions").rglob("progress/_neighbours/*/*/*")):
            assert running.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.kill()
        running.wait(30)
    (execution_id,) = [path.name for path in (root / "executions").iterdir()]
    return arguments, execution_id


def test_a_run_that_is_killed_while_it_seeks_neighbours_goes_on_from_those_it_found(
    root: Path, store: Store, one_run: dict[str, str]
) -> None:
    arguments, execution_id = killed(root)
    kept = dict(saved(store, execution_id, [("loans", 1)], Console.silent()))
    assert kept
    assert all(len(data) >= 4 * 2 * STRETCH for name, data in kept.items() if name.endswith("-0"))
    execution = load_execution(store, execution_id)
    assert in_flight(store, execution) <= {*map(str, execution.spec.units())}, "what is saved of folds is no unit"
    again = subprocess.run(arguments, env=environment(root), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert told(again.stdout + again.stderr, "neighbours_found") == [len(kept)]
    assert digests(store, execution) == one_run
    assert list(store.objects(progress_prefix(execution_id))) == []


def told(output: str, event: str) -> list[int]:
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [record["stretches"] for record in records if record.get("event") == event]
