"""How far an execution is in expected work, from what is stored: results, and what running attempts last said."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from job.executions.attempts import Attempt, running_attempts
from job.planning.costs import item_costs
from job.planning.fit_costs import TYPICAL_RATE
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.spec import Spec
from job.progress import Outlook
from job.training.unit import Unit


@dataclass(frozen=True)
class _Shape:
    rows: int
    features: int
    default_rate: float = TYPICAL_RATE  # which no binding tells, and which hardly changes a share


def execution_outlook(
    spec: Spec,
    present: Collection[Unit],
    bindings: Mapping[str, Mapping[str, Any]],
    attempts: Sequence[Attempt],
    now: datetime,
) -> Outlook:
    """Return how far an execution is.

    Parameters
    ----------
    present : collection of Unit
        Those that have a result.
    bindings : mapping of dataset to facts
        What the execution knows of the datasets it has run on; the others do not count.
    attempts : sequence of Attempt
        By their beginning. One that runs the whole execution, or was the last and stopped in good order, knows of the
        fits in flight too.
    """
    shapes = {}
    for name, facts in bindings.items():
        rows, features = facts.get("rows"), facts.get("features")
        if isinstance(rows, int) and isinstance(features, int):
            shapes[name] = _Shape(rows, features)
    units = [unit for unit in spec.units() if unit.dataset in shapes]
    searches = Searches(spec)
    total_s = sum(cost.cpu_seconds for cost in item_costs(searches, items_of(units), shapes).values())
    done = [unit for unit in units if unit in present]
    done_s = sum(cost.cpu_seconds for cost in item_costs(searches, items_of(done), shapes).values())
    # What units share is counted with each part of an item, so that parts may come to more than the whole.
    done_s = total_s if len(done) == len(units) else min(done_s, total_s)
    share = done_s / total_s if total_s else 0.0
    running = running_attempts(attempts, now)
    eta_s: float | None = None
    names: list[str] = []
    for attempt in attempts:
        told = Outlook.from_json(attempt.outlook)
        if told is None:
            continue
        if attempt in running:
            names += told.running
            if told.eta_s is not None:
                age_s = (now - datetime.fromisoformat(attempt.alive)).total_seconds()
                eta_s = max(eta_s or 0.0, told.eta_s - age_s)
        current = attempt in running or (attempt is attempts[-1] and attempt.end == "interrupted")
        if current and attempt.shard is None and told.total == len(units) and told.share > share:
            share, done_s, total_s = told.share, told.done_s, told.total_s
    return Outlook(len(done), len(units), share, done_s, total_s, eta_s, tuple(names))
