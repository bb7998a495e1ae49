"""The CPU image as a user of the README runs it, and as AWS Batch does: read-only, without network, not root."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from job.experiment.executions import load_execution
from job.experiment.verify import verify
from job.store import Store
from tests.containers.conftest import USER, Engine
from tests.specs import STOPPABLE

SAFE = ("--read-only", "--tmpfs", "/tmp", "--network", "none", "--memory", "1g", "--cap-drop", "ALL")


def container(image: str, workspace: Path, *options: str) -> list[str]:
    return ["run", "--rm", *SAFE, *options, "-v", f"{workspace}:/workspace", image]


def prepared(engine: Engine, image: str, workspace: Path, real_data: Path) -> None:
    raw = workspace / "data" / "raw"
    raw.mkdir(parents=True)
    shutil.copy(real_data / "taiwan_credit.csv", raw)
    (workspace / "spec.toml").write_text(STOPPABLE)
    for path in (workspace, *workspace.rglob("*")):
        os.chown(path, USER, USER)
    engine(*container(image, workspace), "data", "process", "taiwan_credit")


def digests(workspace: Path) -> dict[str, str]:
    (execution_id,) = [path.name for path in (workspace / "executions").iterdir()]
    store = Store.open(str(workspace))
    execution = load_execution(store, execution_id)
    found = verify(store, execution, execution.spec.units())
    assert not found.damaged
    return {str(unit): result.digest for unit, result in found.results.items()}


def test_the_image_says_what_it_is_and_runs_as_nobody_special(engine: Engine, cpu_image: str) -> None:
    found = engine.inspect(cpu_image)
    assert found["Config"]["User"] == "1000:1000"
    assert found["Config"]["Entrypoint"] == ["ldp"]
    labels = found["Config"]["Labels"]
    assert labels["org.opencontainers.image.revision"] == "abc"
    assert labels["org.opencontainers.image.version"]
    assert found["Size"] <= 650e6


def test_the_image_has_no_compiler_no_package_installer_and_nothing_of_the_platform(
    engine: Engine, cpu_image: str
) -> None:
    look = (
        "import importlib.util, shutil, glob;"
        "print([t for t in ('cc', 'gcc', 'g++', 'make', 'git', 'node', 'npm') if shutil.which(t)],"
        "[m for m in ('aws_cdk', 'moto', 'pytest', 'stacks') if importlib.util.find_spec(m)],"
        "glob.glob('/root/.cache/*') + glob.glob('/opt/ldp/bin/pip*'))"
    )
    said = engine("run", "--rm", "--entrypoint", "/opt/ldp/bin/python", cpu_image, "-c", look).stdout
    assert said.strip() == "[] [] []"


@pytest.mark.parametrize("command", [["--version"], ["ldp", "--version"]])
def test_the_command_may_begin_with_ldp_or_not(command: list[str], engine: Engine, cpu_image: str) -> None:
    assert engine("run", "--rm", cpu_image, *command).stdout.startswith("ldp 0.")


def test_a_gpu_is_refused_with_the_remedy(engine: Engine, cpu_image: str, workspace: Path) -> None:
    done = engine(*container(cpu_image, workspace), "experiment", "run", "--use-gpu", check=False)
    assert done.returncode == 1
    assert "a GPU was asked for" in done.stderr


@pytest.mark.parametrize(("how", "code"), [(["stop", "-t", "30"], 143), (["kill", "-s", "KILL"], 137)])
def test_a_run_that_is_stopped_or_killed_resumes_with_the_same_results(
    how: list[str], code: int, engine: Engine, cpu_image: str, workspace: Path, real_data: Path, tmp_path: Path
) -> None:
    prepared(engine, cpu_image, workspace, real_data)
    run = ("experiment", "run", "--spec", "spec.toml", "--jobs", "2")
    name = f"ldp-test-{code}-{os.getpid()}"
    options = ("--name", name, "-e", "LDP_CHECKPOINT_SECONDS=1")
    with subprocess.Popen(
        [engine.command, *container(cpu_image, workspace, *options), *run],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + 300
        while len(list((workspace / "executions").rglob("*.parquet"))) < 2:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        engine(*how, name)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == code, said
    assert 2 <= len(list((workspace / "executions").rglob("*.parquet"))) < 24
    if code == 143:
        assert "Run the same command again to resume." in said
    done = engine(*container(cpu_image, workspace), *run)
    events = [json.loads(line)["event"] for line in done.stderr.splitlines()]
    assert "resuming" in events
    stopped = digests(workspace)
    assert len(stopped) == 24

    shutil.rmtree(workspace / "executions")
    engine(*container(cpu_image, workspace), *run)
    assert digests(workspace) == stopped
    table = engine(*container(cpu_image, workspace), "analyze", "summary").stdout
    assert "threshold_moving" in table
