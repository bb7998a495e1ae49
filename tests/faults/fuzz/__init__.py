"""A small platform whose every object can be spoilt, and the commands that read it, in this process."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest import mock

import numpy as np

from job.cli import main
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import describe_processed, load_processed
from job.data.processing import process
from job.executions import checkpoints
from job.executions.attempts import Attempt
from job.executions.bindings import bind
from job.executions.executions import create_next
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import encode
from job.planning.spec import parse_spec
from job.running.workers import Outcome
from job.store import Store, failure_key
from job.training.search import Fit
from job.training.together import run_unit

SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline"]
seeds = [1, 2, 3]
folds = 2
[models.logistic_regression.grid]
alpha = [1e-3, 1e-2]
"""
DOCUMENTED = {0, 1, 2}
LONGEST_S = 60
FUZZ = "fuzz.toml"


@dataclass(frozen=True)
class Platform:
    """A directory with one of everything, and where each kind of object lies."""

    root: Path
    execution: str
    keys: Mapping[str, str]


def build(root: Path) -> Platform:
    """Make raw and processed data and an execution of three units: one done, one in flight, one failed."""
    store, spec = Store.open(str(root)), parse_spec(SPEC, "fuzz", FUZZ)
    (root / FUZZ).write_text(SPEC)
    write_sample(store, "taiwan_credit", rows=120, seed=1)
    process(store, "taiwan_credit", Console.silent())
    info = describe_processed(store, "taiwan_credit")
    assert info is not None
    identity = Identity.here(spec, "cpu")
    execution = create_next(store, identity)
    facts = {"rows": info.rows, "features": info.features, "synthetic": True}
    bind(store, execution, "taiwan_credit", info.fingerprint, facts)
    done, flying, failed = spec.units()
    data = load_processed(store, "taiwan_credit")
    result = run_unit(done, spec.grid(done), spec.protocol, data.X, data.target.astype(np.int8))
    store.put(execution.result_key(done), encode(result, provenance(identity, done, info.fingerprint), {"host": "h"}))
    attempt = Attempt.begin()
    store.put(attempt.key(execution.id), attempt.encode())
    checkpoint = checkpoints.checkpoint_key(execution, flying, attempt.id)
    store.put(checkpoint, checkpoints.encode(flying, info.fingerprint, {(0, 0): Fit(0.5, 0.1)}))
    failure = failure_key(execution.id, failed.dataset, failed.model, failed.technique, failed.seed)
    store.put(failure, b'{"unit": "x", "error": "ValueError: [/x]", "traceback": null}')
    return Platform(
        root,
        execution.id,
        {
            "manifest": f"executions/{execution.id}/manifest.json",
            "binding": f"executions/{execution.id}/datasets/taiwan_credit.json",
            "result": execution.result_key(done),
            "checkpoint": checkpoint,
            "attempt": attempt.key(execution.id),
            "failure": failure,
            "features": "data/processed/taiwan_credit_X.parquet",
            "target": "data/processed/taiwan_credit_y.parquet",
            "raw": "data/raw/taiwan_credit.csv",
            "note": "data/raw/taiwan_credit.sample.json",
            "spec": FUZZ,
        },
    )


@contextlib.contextmanager
def copied(platform: Platform, place: Path) -> Iterator[Path]:
    """Copy the platform to spoil it, and remove the copy."""
    shutil.copytree(platform.root, place)
    try:
        yield place
    finally:
        shutil.rmtree(place)


class NoWorkers:
    """A pool that computes nothing: what a run reads before is what matters here."""

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def run(self, tasks: Any, _stopped: Callable[[], bool], *, alone: bool = False) -> Iterator[Any]:
        for task in tasks:
            yield Outcome(task, error=f"not made here{' either' if alone else ''}")


def _too_long(*_: object) -> None:
    raise TimeoutError(f"a command took more than {LONGEST_S} s")


def ldp(root: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command in a directory and return its exit code and all it said."""
    said = io.StringIO()
    environment = {"LDP_STORAGE_GIVE_UP_SECONDS": "0", "LDP_SCRATCH_DIR": str(root / "scratch"), "LDP_N_JOBS": "1"}
    before, here = signal.signal(signal.SIGALRM, _too_long), Path.cwd()
    signal.alarm(LONGEST_S)
    os.chdir(root)
    try:
        with (
            mock.patch.object(sys, "argv", ["ldp", *arguments]),
            mock.patch.dict(os.environ, {**environment, **variables}),
            mock.patch("signal.signal", return_value=None),
            mock.patch("job.running.processes.WorkerPool", NoWorkers),
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
        ):
            try:
                main()
                code = 0
            except SystemExit as end:
                code = int(end.code or 0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        os.chdir(here)
    return code, said.getvalue()


def assert_sound(arguments: tuple[str, ...], answer: tuple[int, str]) -> None:
    """Assert that a command ended as commands end, and took nothing for a fault of its own."""
    code, said = answer
    told = f"ldp {' '.join(arguments)} ended with {code} and said:\n{said}"
    assert code in DOCUMENTED, told
    for words in ("unforeseen", "fault of ldp", "Traceback", "gave up"):
        assert words not in said, told
    assert all(one.isprintable() or one == "\n" for one in said), told
