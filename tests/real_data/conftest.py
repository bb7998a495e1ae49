"""Where the real files are. They are not part of the project; tests that need them say so when they are skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FILES = ("taiwan_credit.csv", "corporate_credit_rating.csv", "lending_club.csv.gz")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory with the real raw files."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    place = Path(os.environ.get("LDP_TEST_DATA") or beside)
    missing = [name for name in FILES if not (place / name).is_file()]
    if missing:
        pytest.skip(f"needs the real {', '.join(missing)}: set LDP_TEST_DATA to the directory that has them")
    return place
