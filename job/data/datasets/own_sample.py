"""A synthetic file of a user's own dataset: what is declared, drawn at random, with a target that can be learnt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import numpy as np

from job.data.declarations.dates import TOKEN
from job.data.declarations.declaration import Declaration
from job.data.declarations.kinds import Category, Code, DateColumn, Feature, MonthsBetween
from job.metrics import Array

BAD_SHARE = 0.2
_FIRST, _DAYS = date(2015, 1, 1).toordinal(), 4 * 365
_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def sample(declaration: Declaration, rows: int, seed: int) -> Iterator[Mapping[str, Any]]:
    """Draw a file: the first columns of numbers, and each first level, speak of the default."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(0, 1, rows)
    when = _FIRST + rng.integers(0, _DAYS, rows)
    columns: dict[str, Any] = {}
    for who, column, number in declaration.columns():
        if column not in columns and not who.startswith("target"):
            columns[column] = _numbers(declaration, rng, risk) if number else _texts(declaration, rng, who, risk)
    for feature in declaration.features:
        _fill(feature, columns, rng, risk, when)
    if declaration.time is not None:
        columns[declaration.time.column] = _written(declaration.time, when)
    _fill_target(declaration, columns, rng, risk, when)
    if declaration.file.key is not None:
        columns[declaration.file.key] = [str(i) for i in range(1, rows + 1)]
    yield columns


def _fill(feature: Feature, columns: dict[str, Any], rng: np.random.Generator, risk: Array, when: Array) -> None:
    if isinstance(feature, MonthsBetween):
        before = when - 365 - rng.integers(0, 3000, risk.size)
        columns[feature.end.column] = _written(feature.end, when)
        columns[feature.start.column] = _written(feature.start, before)
    elif isinstance(feature, Code | Category):
        levels = [level if isinstance(level, str) else f"{level:g}" for level in (*feature.levels, *feature.rare)]
        ranked = np.clip((risk + rng.normal(0, 2, risk.size) + 3) / 6, 0, 0.999) if levels else np.zeros(risk.size)
        columns[feature.column] = [levels[int(place * len(levels))] if levels else "" for place in ranked]


def _fill_target(
    declaration: Declaration, columns: dict[str, Any], rng: np.random.Generator, risk: Array, when: Array
) -> None:
    target, rows = declaration.target, risk.size
    noisy = risk + rng.normal(0, 1, rows)
    bad = np.argsort(np.argsort(-noisy)) < max(2, round(BAD_SHARE * rows))
    columns[target.column] = [(target.bad if one else target.good)[0] for one in bad]
    if isinstance(target.horizon, str):
        columns[target.horizon] = ["12"] * rows
    if target.outcome is not None:
        written = _written(target.outcome, when + 60)
        columns[target.outcome.column] = [day if one else "" for day, one in zip(written, bad, strict=True)]


def _numbers(declaration: Declaration, rng: np.random.Generator, risk: Array) -> list[str]:
    values = np.exp(rng.normal(0, 0.5, risk.size) + 0.3 * risk)
    mark = declaration.file.dialect.decimal
    return [f"{value:.4f}".replace(".", mark) for value in values]


def _texts(declaration: Declaration, rng: np.random.Generator, who: str, risk: Array) -> list[str]:
    if who == "group":
        return [f"G{i:05d}" for i in rng.integers(0, max(risk.size // 3, 1), risk.size)]
    return [f"{declaration.name[:1]}{i}" for i in rng.integers(1, 3, risk.size)]


def _written(column: DateColumn, days: Array) -> list[str]:
    """Return dates as a column's format has them."""
    pieces = re.split(f"({TOKEN.pattern})", column.format or "YYYY-MM-DD")
    found = []
    for day in days.tolist():
        one = date.fromordinal(int(day))
        parts = {"YYYY": f"{one.year:04d}", "MMM": _NAMES[one.month - 1], "MM": f"{one.month:02d}"}
        parts |= {"DD": f"{one.day:02d}", "M": str(one.month), "D": str(one.day)}
        found.append("".join(parts.get(piece, piece) for piece in pieces))
    return found
