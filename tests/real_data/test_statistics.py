"""What is said of the real Taiwan data: recomputed by other libraries, and the facts that the pages claim."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from job.analysis import load, study
from job.analysis.summary import summarise
from job.arrays import CPU
from job.console import Console
from job.data.processing import process
from job.planning.spec import parse_spec
from job.running.processes import Options
from job.running.runner import run_experiment
from job.store import Store

SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling", "smote", "threshold_moving"]
seeds = [1, 2, 3, 4, 5]
folds = 2
[models.lightgbm.grid]
n_estimators = 60
learning_rate = 0.1
num_leaves = 15
"""


def test_the_correction_undoes_under_sampling_but_not_smote_and_ties_are_marked(
    real_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    shutil.copy(real_data / "taiwan_credit.csv", tmp_path / "data" / "raw")
    store = Store.open(str(tmp_path))
    process(store, "taiwan_credit", Console.silent())
    spec = parse_spec(SPEC, "real", "real.toml")
    options = Options(2, tmp_path / "scratch")
    execution = run_experiment(store, spec, device=CPU, console=Console.silent(), options=options).execution

    predictions = load.predictions(execution.id, store=store)
    units = load.units(execution.id, store=store).set_index(["technique", "seed"])
    raw, put_back = {}, {}
    for (technique, seed), rows in predictions.groupby(["technique", "seed"], observed=True):
        assert units.loc[(technique, seed), "roc_auc"] == pytest.approx(roc_auc_score(rows["target"], rows["score"]))
        raw[technique, seed] = brier_score_loss(rows["target"], rows["score"])
        put_back[technique, seed] = brier_score_loss(rows["target"], rows["corrected"])
    for seed in range(1, 6):
        best = raw["baseline", seed]
        assert raw["random_under_sampling", seed] > best + 0.04
        assert put_back["random_under_sampling", seed] == pytest.approx(best, abs=0.002)  # it learns from fewer rows
        assert put_back["smote", seed] > best + 0.004
        assert put_back["threshold_moving", seed] == best

    summary = summarise(store, execution)
    tied = {row.technique for row in summary.rows if row.standing.tied}
    assert "baseline" not in tied
    assert {"random_under_sampling", "threshold_moving"} <= tied
    found = study.all_differences(store, execution, summary, ["balanced_accuracy"], against_baseline=True)
    assert all(one.distinguishable and (one.difference or 0) > 0.02 for one in found)
    same = study.pairs_on_one_test_set(store, execution, 1)
    moved = next(
        one for one in same if {one.first, one.second} == {"lightgbm × baseline", "lightgbm × threshold_moving"}
    )
    assert (moved.auc_difference, moved.auc_p) == (0.0, 1.0)  # the same scores
    assert moved.defaulters_p_holm < 1e-6
