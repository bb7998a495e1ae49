"""The images, built from the unmodified Dockerfiles by a real engine, and what they run against."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from job.executions.executions import load_execution
from job.executions.verify import verify
from job.store import Store
from stacks.images import content_tag
from tests.conftest import make_bucket
from tests.specs import STOPPABLE
from tests.stacks.synthesis import MAKE_VARIABLES

ROOT = Path(__file__).parents[2]
USER = 1000

# Before aws_cdk starts its Node.js process: its own validation has tests of its own.
os.environ.setdefault("CDK_VALIDATION", "false")

# As strict as the README promises: nothing but the workspace and /tmp can be written, no network, no privileges.
CONFINED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
SAFE = (*CONFINED, "--network", "none", "--memory", "1g")
RUN = ("experiment", "run", "--spec", "spec.toml", "--jobs", "2")


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

    def python(self, image: str, code: str, *options: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run code with an image's Python."""
        entry = ("--entrypoint", "/opt/ldp/bin/python")
        return self("run", "--rm", *CONFINED, "--network", "none", *options, *entry, image, "-c", code, check=check)


@dataclass(frozen=True)
class S3Server:
    """An S3 server in a container, on a network that leads nowhere else."""

    network: str
    address: str
    name: str = "s3"

    @property
    def endpoint(self) -> str:
        """Where this process reaches it; containers of its network do by its name."""
        return f"http://{self.address}:5000"

    def options(self) -> list[str]:
        """Return the options of `docker run` that let a container use it, and nothing else."""
        variables = {
            "AWS_ENDPOINT_URL": f"http://{self.name}:5000",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }
        return ["--network", self.network, *(f"--env={name}={value}" for name, value in variables.items())]


def find_engine() -> Engine | str:
    """Return the container engine, or why there is none; one that `DOCKER` names has to be there."""
    command = os.environ.get("DOCKER") or shutil.which("docker")
    if not command:
        return "there is no docker command: install Docker, or set DOCKER to one"
    engine = Engine(command)
    found = engine("version", "--format", "{{.Server.Version}}", check=False)
    if found.returncode and "DOCKER" in os.environ:
        pytest.fail(f"DOCKER is set to {command}, and no container engine answers it: {found.stderr}")
    if found.returncode:
        return f"no container engine answers {command}: start one, or set DOCKER_HOST"
    return engine


