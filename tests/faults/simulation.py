"""A runner whose world is simulated: the real runner, executions, checkpoints and commits over a storage that fails,
workers that die, a clock that jumps ahead, and other attempts that interfere. A seed replays a schedule exactly.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from job.arrays import CPU
from job.console import Console
from job.errors import Interrupted, StorageError, StorageRefused
from job.metrics import METRIC_IDS
from job.planning.loss import CHECKPOINT_S
from job.planning.spec import Spec, parse_spec
from job.running.news import FitMade, Made, Task
from job.running.processes import Options
from job.running.runner import Means, RunReport, run_experiment
from job.running.workers import Note, Outcome
from job.signals import Stop
from job.store import Store
from job.training.candidates import candidates
from job.training.search import Fit, Place
from job.training.unit import Unit, UnitResult

LONGEST_STEP_S = 8.0
FOLDS, CANDIDATES = 2, 3
SPEC = f"""
datasets = ["taiwan_credit"]
techniques = ["baseline", "smote"]
seeds = [1, 2]
folds = {FOLDS}
[models.logistic_regression.grid]
alpha = [1e-4, 1e-3, 1e-2]
[models.random_forest.grid]
max_depth = [3, 4, 5]
"""


@cache
def spec() -> Spec:
    return parse_spec(SPEC, "simulated", "simulated.toml")


class Killed(BaseException):
    """The process is no more. Nobody may catch this."""


def number(*what: object) -> float:
    """A number from 0 to 1 that depends on nothing but what it is asked for."""
    return int.from_bytes(hashlib.sha256(repr(what).encode()).digest()[:6], "big") / 2**48


def compute(unit: Unit, fits: dict[Place, Fit]) -> UnitResult:
    """What a unit's result is; a fit that went astray in a checkpoint would show in it."""
    scores = np.array([[fits[c, f].score for f in range(FOLDS)] for c in range(CANDIDATES)])
    row = np.arange(5, dtype=np.int32)
    score = np.array([number(unit, i) for i in range(5)])
    target = np.array([0, 1, 0, 1, 1], np.int8)
    best = int(np.argmax(scores.mean(axis=1)))
    (gpu,) = {fit.gpu for fit in fits.values()}  # a result is of one GPU, or of none
    points = tuple(candidates(spec().grid(unit)))
    decision = (score > 0.5).astype(np.int8)
    metrics = dict.fromkeys(METRIC_IDS)  # as of too few rows: what they are is another test's
    return UnitResult(unit, "done", None, row, target, score, decision, points, scores, best, metrics=metrics, gpu=gpu)


@dataclass
class World:
    """What a schedule's attempts share.

    Attributes
    ----------
    made : dict of (unit, place) to list of (attempt, time)
        Every fit that was finished, whether or not anybody remembers it.
    """

    store: Store
    rng: random.Random
    made: dict[tuple[Unit, Place], list[tuple[int, float]]] = field(default_factory=lambda: defaultdict(list))
    now: float = 0.0
    jumps: bool = False
    baton: Baton | None = None
    unsynced: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))

    def cut_power(self, attempt: int) -> None:
        """Take away, cut or keep what an attempt wrote and did not ask to be durable."""
        for key in sorted(self.unsynced.pop(attempt, set())):
            data = self.store.get(key)
            kept = self.rng.choice([None, b"", (data or b"")[:7], data])
            if kept is None:
                self.store.delete(key)
            elif data is not None:
                self.store.put(key, kept)

    def step(self, attempt: int) -> None:
        """Time goes by, and another attempt may have its turn."""
        self.now += self.rng.choice([0.01, 0.5, LONGEST_STEP_S])
        if self.jumps and self.rng.random() < 0.002:  # the machine slept
            self.now += 3600
        if self.baton is not None:
            self.baton.turn(attempt)


class Baton:
    """Of several attempts in threads, one runs at a time, and the seed says which."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._alive: list[int] = []
        self._holder: int | None = None
        self._changed = threading.Condition()

    def run(self, attempts: dict[int, Callable[[], object]]) -> list[object]:
        ends: list[object] = []

        def work(number: int, function: Callable[[], object]) -> None:
            with self._changed:
                self._changed.wait_for(lambda: self._holder == number)
            try:
                ends.append(function())
            finally:
                with self._changed:
                    self._alive.remove(number)
                    self._holder = self._rng.choice(self._alive) if self._alive else None
                    self._changed.notify_all()

        self._alive = list(attempts)
        threads = [threading.Thread(target=work, args=item) for item in attempts.items()]
        for thread in threads:
            thread.start()
        with self._changed:
            self._holder = self._rng.choice(self._alive)
            self._changed.notify_all()
        for thread in threads:
            thread.join()
        return ends

    def turn(self, number: int) -> None:
        with self._changed:
            self._holder = self._rng.choice(self._alive)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._holder == number)


@dataclass(frozen=True)
class Odds:
    """How often things go wrong, at each request or step."""

    kill: float = 0.0
    refuse: float = 0.0
    lose_answer: float = 0.0
    stop: float = 0.0
    worker_dies: float = 0.0
    hang: float = 0.0
    keys_refused: float = 0.0
    """Which share of the results' keys this weather refuses, whatever is asked of them."""
    power: float = 0.0
    """How often a kill is a power cut."""


