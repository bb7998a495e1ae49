"""The images, built from the unmodified Dockerfiles by a real engine."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
USER = 1000


@dataclass(frozen=True)
class Engine:
    """A container engine's command line."""

    command: str

    def __call__(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run([self.command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def inspect(self, image: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self("inspect", image).stdout)[0]
        return found


@pytest.fixture(scope="session")
def engine() -> Engine:
    command = os.environ.get("DOCKER") or shutil.which("docker")
    if not command:
        pytest.skip("there is no docker command: install Docker, or set DOCKER to one")
    engine = Engine(command)
    found = engine("version", "--format", "{{.Server.Version}}", check=False)
    if found.returncode:
        pytest.skip(f"no container engine answers {command}: start one, or set DOCKER_HOST")
    return engine


@pytest.fixture(scope="session")
def cpu_image(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Build the CPU image once, whatever the number of test processes."""
    with (tmp_path_factory.getbasetemp().parent / "cpu-image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine("build", "--quiet", "-f", "Dockerfile.cpu", "-t", "ldp:test-cpu", "--build-arg", "REVISION=abc", ".")
    return "ldp:test-cpu"


@pytest.fixture
def workspace() -> Iterator[Path]:
    """A directory that the image's user may write to."""
    place = Path(tempfile.mkdtemp(prefix="ldp-workspace-"))
    os.chown(place, USER, USER)
    yield place
    shutil.rmtree(place)