@pytest.fixture(scope="session")
def engine() -> Engine:
    found = find_engine()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def shared_by(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """Return a directory that the test processes of one run share."""
    place = tmp_path_factory.getbasetemp().parent / f"containers-{testrun_uid}"
    place.mkdir(exist_ok=True)
    return place


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> Path:
    """A directory that the test processes of one run share."""
    return shared_by(tmp_path_factory, testrun_uid)


@contextlib.contextmanager
def one_at_a_time(shared: Path, name: str) -> Iterator[None]:
    """Let one test process do what the others then find done."""
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make(engine: Engine, target: str, *variables: str) -> str:
    """Run a make target as its users do, and return what it said."""
    environment = {name: value for name, value in os.environ.items() if name not in MAKE_VARIABLES}
    command = ["make", "--no-print-directory", target, f"DOCKER={engine.command}", *variables]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(engine: Engine, shared: Path, mode: str, *variables: str) -> str:
    image = f"ldp:{content_tag(mode)}"
    with one_at_a_time(shared, mode):
        if not (shared / mode).exists():
            make(engine, "docker-build", *variables)
            (shared / mode).touch()
    return image


@pytest.fixture(scope="session")
def cpu_image(engine: Engine, shared: Path) -> str:
    return built(engine, shared, "cpu", "GPU=false")


@pytest.fixture(scope="session")
def gpu_image(engine: Engine, shared: Path) -> str:
    return built(engine, shared, "gpu", "GPU=true")


@pytest.fixture(params=["cpu", "gpu"])
def either_image(request: pytest.FixtureRequest) -> str:
    image: str = request.getfixturevalue(f"{request.param}_image")
    return image


@pytest.fixture(scope="session")
def s3_server(engine: Engine, shared: Path) -> Iterator[S3Server]:
    """Start the server that `tests/containers/s3` describes, with the pinned versions."""
    context = shared / "s3"
    with one_at_a_time(shared, "s3-image"):
        if not context.exists():
            shutil.copytree(Path(__file__).parent / "s3", context)
            pinned = re.findall(r"^(\S+==\S+) \\$", (ROOT / "requirements-dev.txt").read_text(), re.MULTILINE)
            (context / "constraints.txt").write_text("\n".join(pinned))
            engine("build", "--quiet", "-t", "ldp:test-s3", str(context))
    network = f"ldp-test-{os.getpid()}"
    engine("network", "create", "--internal", network)
    container = f"{network}-s3"
    try:
        engine("run", "--rm", "-d", "--name", container, "--network", network, "--network-alias", "s3", "ldp:test-s3")
        address = engine.inspect(container)["NetworkSettings"]["Networks"][network]["IPAddress"]
        server = S3Server(network, address)
        _wait_for(server)
        yield server
    finally:
        engine("rm", "--force", container, check=False)
        engine("network", "rm", network, check=False)


def _wait_for(server: S3Server) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{server.endpoint}/moto-api/", timeout=5):
                return
        except OSError:
            assert time.monotonic() < deadline, "the S3 server does not answer"
            time.sleep(0.1)


@pytest.fixture
def bucket(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A fresh bucket of the server in the container; this process reaches it too."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_server.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    name = f"bucket-{abs(hash(request.node.nodeid)) % 10**10}"
    make_bucket(s3_server.endpoint, name)
    return name


@pytest.fixture
def workspace() -> Iterator[Path]:
    """A directory that the image's user may write to."""
    place = Path(tempfile.mkdtemp(prefix="ldp-workspace-"))
    give_to_user(place)
    yield place
    shutil.rmtree(place)


def give_to_user(place: Path) -> None:
    if os.geteuid():
        pytest.skip("gives files to the user of the containers, which only root may: run the tests as root")
    for path in (place, *place.rglob("*")):
        os.chown(path, USER, USER)


def in_workspace(image: str, workspace: Path, *options: str) -> list[str]:
    """Return what makes `docker run` work on a directory, confined."""
    return ["run", "--rm", *SAFE, *options, "-v", f"{workspace}:/workspace", image]


def prepare(engine: Engine, image: str, workspace: Path, real_data: Path, spec: str = STOPPABLE) -> None:
    """Put the real raw file and a spec into a directory, and process the file in a container."""
    raw = workspace / "data" / "raw"
    raw.mkdir(parents=True)
    shutil.copy(real_data / "taiwan_credit.csv", raw)
    (workspace / "spec.toml").write_text(spec)
    give_to_user(workspace)
    engine(*in_workspace(image, workspace), "data", "process", "taiwan_credit")


def digests(url: str) -> dict[str, str]:
    """Return the digest of every unit of the only execution, verified."""
    store = Store.open(url)
    (execution_id,) = store.children("executions/")
    execution = load_execution(store, execution_id)
    found = verify(store, execution, execution.spec.units())
    assert not found.damaged
    return {str(unit): result.digest for unit, result in found.results.items()}


@dataclass(frozen=True)
class Reference:
    """What a run that nobody disturbed came to."""

    digests: dict[str, str]
    summary: list[dict[str, Any]]


@pytest.fixture(scope="session")
def uninterrupted(engine: Engine, cpu_image: str, real_data: Path, shared: Path) -> Reference:
    """Process → experiment → summary on the real data, as a user of the README does it; once for all tests."""
    place, kept = shared / "uninterrupted", shared / "uninterrupted.json"
    with one_at_a_time(shared, "uninterrupted"):
        if not kept.exists():
            place.mkdir()
            prepare(engine, cpu_image, place, real_data)
            engine(*in_workspace(cpu_image, place), *RUN)
            summary = engine(*in_workspace(cpu_image, place), "analyze", "summary", "--json").stdout
            kept.write_text(json.dumps({"digests": digests(str(place)), "summary": json.loads(summary)}))
            shutil.rmtree(place)
    return Reference(**json.loads(kept.read_text()))
