"""When a run saves, and what it loses where it ends before its time: one rule, for the runner and whoever reckons.

Finished fits are saved at most every ``LDP_CHECKPOINT_SECONDS``, and at once where a notice or a signal comes. So an
orderly stop loses only the fits in progress, and a kill also those that were finished since the last checkpoint.
Standard library only.
"""

from __future__ import annotations

CHECKPOINT_S = 30.0
"""``LDP_CHECKPOINT_SECONDS`` of a job."""


def is_due(unsaved: int, since_checkpoint_s: float, checkpoint_s: float, *, noticed: bool) -> bool:
    """Return whether the finished fits of a unit are saved now.

    Parameters
    ----------
    unsaved : int
        Fits that were finished since the last checkpoint.
    since_checkpoint_s : float
        For how long the unit has gone without one: since it was saved last, or its first fit was finished.
    checkpoint_s : float
        How often it is saved, at most.
    noticed : bool
        Whether the end is near: a notice or a signal came, or the unit failed.

    >>> is_due(3, 12.0, CHECKPOINT_S, noticed=False), is_due(3, 12.0, CHECKPOINT_S, noticed=True)
    (False, True)
    """
    return unsaved > 0 and (noticed or since_checkpoint_s >= checkpoint_s)


def lost_s(worked_s: float, into_fit_s: float, unsaved_s: float, *, noticed: bool) -> float:
    """Return how much of a worker's time is lost when its attempt ends, in seconds; never more than it has worked.

    Parameters
    ----------
    worked_s : float
        Since the attempt began to work.
    into_fit_s : float
        For how long the fit in progress has run.
    unsaved_s : float
        What the fits took that were finished since the last checkpoint.
    noticed : bool
        Whether it could save before it ended.

    >>> lost_s(600, 20, 10, noticed=True)
    20
    >>> lost_s(600, 20, 25, noticed=False)
    45
    """
    return min(worked_s, into_fit_s if noticed else into_fit_s + unsaved_s)
