"""By group and by time too, on real data, with all sharing on, every unit is ``GridSearchCV`` given the same pairs."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold, TimeSeriesSplit

from job.console import Console
from job.data.processed import ProcessedData, load_processed
from job.data.processing import process
from job.store import Store
from job.training.blocks import ByGroup, ByRow, ByTime, Split
from job.training.candidates import MODELS, ModelName, grid_of
from job.training.layout import layout_of
from job.training.preparation import FoldCache
from job.training.techniques import TECHNIQUES
from job.training.together import run_units
from job.training.unit import Protocol, Unit
from tests.job.training.test_exactness import GRIDS, assert_identical
from tests.reference import DeclaredSteps, Parts, reference

FOLDS = 2  # the excerpt has few loans of the first years
WINDOW = ByTime(origins=2, months=6, gap=1, labels="hindsight")


CASES: list[tuple[str, Split, int]] = [
    ("corporate_ccc", ByGroup(), 1),
    ("lending_club_matured", ByRow(), 1),
    ("lending_club", WINDOW, 1),
]


@pytest.fixture(scope="session")
def store(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("splits")
    (root / "data" / "raw").mkdir(parents=True)
    for file in real_data.glob("*.csv*"):
        shutil.copy(file, root / "data" / "raw")
    store = Store.open(str(root))
    for name in {case[0] for case in CASES}:
        process(store, name, Console.silent())
    return store


def by_group(data: ProcessedData, seed: int) -> Parts:
    """The pairs as scikit-learn makes them from the companies' names."""
    assert data.group is not None
    outer = StratifiedGroupKFold(10, shuffle=True, random_state=seed).split(data.X, data.target, data.group)
    test = np.sort(np.concatenate([part for _, part in list(outer)[:3]]))
    train = np.setdiff1d(np.arange(data.target.size), test)
    inner = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    return train, test, list(inner.split(train, data.target[train], data.group[train]))


def by_time(data: ProcessedData, origin: int) -> Parts:
    """The pairs written down once more; nothing says when these loans are due, so the last window is the last."""
    assert data.time is not None
    month = data.time.astype("datetime64[M]")
    end = month.max() - (WINDOW.origins - origin) * WINDOW.months
    cut = end - WINDOW.months + 1
    test = np.flatnonzero((month >= cut) & (month <= end))
    train = np.flatnonzero(month < cut - WINDOW.gap)
    months = sorted(set(month[train]))
    pairs = []
    for earlier, later in TimeSeriesSplit(FOLDS, gap=WINDOW.gap).split(months):
        sides = ({months[i] for i in side} for side in (earlier, later))
        pairs.append(tuple(np.array([i for i, m in enumerate(month[train]) if m in side]) for side in sides))
    return train, test, pairs  # type: ignore[return-value]


def declared(data: ProcessedData) -> DeclaredSteps:
    steps = data.info.declared.steps
    place = data.feature_names.index
    return DeclaredSteps(steps.winsor, [place(n) for n in steps.winsorised], [place(n) for n in steps.indicators])


@pytest.mark.parametrize(("name", "split", "seed"), CASES, ids=["group", "row", "time"])
@pytest.mark.parametrize("model", MODELS)
def test_units_that_share_their_work_return_what_grid_search_cv_returns_on_the_same_pairs(
    model: ModelName, name: str, split: Split, seed: int, store: Store, tmp_path: Path
) -> None:
    data = load_processed(store, name)
    parts = {"group": by_group, "time": by_time}.get(split.as_json()["by"], lambda _data, _seed: None)(data, seed)
    grid = {key: values for key, values in GRIDS[model].items() if key != "max_iter" or model == "mlp"}
    grids = {Unit(name, model, technique, seed): grid_of(model, technique, grid) for technique in TECHNIQUES}
    layout = layout_of(data, split, first_seed=7)
    found = run_units(grids, Protocol(folds=FOLDS), data.X, data.target, FoldCache(tmp_path), layout=layout)
    state = 7 if isinstance(split, ByTime) else seed
    for ours in found:
        theirs = reference(
            model, ours.unit.technique, grid, data.X, data.target, seed=state, folds=FOLDS, parts=parts,
            steps=declared(data),
        )  # fmt: skip
        assert_identical(ours, theirs)
