"""The points of every unit's curves, for whoever draws them: ROC, precision-recall and CAP in one table."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from job.analysis.curves import Curves, curves
from job.analysis.load import read_all
from job.console import Console
from job.errors import UsageError
from job.executions.executions import Execution
from job.executions.results import StoredResult
from job.metrics import Array
from job.store import Store
from job.training.unit import Unit

FORMATS = ("csv", "parquet")
MOST_POINTS = 500  # of a unit: lines of a picture are no finer
COLUMNS = ("score", "called", "true_positive_rate", "false_positive_rate", "precision")


def check_points_format(to: str) -> None:
    """Refuse a format that is for people, who look at pictures.

    Raises
    ------
    UsageError
    """
    if to not in FORMATS:
        raise UsageError(f"--curves writes no {to}", "Give --to csv or --to parquet, or leave --curves out.")


def thinned(found: Curves, most: int = MOST_POINTS) -> Array:
    """Return which points are kept: all, or so many evenly spaced ones and that where KS is reached.

    Returns
    -------
    int64 ndarray
        Ascending; the first and the last point are among them.
    """
    size = found.score.size
    if size <= most:
        return np.arange(size)
    best = int(np.argmax(found.true_positive_rate - found.false_positive_rate))
    return np.unique(np.r_[np.linspace(0, size - 1, most).round().astype(np.int64), best])


def curve_points(store: Store, execution: Execution, console: Console | None = None) -> dict[Unit, dict[str, Array]]:
    """Return the points of the curves of every unit that is done and has both classes in its test part.

    Returns
    -------
    dict of Unit to dict of :data:`COLUMNS` to float64 ndarray
        By falling score; the first is infinite: nobody is called a default.
    """

    def look(result: StoredResult) -> dict[str, Array] | None:
        positives = int(result.target.sum())
        if result.record["status"] != "done" or not 0 < positives < result.target.size:
            return None
        found = curves(result.target.astype(np.int64), result.score)
        kept = thinned(found)
        return {name: getattr(found, name)[kept] for name in COLUMNS}

    seen = read_all(store, execution, list(execution.spec.units()), look, console).seen
    return {unit: points for unit, points in seen.items() if points is not None}


def written(execution: str, points: Mapping[Unit, Mapping[str, Array]], to: str) -> bytes:
    """Return the points of all units as one file: a row for each, the units in their order.

    Parameters
    ----------
    execution : str
    points : dict of Unit to dict of str to ndarray
        As :func:`curve_points` gives them.
    to : {'csv', 'parquet'}
    """
    import pyarrow as pa
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    sizes = [one["score"].size for one in points.values()]

    def repeated(values: list[Any]) -> Any:
        return pa.array(values).take(pa.array(np.repeat(np.arange(len(values)), sizes)))

    names: dict[str, Any] = {"execution": repeated([execution] * len(sizes))}
    for name in ("dataset", "model", "technique", "seed"):
        names[name] = repeated([getattr(unit, name) for unit in points])
    table = pa.table(names | {name: np.concatenate([one[name] for one in points.values()]) for name in COLUMNS})
    sink = io.BytesIO()
    if to == "csv":
        pa_csv.write_csv(table, sink, pa_csv.WriteOptions(quoting_style="needed"))
    else:
        pq.write_table(table, sink, write_page_checksum=True)
    return sink.getvalue()
