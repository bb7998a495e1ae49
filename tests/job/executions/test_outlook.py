"""How far an execution is, as anybody can see from what is stored: the numbers that the run itself told."""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from job.console import Console
from job.executions.attempts import Attempt, read_attempts
from job.executions.executions import present_results
from job.executions.status import status
from job.planning.spec import Spec
from job.progress import Outlook
from job.store import Store, attempts_prefix
from tests.job.running.test_runner import run

TOLD = Outlook(1, 12, 0.61, 6.1, 10.0, 300.0, ("taiwan_credit/lightgbm/smote/seed_2",))


def leave_attempt(store: Store, execution_id: str, **changes: object) -> None:
    """Leave the record of one attempt, and no other."""
    for info in list(store.objects(attempts_prefix(execution_id))):
        store.delete(info.key)
    now = datetime.now(UTC).isoformat()
    attempt = dataclasses.replace(Attempt("a", now, now, "host", outlook=TOLD.as_json()), **changes)  # type: ignore[arg-type]
    store.put(attempt.key(execution_id), attempt.encode())


def test_a_finished_run_has_told_that_all_its_work_is_done(store: Store, tiny: Spec, tmp_path: Path) -> None:
    out = io.StringIO()
    execution = run(store, tiny, tmp_path, console=Console(out, "json")).execution
    told = [json.loads(line) for line in out.getvalue().splitlines() if '"event": "progress"' in line][-1]
    found = status(store, execution).outlook
    assert (told["share"], told["done"], told["eta_s"], told["running"]) == (1.0, 12, 0.0, [])
    assert (found.share, found.done, found.total, found.eta_s, found.running) == (1.0, 12, 12, None, ())
    (attempt,) = read_attempts(store, execution.id)
    assert Outlook.from_json(attempt.outlook) is not None


def test_status_says_what_a_running_attempt_said_last(store: Store, tiny: Spec, tmp_path: Path) -> None:
    execution = run(store, tiny, tmp_path).execution
    for unit in sorted(present_results(store, execution))[1:]:
        store.delete(execution.result_key(unit))
    ago = (datetime.now(UTC) - timedelta(seconds=40)).isoformat()
    leave_attempt(store, execution.id, started=ago, alive=ago)
    found = status(store, execution).outlook
    assert (found.share, found.done_s, found.total_s, found.running) == (0.61, 6.1, 10.0, TOLD.running)
    assert found.eta_s is not None
    assert 250 <= found.eta_s <= 260, "it said so 40 seconds ago"


def test_without_a_run_the_share_is_that_of_the_results(store: Store, tiny: Spec, tmp_path: Path) -> None:
    execution = run(store, tiny, tmp_path).execution
    for unit in sorted(present_results(store, execution))[1:]:
        store.delete(execution.result_key(unit))
    leave_attempt(store, execution.id, end="failed")
    found = status(store, execution).outlook
    assert 0 < found.share < 0.5
    assert (found.done, found.eta_s, found.running) == (1, None, ())


def test_an_attempt_that_stopped_in_good_order_told_of_the_fits_in_flight(
    store: Store, tiny: Spec, tmp_path: Path
) -> None:
    execution = run(store, tiny, tmp_path).execution
    for unit in sorted(present_results(store, execution))[1:]:
        store.delete(execution.result_key(unit))
    leave_attempt(store, execution.id, end="interrupted")
    found = status(store, execution).outlook
    assert (found.share, found.eta_s, found.running) == (0.61, None, ())


def test_a_shard_s_share_is_not_taken_for_that_of_the_execution(store: Store, tiny: Spec, tmp_path: Path) -> None:
    execution = run(store, tiny, tmp_path).execution
    for unit in sorted(present_results(store, execution))[1:]:
        store.delete(execution.result_key(unit))
    leave_attempt(store, execution.id, shard="1/2")
    found = status(store, execution).outlook
    assert found.share < 0.5
    assert found.running == TOLD.running


def test_a_record_with_an_odd_outlook_is_read_for_the_rest(store: Store, tiny: Spec, tmp_path: Path) -> None:
    execution = run(store, tiny, tmp_path).execution
    for odd in ([], "far", {"share": "all"}, {"running": None}):
        leave_attempt(store, execution.id, outlook=odd)
        found = status(store, execution)
        assert (found.attempts.running, found.outlook.running) == (1, ())
