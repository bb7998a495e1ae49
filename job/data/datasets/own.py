"""What a user's own dataset is, by what is declared of it: the same as one that ldp has, without code of its own."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from job.arrays import to_host
from job.data.datasets.dataset import Dataset, Derived, Put, as_categories, float32, one_hot, over
from job.data.datasets.own_labels import (
    DROPPED,
    dates_in,
    dropped_of,
    due_in,
    group_of,
    horizon_of,
    state_of,
    time_of,
    within_horizon,
)
from job.data.datasets.own_sample import sample
from job.data.declarations.declaration import Declaration, Protected
from job.data.declarations.kinds import Category, Code, Feature, MonthsBetween, Number, Ratio
from job.data.declared import Declared, Steps
from job.data.raw.cells import Categories, categories, numbers, numbers_or_names
from job.data.raw.header import RawColumn
from job.data.raw.rawfile import RawTable
from job.metrics import Array

DAYS_PER_MONTH = 30.4375


def own_dataset(declaration: Declaration) -> Dataset:
    """Return the dataset that a declaration describes."""
    needed = {column: RawColumn(column, number=number) for _, column, number in declaration.columns()}
    key, audited = declaration.file.key, declaration.audited()
    return Dataset(
        declaration.name,
        declaration.file.dialect.columns or tuple({**({key: None} if key else {}), **dict.fromkeys(needed)}),
        tuple(needed.values()),
        partial(derive, declaration),
        partial(sample, declaration),
        None if key is None else RawColumn(key),
        Declared(_steps(declaration), declaration.as_of),
        raw=declaration.raw,
        dialect=declaration.file.dialect,
        digest=declaration.digest,
        audited=json.dumps(audited, sort_keys=True) if audited else None,
        source=declaration.source or "the file that it was declared from",
        known_later=tuple(RawColumn(one, number=True) for one in declaration.known_later if one not in needed),
    )


def _steps(declaration: Declaration) -> Steps:
    learnt = [one for one in declaration.features if isinstance(one, Number | MonthsBetween | Ratio)]
    return Steps(
        next((one.winsor for one in learnt if one.winsor is not None), None),
        tuple(one.name for one in learnt if one.winsor is not None),
        tuple(one.name for one in learnt if one.indicator),
    )


def derive(declaration: Declaration, raw: RawTable, put: Put) -> Derived:
    """Derive what is declared, row by row.

    Raises
    ------
    RawFileInvalid
        Naming the line and column of a cell that is not what it is declared to be.
    """
    state = state_of(declaration.target, raw)
    dropped = dropped_of(declaration.target, raw, state)
    if dropped:
        raw, state = raw.without(state == DROPPED), state[state != DROPPED]
    time, horizon = time_of(declaration, raw), horizon_of(declaration.target, raw)
    if declaration.as_of is not None and time is not None and horizon is not None:
        undue = due_in(time, horizon) > np.datetime64(declaration.as_of, "M")
        if undue.any():
            dropped[f"an outcome that is due after {declaration.as_of}"] = int(np.count_nonzero(undue))
            raw, state, time, horizon = raw.without(undue), state[~undue], time[~undue], horizon[~undue]
    if declaration.target.outcome is not None and time is not None and horizon is not None:
        state = within_horizon(raw, declaration.target.outcome, state, time, horizon)
    interim: dict[str, Any] = {}
    features: dict[str, Array] = {}
    unknown: dict[str, Mapping[str, int]] = {}
    for feature in declaration.features:
        values, columns, strange = _derived(feature, raw, put)
        interim[feature.name] = values
        features |= columns
        if strange:
            unknown[feature.name] = strange
    group = None if declaration.group is None else group_of(raw, declaration.group)
    labels = {"group": group, "time": time, "horizon": horizon, "target": state}
    interim |= {name: column for name, column in labels.items() if column is not None}
    costs = {} if declaration.costs is None else declaration.costs.columns
    priced = {column: numbers(raw, column) for column in costs}
    return Derived(
        interim,
        features,
        state,
        group,
        time,
        horizon,
        dropped,
        unknown,
        audit=_audit(declaration, raw) | priced,
        unpriced={column: _outside(priced[column], *ends) for column, ends in costs.items()},
        known_later=_known_later(declaration, raw),
    )


def _derived(feature: Feature, raw: RawTable, put: Put) -> tuple[Any, dict[str, Array], Mapping[str, int]]:
    """Return a feature's readable column, what it becomes in X, and the levels that were not declared."""
    if isinstance(feature, Category):
        return _named(feature, _known(categories(raw, feature.column), feature.missing), feature.levels, put)
    if isinstance(feature, Code):
        codes = numbers(raw, feature.column)
        if feature.other is not None:
            known = [level for level in feature.levels if level != feature.other]
            codes = np.where(np.isin(codes, known), codes, feature.other)
        return _named(feature, as_categories(codes), tuple(f"{level:g}" for level in feature.levels), put)
    values: Any
    if isinstance(feature, MonthsBetween):
        values = (dates_in(raw, feature.end) - dates_in(raw, feature.start)) / np.timedelta64(1, "D") / DAYS_PER_MONTH
    elif isinstance(feature, Ratio):
        values = to_host(over(*(put(_present(raw, one, feature.missing)) for one in _parts(feature))))
    else:
        values = _bounded(feature, _present(raw, feature.column, feature.missing))
    return values, {feature.name: float32(put(values))}, {}


