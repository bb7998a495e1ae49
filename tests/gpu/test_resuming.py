"""A run on a GPU that is killed, again and again, ends with the digests of one that nobody touched."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from job.arrays import Device
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.store import Store
from tests.faults.conftest import ROOT, Ldp

KILLS = 3
SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "smote"]
seeds = [1]
folds = 3
[models.logistic_regression.grid]
alpha = [1e-3, 1e-2]
[models.xgboost.grid]
n_estimators = [20, 60]
max_depth = [3, 6]
base_score = 0.5
[models.lightgbm.grid]
n_estimators = [20, 60]
num_leaves = [7, 31]
"""
UNITS = 6


def make(place: Path, rows: int) -> Ldp:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    (place / "scratch").mkdir(parents=True)
    (place / "kept.toml").write_text(SPEC)
    store = Store.open(str(place / "store"))
    write_sample(store, "taiwan_credit", rows=rows, seed=1)
    process(store, "taiwan_credit", Console.silent())
    return Ldp(place, str(place / "store"), {"PYTHONPATH": path})


def test_a_killed_run_resumes_to_the_same_digests(
    device: Device, scale: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    run = ("experiment", "run", "--spec", "kept.toml", *(("--use-gpu",) if device.kind == "gpu" else ()))
    calm = make(tmp_path / "calm", 1000 * scale)
    began = time.monotonic()
    code, said = calm.run(*run)
    assert code == 0, said
    took = time.monotonic() - began
    expected = calm.digests()
    assert len(expected) == UNITS
    fits = len(calm.fits())

    seed = random.SystemRandom().randrange(10**6)
    rng, stormy, killed = random.Random(seed), make(tmp_path / "stormy", 1000 * scale), 0
    while killed < KILLS:
        before = len(stormy.fits())
        running = stormy.start(*run, LDP_CHECKPOINT_SECONDS="1")
        # After some fits of its own, so that every attempt has something to lose and something to keep.
        wanted = before + rng.randint(1, fits // (KILLS + 1))
        while running.poll() is None and len(stormy.fits()) < wanted:
            time.sleep(0.01)
        if running.poll() is not None:
            break
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        killed += 1
    code, said = stormy.run(*run)
    assert code == 0, said
    assert killed, f"seed {seed}: the run was over before it could be killed"
    assert stormy.digests() == expected, f"seed {seed}"
    record_property(
        "gpu figures",
        f"killed {killed} times (seed {seed}): {fits} fits, {len(stormy.fits()) - fits} made again; {took:.1f} s",
    )
