"""Processed sample data, made once, and small specs that run in seconds."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.planning.spec import Spec, parse_spec
from job.store import Store
from tests.specs import TINY


@pytest.fixture(scope="session")
def processed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("processed")
    store = Store.open(str(root))
    write_sample(store, "taiwan_credit", rows=500, seed=1)
    process(store, "taiwan_credit", Console.silent())
    return root


@pytest.fixture
def root(processed_sample: Path, tmp_path: Path) -> Path:
    """A directory of its own with processed sample data of the Taiwan set."""
    return Path(shutil.copytree(processed_sample, tmp_path / "root"))


@pytest.fixture
def store(root: Path) -> Store:
    return Store.open(str(root))


@pytest.fixture
def tiny() -> Spec:
    return parse_spec(TINY, "tiny", "tiny.toml")
