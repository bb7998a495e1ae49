"""What an attempt loses when it ends before its time: the rule by which a run saves, for whoever reckons with it.

Finished fits are saved at most every ``LDP_CHECKPOINT_SECONDS``, and at once where a notice or a signal comes. So an
orderly stop loses only the fits in progress, and a kill also those that were finished since the last checkpoint.
Standard library only.
"""

from __future__ import annotations

CHECKPOINT_S = 30.0
"""``LDP_CHECKPOINT_SECONDS`` of a job."""


def lost_s(worked_s: float, into_fit_s: float, since_checkpoint_s: float, *, noticed: bool) -> float:
    """Return how much of a worker's time is lost when its attempt ends, in seconds; never more than it has worked.

    Parameters
    ----------
    worked_s : float
        Since the attempt began to work.
    into_fit_s : float
        For how long the fit in progress has run.
    since_checkpoint_s : float
        Since fits were saved last.
    noticed : bool
        Whether it could save before it ended.

    >>> lost_s(600, 20, 10, noticed=True)
    20
    >>> lost_s(600, 20, 25, noticed=False)
    25
    """
    return min(worked_s, into_fit_s if noticed else max(into_fit_s, since_checkpoint_s))
