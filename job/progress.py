"""How far a run is, for people at a terminal and for logs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

_BAR_S = 0.25  # how often the bar moves, at most
_MOST = 1e12  # units, or seconds of work: 30,000 years


@dataclass(frozen=True)
class Outlook:
    """How far a run is.

    Attributes
    ----------
    done, total : int
        Units.
    share : float
        Of the work that is done, from 0 to 1.
    done_s, total_s : float
        The same in expected seconds of work, re-estimated as the run goes on.
    eta_s : float or None
        Seconds until it is over, by the clock; about. None where nothing is running.
    running : tuple of str
        The units that workers are at.
    """

    done: int
    total: int
    share: float
    done_s: float
    total_s: float
    eta_s: float | None
    running: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the outlook as plain JSON values."""
        return {
            "done": self.done,
            "total": self.total,
            "share": round(self.share, 4),
            "work_done_s": round(self.done_s, 1),
            "work_total_s": round(self.total_s, 1),
            "eta_s": None if self.eta_s is None else round(self.eta_s, 1),
            "running": list(self.running),
        }

    @classmethod
    def from_json(cls, found: Any) -> Outlook | None:
        """Return what :meth:`as_json` said, or None where it is something else."""
        try:
            done, total = found["done"], found["total"]
            times = found["work_done_s"], found["work_total_s"], found["eta_s"]
            share, running = found["share"], found["running"]
        except (KeyError, TypeError):
            return None
        numbers = all(_is_sound(number) for number in (done, total, share, *times[:2], times[2] or 0))
        if not (numbers and isinstance(running, list) and all(isinstance(name, str) for name in running)):
            return None
        return cls(done, total, share, *times, tuple(running))


def _is_sound(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -_MOST <= value <= _MOST


def duration(seconds: float | None) -> str:
    """Return seconds for people: ``0:07``, ``12:30``, ``3:05:00``; a question mark where they are not known."""
    if seconds is None:
        return "?"
    whole = max(0, round(seconds))
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


class Progress:
    """Shows how far a run is. Made by :meth:`Console.progress`."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last = time.monotonic()
        self._finished = False

    def update(self, outlook: Callable[[], Outlook], *, finished: bool = False) -> None:
        """Show it, if it is time to or all of it is done; `outlook` is only asked then."""
        now = time.monotonic()
        if (finished and not self._finished) or now - self._last >= self._interval_s:
            self._last, self._finished = now, finished
            self._show(outlook())

    def _show(self, outlook: Outlook) -> None:
        """Say nothing."""


class BarProgress(Progress):
    """A bar at a terminal, made by :func:`bar_of`."""

    def __init__(self, bar: Any, what: str) -> None:
        super().__init__(_BAR_S)
        self._bar = bar
        self._task = bar.add_task(what, total=1.0, units="", left="", running="")

    def _show(self, outlook: Outlook) -> None:
        self._bar.update(
            self._task,
            completed=outlook.share,
            units=f"{outlook.done}/{outlook.total} units",
            left=duration(outlook.eta_s),
            running=", ".join(outlook.running),
        )


class LineProgress(Progress):
    """One line whenever `interval_s` seconds have passed, and one at the end.

    Parameters
    ----------
    say : callable
        Takes an event's name, the message and the fields of the record.
    """

    def __init__(self, say: Callable[..., None], what: str, interval_s: float) -> None:
        super().__init__(interval_s)
        self._say = say
        self._what = what

    def _show(self, outlook: Outlook) -> None:
        running = f"; running {', '.join(outlook.running)}" if outlook.running else ""
        self._say(
            "progress",
            f"{self._what}: {outlook.share:.0%} of the work, {outlook.done} of {outlook.total} units, about "
            f"{duration(outlook.eta_s)} left{running}",
            **outlook.as_json(),
        )


def bar_of(terminal: Any) -> Any:
    """Return a bar of one line, and one below it that names what is running."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class WithRunning(Bar):
        def get_renderables(self) -> Iterator[Any]:
            yield from super().get_renderables()
            for task in self.tasks:
                yield Text(f"running {task.fields['running']}", no_wrap=True, overflow="ellipsis", style="dim")

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TextColumn("{task.fields[units]}"),
        TimeElapsedColumn(),
        TextColumn("left {task.fields[left]}"),
    )
    return WithRunning(*columns, console=terminal, transient=True)
