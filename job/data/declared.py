"""What a dataset declares beside its columns: what is learnt in the folds, and the month from which it looks back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from job.records import Malformed, is_number, text


@dataclass(frozen=True)
class Steps:
    """What is learnt on a fold's training rows before medians and scales are; the standard is nothing.

    Attributes
    ----------
    winsor : float or None
        The share of values at each end that is drawn in to the quantile there, above 0 and below 0.5.
    winsorised : tuple of str
        The features whose ends are drawn in.
    indicators : tuple of str
        The features whose missing values get a column of their own, 1 where the value is missing.
    """

    winsor: float | None = None
    winsorised: tuple[str, ...] = ()
    indicators: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Steps()


@dataclass(frozen=True)
class Declared:
    """What a dataset declares.

    Attributes
    ----------
    steps : Steps
    as_of : str or None
        The month (``2019-03``) at which outcomes were looked up. Declared, never a maximum taken from data.
    """

    steps: Steps = field(default_factory=Steps)
    as_of: str | None = None

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Declared:
        """Read what :meth:`as_json` gave.

        Raises
        ------
        Malformed
            Where it is something else.
        """
        as_of = None
        if "as_of" in found:
            as_of = text(found, "as_of")
            if np.isnat(_month(as_of)):
                raise Malformed("its as_of is no month")
        raw = found.get("steps", {})
        if not isinstance(raw, dict):
            raise Malformed("its steps are no object")
        share, names = raw.get("winsor"), (raw.get("winsorised", []), raw.get("indicators", []))
        if not (share is None or (is_number(share) and 0 < share < 0.5)):
            raise Malformed("its winsor is no share")
        if not all(isinstance(part, list) and all(isinstance(name, str) for name in part) for part in names):
            raise Malformed("its steps name no features")
        return cls(Steps(share, *(tuple(part) for part in names)), as_of)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; what is not declared is left out."""
        found: dict[str, Any] = {} if self.as_of is None else {"as_of": self.as_of}
        if self.steps:
            found["steps"] = {
                "winsor": self.steps.winsor,
                "winsorised": list(self.steps.winsorised),
                "indicators": list(self.steps.indicators),
            }
        return found

    def columns(self) -> dict[str, Any]:
        """Return what a fingerprint covers of it, as columns of one value: results depend on it as on the data."""
        found = self.as_json()
        return {"declared": pa.array([json.dumps(found, sort_keys=True)])} if found else {}


def _month(given: str) -> Any:
    try:
        return np.datetime64(given, "M")
    except ValueError:
        return np.datetime64("NaT")
