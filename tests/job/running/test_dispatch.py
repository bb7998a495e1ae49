"""What workers tell while they work reaches the log."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from job.console import Console
from job.running.dispatch import Dispatch
from job.running.news import FallBack
from job.running.workers import Note


def said(*rows: int) -> list[dict[str, Any]]:
    """Return the records of a run whose workers fall back for folds of so many rows."""
    stream = io.StringIO()
    idle: Any = SimpleNamespace(pump=lambda: None, ended=lambda: None, show=lambda **_: None)
    pool: Any = SimpleNamespace(run=lambda *_, **__: [Note(None, FallBack(count)) for count in rows])
    console = Console(stream, "json")
    Dispatch(pool, idle, idle, cast("Any", lambda: False), cast("Any", []), console, lambda _: None).everything(())
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(("rows", "level"), [(5000, "info"), (1_200_000, "warning")])
def test_a_fold_whose_neighbours_scikit_learn_seeks_is_told_of_and_loudly_where_that_takes_long(
    rows: int, level: str
) -> None:
    (record,) = said(rows)
    assert (record["event"], record["level"], record["rows"]) == ("all_pairs", level, rows)


def test_each_such_fold_is_told_of() -> None:
    assert [record["rows"] for record in said(5000, 6000)] == [5000, 6000]
