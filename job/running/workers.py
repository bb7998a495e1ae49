"""Worker processes: tasks out, outcomes back, and the name of what killed a worker.

The standard library's pool breaks as a whole when one process dies and does not say which task it had. Here every
worker has a pipe of its own, so that a death is one outcome of one task, and the worker is replaced.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self

from job.errors import NoMoreProcesses
from job.planning.cores import threads_of
from job.planning.memory import LOOK_AHEAD, next_that_fits, threads_that_fit
from job.running.machine import out_of_memory_kills
from job.running.serving import Work, environment, serve
from job.training.kernels import gpu_environment, numeric_environment

_POLL_S = 0.25


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    Attributes
    ----------
    task : object
    value : object
        What the function returned; None where it did not.
    error : str or None
        One line, where it raised or its worker died.
    traceback : str or None
        Where it raised.
    killed : bool
        Whether the worker died.
    """

    task: Any
    value: Any = None
    error: str | None = None
    traceback: str | None = None
    killed: bool = False


@dataclass(frozen=True)
class Note:
    """What a task said while it was running."""

    task: Any
    value: Any


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    threads: Any  # an int that the process sees, at any time
    owner: bool
    task: Any = None


class WorkerPool:
    """A number of processes that call one function. Use as a context manager; leaving it ends the processes.

    Parameters
    ----------
    count : int
    setup : callable
        Called once in each worker with `setup_args`; returns the function that does a task (:data:`Work`). Set-up,
        tasks, notes and values must pickle.
    on_short : callable
        Told how many workers there are where the system allows no more.
    cores : int
        How many threads all tasks together may use; each may use one in any case.
    most_threads : callable
        Told a task, says how many threads it is good for.
    memory : callable
        Told a task, says how many bytes it needs.
    thread_memory : callable
        Told a task, says how many bytes each thread of it needs after the first.
    room : int or None
        How many bytes the tasks that run may need together; a task that needs more runs by itself.
    owners : int
        How many of the processes own the GPU. They do tasks that need none when no other waits.
    owner_args : tuple
        What `setup` is called with in those.
    needs_owner : callable
        Told a task, says whether one of those has to do it.
    """

    def __init__(
        self,
        count: int,
        setup: Callable[..., Work],
        setup_args: tuple[Any, ...],
        on_short: Callable[[int], None] = lambda _: None,
        *,
        cores: int = 1,
        most_threads: Callable[[Any], int] = lambda _: 1,
        memory: Callable[[Any], int] = lambda _: 0,
        thread_memory: Callable[[Any], int] = lambda _: 0,
        room: int | None = None,
        owners: int = 0,
        owner_args: tuple[Any, ...] = (),
        needs_owner: Callable[[Any], bool] = lambda _: False,
    ) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._most = {True: owners, False: count - owners}
        self._setup = setup
        self._setup_args = setup_args
        self._on_short = on_short
        self._cores = cores
        self._most_threads = most_threads
        self._memory = memory
        self._thread_memory = thread_memory
        self._room = room
        self._owner_args = owner_args
        self._needs_owner = needs_owner
        self._workers: list[_Worker] = []
        self._kills = out_of_memory_kills()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for worker in self._workers:
            worker.process.terminate()
        deadline = time.monotonic() + 1
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.pipe.close()
        self._workers.clear()

    def run(
        self, tasks: Iterable[Any], stopped: Callable[[], bool] = lambda: False, *, alone: bool = False
    ) -> Iterator[Outcome | Note | None]:
        """Yield outcomes and notes as they come, until all tasks are done or `stopped` says so.

        None comes several times a second, so that the caller can look after other things. After `stopped` what is
        still in the pipes is yielded, and nothing waited for. With `alone`, one worker is left, and has the machine's
        memory to itself, and the GPU's.

        Raises
        ------
        NoMoreProcesses
            Where the system allows not a single worker.
        """
        waiting = deque(tasks)
        most = self._most
        if alone:
            self._end()
            most = {True: min(self._most[True], 1), False: 0 if self._most[True] else 1}
        while (waiting or any(worker.task is not None for worker in self._workers)) and not stopped():
            begun = self._give(waiting, most)
            self._deal_cores()
            for worker in begun:
                self._hand(worker)
            yield from self._events(_POLL_S)
            yield None
        if stopped():
            yield from self._events(0)

    def _give(self, waiting: deque[Any], most: dict[bool, int]) -> list[_Worker]:
        """Give tasks to idle workers, of which up to `most` of each kind are started, as far as the memory goes."""
        begun = []
        while waiting:
            takers = self._takers(waiting, most)
            running = [self._memory(worker.task) for worker in self._workers if worker.task is not None]
            chosen = next_that_fits((self._memory(waiting[place]) for place in takers), running, self._room)
            place = None if chosen is None else list(takers)[chosen]
            worker = None if place is None else self._idle(takers[place], most)
            if place is None or worker is None:
                break
            worker.task = waiting[place]
            del waiting[place]
            begun.append(worker)
        return begun

    def _takers(self, waiting: deque[Any], most: dict[bool, int]) -> dict[int, bool]:
        """Return the places of tasks that some worker could take now, and whether an owner of the GPU would."""
        free = {owner: sum(worker.task is not None for worker in self._of(owner)) < most[owner] for owner in most}
        owners_spare = free[True] and not any(map(self._needs_owner, waiting))
        found: dict[int, bool] = {}
        for place, task in enumerate(waiting):
            if len(found) == LOOK_AHEAD:
                break
            if self._needs_owner(task):
                if free[True]:
                    found[place] = True
            elif free[False] or owners_spare:
                found[place] = not free[False]
        return found

    def _of(self, owner: bool) -> list[_Worker]:
        return [worker for worker in self._workers if worker.owner == owner]

    def _idle(self, owner: bool, most: dict[bool, int]) -> _Worker | None:
        """Return a worker of a kind that has nothing to do, started where there are fewer than may be."""
        idle = next((worker for worker in self._of(owner) if worker.task is None), None)
        if idle is not None or len(self._of(owner)) >= most[owner]:
            return idle
        try:
            self._workers.append(self._start(owner))
        except BlockingIOError as error:
            if not self._workers or (owner and not self._of(owner)):
                raise NoMoreProcesses(error) from error
            # Nor will it allow threads: OpenMP ends the process that cannot have one.
            self._most[owner], self._cores = len(self._of(owner)), len(self._workers)
            self._on_short(self._cores)
            return None
        return self._workers[-1]

    def _deal_cores(self) -> None:
        """Let the tasks that run use the cores that no task needs; they look again before each fit."""
        busy = [worker for worker in self._workers if worker.task is not None]
        left = None if self._room is None else max(0, self._room - sum(self._memory(worker.task) for worker in busy))
        thread = max((self._thread_memory(worker.task) for worker in busy), default=0)
        cores = threads_that_fit(self._cores, len(busy), 0, thread, left)
        threads = threads_of(cores, [self._most_threads(worker.task) for worker in busy])
        for worker, count in zip(busy, threads, strict=True):
            worker.threads.value = count

    def _events(self, timeout: float) -> Iterator[Outcome | Note]:
        busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        for pipe in wait(list(busy), timeout=timeout):
            worker = busy[pipe]  # type: ignore[index]
            # A worker's notes come in bursts; its outcome is the last of them.
            while worker.task is not None and worker.pipe.poll():
                yield self._receive(worker)

    def _start(self, owner: bool) -> _Worker:
        ours, theirs = self._context.Pipe()
        threads = self._context.RawValue("i", 1)
        arguments = (theirs, threads, self._setup, self._owner_args if owner else self._setup_args)
        own = gpu_environment() if owner else {}
        process = self._context.Process(target=serve, args=arguments, daemon=True)
        try:
            # Without the safe path an interpreter that is started so looks for modules in the working directory first:
            # a file `pickle.py` or `socket.py` there would run in every worker.
            with environment({**numeric_environment(), **own, "PYTHONSAFEPATH": "1"}):
                process.start()
        except OSError:
            ours.close()
            theirs.close()
            raise
        theirs.close()  # so that the worker's death closes the pipe
        return _Worker(process, ours, threads, owner)

    def _hand(self, worker: _Worker) -> None:
        try:
            worker.pipe.send(worker.task)
        except OSError:  # it died; _receive finds out
            return

    def _receive(self, worker: _Worker) -> Outcome | Note:
        task = worker.task
        try:
            final, value, error, trace = worker.pipe.recv()
            if not final:
                return Note(task, value)
            worker.task = None
            return Outcome(task, value, error, trace)
        except (EOFError, OSError):
            worker.task = None
            worker.process.join(5)
            worker.pipe.close()
            self._workers.remove(worker)
            return Outcome(task, error=self._death(worker.process.exitcode), killed=True)

    def _death(self, exitcode: int | None) -> str:
        if exitcode == -signal.SIGKILL:
            sure = "" if out_of_memory_kills() > self._kills else "most likely "
            return (
                f"its worker was killed by the system (SIGKILL), {sure}because memory ran out; "
                "run it again with fewer workers (--jobs) or more memory"
            )
        if exitcode is not None and exitcode < 0:
            return f"its worker was ended by {signal.Signals(-exitcode).name}"
        return f"its worker ended unexpectedly with exit code {exitcode}"
