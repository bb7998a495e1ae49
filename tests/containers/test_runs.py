"""The CPU image as a user of the README runs it, and as AWS Batch does: read-only, and not as root."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.containers.conftest import (
    CONFINED,
    ROOT,
    RUN,
    SAFE,
    Engine,
    Reference,
    S3Server,
    digests,
    give_to_user,
    in_workspace,
    prepare,
)
from tests.specs import STOPPABLE

UNITS = 24
# On the whole Taiwan data a forest outgrows a container of 180 MiB, and what started it does not.
LARGE = """
datasets = ["taiwan_credit"]
techniques = ["baseline"]
seeds = [1]
folds = 2
[models.random_forest.grid]
n_estimators = 50
max_depth = 20
min_samples_leaf = 1
"""


def events(done: subprocess.CompletedProcess[str]) -> list[str]:
    return [json.loads(line)["event"] for line in done.stderr.splitlines()]


def test_a_readme_user_processes_trains_and_compares_confined_to_a_directory(uninterrupted: Reference) -> None:
    assert len(uninterrupted.digests) == UNITS
    rows = {(row["model"], row["technique"]): row for row in uninterrupted.summary}
    assert len(rows) == 2 * 4 + 2, "and two to measure them by"
    assert {technique for model, technique in rows if model == "reference"} == {"prior", "single_feature"}
    assert all(row["seeds"] == [1, 2, 3] for row in rows.values())
    # 0.5 is a guess; much above 0.79 the data would leak.
    assert 0.75 < rows["lightgbm", "baseline"]["roc_auc_mean"] < 0.80
    assert 0.68 < rows["lightgbm", "threshold_moving"]["balanced_accuracy_mean"] < 0.73


def test_the_same_on_an_s3_server_in_another_container_comes_to_the_same_results(
    engine: Engine,
    cpu_image: str,
    s3_server: S3Server,
    bucket: str,
    real_data: Path,
    workspace: Path,
    uninterrupted: Reference,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"s3://{bucket}/some/prefix"
    (workspace / "spec.toml").write_text(STOPPABLE)
    give_to_user(workspace)
    run = ["run", "--rm", *CONFINED, "--memory", "1g", *s3_server.options(), "-e", f"LDP_STORAGE_URL={url}"]
    run += ["-v", f"{workspace}:/workspace:ro", cpu_image]
    from job.store import Store

    Store.open(url).put("data/raw/taiwan_credit.csv", (real_data / "taiwan_credit.csv").read_bytes())
    engine(*run, "data", "process", "taiwan_credit")
    engine(*run, *RUN)
    assert digests(url) == uninterrupted.digests
    assert json.loads(engine(*run, "analyze", "summary", "--json").stdout) == uninterrupted.summary
    assert [path.name for path in workspace.iterdir()] == ["spec.toml"]


@pytest.mark.parametrize(("how", "code"), [(["stop", "-t", "5"], 143), (["kill", "-s", "KILL"], 137)])
def test_a_run_that_is_stopped_or_killed_resumes_with_the_same_results(
    how: list[str],
    code: int,
    engine: Engine,
    cpu_image: str,
    workspace: Path,
    real_data: Path,
    uninterrupted: Reference,
    record_property: Callable[[str, str], None],
) -> None:
    # Who is still there five seconds after the TERM is killed, and then the code is 137.
    prepare(engine, cpu_image, workspace, real_data)
    name = f"ldp-test-{code}-{os.getpid()}"
    options = ("--name", name, "-e", "LDP_CHECKPOINT_SECONDS=1")
    with subprocess.Popen(
        [engine.command, *in_workspace(cpu_image, workspace, *options), *RUN],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 300
        while len(list((workspace / "executions").rglob("*.parquet"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        told = time.monotonic()
        engine(*how, name)
        record_property(
            "figures", f"docker {' '.join(how)}: {time.monotonic() - told:.1f} s until the container was gone"
        )
        said = process.communicate(timeout=60)[1]
    assert process.returncode == code, said
    assert 2 <= len(list((workspace / "executions").rglob("*.parquet"))) < UNITS
    if code == 143:
        assert "Run the same command again to resume." in said
    done = engine(*in_workspace(cpu_image, workspace), *RUN)
    assert "resuming" in events(done)
    assert digests(str(workspace)) == uninterrupted.digests


def test_memory_that_ran_out_is_named_and_with_more_the_same_command_finishes(
    engine: Engine, cpu_image: str, workspace: Path, real_data: Path
) -> None:
    prepare(engine, cpu_image, workspace, real_data, LARGE)
    little = ("--memory", "180m", "--memory-swap", "180m")
    failed = engine(*in_workspace(cpu_image, workspace, *little), *RUN, check=False)
    assert failed.returncode == 1
    said = " ".join(failed.stdout.split())
    assert "killed by the system (SIGKILL)" in said
    assert "because memory ran out" in said
    assert "fewer workers (--jobs) or more memory" in said
    assert "execution_failed" in events(failed)
    done = engine(*in_workspace(cpu_image, workspace), *RUN)
    assert "execution_complete" in events(done)
    assert len(digests(str(workspace))) == 1


@pytest.mark.parametrize("terminal", [False, True])
def test_the_command_of_the_readme_runs_as_whoever_calls_it(
    terminal: bool, engine: Engine, either_image: str, workspace: Path
) -> None:
    (command,) = re.findall(r"^docker (run .* ldp:cpu demo)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    caller = 54321  # whom neither the image nor this machine knows
    os.chown(workspace, caller, caller)
    command = command.replace('"$(id -u):$(id -g)"', f"{caller}:{caller}").replace('"$PWD:', f"{workspace}:")
    command = command.replace('workspace" ', "workspace ").replace("ldp:cpu", either_image)
    run, *rest = command.split()
    # What the README promises beside it: no network, a read-only root, 1 GiB of memory.
    done = engine(run, *SAFE, *(["-t"] if terminal else []), *rest)
    said = done.stdout + done.stderr
    first = (done.stderr or done.stdout).splitlines()[0]  # a terminal has only one of them
    assert re.search(r"ldp 0\.\S+ on cpu; numpy 2\.\S+, .*storage /workspace", first), "which versions, and where"
    assert "balanced_accuracy" in said
    assert "synthetic sample data" in said
    results = list((workspace / "executions").rglob("seed_*.parquet"))
    assert results
    assert {path.stat().st_uid for path in results} == {caller}


def test_a_directory_that_the_user_may_not_write_to_is_named(engine: Engine, cpu_image: str, workspace: Path) -> None:
    os.chown(workspace, 54321, 54321)
    done = engine(*in_workspace(cpu_image, workspace), "demo", check=False)
    assert done.returncode == 1
    record = json.loads(done.stderr.splitlines()[-1])
    assert record["level"] == "error"
    assert "/workspace" in record["message"]
    assert "ermission" in record["message"] + record["remedy"]
    assert list(workspace.iterdir()) == []


@pytest.mark.parametrize("command", [["experiment", "run"], ["data", "process", "taiwan_credit"]])
@pytest.mark.parametrize("asked", ["option", "variable"])
def test_a_gpu_is_refused_by_the_cpu_image_with_the_remedy(
    command: list[str], asked: str, engine: Engine, cpu_image: str, workspace: Path
) -> None:
    option, variable = (["--use-gpu"], []) if asked == "option" else ([], ["-e", "LDP_USE_GPU=true"])
    done = engine(*in_workspace(cpu_image, workspace, *variable), *command, *option, check=False)
    assert done.returncode == 1
    (record,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert "a GPU was asked for" in record["message"]
    assert "this is the CPU image" in record["message"]
    assert "make docker-build GPU=true" in record["remedy"]
