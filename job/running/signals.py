"""The wish to stop in good order: by SIGTERM, SIGINT, or whoever else asks; the second signal stops at once.

Signals are noticed by a thread of their own, through the file descriptor that the interpreter writes each signal's
number to. So they are noticed too while the main thread waits for the storage, and a deadline holds whatever it does.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FLUSH_S = 3.0
DEADLINE_S = 4.5


class Stop:
    """Whether somebody asked the process to stop, and why."""

    def __init__(self, deadline_s: float = DEADLINE_S) -> None:
        self.signal: signal.Signals | None = None
        self.reason = ""
        self._deadline_s = deadline_s
        self._timer: threading.Timer | None = None

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number."""
        return 128 + (self.signal or 0)

    def ask(self, number: signal.Signals, reason: str) -> None:
        """Ask to stop as if by a signal; from then on the process has a few seconds."""
        if self.signal is None:
            self.signal, self.reason = number, reason
            self._timer = threading.Timer(self._deadline_s, os._exit, (128 + number,))
            self._timer.daemon = True
            self._timer.start()

    def arrived(self, number: int) -> None:
        """Take notice of a signal; the second one ends the process at once."""
        if self.signal is not None and self.reason == self.signal.name:
            os._exit(128 + number)
        if self.signal is not None:  # a notice came first; the signal that follows it is the first of its kind
            self.reason = self.signal.name
            return
        self.ask(signal.Signals(number), signal.Signals(number).name)

    def over(self) -> None:
        """Lift the deadline: what had to be done in time is done."""
        if self._timer is not None:
            self._timer.cancel()


@contextmanager
def watch_signals() -> Iterator[Stop]:
    """Take notice of SIGTERM and SIGINT instead of dying of them, while the block runs.

    Outside the main thread signals cannot be watched, and nothing is changed.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def watch() -> None:
        while number := ours.recv(1):
            if number[0] in before:
                stop.arrived(number[0])

    watcher = threading.Thread(target=watch, daemon=True, name="ldp-signals")
    watcher.start()
    try:
        yield stop
    finally:
        signal.set_wakeup_fd(descriptor)
        for number, handler in before.items():
            signal.signal(number, handler)
        theirs.close()
        watcher.join(1)
        ours.close()
        stop.over()
