"""Attempts: each run of an execution leaves a record of when it began, when it was last alive, and how it ended.

A process that is killed cannot say so; what it leaves is a record without an end whose last sign of life is old.
"""

from __future__ import annotations

import json
import math
import os
import platform
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from job import bounds
from job.errors import ObjectTooLarge, StorageRefused
from job.records import Malformed, moment, number, read_object, text, text_or_none, whole
from job.store import Store, attempts_prefix

SILENT_AFTER = timedelta(minutes=5)
_NEAR_S = 120.0
"""An attempt that lived to within so many seconds of its time has ended because of that: it began before its record."""
End = Literal["complete", "failed", "interrupted"]


@dataclass(frozen=True)
class Attempt:
    """One run of an execution.

    Attributes
    ----------
    id : str
    started, alive : str
        ISO 8601 with time zone: when it began, and its last sign of life.
    end : {'complete', 'failed', 'interrupted'} or None
        None while it runs, and for ever where it was killed.
    host, job, shard : str or None
    finished : int
        Units it finished.
    outlook : dict or None
        How far it was at its last sign of life: :meth:`job.progress.Outlook.as_json`.
    datasets : tuple of str
        Those that it was to work on; empty in records of before.
    instance : dict or None
        The EC2 instance that it ran on, and what it had of it: :func:`job.running.whereabouts.instance_facts`.
    max_s : float or None
        After how many seconds it was to leave by itself; None for as long as it takes.
    """

    id: str
    started: str
    alive: str
    host: str
    job: str | None = None
    shard: str | None = None
    end: End | None = None
    finished: int = 0
    outlook: dict[str, Any] | None = None
    datasets: tuple[str, ...] = ()
    instance: dict[str, Any] | None = None
    max_s: float | None = None

    @property
    def seconds(self) -> float:
        """How long it was alive, as far as is known."""
        return (datetime.fromisoformat(self.alive) - datetime.fromisoformat(self.started)).total_seconds()

    @property
    def out_of_time(self) -> bool:
        """Whether it did not end complete and had all the time that it was given: nobody took it away before."""
        return self.end != "complete" and self.max_s is not None and self.seconds >= self.max_s - _NEAR_S

    @classmethod
    def begin(
        cls,
        shard: str | None = None,
        datasets: Iterable[str] = (),
        instance: dict[str, Any] | None = None,
        max_s: float | None = None,
    ) -> Attempt:
        """Return the record of an attempt that begins now on this machine."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        job = os.environ.get("AWS_BATCH_JOB_ID")
        number = os.environ.get("AWS_BATCH_JOB_ATTEMPT")
        named = f"{job} attempt {number}" if job and number else job
        found = cls(uuid.uuid4().hex[:12], now, now, platform.node(), named, shard)
        return replace(found, datasets=tuple(datasets), instance=instance, max_s=max_s)

    @classmethod
    def decode(cls, data: bytes) -> Attempt:
        """Read the bytes of a record.

        Raises
        ------
        Malformed
            Where they are no record of an attempt.
        """
        found = read_object(data)
        started, alive = (moment(text(found, name)) for name in ("started", "alive"))
        if alive < started:
            raise Malformed("it was last alive before it began")
        end = found.get("end")
        if end not in (None, *get_args(End)):
            raise Malformed("its end is unknown")
        return cls(
            text(found, "id"),
            started.isoformat(timespec="milliseconds"),
            alive.isoformat(timespec="milliseconds"),
            text(found, "host"),
            text_or_none(found, "job"),
            text_or_none(found, "shard"),
            end,
            whole(found, "finished", 0),
            found["outlook"] if isinstance(found.get("outlook"), dict) else None,
            _names(found.get("datasets")),
            found["instance"] if isinstance(found.get("instance"), dict) else None,
            None if found.get("max_s") is None else number(found, "max_s", 0, math.inf),
        )

    def now(self, finished: int, end: End | None = None, outlook: dict[str, Any] | None = None) -> Attempt:
        """Return the record with a new sign of life."""
        alive = datetime.now(UTC).isoformat(timespec="milliseconds")
        return replace(self, alive=alive, finished=finished, end=end, outlook=outlook)

    def key(self, execution_id: str) -> str:
        """Return where it is kept."""
        return f"{attempts_prefix(execution_id)}{self.id}.json"

    def encode(self) -> bytes:
        """Return its bytes."""
        return (json.dumps(asdict(self), sort_keys=True) + "\n").encode()


def _names(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


@dataclass(frozen=True)
class AttemptSummary:
    """What an execution's attempts tell together.

    Attributes
    ----------
    attempts, running, interrupted, killed : int
        `interrupted` ended in good order on a signal or notice; `killed` fell silent.
    idle_seconds : float
        Time between the end of an attempt that was interrupted or killed and the beginning of the next one.
    """

    attempts: int
    running: int
    interrupted: int
    killed: int
    idle_seconds: float


def read_attempts(store: Store, execution_id: str) -> list[Attempt]:
    """Return the records that can be read, by their beginning; without the others only a count is smaller."""
    return read_attempts_under(store, attempts_prefix(execution_id))


def read_attempts_under(store: Store, prefix: str) -> list[Attempt]:
    """Return the records of attempts under a prefix that can be read, by their beginning."""
    found = []
    for info in store.objects(prefix):
        try:
            found.append(Attempt.decode(store.get(info.key, bounds.ATTEMPT_BYTES) or b""))
        except (Malformed, ObjectTooLarge, StorageRefused):
            continue
    return sorted(found, key=lambda attempt: attempt.started)


def running_attempts(attempts: Iterable[Attempt], now: datetime) -> list[Attempt]:
    """Return the attempts that are alive: without an end, heard of lately, and not begun anew since."""
    attempts = list(attempts)
    return [a for a in attempts if a.end is None and not (_is_silent(a, now) or _has_successor(a, attempts))]


def _is_silent(attempt: Attempt, now: datetime) -> bool:
    return now - datetime.fromisoformat(attempt.alive) > SILENT_AFTER


def summarise_attempts(attempts: Iterable[Attempt], now: datetime) -> AttemptSummary:
    """Count attempts, and the time that went by between those that were stopped and the next."""
    attempts = list(attempts)
    running = running_attempts(attempts, now)
    killed = [attempt for attempt in attempts if attempt.end is None and attempt not in running]
    interrupted = [attempt for attempt in attempts if attempt.end == "interrupted"]
    idle = 0.0
    for stopped in (*killed, *interrupted):
        later = [a for a in attempts if a.started >= stopped.alive]
        if later:
            begun = min(datetime.fromisoformat(a.started) for a in later)
            idle += (begun - datetime.fromisoformat(stopped.alive)).total_seconds()
    return AttemptSummary(len(attempts), len(running), len(interrupted), len(killed), idle)


def _has_successor(attempt: Attempt, attempts: Iterable[Attempt]) -> bool:
    """Tell whether the same work was begun again on the same host after this attempt's last sign of life."""
    return any(
        other.started > attempt.alive and (other.host, other.shard) == (attempt.host, attempt.shard)
        for other in attempts
    )
