"""What decides which rows a model sees is bit for bit the same on a GPU: features, SMOTE's rows, Tomek's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job.arrays import CPU, Device, to_device, to_host
from job.training.comparing import FEW, place_of
from job.training.neighbours import neighbours, tomek_links
from tests.job.training.kinds_of_rows import DECIDED, rows_of


@pytest.mark.parametrize("kind", DECIDED)
def test_tomek_links_are_those_of_the_cpu(kind: str, device: Device, scale: int) -> None:
    X, y = rows_of(kind, 3, FEW + 400 * scale, 30, 0.3)
    expected = tomek_links(X, y)
    assert expected.any()
    np.testing.assert_array_equal(tomek_links(X, y, place_of(device)), expected)


@pytest.mark.parametrize("kind", ["spread", "interpolated", "nearly repeated"])
def test_neighbours_are_those_of_the_cpu(kind: str, device: Device, scale: int) -> None:
    X, _ = rows_of(kind, 5, FEW + 400 * scale, 30, 0.3)
    np.testing.assert_array_equal(neighbours(X, 3, place_of(device)), neighbours(X, 3))


def test_a_transfer_there_and_back_changes_no_bit(device: Device) -> None:
    values = np.array([0.0, -0.0, 1e-45, np.nan, np.inf, np.float32(1) / 3], np.float32)
    assert to_host(to_device(values, device)).tobytes() == values.tobytes()


def test_a_fold_is_prepared_with_the_same_rows(loans: tuple[Any, Any], device: Device, tmp_path: Path) -> None:
    from job.training.preparation import FoldCache
    from job.training.splits import split

    X, y = loans
    X, y = np.concatenate([X] * 8) if len(X) < 2000 else X, np.concatenate([y] * 8) if len(X) < 2000 else y
    fold = split(y, seed=1, folds=3, test_share=0.3).refit
    expected = FoldCache(None).get(X, y, fold, dataset="loans", sampler="smote_tomek", seed=1)
    found = FoldCache(None, device=device).get(X, y, fold, dataset="loans", sampler="smote_tomek", seed=1)
    assert found.identity == expected.identity
    assert len(found.y_train) > FEW


def test_features_have_the_fingerprints_of_the_cpu(device: Device, tmp_path: Path) -> None:
    from job.catalogue import DATASET_IDS
    from job.console import Console
    from job.data.datasets.samples import write_sample
    from job.data.processing import process
    from job.store import Store

    store = Store.open(str(tmp_path))
    for name in DATASET_IDS:
        write_sample(store, name, rows=3000, seed=2, force=True)
        expected = process(store, name, Console.silent(), force=True).info.fingerprint
        assert process(store, name, Console.silent(), force=True, device=device).info.fingerprint == expected, name
    assert CPU.kind == "cpu"
