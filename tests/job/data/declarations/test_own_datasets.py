"""A declared dataset is processed as one that has code of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import load_processed
from job.data.processing import process
from job.store import Store
from tests.job.data.declarations.published import corporate_declaration, taiwan_declaration


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def declare(store: Store, name: str, text: str) -> None:
    store.put(f"data/raw/{name}.toml", text.encode())


@pytest.mark.parametrize(
    ("built_in", "text"), [("taiwan_credit", taiwan_declaration()), ("corporate_ccc", corporate_declaration())]
)
def test_a_declaration_of_a_published_dataset_gives_its_fingerprint(store: Store, built_in: str, text: str) -> None:
    write_sample(store, built_in, rows=2000, seed=1)
    declare(store, "mine", text)
    console = Console.silent()
    ours, theirs = process(store, "mine", console).info, process(store, built_in, console).info
    assert ours.fingerprint == theirs.fingerprint
    assert ours.declared == theirs.declared
    assert ours.synthetic
    assert ours.declaration is not None
    assert theirs.declaration is None
    assert load_processed(store, "mine").feature_names == load_processed(store, built_in).feature_names
