"""Units in flight: what they have finished so far is saved now and then, and what lands is committed.

Losing the process at any instruction loses at most what was finished since the last checkpoint, and the fits in
progress. Each unit costs at most one write in `checkpoint_s` seconds, and none where it lands sooner. Neighbours of a
fold that are sought for long are saved as they are found, some thousand rows at a time.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from job.arrays import CPU, Device
from job.console import Console
from job.errors import ResultMismatch, StorageError, StorageRefused, one_line
from job.executions import checkpoints, neighbours
from job.executions.attempts import Attempt, End
from job.executions.executions import Execution
from job.executions.provenance import provenance
from job.executions.results import commit, encode
from job.planning.loss import is_due
from job.progress import Outlook
from job.running.news import Compared, Made, Task
from job.running.outbox import Outbox
from job.store import Store, failure_key
from job.training.search import Fit, Place
from job.training.unit import Unit, UnitResult

SIGN_OF_LIFE_S = 60.0
MOST_REFUSED_IN_A_ROW = 3
MOST_CHARACTERS = 50_000
"""Of an error and of its traceback in the record of a failure, which has a bound."""


@dataclass
class _Unfinished:
    fits: dict[Place, Fit]
    unsaved: int
    saved_at: float


class Flight:
    """The units that one run has begun and not committed, and the record of the attempt.

    Parameters
    ----------
    fingerprints : dict of str to str
        Of the processed data, by dataset.
    clock : callable
        Monotonic seconds.
    checkpoint_s : float
        How often a unit's fits are saved, at most.
    outlook : callable, optional
        Tells how far the run is, for the record of the attempt.
    device : Device
        What the run computes on.
    """

    def __init__(
        self,
        store: Store,
        execution: Execution,
        fingerprints: Mapping[str, str],
        attempt: Attempt,
        outbox: Outbox,
        console: Console,
        clock: Callable[[], float],
        checkpoint_s: float,
        outlook: Callable[[], Outlook] | None = None,
        device: Device = CPU,
    ) -> None:
        self._store = store
        self._execution = execution
        self._fingerprints = fingerprints
        self._attempt = attempt
        self._outbox = outbox
        self._console = console
        self._clock = clock
        self._checkpoint_s = checkpoint_s
        self._outlook = outlook
        self._device = device
        self._unfinished: dict[Unit, _Unfinished] = {}
        self._with_checkpoint: set[Unit] = set()
        self._failed_before: set[str] = set()
        self._refused: dict[Unit, str] = {}
        self._refused_in_a_row = 0
        self._hurry = threading.Event()
        self._alive_at = clock()
        self.finished = 0
        self.fits = 0
        self.stretches = 0
        self.failures: dict[Unit, str] = {}

    def __len__(self) -> int:
        return len(self._unfinished)

    def begin(self, tasks: Iterable[Task], failed_before: Iterable[str]) -> None:
        """Take note of what there is already, and leave the attempt's first sign of life.

        Parameters
        ----------
        failed_before : iterable of str
            Keys of the records of failures that stand in the store.
        """
        self._known = {unit: dict(fits) for task in tasks for unit, fits in task.known.items()}
        self._with_checkpoint = {unit for unit, fits in self._known.items() if fits}
        self._failed_before = set(failed_before)
        self._sign(None)

    def fits_of(self, unit: Unit) -> Mapping[Place, Fit]:
        """Return the finished fits of a unit in flight, those of earlier attempts included."""
        entry = self._unfinished.get(unit)
        return dict(self._known.get(unit, {}) if entry is None else entry.fits)

    def note(self, unit: Unit, place: Place, fit: Fit) -> None:
        """Take note of a finished fit."""
        self.fits += 1
        if unit not in self._unfinished:
            self._unfinished[unit] = _Unfinished(dict(self._known.get(unit, {})), 0, self._clock())
        entry = self._unfinished[unit]
        entry.fits[place] = fit
        entry.unsaved += 1

    def keep(self, news: Compared) -> None:
        """Save neighbours that were found, for an attempt that has to go on from them."""
        key, data = neighbours.stretch_key(self._execution.id, news.name), neighbours.encode(news.data)

        def write() -> None:
            self._store.put(key, data, durable=False)
            self.stretches += 1

        self._outbox.send(key, write, lost=self._left_out)

    def hurry(self) -> None:
        """Ask, from any thread, that everything be saved at the next occasion."""
        self._hurry.set()

    def pump(self) -> None:
        """Save what is due, and send what the storage did not take before."""
        now = self._clock()
        at_once = self._hurry.is_set()
        self._hurry.clear()
        for unit, entry in self._unfinished.items():
            if self._is_due(entry, now, noticed=at_once):
                self._save(unit, entry)
        if now - self._alive_at >= SIGN_OF_LIFE_S:
            self._sign(None)
        self._outbox.pump()
        self._fail_refused()

    def land(self, made: Made) -> None:
        """Commit a finished unit."""
        result = made.result
        unit = result.unit
        self._unfinished.pop(unit, None)
        self._outbox.withdraw(checkpoints.checkpoint_key(self._execution, unit, self._attempt.id))
        made_from = provenance(self._execution.identity, unit, self._fingerprints[unit.dataset])
        run = {"started": made.started, "wall_seconds": made.wall_seconds, "by": self._attempt.id, **_host()}
        if result.gpu is not None:
            run["driver"] = self._device.driver
        try:
            data = encode(result, made_from, run)
        except Exception as error:  # noqa: BLE001 - a result that cannot be encoded is its unit's failure
            self.fail(unit, f"its result cannot be stored: {type(error).__name__}: {error}", traceback.format_exc())
            return
        key = self._execution.result_key(unit)
        self._send_result(key, data, result)
        self._fail_refused()

    def _send_result(self, key: str, data: bytes, result: UnitResult, *, later: bool = False) -> None:
        self._outbox.send(
            key,
            lambda: self._commit(key, data, result),
            lost=lambda error: self._result_lost(key, data, result, error),
            later=later,
        )

    def _result_lost(self, key: str, data: bytes, result: UnitResult, error: StorageError) -> None:
        """Find out whether a result that cannot be written is alone with that. Then its unit fails, and others go on.

        Where not even a sign of life can be written, or one result after another is refused, no work can be stored.
        """
        if isinstance(error, StorageRefused):
            try:
                self._store.put(self._attempt.key(self._execution.id), self._attempt.encode(), durable=False)
            except StorageRefused:
                raise error from None
            except StorageError:  # away at this moment: it shows when it is back
                self._send_result(key, data, result, later=True)
                return
            self._refused_in_a_row += 1
            if self._refused_in_a_row >= MOST_REFUSED_IN_A_ROW:
                raise error
        self._refused[result.unit] = str(error)

    def _commit(self, key: str, data: bytes, result: UnitResult) -> None:
        unit = result.unit
        try:
            committed = commit(self._store, key, data, self._console)
        except ResultMismatch as error:
            self._refused[unit] = str(error)
            return
        self._refused_in_a_row = 0
        self._tidy_up(unit)
        self.finished += 1
        self._console.detail(
            "unit_finished",
            f"{unit}: {result.reason or result.status}",
            status=result.status,
            commit=committed,
            balanced_accuracy=result.metrics.get("balanced_accuracy"),
            cpu_seconds=round(result.cpu_seconds, 2),
            execution=self._execution.id,
            unit=str(unit),
        )

    def _tidy_up(self, unit: Unit) -> None:
        """Remove the checkpoints and the record of failure of a unit that is committed; it is so without that too."""
        try:
            if unit in self._with_checkpoint:
                checkpoints.remove(self._store, self._execution, unit)
                self._with_checkpoint.discard(unit)
            failed = self._failure_key(unit)
            if failed in self._failed_before:
                self._store.delete(failed)
                self._failed_before.discard(failed)
        except StorageRefused as error:
            self._console.warning("not_tidied", f"{error.what}: left there", execution=self._execution.id)

    def _fail_refused(self) -> None:
        """Record the units whose result is refused, or found that of something else in its place."""
        while self._refused:
            unit, error = self._refused.popitem()
            self.fail(unit, error, None)

    def fail(self, unit: Unit, error: str, trace: str | None) -> None:
        """Record a unit that raised, or whose worker died; what it had finished is saved."""
        entry = self._unfinished.pop(unit, None)
        if entry is not None and self._is_due(entry, self._clock(), noticed=True):
            self._save(unit, entry)
        self.failures[unit] = one_line(error, 300)
        record = {
            "unit": str(unit),
            "error": error[:MOST_CHARACTERS],
            "traceback": trace and trace[-MOST_CHARACTERS:],
            "by": self._attempt.id,
            **_host(),
        }
        data = json.dumps(record, indent=1).encode()
        key = self._failure_key(unit)
        self._outbox.send(key, lambda: self._store.put(key, data), lost=self._left_out)
        self._console.error(
            "unit_failed", f"{unit} failed: {self.failures[unit]}", execution=self._execution.id, unit=str(unit)
        )

    def set_aside(self, unit: Unit) -> None:
        """Save a unit of which others search the other folds: whoever comes last relies on it."""
        entry = self._unfinished.pop(unit, None)
        if entry is not None:
            self._known[unit] = dict(entry.fits)  # another part of it may still be at work here
            self._save(unit, entry, durable=True)

    def interrupted(self, deadline: float) -> None:
        """Save everything that can be saved before `deadline` on the clock."""
        now = self._clock()
        for unit, entry in self._unfinished.items():
            if self._is_due(entry, now, noticed=True):
                self._save(unit, entry)
        self._sign("interrupted")
        while len(self._outbox) and self._clock() < deadline:
            before = len(self._outbox)
            self._outbox.pump(now=True, until=deadline)
            if len(self._outbox) == before:  # the storage is away; the next attempt makes these fits again
                return

    def ended(self) -> None:
        """Leave the attempt's last sign of life."""
        self._sign("failed" if self.failures else "complete")

    def _is_due(self, entry: _Unfinished, now: float, *, noticed: bool) -> bool:
        return is_due(entry.unsaved, now - entry.saved_at, self._checkpoint_s, noticed=noticed)

    def _save(self, unit: Unit, entry: _Unfinished, *, durable: bool = False) -> None:
        key = checkpoints.checkpoint_key(self._execution, unit, self._attempt.id)
        data = checkpoints.encode(unit, self._fingerprints[unit.dataset], entry.fits)
        entry.unsaved, entry.saved_at = 0, self._clock()
        self._with_checkpoint.add(unit)
        # What a power cut takes of checkpoints and signs of life costs fits that are made again, as a rule.
        lost = self._left_out if not durable else lambda error: self._refused.update({unit: str(error)})
        self._outbox.send(key, lambda: self._store.put(key, data, durable=durable), lost=lost)

    def _left_out(self, error: StorageError) -> None:
        """Say that a checkpoint or a record of a failure is not written: units go on without."""
        self._console.warning("not_written", f"{error.what}: left out", execution=self._execution.id)

    def _sign(self, end: End | None) -> None:
        self._alive_at = self._clock()
        outlook = None if self._outlook is None else self._outlook().as_json()
        self._attempt = self._attempt.now(self.finished, end, outlook)
        key, data = self._attempt.key(self._execution.id), self._attempt.encode()
        self._outbox.send(key, lambda: self._store.put(key, data, durable=False))

    def _failure_key(self, unit: Unit) -> str:
        return failure_key(self._execution.id, unit.dataset, unit.model, unit.technique, unit.seed)


def _host() -> dict[str, Any]:
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "machine": platform.machine(),
        "attempt": os.environ.get("AWS_BATCH_JOB_ATTEMPT"),
        "job": os.environ.get("AWS_BATCH_JOB_ID"),
    }
