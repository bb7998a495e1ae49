"""A declaration: what a raw file's columns are and become. A closed set of kinds; nothing in it is executed.

Made by :func:`job.data.declarations.reading.read_declaration`, which checks it. What results depend on is its canonical
part; titles, reasons, costs and what is kept for audits are recorded beside it and can change without another result.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Literal

from job.data.declarations.kinds import DateColumn, Feature, feature_columns, kind_of
from job.data.raw.dialect import Dialect

Use = Literal["audit", "never"]
USES: tuple[Use, ...] = ("audit", "never")


@dataclass(frozen=True)
class File:
    """Where the rows are, and how they are written.

    Attributes
    ----------
    raw : str or None
        The dataset whose raw file it is, where that is another's.
    key : str or None
        The column that tells the rows apart.
    dialect : Dialect
    """

    raw: str | None = None
    key: str | None = None
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True)
class Target:
    """Which rows are bad.

    Attributes
    ----------
    column : str
    bad, good, drop : tuple of str
        The values of a default (1), of none (0), and of rows that are left out. Any other is refused.
    outcome : DateColumn or None
        When a bad row turned bad: one that did later than its horizon is good.
    horizon : int, str or None
        Months from `time` until a row's outcome is due, for all rows or in a column.
    """

    column: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    drop: tuple[str, ...] = ()
    outcome: DateColumn | None = None
    horizon: int | str | None = None


@dataclass(frozen=True)
class CostMatrix:
    """What each of the four decisions costs; a gain is below 0."""

    bad_granted: float
    good_refused: float
    bad_refused: float = 0.0
    good_granted: float = 0.0


LOSSES, EXPOSURES = (0.0, 1.0), (0.0, 1e15)


@dataclass(frozen=True)
class Costs:
    """What decisions cost. Either a matrix, or what a default loses and a good loan earns.

    Attributes
    ----------
    lgd : float, str or None
        The share of the exposure that a default loses, from 0 to 1; a number, or a column.
    ead : float, str or None
        The exposure at default; a number, or a column.
    roi : float or None
        What a good loan earns, as a share of it.
    matrix : CostMatrix or None
    """

    lgd: float | str | None = None
    ead: float | str | None = None
    roi: float | None = None
    matrix: CostMatrix | None = None

    @property
    def columns(self) -> dict[str, tuple[float, float]]:
        """The columns that are kept beside the processed data as numbers, and between what each of them lies."""
        given = {self.lgd: LOSSES, self.ead: LOSSES if self.ead == self.lgd else EXPOSURES}
        return {column: between for column, between in given.items() if isinstance(column, str)}


@dataclass(frozen=True)
class Protected:
    """A column that no feature may be made of.

    Attributes
    ----------
    name : str
        What it is called in tables and in the audit file.
    column : str
    use : {"audit", "never"}
        Kept beside the processed data for audits, or not kept at all.
    bands : tuple of float
        For a number such as an age, where one group ends and the next begins.
    """

    name: str
    column: str
    use: Use
    bands: tuple[float, ...] = ()


_RECORDED = frozenset({"reason"})


@dataclass(frozen=True)
class Declaration:
    """What is declared of a dataset.

    Attributes
    ----------
    name : str
    target : Target
    features : tuple of Feature
        In the order that models depend on.
    file : File
    as_of : str or None
        The month (``2019-03``) at which outcomes were looked up. With a time and a horizon, rows whose outcome was not
        due by then are left out.
    group : str or None
        The column of what must not be separated by a split that respects groups.
    time : DateColumn or None
    costs : Costs or None
    protected : tuple of Protected
    known_later : tuple of str
        Columns that are known only after the decision; no feature may be made of them.
    title, source : str
        For people.
    """

    name: str
    target: Target
    features: tuple[Feature, ...]
    file: File = field(default_factory=File)
    as_of: str | None = None
    group: str | None = None
    time: DateColumn | None = None
    costs: Costs | None = None
    protected: tuple[Protected, ...] = ()
    known_later: tuple[str, ...] = ()
    title: str = ""
    source: str = ""

    @property
    def raw(self) -> str:
        """The name under which its raw file lies."""
        return self.file.raw or self.name

    @property
    def splits(self) -> tuple[str, ...]:
        """What its rows may be split by, the safest first."""
        ways = ("time",) * (self.time is not None) + ("group",) * (self.group is not None)
        return (*ways, "row")

    def canonical(self) -> dict[str, Any]:
        """Return what features, target, group and time depend on, as plain JSON values.

        What is as it is where nothing is said is left out, so that what can be declared one day changes nothing here.
        """
        return {
            "file": _plain(self.file),
            "target": _plain(self.target),
            **({"as_of": self.as_of} if self.as_of else {}),
            **({"group": self.group} if self.group else {}),
            **({"time": _plain(self.time)} if self.time else {}),
            "features": [{"kind": kind_of(one), **_plain(one)} for one in self.features],
        }

    def audited(self) -> dict[str, Any]:
        """Return what the columns kept beside the processed data depend on, as plain JSON values."""
        kept = [_plain(one) for one in self.protected if one.use == "audit"]
        costs = list(self.costs.columns) if self.costs else []
        return {**({"protected": kept} if kept else {}), **({"costs": costs} if costs else {})}

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical part."""
        return hashlib.sha256(json.dumps(self.canonical(), sort_keys=True).encode()).hexdigest()

    def columns(self) -> Iterator[tuple[str, str, bool]]:
        """Yield who needs a raw column, its name, and whether its cells are numbers; one may come several times."""
        yield "target", self.target.column, False
        if self.target.outcome is not None:
            yield "target.outcome", self.target.outcome.column, False
        if isinstance(self.target.horizon, str):
            yield "target.horizon", self.target.horizon, True
        if self.group is not None:
            yield "group", self.group, False
        if self.time is not None:
            yield "time", self.time.column, False
        for feature in self.features:
            for column, number in feature_columns(feature):
                yield f"features.{feature.name}", column, number
        yield from self.audit_columns()

    def audit_columns(self) -> Iterator[tuple[str, str, bool]]:
        """Yield the same of the columns that are kept beside the processed data."""
        for one in self.protected:
            if one.use == "audit":
                yield f"protected.{one.name}", one.column, bool(one.bands)
        for column in self.costs.columns if self.costs is not None else ():
            yield "costs", column, True


def _plain(value: Any) -> dict[str, Any]:
    found = {}
    for one in fields(value):
        given = getattr(value, one.name)
        standard = one.default_factory() if one.default_factory is not MISSING else one.default
        if one.name not in _RECORDED and given != standard:
            found[one.name] = _value(given)
    return found


def _value(given: Any) -> Any:
    if isinstance(given, tuple):
        return [_value(one) for one in given]
    return given if given is None or isinstance(given, bool | int | float | str) else _plain(given)
