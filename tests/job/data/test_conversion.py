"""Between NumPy and pyarrow: what pyarrow's own conversions give, without the pandas that they import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.data.conversion import to_array, to_arrow, to_numpy, to_strings
from tests.job.data.rawfiles import put_raw, sample_bytes

ROOT = Path(__file__).parents[3]
FLOATS = st.lists(st.one_of(st.none(), st.floats(width=32)), max_size=40)
COLUMNS = st.one_of(
    FLOATS.map(lambda cells: pa.array(cells, pa.float64())),
    st.lists(st.integers(-9, 9), max_size=40).map(lambda cells: pa.array(cells, pa.int32())),
    st.lists(st.booleans(), max_size=40).map(lambda cells: pa.array(cells, pa.bool_())),
)


@given(COLUMNS, st.integers(0, 20), st.integers(0, 40))
def test_any_stretch_of_a_column_has_the_values_that_pyarrow_gives(column: Any, start: int, count: int) -> None:
    stretch = column.slice(min(start, len(column)), count)
    wanted = stretch.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(column.type):
        wanted = wanted.astype(np.float64)
    found = to_numpy(stretch)
    assert found.dtype == wanted.dtype or not len(stretch)
    np.testing.assert_array_equal(found, wanted)


WHOLE = st.lists(st.integers(-9, 9), max_size=40)
DAYS = st.lists(st.one_of(st.none(), st.dates()), max_size=40)
KINDS = st.one_of(
    st.tuples(st.lists(FLOATS, max_size=4), st.sampled_from([pa.float64(), pa.float32()])),
    st.tuples(st.lists(WHOLE, max_size=4), st.sampled_from([pa.int32(), pa.int8()])),
    st.tuples(st.lists(DAYS, max_size=4), st.just(pa.date32())),
)


@given(KINDS, st.integers(0, 20), st.integers(0, 100))
def test_a_column_of_any_stretches_has_the_values_that_pyarrow_gives(
    kind: tuple[list[list[Any]], Any], start: int, count: int
) -> None:
    stretches, of = kind
    column = pa.chunked_array(stretches, of)
    column = column.slice(min(start, len(column)), count)
    found, wanted = to_array(column), column.to_numpy()
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    assert found.flags.writeable


def test_a_whole_number_that_is_missing_is_no_number() -> None:
    with pytest.raises(ValueError, match="NaN"):
        to_array(pa.chunked_array([[1, None]], pa.int8()))


@pytest.mark.parametrize(
    "values",
    [
        np.array([1.5, np.nan, -0.0]),
        np.arange(9, dtype=np.float32)[::2],
        np.array([0, 1], np.int8),
        np.arange(20) % 3 == 0,
        np.array(["1965-02-01", "NaT", "2015-12-01"], "datetime64[D]"),
        np.array([], np.float64),
        np.array([], np.bool_),
    ],
    ids=lambda values: str(values.dtype),
)
def test_an_array_becomes_what_pyarrow_makes_of_it(values: Any) -> None:
    found, wanted = to_arrow(values), pa.array(values)
    found.validate(full=True)
    assert found.type == wanted.type
    assert found.null_count == wanted.null_count
    np.testing.assert_array_equal(found.to_numpy(zero_copy_only=False), wanted.to_numpy(zero_copy_only=False))


def test_missing_values_are_those_that_are_named() -> None:
    found = to_arrow(np.array([3, 4, 5], np.int32), np.array([False, True, False]))
    assert found.to_pylist() == [3, None, 5]


@given(st.lists(st.text(max_size=5), max_size=20))
def test_texts_stay_what_they_are(values: list[str]) -> None:
    found = to_strings(values)
    found.validate(full=True)
    assert found.to_pylist() == values


@pytest.mark.parametrize("again", [False, True])
def test_processing_a_plain_file_does_not_wait_for_what_it_does_not_use(again: bool, tmp_path: Path) -> None:
    put_raw(tmp_path, "lending_club", sample_bytes("lending_club"))
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))\n"
        "sys.argv = ['ldp', 'data', 'process', 'lending_club']\n"
        "from job.cli import main\n"
        "main()\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LDP_STORAGE_URL": str(tmp_path)}
    for _ in range(1 + again):  # the second finds it up to date, and reads it
        run = subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
    loaded = set(run.stderr.splitlines()[-1].split())
    assert "pyarrow.parquet" in loaded
    unused = {"pandas", "sklearn", "scipy", "job.planning.spec", "numpy.ma", "pyarrow.compute", "pyarrow.dataset"}
    assert not loaded & unused
    assert (tmp_path / "data" / "processed" / "lending_club_y.parquet").is_file()
