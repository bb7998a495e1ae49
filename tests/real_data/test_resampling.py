"""On every fold of the real files, SMOTE and SMOTE-Tomek give imbalanced-learn's rows, byte for byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from imblearn.combine import SMOTETomek
from imblearn.over_sampling import SMOTE
from imblearn.under_sampling import TomekLinks
from threadpoolctl import threadpool_limits

from job.console import Console
from job.data.processed import load_processed
from job.data.processing import process
from job.store import Store
from job.training import resampling
from job.training.comparing import FEW
from job.training.preparation import prepare
from job.training.resampling import resample
from job.training.splits import split
from tests.conftest import REAL_FILES


@pytest.mark.parametrize("name", REAL_FILES)
def test_every_fold_has_the_rows_of_imbalanced_learn(
    name: str, real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    shutil.copy(real_data / name, tmp_path / "data" / "raw")
    store, dataset = Store.open(str(tmp_path)), name.split(".", maxsplit=1)[0]
    process(store, dataset, Console.silent())
    data = load_processed(store, dataset)
    splits = split(data.target, seed=1, folds=5, test_share=0.3)
    # So that SMOTE's neighbours are found by blocks here too, but where different rows are exactly equally far.
    monkeypatch.setattr(resampling, "MANY_TO_INTERPOLATE", FEW)
    told: list[int] = []
    for fold in (*splits.folds, splits.refit):
        before = prepare(data.X, data.target, fold, sampler="none", seed=1)
        X, y = before.X_train, before.y_train
        with threadpool_limits(1):
            smote = SMOTE(k_neighbors=3, random_state=1)
            both = SMOTETomek(smote=smote, tomek=TomekLinks(sampling_strategy="all"), random_state=1).fit_resample(X, y)
            alone = smote.fit_resample(X, y)
        ours = resample("smote", X, y, 1)
        for found, expected in ((ours, alone), (resample("smote_tomek", *ours, 1, told.append), both)):
            for one, other in zip(found, expected, strict=True):
                assert (one.dtype, one.tobytes()) == (other.dtype, np.ascontiguousarray(other).tobytes())
    assert told == [], "no Tomek links of these have to fall back"
