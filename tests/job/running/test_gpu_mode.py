"""A run on a GPU from beginning to end, on a machine that has none: nothing is fitted elsewhere in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.arrays import CPU, Device
from job.console import Console
from job.executions.results import decode
from job.planning.spec import parse_spec
from job.running.processes import Options
from job.running.runner import run_experiment
from job.store import Store

T4 = Device("gpu", "Tesla T4", "580.65.06, CUDA 13.0")
SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline"]
seeds = [1]
folds = 2
[models.logistic_regression.grid]
alpha = [0.001]
[models.xgboost.grid]
n_estimators = [5]
"""


def test_without_a_gpu_xgboost_s_units_fail_by_name_and_the_models_of_the_cpu_are_done(
    store: Store, tmp_path: Path
) -> None:
    import xgboost

    if xgboost.build_info()["USE_CUDA"]:
        pytest.skip("this XGBoost may find a GPU; tests/gpu has more on that")
    spec = parse_spec(SPEC, "both", "both.toml")
    options = Options(2, tmp_path, gpu_workers=1)
    report = run_experiment(store, spec, device=T4, console=Console.silent(), options=options)
    assert report.finished == 1
    ((unit, words),) = report.failures.items()
    assert unit.model == "xgboost"
    assert words.startswith("DeviceNotUsed: XGBoost was to fit on Tesla T4, and fitted on 'cpu'")
    (done,) = (unit for unit in spec.units() if unit.model == "logistic_regression")
    there = decode(store.get(report.execution.result_key(done)) or b"")
    assert (there.record["device"], there.gpu) == ("gpu", None)
    # An execution of its own, with the same numbers where the CPU makes them.
    other = run_experiment(store, spec, device=CPU, console=Console.silent(), options=Options(1, tmp_path))
    assert other.execution.id != report.execution.id
    here = decode(store.get(other.execution.result_key(done)) or b"")
    assert here.same_content(there)
