"""Standard output and standard error as a command has them: the log is not the run.

Whoever reads the log may be slow, may go away, or may have a full disk. None of that may hold up work or end it. So
what is said on standard error is written by a thread of its own. Where nobody reads, what waits is bounded: beyond
that, warnings and errors are kept and the rest is left out and counted.

Standard output carries results, and results that cannot be written are told: by :class:`~job.errors.OutputLost`, or by
:class:`~job.errors.ReaderGone` where the reader, such as ``head``, has seen enough.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TextIO

from job.errors import OutputLost, ReaderGone
from job.terminal import degrade

WAITING_BYTES = 4 << 20
"""How much of the log may wait for its reader; what comes then is left out, but for warnings and errors."""
INSISTED_BYTES = 64 << 20
"""How much may wait where it is warnings and errors."""
PATIENCE_S = 0.25
FAREWELL_S = 5.0
LONGEST_FAREWELL_S = 30.0
_GONE = frozenset({errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO, errno.ECONNRESET})


class Log(io.TextIOBase):
    """Standard error that never raises, and blocks for no longer than a moment.

    Parameters
    ----------
    stream : text file object
        With a descriptor.
    """

    def __init__(self, stream: TextIO) -> None:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
        self._stream = stream
        self._descriptor = stream.fileno()
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._left_out = 0
        self._stalled = False
        self._gone = False
        self._insists = threading.local()
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.errors

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True

    @contextmanager
    def insisting(self) -> Iterator[None]:
        """Keep what this thread writes within the block, although nobody reads."""
        self._insists.now = True
        try:
            yield
        finally:
            self._insists.now = False

    def write(self, text: str, /) -> int:
        """Write: at once where somebody reads, else later."""
        data = text.encode(self.encoding, self.errors or "backslashreplace")
        most = INSISTED_BYTES if getattr(self._insists, "now", False) else WAITING_BYTES
        with self._changed:
            if self._gone or not data:
                return len(text)
            if self._waiting and self._bytes + len(data) > most:
                self._left_out += 1
                return len(text)
            self._waiting.append(data)
            self._bytes += len(data)
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, daemon=True, name="ldp-log")
                self._writer.start()
            self._changed.notify_all()
            if not self._stalled:  # so that the log and what is printed keep their order
                self._stalled = not self._changed.wait_for(lambda: not self._waiting, PATIENCE_S)
        return len(text)

    def left_out(self) -> int:
        """Return how many writes were left out since the last call, once somebody reads again."""
        with self._changed:
            count, self._left_out = (0, self._left_out) if self._stalled else (self._left_out, 0)
        return count

    def farewell(self) -> None:
        """Wait until everything is written, as long as somebody reads."""
        end = time.monotonic() + LONGEST_FAREWELL_S
        with self._changed:
            before = self._bytes + 1
            while self._waiting and self._bytes < before and time.monotonic() < end:
                before = self._bytes
                self._changed.wait_for(lambda: not self._waiting, FAREWELL_S)

    def _write_on(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                data = self._waiting[0]
            self._put(data)
            with self._changed:
                self._waiting.popleft()
                self._bytes -= len(data)
                self._stalled = self._stalled and bool(self._waiting)
                self._changed.notify_all()

    def _put(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._gone:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # another program made the descriptor so
                select.select([], [self._descriptor], [], 1)
            except OSError as error:
                self._gone = error.errno in _GONE
                return  # a disk that is full may have room for the next line


class Results(io.TextIOBase):
    """Standard output, whose failures are errors of their own."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """That of the stream below."""
        return self._stream.errors

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, text: str, /) -> int:
        """Write.

        Raises
        ------
        OutputLost, ReaderGone
        """
        try:
            return self._stream.write(text)
        except OSError as error:
            _lost(error)

    def flush(self) -> None:
        """Write what is buffered.

        Raises
        ------
        OutputLost, ReaderGone
        """
        try:
            self._stream.flush()
        except OSError as error:
            _lost(error)


def _lost(error: OSError) -> NoReturn:
    if error.errno in _GONE:
        raise ReaderGone("nobody reads standard output any more", "Run the command again, and read on.") from error
    raise OutputLost(
        f"standard output cannot be written: {error.strerror or error}", "Send it where there is room."
    ) from error


def open_streams() -> Log:
    """Make standard output and standard error what a command needs, and return the latter.

    Descriptors that are closed are opened on nothing: else the next file that is opened, data perhaps, would get their
    number, and whatever is printed would go into it.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != descriptor:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            os.set_inheritable(descriptor, True)
    out: TextIO = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    err: TextIO = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream in (out, err):
        degrade(stream)
    log = Log(err)
    sys.stdout, sys.stderr = Results(out), log
    return log
