"""The kinds of values that a grid's parameters may have: each admits a value or does not, and says what it admits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from job.training.candidates import Value


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int

    def admits(self, value: Value) -> bool:
        """Return whether `value` is one."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high

    def __str__(self) -> str:
        return f"a whole number from {self.low:,} to {self.high:,}"


TINIEST = 1e-30
"""The smallest positive number: nearer to 0, XGBoost's float32 ends and the others' arithmetic overflows."""


@dataclass(frozen=True)
class Real:
    """Finite numbers from `low` to `high`.

    Attributes
    ----------
    low, high : float
    zero : bool
        Whether 0 is one of them too.
    below : bool
        Whether `high` itself is excluded.
    fraction : bool
        Whether 1 must be written 1.0: where a whole number means something else, a number of rows or features.
    """

    low: float
    high: float
    zero: bool = False
    below: bool = False
    fraction: bool = False

    def admits(self, value: Value) -> bool:
        """Return whether `value` is one."""
        if isinstance(value, bool) or not isinstance(value, float if self.fraction else int | float):
            return False
        return (self.zero and value == 0) or (
            self.low <= value <= self.high and not (self.below and value == self.high)
        )

    def __str__(self) -> str:
        zero = "0 or " if self.zero else ""
        range_ = f"{'a fraction' if self.fraction else 'a number'} from {self.low:g}"
        return f"{zero}{range_} {'to below' if self.below else 'to'} {self.high:g}"


@dataclass(frozen=True)
class Text:
    """One of a closed set of texts."""

    choices: tuple[str, ...]

    def admits(self, value: Value) -> bool:
        """Return whether `value` is one of them."""
        return isinstance(value, str) and value in self.choices

    def __str__(self) -> str:
        return " or ".join(f"'{choice}'" for choice in self.choices)


@dataclass(frozen=True)
class Flag:
    """True or false."""

    def admits(self, value: Value) -> bool:
        """Return whether `value` is."""
        return isinstance(value, bool)

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Nothing:
    """Python's None, which a spec writes 'none'."""

    def admits(self, value: Value) -> bool:
        """Return whether `value` is None."""
        return value is None

    def __str__(self) -> str:
        return "'none'"


@dataclass(frozen=True)
class Layers:
    """A list of at most `most` sizes."""

    most: int
    size: Whole

    def admits(self, value: Value) -> bool:
        """Return whether `value` is one."""
        return isinstance(value, tuple) and 1 <= len(value) <= self.most and all(map(self.size.admits, value))

    def __str__(self) -> str:
        return f"a list of 1 to {self.most}, each {self.size}"


Kind: TypeAlias = "Whole | Real | Text | Flag | Nothing | Layers"
Allowed: TypeAlias = tuple[Kind, ...]
"""The kinds of values of a parameter; one of them has to admit a value."""
