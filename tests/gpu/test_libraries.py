"""The libraries that the GPU image goes without are wanted by nothing that computes here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEFT_OUT = ("cufft", "curand", "cusolver", "cusparse", "nccl")
EVERYTHING = """
import sys
import numpy as np
from job.arrays import require_device
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.store import Store
from job.training.fitting import Trainer
from job.training.preparation import PreparedFold
from job.training.resampling import resample

device = require_device(sys.argv[1] == "gpu")
store = Store.open(sys.argv[2])
for name in ("taiwan_credit", "lending_club"):
    write_sample(store, name, rows=500, seed=1)
    process(store, name, Console.silent(), device=device)
rng = np.random.default_rng(1)
X = rng.normal(size=(6000, 20)).astype(np.float32)
y = (X[:, 0] + rng.normal(size=6000) > 1).astype(np.int8)
X, y = resample("smote_tomek", *resample("smote", X, y, 1, device=device), 1, device=device)
fold = PreparedFold(X, y, X[:500], y[:500], 0.0)
for model in ("xgboost", "lightgbm"):
    list(Trainer(model, fold, sampler="none", seed=1, device=device).fit([{"n_estimators": 5}]))
print(*{line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}, sep="\\n")
"""


def loaded(device: str, place: Path) -> list[str]:
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-c", EVERYTHING, device, str(place)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return [Path(line).name for line in run.stdout.splitlines() if line.startswith("/")]


def test_features_rows_and_fits_load_none_of_them(device: object, tmp_path: Path) -> None:
    kind = str(device.kind)  # type: ignore[attr-defined]
    found = loaded(kind, tmp_path)
    assert any("xgboost" in name for name in found)
    if kind == "gpu":
        assert any("cublas" in name for name in found), "products are made by cuBLAS"
        assert any("nvrtc" in name for name in found), "kernels are compiled by NVRTC"
    assert [name for name in found if any(left in name.lower() for left in LEFT_OUT)] == []
