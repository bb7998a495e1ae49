"""What a worker is asked to do, and what workers tell of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from job.planning.items import Item, Part
from job.training.search import Fit, Place
from job.training.unit import Unit, UnitResult


@dataclass(frozen=True)
class Task:
    """A work item to run.

    Attributes
    ----------
    units : Item
    known : dict of Unit to dict of Place to Fit
        The fits that earlier attempts saved.
    memory : int
        How many bytes of private memory its worker is expected to need.
    part : Part or None
        Which fits of the search to make, where others make the rest; no result comes of it then.
    threads : int
        How many threads its fits are good for, where cores would be idle.
    thread_memory : int
        How many bytes each of them after the first needs.
    gpu : bool
        Whether its models are fitted on the GPU, so that a worker that uses it has to run it.
    """

    units: Item
    known: Mapping[Unit, Mapping[Place, Fit]] = field(default_factory=dict)
    memory: int = 0
    threads: int = 1
    thread_memory: int = 0
    part: Part | None = None
    gpu: bool = False


@dataclass(frozen=True)
class Begun:
    """A worker has begun with a work item, or with what is left of one."""

    units: Item


@dataclass(frozen=True)
class FitMade:
    """A worker has finished a fit of a unit's search."""

    unit: Unit
    place: Place
    fit: Fit


@dataclass(frozen=True)
class Made:
    """A worker has finished a unit: its result, when its work item was begun (ISO 8601), and the seconds since."""

    result: UnitResult
    started: str
    wall_seconds: float


@dataclass(frozen=True)
class Failed:
    """A unit raised.

    Attributes
    ----------
    unit : Unit
    error : str
        One line.
    traceback : str or None
    crowded : bool
        Whether it may well succeed alone: the GPU's memory ran out.
    """

    unit: Unit
    error: str
    traceback: str | None
    crowded: bool = False


@dataclass(frozen=True)
class ScratchFull:
    """A prepared fold found no room in the scratch directory."""


@dataclass(frozen=True)
class FallBack:
    """The neighbours of a fold's rows, so many, are sought by scikit-learn itself: nothing faster is certain."""

    rows: int


@dataclass(frozen=True)
class Compared:
    """A stretch of such a search is done: the name that it goes by, and what was found."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Warned:
    """A library warned of something while a work item ran."""

    text: str


News: TypeAlias = "Begun | FitMade | Made | Failed | ScratchFull | FallBack | Compared | Warned"
"""What workers tell of units."""
