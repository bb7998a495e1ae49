"""The wish to stop in good order: by SIGTERM, SIGINT, SIGHUP, or whoever else asks; the second signal stops at once.

One watch holds for a whole command. Signals are noticed by a thread of their own, through the file descriptor that
the interpreter writes each signal's number to. So they are noticed too while the main thread waits for the storage, and
a deadline holds whatever it does. Work that is in pieces looks at the wish between them (:meth:`Stop.polled`) and has
time to save; anything else is left where it is, by :class:`Stopped`. What a library makes of that exception does not
matter: the deadline ends the process all the same, and the wish stands until the end of the command.
"""

from __future__ import annotations

import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from job.errors import Interrupted

FLUSH_S = 3.0
DEADLINE_S = 4.5
LEAVE_S = 3.0
"""For how long a command that has nothing to save may take to leave what it is at."""
ORDERLY = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask for a stop in good order."""
_LAST_WORDS_S = 0.3


class Stopped(BaseException):
    """Ends what the main thread is at. No Exception, since libraries take those for troubles of their own."""


class Stop:
    """Whether somebody asked the process to stop, and why.

    Parameters
    ----------
    deadline_s, leave_s : float
        How long the process has from then on: where it looks at the wish, and where it does not.
    last_words : callable, optional
        Called where the process is ended with no time left, or by a second signal. It may hang.
    """

    def __init__(
        self,
        deadline_s: float = DEADLINE_S,
        leave_s: float = LEAVE_S,
        last_words: Callable[[Stop], None] | None = None,
    ) -> None:
        self.signal: signal.Signals | None = None
        self._reason = ""
        self._deadline_s = deadline_s
        self._leave_s = leave_s
        self._last_words = last_words
        self._timer: threading.Timer | None = None
        self._polled = False
        self._heard: int | None = None

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.signal is not None or self._heard is not None

    @property
    def reason(self) -> str:
        """What asked: a signal's name, or the words of a notice."""
        # The main thread may hear of a signal before the thread that watches for them does.
        return self._reason or ("" if self._heard is None else signal.Signals(self._heard).name)

    @property
    def exit_code(self) -> int:
        """128 plus the signal's number."""
        return 128 + (self.signal or self._heard or 0)

    @property
    def interrupted(self) -> Interrupted:
        """The error that says so where there was nothing to save."""
        # The main thread may hear of a signal before the thread that watches for them does.
        reason = self.reason or signal.Signals(self.exit_code - 128).name
        return Interrupted(f"stopped by {reason}", "Nothing is half-written; run the command again.", self.exit_code)

    def ask(self, number: signal.Signals, reason: str) -> None:
        """Ask to stop as if by a signal; from then on the process has a few seconds."""
        if self.signal is None:
            self.signal, self._reason = number, reason
            seconds = self._deadline_s if self._polled else self._leave_s
            self._timer = threading.Timer(seconds, self._end, (128 + number,))
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
        if self.signal is not None and self._reason == self.signal.name:
            self._end(128 + number)
        if self.signal is not None:  # a notice came first; the signal that follows it is the first of its kind
            self._reason = self.signal.name
            return
        self.ask(signal.Signals(number), signal.Signals(number).name)

    @contextmanager
    def polled(self) -> Iterator[Stop]:
        """Let the block look at the wish itself, instead of ending it.

        Raises
        ------
        Stopped
            At the end of a block that did not see the wish.
        """
        self._polled = True
        try:
            yield self
        finally:
            self._polled = False
        if self():
            raise Stopped

    def throw(self, number: int, _frame: FrameType | None) -> None:
        """End what the main thread is at, once, unless it looks at the wish itself: Python's handler of signals."""
        again, self._heard = self._heard is not None, self._heard or number
        if not (again or self._polled):
            raise Stopped

    def over(self) -> None:
        """Lift the deadline: what had to be done in time is done."""
        if self._timer is not None:
            self._timer.cancel()

    def _end(self, code: int) -> None:
        if self._last_words is not None:  # where they are said may be what hangs
            words = threading.Thread(target=self._last_words, args=(self,), daemon=True)
            words.start()
            words.join(_LAST_WORDS_S)
        os._exit(code)


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
def watch_signals(last_words: Callable[[Stop], None] | None = None) -> Iterator[Stop]:
    """Take notice of SIGTERM, SIGINT and SIGHUP instead of dying of them, while the block runs.

    Outside the main thread signals cannot be watched, and nothing is changed.
    """
    stop = Stop(last_words=last_words)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    numbers = heeded()

    def watch() -> None:
        while number := ours.recv(1):
            if number[0] in numbers:
                stop.arrived(number[0])

    watcher = threading.Thread(target=watch, daemon=True, name="ldp-signals")
    watcher.start()
    descriptor = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    before = {number: signal.signal(number, stop.throw) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(descriptor)
        theirs.close()
        watcher.join(1)
        ours.close()
        stop.over()


@contextmanager
def polled_signals() -> Iterator[Stop]:
    """Watch signals for a block that looks at the wish itself, where no command watches them."""
    with watch_signals() as stop, stop.polled():
        yield stop
