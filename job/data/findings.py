"""What a raw file has that may not be meant: said as warnings, since only its owner can know."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from job.data.conversion import to_codes
from job.data.datasets.dataset import DerivedFile
from job.data.raw.keys import Repeats
from job.errors import shown

MOST_LEVELS_TOLD = 10
MOST_NAMED = 8
COMMONER = 0.5
FEW_ROWS = 1000  # which tell most columns from a constant
# Numbers that programs write for a missing value: nines, and the ends of the integers' ranges.
_SENTINEL = re.compile(r"-?9{3,}|-?(32767|65535|2147483647|4294967295)|-32768|-2147483648")
FAR = 10  # a sentinel is so many times further from zero than any other value of its column
LEAST_SENTINELS = 2


@dataclass(frozen=True)
class Finding:
    """A warning.

    Attributes
    ----------
    event, message : str
    fields : dict
        The same for programs.
    """

    event: str
    message: str
    fields: Mapping[str, Any]


def key_findings(dataset: str, key: str | None, repeats: Repeats) -> Iterator[Finding]:
    """Yield what is to be said of rows that stand in a file twice."""
    if key is None:
        return
    if repeats.dropped:
        message = (
            f"{dataset}: {repeats.dropped:,} rows repeat an earlier row, with the same {key} and the same cells, and "
            "are left out"
        )
        yield Finding("rows_repeated", message, {"key": key, "count": repeats.dropped})
    if repeats.without_key == repeats.rows:
        message = f"{dataset}: no row has its {key}, so rows that stand in the file twice could not be noticed"
        yield Finding("no_key", message, {"key": key})
    elif repeats.without_key:
        message = f"{dataset}: {repeats.without_key:,} rows lack their {key}, and were not compared with the others"
        yield Finding("rows_without_key", message, {"key": key, "count": repeats.without_key})


def findings(dataset: str, derived: DerivedFile) -> Iterator[Finding]:
    """Yield what is to be said of a file's target, columns and levels."""
    rate = float(np.mean(derived.target))
    if rate > COMMONER:
        message = (
            f"{dataset}: default is the commoner class ({rate:.1%} of {derived.target.size:,} rows); is the target "
            "inverted?"
        )
        yield Finding("target_commoner", message, {"default_rate": rate})
    columns = _used(derived)
    yield from _without_information(dataset, columns)
    yield from _sentinels(dataset, columns)
    yield from _unknown_levels(dataset, derived.unknown)
    yield from _unpriced(dataset, derived.unpriced)


def _used(derived: DerivedFile) -> dict[str, list[Any]]:
    """Return the interim columns that features are made of, without the parts that have no rows."""
    names = tuple(derived.parts[0].features)
    return {
        column: [piece for piece in pieces if len(piece)]
        for column, pieces in derived.interim.items()
        if column in names or any(name.startswith(f"{column}_") for name in names)
    }


def _without_information(dataset: str, columns: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    kinds: dict[str, list[str]] = {"empty": [], "constant": []}
    for column, pieces in columns.items():
        kind = _kind(pieces)
        if kind is not None:
            kinds[kind].append(column)
    for kind, what in (("empty", "have no value in any row"), ("constant", "have one and the same value in every row")):
        names = kinds[kind]
        if names:
            message = f"{dataset}: the columns {_listed(names)} {what}, and tell nothing of a default"
            if len(names) == 1:
                message = message.replace("columns", "column", 1).replace("have", "has", 1).replace("tell", "tells", 1)
            yield Finding(f"columns_{kind}", message, {"columns": names, "count": len(names)})


def _kind(pieces: Sequence[Any]) -> str | None:
    """Tell a column without values ("empty") and one with a single value in all rows ("constant") from the others."""
    if not isinstance(pieces[0], np.ndarray):
        few = to_codes(pieces[0][:FEW_ROWS])
        if few.min() < few.max():
            return None
        return _kind([_codes(piece, pieces) for piece in pieces])
    first = pieces[0][0]
    few = pieces[0][:FEW_ROWS]
    if np.isnan(first):
        return "empty" if np.isnan(few).all() and all(np.isnan(piece).all() for piece in pieces) else None
    return "constant" if (few == first).all() and all((piece == first).all() for piece in pieces) else None


def _codes(piece: Any, pieces: Sequence[Any]) -> Any:
    """Return a column of names as numbers that are equal where the names are, missing as NaN."""
    places = {value: i for i, value in enumerate(sorted({v for one in pieces for v in one.dictionary.to_pylist()}))}
    codes = np.array([places[value] for value in piece.dictionary.to_pylist()] or [0], np.float64)
    at = to_codes(piece)
    return np.where(at < 0, np.nan, codes[at])


def _sentinels(dataset: str, columns: Mapping[str, Sequence[Any]]) -> Iterator[Finding]:
    for column, pieces in columns.items():
        if not isinstance(pieces[0], np.ndarray):
            continue
        ends = (min(np.fmin.reduce(piece) for piece in pieces), max(np.fmax.reduce(piece) for piece in pieces))
        for value in ends:
            if not _SENTINEL.fullmatch(f"{value:.17g}"):
                continue
            count = sum(int(np.count_nonzero(piece == value)) for piece in pieces)
            if count >= LEAST_SENTINELS and _is_far(float(value), pieces):
                message = (
                    f"{dataset}, column {column}: {count:,} cells have {value:.17g}, far from every other value; if "
                    "that stands for a missing one, empty them"
                )
                yield Finding("sentinel", message, {"column": column, "value": float(value), "count": count})


def _is_far(value: float, pieces: Sequence[Any]) -> bool:
    """Tell whether all other values lie much nearer to zero, or on its other side."""
    side = np.sign(value)
    others = max(float(np.max(side * piece, where=(piece != value) & ~np.isnan(piece), initial=0)) for piece in pieces)
    return abs(value) > FAR * others


def _unknown_levels(dataset: str, unknown: Mapping[str, Mapping[str, int]]) -> Iterator[Finding]:
    for column, levels in unknown.items():
        commonest = sorted(levels.items(), key=lambda item: (-item[1], item[0]))
        for level, count in commonest[:MOST_LEVELS_TOLD]:
            what = f"cells have the undeclared level {shown(level)}" if level else "cells are empty"
            message = (
                f"{dataset}, column {column}: {count:,} {what}, counted as none of the declared levels; correct the "
                "raw file if that is not meant"
            )
            yield Finding("unknown_level", message, {"column": column, "cell": level, "count": count})
        if len(levels) > MOST_LEVELS_TOLD:
            message = (
                f"{dataset}, column {column}: {len(levels) - MOST_LEVELS_TOLD:,} more undeclared levels; is it the "
                "right column?"
            )
            yield Finding("unknown_levels", message, {"column": column, "levels": len(levels)})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"


def _unpriced(dataset: str, unpriced: Mapping[str, int]) -> Iterator[Finding]:
    for column, count in unpriced.items():
        if count:
            message = (
                f"{dataset}, column {column}: {count:,} {'cell is' if count == 1 else 'cells are'} no cost, below 0 or "
                "above what it may be (1 for a share that is lost); what decisions cost is reckoned without those rows"
            )
            yield Finding("unpriced", message, {"column": column, "count": count})
