"""What is proposed for each column of a file: a feature, the key, something known later, or nothing, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from job import bounds
from job.data.declarations.values import is_name
from job.data.drafting.guessing import number_of
from job.data.drafting.looking import Column, Look, levels_as_column
from job.data.leaks.alarm import HIGHEST_AUC
from job.data.leaks.presence import filled_for_one_class, is_key
from job.data.leaks.separation import LEAST_OF_A_CLASS, separation
from job.data.raw.dialect import Dialect
from job.data.raw.header import normal
from job.errors import shown
from job.metrics import Array

MOST_CATEGORIES = 50
RARE = 0.005  # of the rows; a level of fewer counts as unknown
FEW_CODES = 10
INDICATED = 0.01  # the share of missing values from which on they get a column
FAR = 50  # an end so many times beyond the 99th percentile is drawn in
WINSOR = 0.01
_SENTINEL = re.compile(r"-?9{2,}|-?(32767|65535|2147483647|4294967295)|-32768|-2147483648")


@dataclass
class Proposal:
    """What is proposed for a file's columns.

    Attributes
    ----------
    key : str or None
    features : dict of str to dict
        For each column the keys of its feature, in the file's order.
    comments : dict of str to str
        What is to be said of a feature.
    left_out : dict of str to str
        Columns that no feature is made of, and why.
    known_later : dict of str to str
        Columns that seem to be known only after the decision, and why.
    missing : list of str
        Texts among numbers that seem to stand for missing ones.
    """

    key: str | None = None
    features: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    known_later: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def sort_out(look: Look, taken: frozenset[str], target: str, meanings: Mapping[str, int], key: str | None) -> Proposal:
    """Propose something for each column.

    Parameters
    ----------
    taken : frozenset of str
        Columns that have a meaning already: target, group, time.
    meanings : dict of str to int
        1 for each bad value of the target, 0 for each good one.
    key : str or None
        The key, where it is known.
    """
    found = Proposal(key)
    known, bad = _target(next(one for one in look.columns if one.name == target), meanings)
    seen: dict[str, int] = {}
    for column in look.columns:
        seen[normal(column.name)] = seen.get(normal(column.name), 0) + 1
    for column in look.columns:
        if column.name in taken or column.name == key:
            continue
        why = _unusable(column, look.rows, seen)
        if why is not None:
            found.left_out[column.name] = why
        elif _is_key(column, look.rows):
            if found.key is None:
                found.key = column.name
            else:
                found.left_out[column.name] = "every row has a value of its own, as keys have"
        elif (leak := _leak(column, known, bad, look.guess.dialect)) is not None:
            found.known_later[column.name] = leak
        else:
            _feature(found, column, look.rows)
    _keep_apart(found)
    return found


def _keep_apart(found: Proposal) -> None:
    """Leave out features whose columns another has already, and those that are too many."""
    owned: set[str] = set()
    for column, feature in list(found.features.items()):
        levels = feature.get("levels")
        names = {column} if levels is None else {f"{column}_{level}" for level in (*levels, "unknown")}
        why = None
        if names & owned:
            why = f"another feature becomes {_listed(sorted(names & owned))} too"
        elif len(owned | names) > bounds.FEATURES:
            why = f"there can be {bounds.FEATURES:,} columns of features"
        if why is None:
            owned |= names
        else:
            found.left_out[column] = why
            del found.features[column]


def _target(column: Column, meanings: Mapping[str, int]) -> tuple[Array, Array]:
    """Return which of the sampled rows are bad or good, and whether those are bad."""
    codes = [meanings.get(name, -1) for name in column.levels]
    state = np.array([*codes, -1])[np.concatenate(column.sample).astype(np.int64)]
    return state >= 0, state[state >= 0].astype(np.int8)


def _unusable(column: Column, rows: int, seen: Mapping[str, int]) -> str | None:
    if not is_name(column.name):
        return "its name cannot be written in one line of print"
    if seen[normal(column.name)] > 1:
        return "another column has the same name"
    if not column.filled:
        return "it is empty"
    single = column.low == column.high if column.number else len(column.levels) == 1
    return "it has one value in every row" if single and column.filled == rows else None


def _is_key(column: Column, rows: int) -> bool:
    if column.filled < rows:
        return False
    return column.unlike if column.many else bool(column.sample) and is_key(_sampled(column))


def _sampled(column: Column) -> list[Any]:
    return [np.concatenate(column.sample)] if column.number else [levels_as_column(column)]


def _leak(column: Column, known: Array, bad: Array, dialect: Dialect) -> str | None:
    """Return what speaks for a column that is known only after the decision."""
    if not column.sample or np.bincount(bad, minlength=2).min() < LEAST_OF_A_CLASS:
        return None
    values = _sampled(column)
    sample = [values[0][known]] if column.number else [values[0].filter(known)]
    side = filled_for_one_class(sample, bad)
    if side is not None:
        what, value, _ = side
        return f"it is {what} only where the row is {'bad' if value else 'good'}"
    if not column.number and column.whole:
        amounts = np.array([number_of(name, dialect) for name in column.levels] + [np.nan])
        sample = [amounts[np.concatenate(column.sample).astype(np.int64)[known]]]
    if isinstance(sample[0], np.ndarray):
        side = filled_for_one_class([np.where(sample[0] == 0, np.nan, sample[0])], bad)
    if side is not None:
        what, value, _ = side
        return f"it is {'other than 0' if what == 'filled' else '0'} only where the row is {'bad' if value else 'good'}"
    found = separation(sample, bad, np.arange(bad.size), HIGHEST_AUC)
    return f"it tells bad from good alone (AUC {found.auc:.3f})" if found and found.low > HIGHEST_AUC else None


def _feature(found: Proposal, column: Column, rows: int) -> None:
    if column.number:
        _number(found, column, rows)
    elif column.formats and not column.whole:
        formats = [one for one in column.formats if one is not None]
        how = "" if None in column.formats else f" as {' or '.join(formats)}"
        found.left_out[column.name] = f"a date{how}; the months to another date can be a feature (months-between)"
    elif column.whole:
        _number(found, column, rows)
        if not column.many and len(column.levels) <= FEW_CODES:
            codes = ", ".join(sorted(column.levels))
            found.comments[column.name] = f'if these are names, write kind = "code" and levels = [{codes}]'

    elif column.many or len(column.levels) > MOST_CATEGORIES:
        count = "more than can be counted" if column.many else f"{len(column.levels):,}"
        found.left_out[column.name] = f"too many different values to be a category: {count}"
    else:
        _category(found, column, rows)


def _number(found: Proposal, column: Column, rows: int) -> None:
    feature: dict[str, Any] = {"kind": "number"}
    if column.number and column.levels:
        strange = sorted(column.levels)
        if len(strange) > 5:
            found.left_out[column.name] = f"numbers and texts such as {_listed(strange)}"
            return
        found.missing += [one for one in strange if one not in found.missing]
        found.comments[column.name] = f"{_listed(strange)} among its numbers is taken for missing"
    missing = _sentinels(column)
    if missing:
        feature["missing"] = missing
        found.comments[column.name] = f"{_listed([f'{one:g}' for one in missing])} is far from all others"
    if column.filled < (1 - INDICATED) * rows:
        feature["indicator"] = True
    if _is_far_out(column, missing):
        feature["winsor"] = WINSOR
    found.features[column.name] = feature


def _category(found: Proposal, column: Column, rows: int) -> None:
    least = max(2, RARE * rows)
    levels = sorted(name for name, count in column.levels.items() if count >= least)
    rare = sorted(set(column.levels) - set(levels))
    if len(levels) < 2:
        levels, rare = sorted(column.levels), []
    found.features[column.name] = {"kind": "category", "levels": levels} | ({"rare": rare} if rare else {})


def _sentinels(column: Column) -> list[float]:
    """Return the ends that look like a program's mark for a missing value, and lie far from everything else."""
    if not column.number or not column.sample:
        return []
    values = np.concatenate(column.sample)
    values = values[~np.isnan(values)]
    found = []
    for end in (column.low, column.high):
        others = np.abs(values[(values != end) & (np.sign(values) == np.sign(end))])
        if _SENTINEL.fullmatch(f"{end:.17g}") and abs(end) > 10 * others.max(initial=0) and (values == end).sum() > 1:
            found.append(end)
    return found


def _is_far_out(column: Column, missing: Sequence[float]) -> bool:
    if not column.number or not column.sample:
        return False
    values = np.abs(np.concatenate(column.sample))
    values = values[~np.isnan(values) & ~np.isin(values, np.abs(missing))]
    return values.size > 100 and bool(values.max() > FAR * np.quantile(values, 0.99) > 0)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return f"{', '.join(shown(one) for one in names[:4])}{more}"
