"""A run that knows when its time is up: it then stops as if it had been told to, in good order."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass

from job.errors import OutOfTime
from job.planning.deadline import is_over
from job.signals import Stop


@dataclass
class TimedStop:
    """Whether to stop: because somebody asked, or because the time is up.

    Parameters
    ----------
    stop : Stop
        Who is asked, and told when the time is up.
    clock : callable
        Seconds, from any moment on.
    started : float
        When the run began, on that clock.
    max_s : float or None
        How long it may take; None for as long as it takes.
    """

    stop: Stop
    clock: Callable[[], float]
    started: float
    max_s: float | None
    reached: bool = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        if not self.stop() and is_over(self.started, self.max_s, self.clock()):
            self.reached = True
            self.stop.ask(signal.SIGTERM, f"the end of its time (LDP_MAX_SECONDS={self.max_s:.0f})")
        return self.stop()

    def require_progress(self, execution: str, made: int) -> None:
        """Check that a run whose time is up has made something that the next attempt need not make again.

        Raises
        ------
        OutOfTime
            If it has not: the next attempt would do the same, and so on until none is left.
        """
        if self.reached and not made:
            raise OutOfTime(
                f"{execution}: {self.max_s:.0f} s (LDP_MAX_SECONDS) went by without anything new to go on from saved",
                "Give it more time (maxJobHours) or more processors; ldp experiment plan --hours says what it takes.",
            )
