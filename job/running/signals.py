"""The wish to stop in good order: by SIGTERM, SIGINT, SIGHUP, or whoever else asks; the second signal stops at once.

Signals are noticed by a thread of their own, through the file descriptor that the interpreter writes each signal's
number to. So they are noticed too while the main thread waits for the storage, and a deadline holds whatever it does.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FLUSH_S = 3.0
DEADLINE_S = 4.5
ORDERLY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask for a stop in good order."""


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
        """Take notice of a signal; the second one ends the process at once.

        A SIGHUP is never the second: of a terminal that goes away, the shell and the system each send one.
        """
        if number == signal.SIGHUP:
            leave_lost_terminal()
            if self.signal is not None:
                return
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


def heeded() -> list[signal.Signals]:
    """Return the signals to take notice of: all that ask for a stop in good order, SIGHUP unless `nohup` ignores it."""
    return [number for number in ORDERLY if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN]


def leave_lost_terminal() -> None:
    """Let output go nowhere where it went to a terminal that is gone: writing there fails, and is not worth a run."""
    for stream in (sys.stdout, sys.stderr):
        try:
            descriptor = stream.fileno()
            if not stat.S_ISCHR(os.fstat(descriptor).st_mode) or os.isatty(descriptor):
                continue
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, descriptor)
            os.close(nowhere)
        except (AttributeError, OSError, ValueError):  # closed, or no file at all
            continue


@contextmanager
def watch_signals() -> Iterator[Stop]:
    """Take notice of SIGTERM, SIGINT and SIGHUP instead of dying of them, while the block runs.

    Outside the main thread signals cannot be watched, and nothing is changed.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in heeded()}
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
