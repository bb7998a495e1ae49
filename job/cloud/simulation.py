"""What becomes of a division of work on machines that are taken away: simulated, with what estimates are known to miss.

A draw takes each model's cost to be off by a factor from the range that was measured, lets instances be reclaimed as a
Poisson process, loses what the runner loses then, starts the job again as Batch does, and ends when the last job has.
The same seed gives the same draws.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from job.planning.deadline import START_S, makespan
from job.planning.loss import CHECKPOINT_S, lost_s

# How far what a model takes has been from what is expected, in single fits (`python -m benchmarks.costs`, and
# `benchmarks.million`) and in whole searches of real data: the 10th and the 90th percentile. Networks stop when they
# stop.
MISSES: Mapping[str, tuple[float, float]] = {
    "random_forest": (0.8, 1.2),
    "lightgbm": (0.85, 1.15),
    "xgboost": (0.9, 1.3),
    "logistic_regression": (0.55, 1.3),
    "mlp": (0.65, 1.4),
}
_P90 = 1.2815515655446004  # of the normal distribution
_MOST_ATTEMPTS_SIMULATED = 1000


@dataclass(frozen=True)
class Piece:
    """A part of the work: what one worker does in one go.

    Attributes
    ----------
    model : str
    seconds : float
        Expected, on one vCPU of a machine with the speed 1.
    fit_s : float
        Of its longest single fit, with the fold that it is made on.
    """

    model: str
    seconds: float
    fit_s: float


@dataclass(frozen=True)
class World:
    """Where jobs run.

    Attributes
    ----------
    workers : int
        Of each job.
    side_by_side : int
        Jobs that run at once.
    speed : float
        Relative, of a vCPU.
    reclaims_per_hour : float
        Of an instance; 0 for On-Demand.
    boot_s : float
        Until an instance that was asked for runs a job.
    attempt_s : float
        For how long an attempt works before it leaves to be retried.
    attempts : int
        How often a job is started.
    noticed : bool
        Whether an instance says that it will be taken away.
    """

    workers: int
    side_by_side: int
    speed: float = 1.0
    reclaims_per_hour: float = 0.0
    boot_s: float = 300.0
    attempt_s: float = math.inf
    attempts: int = 3
    noticed: bool = True


@dataclass(frozen=True)
class Draw:
    """How it went once.

    Attributes
    ----------
    hours : float
        Until the last job ended.
    paid_hours : float
        Of all jobs, boots included.
    lost_hours : float
        Of these, those whose work was lost, and the boots and starts that reclaims made necessary.
    complete : bool
        Whether every job did its work within its attempts.
    """

    hours: float
    paid_hours: float
    lost_hours: float
    complete: bool


def simulate(
    jobs: Sequence[Sequence[Piece]], world: World, *, seed: int, draws: int, exact: bool = False
) -> list[Draw]:
    """Draw what becomes of jobs.

    Parameters
    ----------
    jobs : sequence of sequence of Piece
        The pieces of each job.
    exact : bool
        Whether everything costs what is expected.
    """
    found = []
    for number in range(draws):
        rng = random.Random(f"{seed}/{number}")  # noqa: S311 - nobody guesses these for gain
        miss = dict.fromkeys(MISSES, 1.0) if exact else {name: _miss(rng, *MISSES[name]) for name in sorted(MISSES)}
        found.append(_draw(jobs, world, miss, rng))
    return found


def _miss(rng: random.Random, low: float, high: float) -> float:
    middle, spread = (math.log(low) + math.log(high)) / 2, (math.log(high) - math.log(low)) / (2 * _P90)
    return math.exp(rng.gauss(middle, spread))


def _draw(jobs: Sequence[Sequence[Piece]], world: World, miss: Mapping[str, float], rng: random.Random) -> Draw:
    free = [0.0] * max(1, min(world.side_by_side, len(jobs)))
    paid = lost = 0.0
    complete = True
    for pieces in jobs:
        seconds = [piece.seconds * miss.get(piece.model, 1.0) / world.speed for piece in pieces]
        work = makespan(seconds, world.workers)
        fit = max((piece.fit_s * miss.get(piece.model, 1.0) / world.speed for piece in pieces), default=0.0)
        took, wasted, done = _one_job(work, fit, world, rng)
        complete = complete and done
        paid += took
        lost += wasted
        heapq.heappush(free, heapq.heappop(free) + took)
    return Draw(max(free) / 3600, paid / 3600, lost / 3600, complete)


def _one_job(work_s: float, fit_s: float, world: World, rng: random.Random) -> tuple[float, float, bool]:
    """Return how long one job takes, how much of it is lost to reclaims, and whether it does its work."""
    overhead = world.boot_s + START_S
    a_second = world.reclaims_per_hour / 3600
    left, took, lost = work_s, 0.0, 0.0
    for _ in range(min(world.attempts, _MOST_ATTEMPTS_SIMULATED)):
        taken_away = rng.expovariate(a_second) if a_second else math.inf
        working = min(left, world.attempt_s)
        if taken_away >= START_S + working:
            took += overhead + working
            left -= working
            if left <= 0:
                return took, lost, True
            left += lost_s(working, rng.random() * fit_s, 0.0, noticed=True)  # it leaves at the end of its time
            continue
        worked = max(taken_away - START_S, 0.0)
        # Of short fits some are finished between two checkpoints; of long ones hardly any: this is a little too much.
        into_fit, unsaved = rng.random() * fit_s, rng.random() * CHECKPOINT_S
        gone = lost_s(worked, into_fit, unsaved, noticed=world.noticed)
        left -= worked - gone
        took += world.boot_s + taken_away
        lost += gone + world.boot_s + min(taken_away, START_S)
    return took, lost, False


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies: the nearest one.

    >>> percentile([3.0, 1.0, 2.0], 0.5)
    2.0
    """
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
