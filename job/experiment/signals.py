"""SIGTERM and SIGINT: a wish to stop in good order; the second one stops at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stop:
    """Whether somebody asked the process to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __call__(self) -> bool:
        """Return whether a signal came."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number."""
        return 128 + (self.signal or 0)

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = signal.Signals(number)


@contextmanager
def watch_signals() -> Iterator[Stop]:
    """Note SIGTERM and SIGINT instead of dying of them, while the block runs. In other threads than main: nothing."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop._handle) for number in (signal.SIGTERM, signal.SIGINT)}  # noqa: SLF001
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