def _parts(feature: Ratio) -> tuple[str, str]:
    return feature.numerator, feature.denominator


def _present(raw: RawTable, column: str, missing: tuple[float, ...]) -> Array:
    """Return a column of numbers with those as NaN that stand for missing ones."""
    values = numbers(raw, column)
    for one in missing:
        values = np.where(values == one, np.nan, values)
    return values


def _bounded(feature: Number, values: Array) -> Array:
    if feature.at_least is not None:
        values = np.where(values <= feature.at_least, feature.at_least, values)
    if feature.at_most is not None:
        values = np.where(values >= feature.at_most, feature.at_most, values)
    return values


def _known(cells: Categories, missing: tuple[str, ...]) -> Categories:
    if not {*missing} & {*cells.values}:
        return cells
    gone = np.array([value in missing for value in cells.values] + [False])[cells.codes]
    return Categories(np.where(gone, -1, cells.codes).astype(np.int32), cells.values)


def _named(
    feature: Category | Code, cells: Categories, levels: tuple[str, ...], put: Put
) -> tuple[Any, dict[str, Array], Mapping[str, int]]:
    reference = feature.reference if isinstance(feature.reference, str | None) else f"{feature.reference:g}"
    columns, strange = one_hot(feature.name, cells, levels, put, others=feature.unknown, reference=reference)
    expected = {one if isinstance(one, str) else f"{one:g}" for one in feature.rare}
    if feature.unknown:
        expected.add("")  # missing cells have their column, and are nothing to warn of
    return cells.texts(), columns, {level: count for level, count in strange.items() if level not in expected}


def _audit(declaration: Declaration, raw: RawTable) -> dict[str, Any]:
    """Return the protected columns that are kept beside the processed data."""
    return {one.name: _protected(raw, one) for one in declaration.protected if one.use == "audit"}


def _outside(values: Array, low: float, high: float) -> int:
    return int(np.count_nonzero((values < low) | (values > high)))


def _known_later(declaration: Declaration, raw: RawTable) -> dict[str, Any]:
    """Return the columns that become known only later, as far as the file has them."""
    there = [column for column in declaration.known_later if column in raw.cells.numbers]
    return {column: numbers_or_names(raw, column) for column in there}


def _protected(raw: RawTable, one: Protected) -> Any:
    if not one.bands:
        return categories(raw, one.column).texts()
    values = numbers(raw, one.column)
    codes = np.where(np.isnan(values), -1, np.searchsorted(one.bands, values, side="right"))
    return Categories(codes.astype(np.int32), bands_of(one.bands)).texts()


def bands_of(ends: tuple[float, ...]) -> tuple[str, ...]:
    """Return what the bands of a number are called.

    >>> bands_of((25.0, 60.0))
    ('below 25', '25 to below 60', '60 or more')
    """
    between = [f"{low:g} to below {high:g}" for low, high in itertools.pairwise(ends)]
    return (f"below {ends[0]:g}", *between, f"{ends[-1]:g} or more")