class FaultyStore(Store):
    """The world's storage as one attempt sees it."""

    def __init__(self, world: World, attempt: int, odds: Odds) -> None:
        super().__init__(world.store._backend, world.store.url)
        self._world, self._attempt, self._odds = world, attempt, odds

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        world, odds = self._world, self._odds
        world.step(self._attempt)
        if world.rng.random() < odds.kill:
            raise Killed
        if "/results/" in key and number(odds.keys_refused, self._attempt // 10, key) < odds.keys_refused:
            raise StorageRefused(f"cannot {verb} {key}: AccessDenied", "ask for it")
        if world.rng.random() < odds.refuse:
            raise StorageError(f"refused to {verb} {key}", "wait")
        if world.rng.random() < odds.hang:
            world.now += 120
            raise StorageError(f"cannot {verb} {key}: no answer", "wait")
        with super()._errors(verb, key):
            yield
        if world.rng.random() < odds.kill:
            raise Killed
        if verb in ("write", "delete") and world.rng.random() < odds.lose_answer:
            raise StorageError(f"the answer to {verb} {key} was lost", "wait")

    def put(self, key: str, data: bytes, *, durable: bool = True) -> None:
        super().put(key, data, durable=durable)
        unsynced = self._world.unsynced[self._attempt]
        unsynced.discard(key) if durable else unsynced.add(key)


class _Stop(Stop):
    def ask(self, number: Any, reason: str) -> None:
        if self.signal is None:
            self.signal, self._reason = number, reason


class FakePool:
    """Workers that finish a fit at each step, in an order that the seed decides."""

    def __init__(self, world: World, attempt: int, odds: Odds, stop: _Stop, workers: int, gpu: str | None) -> None:
        self._world, self._attempt, self._odds, self._stop, self._count = world, attempt, odds, stop, workers
        self._gpu = gpu

    def run(self, tasks: tuple[Task, ...], stopped: Callable[[], bool], *, alone: bool = False) -> Iterator[Any]:
        import signal

        world, odds = self._world, self._odds
        waiting = list(tasks)
        busy: dict[int, tuple[Task, dict[Unit, dict[Place, Fit]]]] = {}
        while (waiting or busy) and not stopped():
            for worker in range(1 if alone else self._count):
                if worker not in busy and waiting:
                    task = waiting.pop(0)
                    busy[worker] = (task, {unit: dict(task.known.get(unit, {})) for unit in task.units})
            world.step(self._attempt)
            if world.rng.random() < odds.kill:
                raise Killed
            if world.rng.random() < odds.stop:
                self._stop.ask(signal.SIGTERM, "SIGTERM")
                yield None
                continue
            worker = world.rng.choice(list(busy))
            task, fits = busy[worker]
            if world.rng.random() < odds.worker_dies:
                del busy[worker]
                yield Outcome(task, error="its worker was killed", killed=True)
                continue
            if not fits:
                del busy[worker]
                yield Outcome(task)
                continue
            unit, made = next(iter(fits.items()))
            mine = (lambda *_: True) if task.part is None else task.part.has
            todo = [
                (c, f) for f in range(FOLDS) for c in range(CANDIDATES) if (c, f) not in made and mine(unit, (c, f))
            ]
            if todo:
                gpu = self._gpu if task.gpu else None
                fit = Fit(number(unit, todo[0], *([] if gpu is None else [gpu])), 1.0, gpu)
                made[todo[0]] = fit
                world.made[unit, todo[0]].append((self._attempt, world.now))
                yield Note(task, FitMade(unit, todo[0], fit))
            elif task.part is not None:
                del fits[unit]
            else:
                del fits[unit]
                yield Note(task, Made(compute(unit, made), "2026-01-01T00:00:00+00:00", 1.0))
            yield None


def attempt_run(world: World, attempt: int, odds: Odds, workers: int, **options: Any) -> RunReport | str:
    """Run one attempt; return its report, or how it ended."""
    device = options.pop("device", CPU)
    stop = _Stop()

    @contextmanager
    def signals() -> Iterator[Stop]:
        yield stop

    @contextmanager
    def pool(*_: Any) -> Iterator[FakePool]:
        yield FakePool(world, attempt, odds, stop, workers, device.gpu)

    def sleep(seconds: float) -> None:
        world.now += seconds
        world.step(attempt)

    means = Means(pool=pool, signals=signals, clock=lambda: world.now, sleep=sleep)
    how = Options(workers, Path(), CHECKPOINT_S, options.pop("give_up_s", 400.0), shard=options.pop("shard", None))
    try:
        return run_experiment(
            FaultyStore(world, attempt, odds),
            spec(),
            device=device,
            console=options.pop("console", None) or Console.silent(),
            options=how,
            means=means,
            **options,
        )
    except Killed:
        if world.rng.random() < odds.power:
            world.cut_power(attempt)
        return "killed"
    except Interrupted:
        return "interrupted"
    except StorageRefused:
        return "refused"
    except StorageError:
        return "storage stayed away"
