"""Real ``ldp`` processes against a real S3 API server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.executions.executions import list_executions, load_execution
from job.executions.verify import verify
from job.store import Store, results_prefix
from tests.specs import TINY, TINY_UNITS

ROOT = Path(__file__).parents[2]


@dataclass
class Ldp:
    """The command in an environment of its own."""

    directory: Path
    url: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        return Store.open(self.url, scratch_dir=self.directory)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        """Start the command; a variable that is given as empty is left out."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("LDP_")}
        own = {
            "LDP_STORAGE_URL": self.url,
            "LDP_SCRATCH_DIR": str(self.directory / "scratch"),
            "TEST_FIT_LOG": str(self.directory / "fits"),
            "PYTHONPATH": str(ROOT),
            **self.environment,
            **environment,
        }
        everything = {key: value for key, value in (kept | own).items() if value}
        command = [sys.executable, "-m", "tests.faults.driver", *arguments]
        return subprocess.Popen(
            command, env=everything, cwd=self.directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        process = self.start(*arguments, **environment)
        out, err = process.communicate(timeout=500)
        return process.returncode, out + err

    def fits(self) -> list[str]:
        """Every fit that a runner learnt of, in order."""
        log = self.directory / "fits"
        return log.read_text().splitlines() if log.exists() else []

    def digests(self, execution_id: str | None = None) -> dict[str, str]:
        """The digests of the results, each verified, and none more than there are units."""
        ids = [execution_id] if execution_id else list_executions(self.store)
        assert len(ids) == 1, ids
        execution = load_execution(self.store, ids[0])
        found = verify(self.store, execution, execution.spec.units())
        assert not found.damaged
        assert len(list(self.store.objects(results_prefix(ids[0])))) == len(found.results)
        return {str(unit): result.digest for unit, result in found.results.items()}


@pytest.fixture(scope="session")
def sample_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Processed sample data, by key."""
    store = Store.open(str(tmp_path_factory.mktemp("sample")))
    write_sample(store, "taiwan_credit", rows=500, seed=1)
    process(store, "taiwan_credit", Console.silent())
    return {info.key: store.get(info.key) or b"" for info in store.objects("data/processed/")}


@pytest.fixture
def make_ldp(tmp_path: Path, sample_files: dict[str, bytes]) -> Callable[..., Ldp]:
    """Make an :class:`Ldp` over a storage that has the processed sample data and a spec beside it."""

    def make(url: str, name: str = "here", spec: str = TINY, files: dict[str, bytes] = sample_files) -> Ldp:
        directory = tmp_path / name
        directory.mkdir()
        (directory / "scratch").mkdir()
        (directory / "tiny.toml").write_text(spec)
        ldp = Ldp(directory, url)
        for key, data in files.items():
            ldp.store.put(key, data)
        return ldp

    return make


@pytest.fixture
def expected(make_ldp: Callable[..., Ldp], tmp_path: Path) -> dict[str, str]:
    """The digests of the tiny spec, run at one go."""
    calm = make_ldp(str(tmp_path / "calm-store"), "calm")
    code, said = calm.run("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")
    assert code == 0, said
    found = calm.digests()
    assert len(found) == TINY_UNITS
    return found
