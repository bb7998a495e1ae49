"""The real files, declared, give what the code of their datasets gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from job.console import Console
from job.data.processing import process
from job.store import Store
from tests.job.data.declarations.published import corporate_declaration, taiwan_declaration


@pytest.mark.parametrize(
    ("built_in", "file", "text"),
    [
        ("taiwan_credit", "taiwan_credit.csv", taiwan_declaration()),
        ("corporate_ccc", "corporate_credit_rating.csv", corporate_declaration()),
    ],
)
def test_a_real_file_declared_has_the_fingerprint_of_its_dataset(
    real_data: Path, tmp_path: Path, built_in: str, file: str, text: str
) -> None:
    raw = tmp_path / "data/raw"
    raw.mkdir(parents=True)
    shutil.copy(real_data / file, raw)
    (raw / "mine.toml").write_text(text)
    store, console = Store.open(str(tmp_path)), Console.silent()
    ours, theirs = (process(store, name, console).info for name in ("mine", built_in))
    assert ours.fingerprint == theirs.fingerprint
    assert ours.rows > 2000
