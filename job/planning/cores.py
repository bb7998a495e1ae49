"""How the cores of a machine are dealt out among the work items that run: a rule of its own, without side effects."""

from __future__ import annotations

from collections.abc import Sequence


def threads_of(cores: int, most: Sequence[int]) -> tuple[int, ...]:
    """Deal out cores among the items that run now.

    Each has one thread; what is left where there are fewer items than cores, for want of memory or at the end of the
    queue, goes one by one to the item that has the fewest, the first of them where several have.

    Parameters
    ----------
    cores : int
    most : sequence of int
        For each item, how many threads its fits are good for.

    Returns
    -------
    tuple of int
        For each item, how many threads a fit of it may have.
    """
    threads = [1] * len(most)
    for _ in range(cores - len(most)):
        takers = [i for i, limit in enumerate(most) if threads[i] < limit]
        if not takers:
            break
        threads[min(takers, key=lambda i: threads[i])] += 1
    return tuple(threads)
