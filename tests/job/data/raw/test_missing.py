"""Missing marks are one list for columns of numbers and of names; no level and no number is among them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from job.data.datasets import corporate_credit_rating, lending_club
from job.data.raw.missing import MISSING, is_missing
from job.errors import RawFileInvalid
from tests.job.data.rawfiles import as_csv, processed, sample_bytes, sample_rows

LENDING = "lending_club"
NAMES = ("emp_length", "home_ownership", "earliest_cr_line", "purpose")


def with_gaps(mark: str) -> bytes:
    """A sample with a mark in every cell that is empty, and in some that are not."""
    records = sample_rows(LENDING)
    for i, record in enumerate(records[1:]):
        for name in ("dti", "revol_bal", *NAMES):
            if i % 7 == len(name) % 7:
                record[records[0].index(name)] = ""
    return as_csv([records[0], *([cell or mark for cell in record] for record in records[1:])])


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> str:
    return processed(tmp_path_factory.mktemp("empty"), LENDING, with_gaps("")).fingerprint


@pytest.mark.parametrize("mark", [mark for mark in MISSING if mark])
def test_every_mark_is_an_empty_cell_in_numbers_and_names(mark: str, tmp_path: Path, expected: str) -> None:
    assert processed(tmp_path, LENDING, with_gaps(mark)).fingerprint == expected


def test_blanks_around_a_mark_make_no_difference(tmp_path: Path, expected: str) -> None:
    assert processed(tmp_path, LENDING, with_gaps(" NA ")).fingerprint == expected


def test_no_declared_level_is_a_mark() -> None:
    levels = [level for found in lending_club.LEVELS.values() for level in found]
    assert "NONE" in levels
    levels += [*lending_club.STATUSES, *corporate_credit_rating.SECTORS, *corporate_credit_rating.RATINGS]
    assert not [level for level in levels if is_missing(level)]


@pytest.mark.parametrize("cell", ["-", "--", "none", "missing", "x", "0x10", "#DIV/0!"])
def test_what_may_mean_something_else_is_no_mark(cell: str, tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    records[5][records[0].index("dti")] = cell
    with pytest.raises(RawFileInvalid, match="line 6, column dti"):
        processed(tmp_path, LENDING, as_csv(records))


@pytest.mark.parametrize("form", ["{}%", "{} %", " {} % ", "{}\u00a0%", "{}\u202f%"])
def test_percent_signs_are_read_with_a_blank_before_them_too(form: str, tmp_path: Path) -> None:
    records = sample_rows(LENDING)
    place = records[0].index("revol_util")
    changed = [
        [form.format(c) if j == place and i and c else c for j, c in enumerate(row)] for i, row in enumerate(records)
    ]
    plain = processed(tmp_path / "plain", LENDING, sample_bytes(LENDING))
    found = processed(tmp_path / "percent", LENDING, as_csv(changed))
    np.testing.assert_array_equal(found.X, plain.X)
