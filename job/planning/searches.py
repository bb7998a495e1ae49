"""What work items search: the candidates of their units, enumerated once for a spec and carried along.

Everything that is known of a run before it starts follows from this: how many fits have to be made, what they cost,
how much memory they need, and how far a run is when some of them are done.
"""

from __future__ import annotations

from dataclasses import dataclass

from job.planning.items import Item
from job.planning.spec import Spec
from job.training.candidates import (
    CEILINGS,
    Candidate,
    Key,
    ModelName,
    candidates,
    families,
    key_of,
    without_weight,
)
from job.training.techniques import Sampler, Technique, sampler_of
from job.training.unit import Unit


@dataclass(frozen=True)
class Family:
    """Candidates that one fit serves.

    Attributes
    ----------
    fitted : dict
        The one that has to be fitted for all of them.
    members : tuple of (str, int)
        Techniques that ask for it, each with the candidate's index.
    """

    fitted: Candidate
    members: tuple[tuple[Technique, int], ...]


@dataclass(frozen=True)
class Search:
    """The techniques of one model that search the same folds, and what they search.

    Attributes
    ----------
    model, sampler : str
    points : dict of technique to tuple of dict
        The candidates, in ``ParameterGrid`` order.
    families : tuple of Family
        What has to be fitted on each fold.
    """

    model: ModelName
    sampler: Sampler
    points: dict[Technique, tuple[Candidate, ...]]
    families: tuple[Family, ...]


class Searches:
    """The searches of a spec's work items; those of the same model and techniques are enumerated once."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._points: dict[tuple[ModelName, Technique], tuple[Candidate, ...]] = {}
        self._found: dict[tuple[ModelName, tuple[Technique, ...]], tuple[Search, ...]] = {}

    def points(self, unit: Unit) -> tuple[Candidate, ...]:
        """Return the candidates of a unit."""
        asked = unit.model, unit.technique
        if asked not in self._points:
            self._points[asked] = tuple(candidates(self.spec.grid(unit)))
        return self._points[asked]

    def of(self, item: Item) -> tuple[Search, ...]:
        """Return the searches of a work item, one for each sampler of its units."""
        asked = item[0].model, tuple(unit.technique for unit in item)
        if asked not in self._found:
            batches: dict[Sampler, list[Unit]] = {}
            for unit in item:
                batches.setdefault(sampler_of(unit.technique), []).append(unit)
            self._found[asked] = tuple(self._search(sampler, units) for sampler, units in batches.items())
        return self._found[asked]

    def _search(self, sampler: Sampler, units: list[Unit]) -> Search:
        model = units[0].model
        points = {unit.technique: self.points(unit) for unit in units}
        distinct: dict[Key, Candidate] = {}
        wanted: dict[Key, list[tuple[Technique, int]]] = {}
        for technique, listed in points.items():
            for i, point in enumerate(listed):
                plain = without_weight(model, point)
                key = key_of(plain)
                distinct[key] = plain
                wanted.setdefault(key, []).append((technique, i))
        found = []
        for family in families(model, distinct.values()):
            members = tuple(member for point in family for member in wanted[key_of(point)])
            # Whether a fit converges below its max_iter shows when it is made; mostly it does.
            found.append(Family(family[0] if model in CEILINGS else family[-1], members))
        return Search(model, sampler, points, tuple(found))
