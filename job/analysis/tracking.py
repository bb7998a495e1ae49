"""Units as runs of an MLflow tracking store: parameters, metrics, and what they rest on as tags."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from job.errors import LibraryMissing, TrackingRefused, masked
from job.metrics import METRIC_IDS

if TYPE_CHECKING:
    import pandas as pd

KEY = "ldp.unit"
_TAGS = ("execution", "fingerprint", "synthetic", "split", "status", "reason", "test_rows", "test_positives")


def export_to_mlflow(units: pd.DataFrame, tracking: str) -> tuple[int, int]:
    """Write each unit as a run of the experiment that has the execution's id; those that stand there are left.

    Parameters
    ----------
    units : DataFrame
        As :func:`job.analysis.load.units` gives them.
    tracking : str
        MLflow's tracking URI, such as ``sqlite:///mlflow.db``.

    Returns
    -------
    (int, int)
        Runs that were written, and runs that stood there.

    Raises
    ------
    LibraryMissing
        Where MLflow is not installed.
    TrackingRefused
        Where its store cannot be used.
    """
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient
    except ImportError:
        raise LibraryMissing("MLflow is not installed", "pip install 'ldp[mlflow]'") from None
    try:
        return _write(units, MlflowClient(tracking))
    except MlflowException as error:
        raise TrackingRefused(
            f"MLflow cannot use {masked(tracking)}: {error}", "Name another store: --tracking sqlite:///mlflow.db."
        ) from error


def _write(units: pd.DataFrame, client: Any) -> tuple[int, int]:
    written = stood = 0
    for execution, own in units.groupby("execution"):
        known = client.get_experiment_by_name(str(execution))
        experiment = client.create_experiment(str(execution)) if known is None else known.experiment_id
        runs = _all_runs(client, experiment)
        for _, unit in own.iterrows():
            name = f"{unit['dataset']}/{unit['model']}/{unit['technique']}/seed_{unit['seed']}"
            if name in runs:
                stood += 1
                continue
            tags = {f"ldp.{tag}": str(unit[tag]) for tag in _TAGS} | {KEY: name}
            run = client.create_run(experiment, run_name=name, tags=tags).info.run_id
            for parameter in ("dataset", "model", "technique", "seed", "parameters"):
                client.log_param(run, parameter, unit[parameter])
            for metric in METRIC_IDS:
                if not math.isnan(unit[metric]):
                    client.log_metric(run, metric, float(unit[metric]))
            client.set_terminated(run)
            written += 1
    return written, stood


def _all_runs(client: Any, experiment: str) -> set[str]:
    """Return the units that have a finished run: one that was cut off is written again."""
    found: set[str] = set()
    token = None
    while True:
        page = client.search_runs([experiment], "attributes.status = 'FINISHED'", page_token=token)
        found |= {run.data.tags[KEY] for run in page if KEY in run.data.tags}
        token = page.token
        if not token:
            return found
