"""Cells of a heat map: a blue that is as light in grey as it is in colour, and the ink that is read on it.

They have colours of their own, the same on white and on dark pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.patches import Rectangle

DARK, LIGHT = "#000000", "#fefefe"
_ENDS = (232, 240, 247), (12, 74, 122)


def cell(column: int, row: int, depth: float) -> Rectangle:
    """Return the ground of a cell: nearly white at 0, dark at 1."""
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=shade(depth), edgecolor="none")


def shade(depth: float) -> str:
    """Return a cell's colour."""
    return "#" + "".join(f"{round(a + (b - a) * depth):02x}" for a, b in zip(*_ENDS, strict=True))


def ink_on(depth: float) -> str:
    """Return the ink that stands out most on it."""
    return max((DARK, LIGHT), key=lambda ink: contrast(ink, shade(depth)))


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as WCAG 2 defines it, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
