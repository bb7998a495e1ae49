"""The shape of a result's record, checked before anybody relies on it.

A digest tells that a record is whole, not that it is one: other programs and other versions of this one can write whole
records of another shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from job.metrics import METRIC_IDS
from job.records import Malformed, is_number, mapping, text, whole
from job.training.candidates import ModelName
from job.training.techniques import Technique


def check_record(record: Mapping[str, Any]) -> None:
    """Check the ``ldp`` JSON of a result: unit, status, and what goes with that status.

    Raises
    ------
    Malformed
        Saying what is not as it has to be.
    """
    _check_unit(record)
    _check_made(record)
    status = text(record, "status")
    candidates = record.get("candidates")
    if not isinstance(candidates, list) or not all(isinstance(point, dict) for point in candidates):
        raise Malformed("its candidates are no list of objects")
    if status == "inapplicable":
        text(record, "reason")
    elif status == "done":
        _check_done(record, len(candidates))
    else:
        raise Malformed("its status is unknown")


def _check_unit(record: Mapping[str, Any]) -> None:
    unit = mapping(record, "unit")
    if set(unit) != {"dataset", "model", "technique", "seed"}:
        raise Malformed("its unit has other keys than a unit's")
    text(unit, "dataset")
    whole(unit, "seed")
    if unit["model"] not in get_args(ModelName) or unit["technique"] not in get_args(Technique):
        raise Malformed("its unit is of an unknown model or technique")


def _check_made(record: Mapping[str, Any]) -> None:
    """Check how the result was made and of which rows: its GPU, its split, its counts of classes."""
    if "gpu" in record:
        text(record, "gpu")
    if record.get("reproducible", True) not in (True, False):
        raise Malformed("its reproducible is neither true nor false")
    if "split" in record:
        text(mapping(record, "split"), "by")
    if "origin" in record:
        _check_origin(mapping(record, "origin"))
    for name in ("train", "refit"):
        if record.get(name) is not None:
            counts = mapping(record, name)
            whole(counts, "n0")
            whole(counts, "n1")


def _check_done(record: Mapping[str, Any], candidates: int) -> None:
    scores = record.get("fold_scores")
    if scores is not None and not _is_matrix(scores):
        raise Malformed("its fold_scores are no lists of numbers")
    if scores is not None and len(scores) != candidates:
        raise Malformed("its fold_scores are not of its candidates")
    if record.get("best_index") is not None and whole(record, "best_index") >= candidates:
        raise Malformed("its best_index is none of its candidates")
    if not (record.get("threshold") is None or is_number(record["threshold"])):
        raise Malformed("its threshold is no number")
    metrics = mapping(record, "metrics")
    for metric in METRIC_IDS:
        if metric not in metrics:
            raise Malformed(f"it has no metric {metric}")
        if not (metrics[metric] is None or is_number(metrics[metric])):
            raise Malformed(f"its metric {metric} is no number")


def _check_origin(origin: Mapping[str, Any]) -> None:
    text(origin, "cut")
    for name in ("train", "test"):
        span = origin.get(name)
        if not (isinstance(span, list) and len(span) == 2 and all(isinstance(month, str) for month in span)):
            raise Malformed(f"its origin's {name} is no two months")


def _is_matrix(rows: Any) -> bool:
    if not isinstance(rows, list) or not all(isinstance(row, list) and row for row in rows):
        return False
    return len({len(row) for row in rows}) <= 1 and all(is_number(value) for row in rows for value in row)
