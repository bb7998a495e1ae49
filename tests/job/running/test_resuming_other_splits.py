"""Resumption by group and by time: interrupted and divided runs come to the results of one run."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.executions.executions import load_execution, present_results
from job.executions.verify import verify
from job.planning import shards
from job.planning.shards import Shard
from job.planning.spec import Spec, parse_spec
from job.store import Store, progress_prefix
from tests.job.running.test_runner import command, digests, environment, run

SPEC = """
datasets = ["corporate_ccc", "lending_club_matured"]
techniques = ["baseline", "smote", "cost_sensitive", "threshold_moving"]
seeds = [1, 2]
folds = 3
[splits]
corporate_ccc = "group"
lending_club_matured = { by = "time", origins = 2, labels = "hindsight" }
[models.logistic_regression.grid]
alpha = [1e-3, 1e-2]
[models.lightgbm.grid]
n_estimators = [5, 10]
num_leaves = [4, 7]
min_child_samples = 2
"""
UNITS = 2 * 2 * 4 * 2


@pytest.fixture(scope="session")
def processed_samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("by_group_and_time")
    store = Store.open(str(root))
    for dataset in ("corporate_ccc", "lending_club_matured"):
        write_sample(store, dataset, rows=2500, seed=1)
        process(store, dataset, Console.silent())
    return root


@pytest.fixture
def spec() -> Spec:
    return parse_spec(SPEC, "parted", "parted.toml")


@pytest.fixture
def root(processed_samples: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(processed_samples, tmp_path / "root"))


@pytest.fixture
def store(root: Path) -> Store:
    return Store.open(str(root))


@pytest.fixture(scope="session")
def one_run(processed_samples: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The digests of the spec, run at one go by one worker; every unit could be made."""
    root = Path(shutil.copytree(processed_samples, tmp_path_factory.mktemp("whole") / "root"))
    store = Store.open(str(root))
    execution = run(store, parse_spec(SPEC, "parted", "parted.toml"), root, workers=1).execution
    results = verify(store, execution, execution.spec.units()).results
    assert {result.record["status"] for result in results.values()} == {"done"}
    assert len(results) == UNITS
    return digests(store, execution)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_by_company_and_by_month_that_is_stopped_resumes_with_the_same_results(
    how: signal.Signals, root: Path, store: Store, one_run: dict[str, str]
) -> None:
    (root / "parted.toml").write_text(SPEC)
    arguments = command(root, "experiment", "run", "--spec", str(root / "parted.toml"), "--jobs", "2")
    with subprocess.Popen(arguments, env=environment(root), stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(list((root / "executions").rglob("*.parquet"))) < 3:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(how)
        process.wait(30)
    (execution_id,) = [path.name for path in (root / "executions").iterdir()]
    execution = load_execution(store, execution_id)
    assert 3 <= len(present_results(store, execution)) < UNITS
    again = subprocess.run(arguments, env=environment(root), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stdout + again.stderr
    assert digests(store, execution) == one_run
    assert list(store.objects(progress_prefix(execution_id))) == []


def test_shards_that_divide_items_by_company_and_by_month_give_the_results_of_one_run(
    store: Store, spec: Spec, tmp_path: Path, one_run: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "LEAST_DIVIDED_S", 0.0)
    monkeypatch.setattr(shards, "CORES", 1000)
    first = run(store, spec, tmp_path, shard=Shard(1, 2))
    assert first.waiting, "some of its folds are the other shard's"
    second = run(store, spec, tmp_path, shard=Shard(2, 2))
    assert (second.waiting, second.failures) == (0, {})
    assert digests(store, second.execution) == one_run
