"""What the commands say while they work: lines and a progress bar at a terminal, JSON lines elsewhere.

Everything here goes to standard error, so that standard output carries results alone.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import IO, Any, Literal

from job.progress import BarProgress, LineProgress, Progress, bar_of
from job.streams import Log
from job.terminal import harmless, sane_environment

Level = Literal["info", "warning", "error"]
RESERVED = ("time", "level", "event", "message")
"""What every JSON record says of itself; alarms and filters rely on it."""
_STYLES: dict[Level, str] = {"info": "", "warning": "yellow", "error": "bold red"}


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

    def info(self, event: str, message: str, /, **fields: Any) -> None:
        """Say that something happened; `fields` go into the JSON record, beside what it says of itself (RESERVED)."""
        self._say("info", event, message, fields)

    def detail(self, event: str, message: str, /, **fields: Any) -> None:
        """Say something that a log should have and that would drown a person at a terminal."""
        if self.json:
            self._say("info", event, message, fields)

    def warning(self, event: str, message: str, /, **fields: Any) -> None:
        """Say something that the user should look at."""
        self._say("warning", event, message, fields)

    def error(self, event: str, message: str, /, **fields: Any) -> None:
        """Say that something failed."""
        self._say("error", event, message, fields)

    @contextmanager
    def progress(self, what: str, interval_s: float = 10.0) -> Iterator[Progress]:
        """Show how far `what` is, with what is running and the time left, while the block runs.

        Parameters
        ----------
        interval_s : float
            How often to say so where there is no terminal.
        """
        if self.json or not self.terminal:
            yield LineProgress(self.info, what, interval_s)
            return
        with bar_of(self._terminal()) as bar:
            yield BarProgress(bar, what)

    def _say(self, level: Level, event: str, message: str, fields: dict[str, Any]) -> None:
        log = self.stream if isinstance(self.stream, Log) else None
        if log is not None and (left_out := log.left_out()):
            words = f"nobody read the log for a while: {left_out} lines of it were left out"
            self._write("warning", "log_left_out", words, {"lines": left_out})
        # Warnings and errors wait for a reader who is slow; the rest may be left out.
        with nullcontext() if log is None or level == "info" else log.insisting():
            self._write(level, event, message, fields)

    def _write(self, level: Level, event: str, message: str, fields: dict[str, Any]) -> None:
        if self.json:
            self.stream.write(_record(level, event, message, fields) + "\n")
            self.stream.flush()
        else:
            prefix = "" if level == "info" else f"{level}: "
            self._terminal().print(harmless(prefix + message), style=_STYLES[level], soft_wrap=True)

    def _terminal(self) -> Any:
        if self._rich is None:
            from rich.console import Console as RichConsole

            self._rich = RichConsole(
                file=self.stream, markup=False, emoji=False, highlight=False, _environ=sane_environment()
            )
        return self._rich


def _record(level: Level, event: str, message: str, fields: dict[str, Any]) -> str:
    """Return a record as one line of JSON; a field that is named like what the record says of itself gets a ``_``."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    apart = {f"{name}_" if name in RESERVED else name: value for name, value in fields.items()}
    record = {"time": now, "level": level, "event": event, "message": message, **apart}
    return json.dumps(_plain(record), default=str, allow_nan=False)


def _plain(value: Any) -> Any:
    """Return a value as JSON can say it: NaN and infinity are none of its numbers, and keys are texts."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


class _SilentConsole(Console):
    def __init__(self) -> None:
        super().__init__(log_format="json")

    def _say(self, level: Level, event: str, message: str, fields: dict[str, Any]) -> None:
        pass
