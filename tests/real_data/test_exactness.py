"""On real data too, every model × technique returns what ``GridSearchCV`` over the equivalent pipeline returns."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from job.console import Console
from job.data.processed import load_processed
from job.data.processing import process
from job.store import Store
from job.training.candidates import MODELS, ModelName, grid_of
from job.training.preparation import FoldCache
from job.training.techniques import TECHNIQUES, Technique
from job.training.together import run_unit
from job.training.unit import Protocol, Unit
from tests.job.training.test_exactness import GRIDS, assert_identical
from tests.reference import reference

ROWS = 4000


@pytest.fixture(scope="session")
def taiwan(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, np.ndarray]:
    """The first few thousand rows of the Taiwan features, with some cells taken away so that imputation has work."""
    root = tmp_path_factory.mktemp("taiwan")
    (root / "data" / "raw").mkdir(parents=True)
    shutil.copy(real_data / "taiwan_credit.csv", root / "data" / "raw")
    store = Store.open(str(root))
    process(store, "taiwan_credit", Console.silent())
    data = load_processed(store, "taiwan_credit")
    X = data.X[:ROWS].copy()
    X[::17, 3] = np.nan
    return X, data.target[:ROWS]


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("model", MODELS)
def test_a_unit_on_real_data_returns_what_grid_search_cv_returns(
    model: ModelName, technique: Technique, taiwan: tuple[np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    X, y = taiwan
    grid = {key: values for key, values in GRIDS[model].items() if key != "max_iter" or model == "mlp"}
    theirs = reference(model, technique, grid, X, y, seed=1, folds=3)
    unit = Unit("taiwan_credit", model, technique, 1)
    ours = run_unit(unit, grid_of(model, technique, grid), Protocol(folds=3), X, y, FoldCache(tmp_path))
    assert_identical(ours, theirs)
