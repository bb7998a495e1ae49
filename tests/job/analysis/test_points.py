"""Curves come out as files whose points are scikit-learn's, and of many points the telling ones are kept."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from job.analysis import points
from job.analysis.curves import curves, ks_place
from job.errors import UsageError
from job.executions.executions import Execution
from job.store import Store
from tests.job.analysis.test_study import done  # noqa: F401 - a fixture


@pytest.mark.parametrize("to", ["csv", "parquet"])
def test_a_file_has_the_roc_curve_of_every_unit(done: tuple[Store, Execution], to: str) -> None:  # noqa: F811
    store, execution = done
    found = points.curve_points(store, execution)
    assert set(found) == set(execution.spec.units())
    content = io.BytesIO(points.written(execution.id, found, to))
    table = pa_csv.read_csv(content) if to == "csv" else pq.read_table(content)
    assert table.column_names[:5] == ["execution", "dataset", "model", "technique", "seed"]
    rows: list[dict[str, Any]] = table.to_pylist()
    for unit, one in found.items():
        own = [r for r in rows if (r["model"], r["technique"], r["seed"]) == (unit.model, unit.technique, unit.seed)]
        assert [r["true_positive_rate"] for r in own] == pytest.approx(list(one["true_positive_rate"]))
        assert (own[0]["score"], own[0]["called"], own[-1]["called"]) == (math.inf, 0, 1)


def test_the_points_are_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    target = (rng.random(200) < 0.3).astype(np.int64)
    score = np.round(rng.random(200) + 0.3 * target, 1)
    found = curves(target, score)
    kept = points.thinned(found)
    false, true, _ = roc_curve(target, score, drop_intermediate=False)
    np.testing.assert_allclose(found.false_positive_rate[kept], false)
    np.testing.assert_allclose(found.true_positive_rate[kept], true)


@given(st.integers(2, 3000), st.integers(3, 600), st.integers(0, 2**32 - 1))
def test_of_many_points_both_ends_and_the_place_of_ks_stay(rows: int, most: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    target = (np.arange(rows) % 2).astype(np.int64)
    found = curves(target, rng.random(rows) + 0.2 * target)
    kept = points.thinned(found, most)
    assert kept.size <= max(most + 1, 2)
    assert (kept[0], kept[-1]) == (0, found.score.size - 1)
    assert (np.diff(kept) > 0).all()
    _, place = ks_place(found)
    assert place in found.score[kept]


@pytest.mark.parametrize("to", ["latex", "markdown", "mlflow"])
def test_a_format_for_people_has_no_points(to: str) -> None:
    with pytest.raises(UsageError, match=r"--curves writes no .*--to csv"):
        points.check_points_format(to)
