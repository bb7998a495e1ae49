"""Results read back: what has to be computed again, and what cannot be."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any

from job.errors import StorageRefused
from job.executions.executions import Execution
from job.executions.verify import Verified, verify
from job.running.outbox import FIRST_PAUSE_S
from job.store import Store
from job.training.unit import Unit


def unsound(
    store: Store,
    execution: Execution,
    units: Collection[Unit],
    *,
    failed: Collection[Unit],
    ask: Callable[[Callable[[], Any]], Any],
    refuse: Callable[[Unit, str], None],
    pause: Callable[[float], None],
    is_over: Callable[[], bool],
) -> dict[Unit, str]:
    """Read results back and return what is wrong with those that have to be computed again.

    Parameters
    ----------
    units : collection of Unit
        Those that should have a result, but for those that `failed`.
    ask : callable
        Asks the storage, patiently.
    refuse : callable
        Told of units that fail: under whose name the result of something else stands, or what the storage does not
        give.
    pause : callable
        Waits before what the storage did not give is asked for again.
    is_over : callable
        Whether that was long enough.

    Raises
    ------
    StorageError
        Where the storage gives none of several.
    """
    asked, found_unsound = [unit for unit in units if unit not in failed], dict[Unit, str]()
    while asked:
        found: Verified = ask(functools.partial(verify, store, execution, asked))
        for unit, what in found.foreign.items():
            refuse(unit, what)
        found_unsound |= found.damaged
        for unit in found.missing:
            found_unsound[unit] = f"{store.where(execution.result_key(unit))} is not there"
        over = is_over()
        lost = {u: e for u, e in found.unreadable.items() if over or isinstance(e, StorageRefused)}
        if len(lost) == len(units) > 1:  # not a key's own trouble
            raise next(iter(lost.values()))
        for unit, error in lost.items():
            refuse(unit, str(error))
        asked = [unit for unit in found.unreadable if unit not in lost]
        if asked:
            pause(FIRST_PAUSE_S)
    return found_unsound
