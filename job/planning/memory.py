"""How much memory a run needs, and how many workers fit into what there is.

Measured on Linux with `python -m benchmarks.memory`: what a worker holds privately beyond its libraries is at most
:data:`PEAK` times the bytes of the processed features, while it imputes, scales and resamples the training rows. By the
time it fits, rows are mapped from files, and it holds :data:`HELD` times those bytes at most, with what
:mod:`job.planning.working_memory` reckons, and the rows that each further thread which grows a forest's trees weighs
and sorts for itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from job.data.processed import ProcessedInfo
from job.planning.fit_costs import sampled
from job.planning.items import Item
from job.planning.searches import Searches
from job.planning.shares import training_share
from job.planning.working_memory import working_bytes
from job.training.techniques import sampler_of
from job.training.unit import Unit

MIB = 1 << 20
LOOK_AHEAD = 500
PARENT = 250 * MIB  # the process that hands out the work, and the libraries' files that all processes share
WORKER = 155 * MIB  # the libraries' private memory
CUDA = 700 * MIB  # what CUDA, cuBLAS and OpenCL take on the host, in a worker that uses the GPU; generous, not measured
PEAK, HELD = 3.6, 2.0
THREAD = 70  # a row, for each thread after the first that grows trees


def worker_bytes(searches: Searches, unit: Unit, info: ProcessedInfo) -> int:
    """Estimate the private memory of a worker while it runs a unit, in bytes."""
    features = info.features + len(info.declared.steps.indicators)
    rows = _training_rows(searches, unit, info)
    model = max(working_bytes(unit.model, candidate, rows, features) for candidate in searches.points(unit))
    added = 2 * len(info.declared.steps.indicators)  # columns, which are added to a copy
    return private_bytes(4.0 * info.rows * (info.features + added), model)


def private_bytes(features: float, model: float) -> int:
    """Return what a worker holds privately, from the bytes of the processed features and those that a fit holds."""
    return int(WORKER + max(PEAK * features, HELD * features + model))


def thread_bytes(searches: Searches, item: Item, info: ProcessedInfo) -> int:
    """Estimate what each thread after the first takes up while it fits a model of a work item, in bytes."""
    if item[0].model != "random_forest":
        return 0
    return int(THREAD * max(_training_rows(searches, unit, info) for unit in item))


def _training_rows(searches: Searches, unit: Unit, info: ProcessedInfo) -> float:
    more = max(1.0, sampled(sampler_of(unit.technique), info.default_rate))
    return info.rows * training_share(searches.spec, unit) * more


def item_bytes(searches: Searches, item: Item, info: ProcessedInfo, *, gpu: bool = False) -> int:
    """Estimate the private memory of a worker while it runs a work item, in bytes; on the host, also with a GPU."""
    return max(worker_bytes(searches, unit, info) for unit in item) + (CUDA if gpu else 0)


def run_bytes(searches: Searches, units: Iterable[Unit], infos: Mapping[str, ProcessedInfo], workers: int) -> int:
    """Estimate the peak memory of a run in bytes: its processes, and the largest dataset while it is handed out."""
    units = list(units)
    largest = max((4 * info.rows * info.features for info in infos.values()), default=0)
    each = max((worker_bytes(searches, unit, infos[unit.dataset]) for unit in units), default=0)
    return PARENT + largest + workers * each


def next_that_fits(waiting: Iterable[int], running: Sequence[int], room: int | None) -> int | None:
    """Return which of the items that wait may run now; None where none fits beside those that run.

    The first has its turn wherever it fits, and where nothing runs. An item behind it may fill the room that the first
    does not fit into, as long as the first still fits when the largest of those that run has ended: so it is not put
    off for ever by small ones.

    Parameters
    ----------
    waiting : iterable of int
        The memory that each needs, in bytes, in the order of their turns; no more than the first :data:`LOOK_AHEAD`
        are looked at.
    running : sequence of int
        The same of those that run.
    room : int or None
        What all of them together may take up; None where that is not known.
    """
    used = sum(running)
    first = None
    for place, needed in enumerate(itertools.islice(waiting, LOOK_AHEAD)):
        if room is None or not running or (used + needed <= room and first is None):
            return place
        if first is None:
            first = needed
        elif used + needed <= room and used - max(running) + needed + first <= max(room, first):
            return place
    return None


def threads_that_fit(cores: int, workers: int, each: int, thread: int, available: int | None) -> int:
    """Return how many threads all workers together may use: a thread each, and what fits beside them up to `cores`.

    Where a worker is through, the memory that it needed is enough for a thread of another.

    Parameters
    ----------
    each, thread : int
        Bytes that a worker needs with one thread, and that each thread more of it needs.
    """
    if available is None or not thread:
        return max(cores, workers)
    return max(workers, min(cores, workers + (available - workers * each) // thread))


def workers_that_fit(asked: int, each: int, available: int | None) -> int:
    """Return how many of the workers asked for fit into the memory that is available; at least one."""
    if available is None:
        return asked
    return max(1, min(asked, available // each))
