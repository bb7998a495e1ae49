"""A worker process, from within: it does the tasks that its pipe brings, and ends when its parent does."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeAlias

from job.running.machine import prefer_to_be_killed
from job.terminal import show_cursor

Work: TypeAlias = Callable[[Any, Callable[[Any], None], Callable[[], int]], Any]
"""Takes a task, a callable for notes, and one that tells how many threads it may use now; returns the task's value."""


def serve(pipe: Connection, threads: Any, setup: Callable[..., Work], setup_args: tuple[Any, ...]) -> None:
    """Do the tasks that a pipe brings, until it is closed.

    Parameters
    ----------
    pipe : Connection
        Tasks come in; notes and, for each task, one outcome go out.
    threads : shared int
        How many threads the task in hand may use now.
    setup : callable
        Called once, with `setup_args`, when the first task is there.
    """
    for number in (signal.SIGINT, signal.SIGHUP):  # the terminal sends them to everybody; the parent decides
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    prefer_to_be_killed()
    _end_with_parent()
    function: Work | None = None

    def note(value: Any) -> None:
        pipe.send((False, value, None, None))

    def threads_now() -> int:
        return int(threads.value)

    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            if function is None:
                function = setup(*setup_args)
            answer: tuple[bool, Any, str | None, str | None] = (True, function(task, note, threads_now), None, None)
        except Exception as error:  # noqa: BLE001 - a unit that raises is recorded, and the others go on
            answer = (True, None, f"{type(error).__name__}: {error}", traceback.format_exc())
        pipe.send(answer)


def _end_with_parent() -> None:
    """End this process when the parent is gone, even in the middle of a long fit."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        show_cursor()  # a parent that was killed could not
        os._exit(1)

    with suppress(RuntimeError):  # no more threads: then it ends when its pipe does, after the fit
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables inside, for the processes that are started there."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
