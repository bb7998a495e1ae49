"""Following a run: what workers tell goes into the forecast; the console and the attempt's record show it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from job.planning.forecast import Forecast
from job.progress import Outlook, Progress
from job.training.search import Place
from job.training.unit import Unit


class Track:
    """A forecast that is fed and shown.

    Parameters
    ----------
    forecast : Forecast
    progress : Progress
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, forecast: Forecast, progress: Progress, clock: Callable[[], float]) -> None:
        self._forecast = forecast
        self._progress = progress
        self._clock = clock

    def outlook(self) -> Outlook:
        """Return how far the run is now."""
        return self._forecast.outlook(self._clock())

    def begun(self, units: Sequence[Unit]) -> None:
        """Say that a worker has begun with an item."""
        self._forecast.begun(units, self._clock())

    def fitted(self, unit: Unit, place: Place) -> None:
        """Say that a fit is finished."""
        self._forecast.fitted(unit, place, self._clock())

    def landed(self, unit: Unit) -> None:
        """Say that a unit is done, or has failed."""
        self._forecast.landed(unit, self._clock())

    def show(self, *, finished: bool = False) -> None:
        """Show it, if it is time to."""
        self._progress.update(self.outlook, finished=finished)
