"""What the commands say while they work: lines and a progress bar at a terminal, JSON lines elsewhere.

Everything here goes to standard error, so that standard output carries results alone.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import IO, Any, Literal

Level = Literal["info", "warning", "error"]
_STYLES: dict[Level, str] = {"info": "", "warning": "yellow", "error": "bold red"}


class Progress:
    """How far a piece of work is. Made by :meth:`Console.progress`."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def advance(self, steps: int = 1) -> None:
        """Say that `steps` more are done."""
        self.done += steps


class _BarProgress(Progress):
    def __init__(self, total: int, bar: Any, task: Any) -> None:
        super().__init__(total)
        self._bar = bar
        self._task = task
        self._start = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        minutes = (time.monotonic() - self._start) / 60
        self._bar.update(self._task, completed=self.done, rate=f"{self.done / max(minutes, 1e-9):.1f}/min")


class _LineProgress(Progress):
    """One line whenever `interval_s` seconds have passed, and one at the end."""

    def __init__(self, total: int, console: Console, what: str, interval_s: float) -> None:
        super().__init__(total)
        self._console = console
        self._what = what
        self._interval_s = interval_s
        self._start = self._last = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        super().advance(steps)
        now = time.monotonic()
        if now - self._last >= self._interval_s or self.done == self.total:
            self._last = now
            rate = self.done / max(now - self._start, 1e-9)
            left_s = (self.total - self.done) / rate if rate > 0 else None
            self._console.info(
                "progress",
                f"{self._what}: {self.done} of {self.total}",
                done=self.done,
                total=self.total,
                per_minute=round(60 * rate, 2),
                eta_s=None if left_s is None else round(left_s),
            )


class Console:
    """Log records and progress.

    Parameters
    ----------
    stream : file object
        Where to write; standard error by default.
    log_format : {'auto', 'text', 'json'}
        ``auto`` is text where `stream` is a terminal, JSON lines elsewhere.
    """

    def __init__(self, stream: IO[str] | None = None, log_format: Literal["auto", "text", "json"] = "auto") -> None:
        self.stream = stream if stream is not None else sys.stderr
        self.terminal = self.stream.isatty()
        self.json = log_format == "json" or (log_format == "auto" and not self.terminal)
        self._rich: Any = None

    @classmethod
    def silent(cls) -> Console:
        """Return a console that says nothing."""
        return _SilentConsole()

    def info(self, event: str, message: str, **fields: Any) -> None:
        """Say that something happened; `fields` go into the JSON record."""
        self._say("info", event, message, fields)

    def detail(self, event: str, message: str, **fields: Any) -> None:
        """Say something that a log should have and that would drown a person at a terminal."""
        if self.json:
            self._say("info", event, message, fields)

    def warning(self, event: str, message: str, **fields: Any) -> None:
        """Say something that the user should look at."""
        self._say("warning", event, message, fields)

    def error(self, event: str, message: str, **fields: Any) -> None:
        """Say that something failed."""
        self._say("error", event, message, fields)

    @contextmanager
    def progress(self, what: str, total: int, interval_s: float = 10.0) -> Iterator[Progress]:
        """Show how far `total` steps of `what` are, with rate and time left, while the block runs."""
        if self.json or not self.terminal:
            yield _LineProgress(total, self, what, interval_s)
            return
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
        )
        with Bar(*columns, console=self._terminal(), transient=True) as bar:
            yield _BarProgress(total, bar, bar.add_task(what, total=total, rate=""))

    def _say(self, level: Level, event: str, message: str, fields: dict[str, Any]) -> None:
        if self.json:
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            record = {"time": now, "level": level, "event": event, "message": message, **fields}
            self.stream.write(json.dumps(record, default=str) + "\n")
            self.stream.flush()
        else:
            prefix = "" if level == "info" else f"{level}: "
            self._terminal().print(
                prefix + message, style=_STYLES[level], markup=False, highlight=False, soft_wrap=True
            )

    def _terminal(self) -> Any:
        if self._rich is None:
            from rich.console import Console as RichConsole

            self._rich = RichConsole(file=self.stream)
        return self._rich


class _SilentConsole(Console):
    def __init__(self) -> None:
        super().__init__(log_format="json")

    def _say(self, level: Level, event: str, message: str, fields: dict[str, Any]) -> None:
        pass
