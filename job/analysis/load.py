"""An execution's units and predictions as pandas DataFrames, for notebooks.

    from job.analysis import load

    units = load.units()                          # the latest execution under LDP_STORAGE_URL
    scores = load.predictions("quick-ac5d7582-1", dataset="taiwan_credit")

Both read and verify stored results, and train nothing. What is damaged is left out with a warning.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from job.analysis.evidence import evidence_of
from job.analysis.prior import corrected, prior_shift
from job.analysis.selection import fold_score
from job.console import Console
from job.errors import DatasetNotFound, did_you_mean, shown
from job.executions.executions import Execution
from job.executions.recovery import read_binding
from job.executions.results import StoredResult
from job.executions.status import choose_execution
from job.executions.verify import Verified, verify
from job.metrics import METRIC_IDS
from job.settings import Settings
from job.store import Store
from job.training.unit import Unit

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("dataset", "model", "technique")


def units(execution_id: str | None = None, *, spec: str | None = None, store: Store | None = None) -> pd.DataFrame:
    """Return one row for each unit that has a result.

    Parameters
    ----------
    execution_id : str, optional
        Without it the execution that was created last, of `spec` (a name) where that is given.
    store : Store, optional
        Where to look; what LDP_STORAGE_URL says without it.

    Returns
    -------
    DataFrame
        ``execution``, ``dataset``, ``model``, ``technique``, ``split``, ``fingerprint``: text; ``seed``: int64, by time
        the origin's number; ``synthetic``: bool; ``status``: done or inapplicable, with its ``reason``; ``test_rows``,
        ``test_positives``, ``positive_groups``, ``train_n0``, ``train_n1``, ``refit_n0``, ``refit_n1``: Int64, missing
        where they are not known; ``fold_score``, ``threshold``, ``beta`` (see :mod:`job.analysis.prior`), every metric
        and ``cpu_seconds``: float64, NaN where undefined; ``parameters``: JSON. In the order of the spec.

    Raises
    ------
    LdpError
        Where there is no such execution, or the storage does not give its results.
    """
    import pandas as pd

    store = _opened(store)
    execution = choose_execution(store, execution_id, spec, Console.silent())
    read = _verified(store, execution, None, evidence_of)
    bindings = {dataset: read_binding(store, execution, dataset) or {} for dataset in execution.spec.datasets}
    rows = [_unit_row(execution, result, read.seen[unit], bindings) for unit, result in read.results.items()]
    frame = pd.DataFrame(rows, columns=_COLUMNS)
    return frame.astype(_TYPES)


def predictions(
    execution_id: str | None = None,
    *,
    dataset: str | None = None,
    spec: str | None = None,
    store: Store | None = None,
) -> pd.DataFrame:
    """Return one row for each test row of each unit that is done.

    Parameters
    ----------
    dataset : str, optional
        Only its predictions: those of many units on many rows fill a memory.

    Returns
    -------
    DataFrame
        ``dataset``, ``model``, ``technique``: category; ``seed``: int64; ``row``: int32, the position in the processed
        data; ``target``: int8; ``score``: float64, the probability of default; ``corrected``: float64, put back to the
        training part's default rate, NaN where the record does not tell how; ``decision``: int8; ``block``: Int32, the
        group or month by code, missing by row.

    Raises
    ------
    LdpError
        As :func:`units`; :class:`~job.errors.DatasetNotFound` where the execution has no such dataset.
    """
    import pandas as pd

    store = _opened(store)
    execution = choose_execution(store, execution_id, spec, Console.silent())
    read = _verified(store, execution, dataset, _kept)
    frames = [_prediction_rows(result) for result in read.seen.values() if result.record["status"] == "done"]
    if not frames:
        return _prediction_frame({name: [] for name in _PREDICTION_TYPES})
    found = pd.concat(frames, ignore_index=True)
    return found.astype(dict.fromkeys(NAMES, "category"))


def stored_results(
    store: Store, execution: Execution, dataset: str | None, seed: int | None = None, console: Console | None = None
) -> list[StoredResult]:
    """Return results with their predictions: of one dataset, and of one seed or origin of it.

    Parameters
    ----------
    console : Console, optional
        Told of results that are left out, because they are damaged or of something else.
    """
    asked = [unit for unit in execution.spec.units() if dataset in (None, unit.dataset) and seed in (None, unit.seed)]
    return list(read_all(store, execution, asked, _kept, console).seen.values())


def read_all(
    store: Store,
    execution: Execution,
    asked: Sequence[Unit],
    look: Callable[[StoredResult], Any],
    console: Console | None = None,
) -> Verified:
    """Read and verify results, and name to `console` those that are left out.

    Raises
    ------
    StorageError
        Where the storage gives not a single one.
    """
    read = verify(store, execution, asked, look)
    if asked and len(read.unreadable) == len(asked):
        raise next(iter(read.unreadable.values()))
    if console is not None:
        for what in left_out(read):
            console.warning("result_damaged", f"{what}: left out; `ldp experiment run` computes it again")
    return read


def left_out(read: Verified) -> tuple[str, ...]:
    """Return what stands in the store and could not be used, one line each."""
    return (*read.damaged.values(), *read.foreign.values(), *(error.what for error in read.unreadable.values()))


def _opened(store: Store | None) -> Store:
    if store is not None:
        return store
    settings = Settings.from_environment()
    return Store.open(
        settings.storage_url, settings.scratch_dir, settings.storage_retries, settings.storage_idle_seconds
    )


def _verified(store: Store, execution: Execution, dataset: str | None, look: Callable[[StoredResult], Any]) -> Verified:
    if dataset is not None and dataset not in execution.spec.datasets:
        raise DatasetNotFound(
            f"{execution.id} has no dataset {shown(dataset)}", did_you_mean(dataset, execution.spec.datasets)
        )
    asked = [unit for unit in execution.spec.units() if dataset in (None, unit.dataset)]
    read = read_all(store, execution, asked, look)
    for what in left_out(read):
        warnings.warn(f"{what}: left out", stacklevel=3)
    return read


def _kept(result: StoredResult) -> StoredResult:
    return result


_WHOLE = ("test_rows", "test_positives", "positive_groups", "train_n0", "train_n1", "refit_n0", "refit_n1")
_REAL = ("fold_score", "threshold", "beta", *METRIC_IDS, "cpu_seconds")
_COLUMNS = [
    "execution", *NAMES, "seed", "split", "fingerprint", "synthetic", "status", "reason", *_WHOLE, *_REAL, "parameters",
]  # fmt: skip
_TYPES: dict[str, str] = {
    "seed": "int64",
    "synthetic": "bool",
    **dict.fromkeys(_WHOLE, "Int64"),
    **dict.fromkeys(_REAL, "float64"),
}
_PREDICTION_TYPES = {
    **dict.fromkeys(NAMES, "category"), "seed": "int64", "row": "int32", "target": "int8", "score": "float64",
    "corrected": "float64", "decision": "int8", "block": "Int32",
}  # fmt: skip


def _unit_row(execution: Execution, result: StoredResult, tested: Any, bindings: dict[str, Any]) -> dict[str, Any]:
    record, unit = result.record, result.unit
    done = record["status"] == "done"
    shift = prior_shift(record) if done else None
    counts = {name: record.get(name) or {} for name in ("train", "refit")}
    metrics = record["metrics"] | {"ks": tested.ks} if done else {}
    return {
        "execution": execution.id,
        "dataset": unit.dataset,
        "model": unit.model,
        "technique": unit.technique,
        "seed": unit.seed,
        "split": str(execution.spec.split(unit.dataset)),
        "fingerprint": record["fingerprint"],
        "synthetic": bool(bindings[unit.dataset].get("synthetic")),
        "status": record["status"],
        "reason": record.get("reason"),
        "test_rows": tested.rows if done else None,
        "test_positives": tested.positives if done else None,
        "positive_groups": tested.positive_blocks if done else None,
        **{f"{name}_{n}": counts[name].get(n) for name in counts for n in ("n0", "n1")},
        "fold_score": fold_score(result),
        "threshold": record.get("threshold"),
        "beta": None if shift is None else shift.beta,
        **{metric: metrics.get(metric) for metric in METRIC_IDS},
        "cpu_seconds": result.run.get("cpu_seconds"),
        "parameters": json.dumps(record.get("parameters"), sort_keys=True),
    }


def _prediction_rows(result: StoredResult) -> pd.DataFrame:
    shift, unit, n = prior_shift(result.record), result.unit, result.target.size
    return _prediction_frame(
        {
            "dataset": np.repeat(unit.dataset, n),
            "model": np.repeat(unit.model, n),
            "technique": np.repeat(unit.technique, n),
            "seed": unit.seed,
            "row": result.row,
            "target": result.target,
            "score": result.score,
            "corrected": np.nan if shift is None else corrected(result.score, shift.beta),
            "decision": result.decision,
            "block": None if result.block is None else result.block,
        }
    )


def _prediction_frame(columns: dict[str, Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(columns, columns=list(_PREDICTION_TYPES)).astype(_PREDICTION_TYPES)
