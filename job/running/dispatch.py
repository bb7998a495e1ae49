"""Handing out work: what the pool tells goes to the flight and the track; a killed worker's work is tried again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from job.console import Console
from job.running.flight import Flight
from job.running.news import Begun, Compared, Failed, FallBack, FitMade, Made, News, Task, Warned
from job.running.outbox import Outbox
from job.running.processes import Pool
from job.running.track import Track
from job.running.workers import Note, Outcome
from job.training.unit import Unit

_LONG = 100_000  # rows whose neighbours take half a minute and more to find among all pairs


@dataclass
class Dispatch:
    """The tasks of one flight on their way through a pool."""

    pool: Pool
    flight: Flight
    track: Track
    stop: Callable[[], bool]
    outbox: Outbox
    console: Console
    sleep: Callable[[float], None]
    scratch_full: bool = False
    warned: set[str] = field(default_factory=set)

    def everything(self, tasks: tuple[Task, ...]) -> None:
        """Run tasks until they are done and stored, or somebody asks to stop."""
        killed = self._work(tasks, alone=False)
        if killed and not self.stop():
            self._work(killed, alone=True)
        self._drain()
        if not self.stop():
            self.flight.ended()
            self._drain()
            self.track.show(finished=True)

    def _work(self, tasks: tuple[Task, ...], *, alone: bool) -> tuple[Task, ...]:
        """Run tasks; return what is left of those whose worker was killed, or found the GPU full, to be tried alone."""
        left = {unit for task in tasks for unit in task.units}
        parts = Counter(unit for task in tasks for unit in task.units)
        killed: list[Task] = []
        crowded: list[tuple[Task, Unit]] = []
        for event in self.pool.run(tasks, self.stop, alone=alone):
            if isinstance(event, Note) and isinstance(event.value, Failed) and event.value.crowded and not alone:
                unit = event.value.unit
                self.console.warning("gpu_crowded", f"{unit}: {event.value.error}; trying again alone")
                killed.append(replace(event.task, units=(unit,), known={unit: self.flight.fits_of(unit)}))
                crowded.append((event.task, unit))
            elif isinstance(event, Note):
                self._take(event.value, left)
            elif isinstance(event, Outcome) and event.error is not None:
                units = tuple(unit for unit in event.task.units if unit in left)
                if units and event.killed and not alone:
                    self.console.warning("worker_killed", f"{_names(units)}: {event.error}; trying again alone")
                    known = {unit: self.flight.fits_of(unit) for unit in units}
                    killed.append(replace(event.task, units=units, known=known))
                    continue
                for unit in units:
                    self._failed(Failed(unit, event.error, event.traceback), left)
            elif isinstance(event, Outcome) and event.task.part is not None:
                through = {unit for unit in event.task.units if (event.task, unit) not in crowded}
                parts.subtract(through)
                for unit in left & through:
                    self.flight.set_aside(unit)
                    if not parts[unit]:
                        self.track.landed(unit)
                        left.discard(unit)
            self.flight.pump()
            self.track.show()
        return tuple(killed)

    def _take(self, news: News, left: set[Unit]) -> None:
        if isinstance(news, Begun):
            self.track.begun(news.units)
        elif isinstance(news, FitMade):
            self.flight.note(news.unit, news.place, news.fit)
            self.track.fitted(news.unit, news.place)
        elif isinstance(news, Made):
            self.flight.land(news)
            self.track.landed(news.result.unit)
            left.discard(news.result.unit)
        elif isinstance(news, Failed):
            self._failed(news, left)
        elif isinstance(news, FallBack):
            self._fell_back(news.rows)
        elif isinstance(news, Compared):
            self.flight.keep(news)
        elif isinstance(news, Warned):
            if news.text not in self.warned:  # each worker tells it
                self.warned.add(news.text)
                self.console.warning("library_warning", news.text)
        elif not self.scratch_full:
            self.scratch_full = True
            self.console.warning(
                "scratch_full",
                "the scratch directory has no room for more prepared folds: they are made again where they are needed, "
                "which costs time and nothing else (a larger LDP_SCRATCH_DIR, or LDP_SCRATCH_MIB, allows more)",
            )

    def _fell_back(self, rows: int) -> None:
        words = f"scikit-learn seeks the neighbours of {rows:,} rows of a fold: there are few features, or rows repeat"
        if rows < _LONG:
            self.console.detail("all_pairs", words, rows=rows)
        else:
            self.console.warning(
                "all_pairs", f"{words}; a million take an hour and more, and what is found is saved", rows=rows
            )

    def _failed(self, news: Failed, left: set[Unit]) -> None:
        self.flight.fail(news.unit, news.error, news.traceback)
        self.track.landed(news.unit)
        left.discard(news.unit)

    def _drain(self) -> None:
        """Wait for the storage to take what it has not taken yet."""
        while len(self.outbox) and not self.stop():
            self.sleep(0.25)
            self.flight.pump()


def _names(units: tuple[Unit, ...]) -> str:
    return str(units[0]) if len(units) == 1 else f"{units[0]} and {len(units) - 1} more units"
