"""Reading a declaration: everything that is wrong with it is said at once, with the nearest right word."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from job import bounds
from job.catalogue import DATASET_IDS, OWN_NAME, OWN_NAME_RULE, is_own_name
from job.checker import Checker, has_large_number
from job.data.declarations.declaration import (
    EXPOSURES,
    LOSSES,
    USES,
    CostMatrix,
    Costs,
    Declaration,
    File,
    Protected,
    Target,
)
from job.data.declarations.features import read_features
from job.data.declarations.kinds import derived_names
from job.data.declarations.values import Reader
from job.data.raw.dialect import DECIMALS, ENCODINGS, SEPARATORS, THOUSANDS, Dialect
from job.errors import DeclarationInvalid, did_you_mean, shown

REMEDY = "Correct it; `ldp data process` checks."
_TABLES = (
    "title", "source", "as_of", "file", "target", "group", "time", "costs", "protected", "known_later", "features",
)  # fmt: skip
_MONTH = re.compile(r"(19|20)\d\d-(0[1-9]|1[0-2])")
_LABELS = ("target", "group", "time", "horizon")


def read_declaration(data: bytes, name: str, where: str) -> Declaration:
    """Read and check a declaration.

    Parameters
    ----------
    data : bytes
        Its TOML.
    name : str
        The dataset's.
    where : str
        For messages.

    Raises
    ------
    DeclarationInvalid
        Naming every key and value that cannot be used.
    """
    raw = _toml(data, where)
    check = Checker()
    check_name(check, name)
    check.keys("", raw, _TABLES, required=("target", "features"))
    read = Reader(check)
    file = _file(read, read.table(raw, "file"))
    target = _target(read, read.table(raw, "target"))
    time = read.table(raw, "time")
    found = Declaration(
        name,
        target,
        read_features(read, read.table(raw, "features")),
        file,
        _as_of(read, raw),
        _group(read, read.table(raw, "group")),
        read.date_column("time", time) if time else None,
        _costs(read, read.table(raw, "costs")),
        _protected(read, read.table(raw, "protected")),
        _known_later(read, read.table(raw, "known_later")),
        read.text("", raw, "title"),
        read.text("", raw, "source"),
    )
    if not check.problems:
        _check_together(check, found)
    check.done(f"the declaration {where}", DeclarationInvalid, REMEDY)
    return found


def check_name(check: Checker, name: str) -> None:
    """Note where a dataset of a user's own may not have a name."""
    if not is_own_name(name):
        check.problem(f"the name {shown(name, 80)} is not {OWN_NAME_RULE}")


def _toml(data: bytes, where: str) -> dict[str, Any]:
    remedy = "Correct the file."
    if len(data) > bounds.DECLARATION_BYTES:
        raise DeclarationInvalid(
            f"the declaration {where} has more than {bounds.DECLARATION_BYTES:,} bytes", "Put a shorter one there."
        )
    try:
        raw = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except RecursionError:
        raise DeclarationInvalid(f"the declaration {where} is nested too deeply", remedy) from None
    except ValueError as error:  # no UTF-8, no TOML, or a number that Python cannot hold
        raise DeclarationInvalid(f"the declaration {where} is not TOML: {error}", remedy) from None
    if has_large_number(raw):
        raise DeclarationInvalid(f"the declaration {where} has a whole number of more than 64 bits", remedy)
    return raw


def _as_of(read: Reader, raw: Mapping[str, Any]) -> str | None:
    given = raw.get("as_of")
    if given is None or (isinstance(given, str) and _MONTH.fullmatch(given)):
        return given
    read.check.problem(f"as_of {shown(given)} is no month such as '2019-03'")
    return None


def _file(read: Reader, table: Mapping[str, Any]) -> File:
    known = ("raw", "key", "separator", "decimal", "thousands", "encoding", "missing", "columns")
    read.check.keys("file", table, known)
    standard = Dialect()
    dialect = Dialect(
        read.choice("file", table, "separator", SEPARATORS, standard.separator),
        read.choice("file", table, "decimal", DECIMALS, standard.decimal),
        read.choice("file", table, "thousands", THOUSANDS, standard.thousands),
        read.choice("file", table, "encoding", ENCODINGS, standard.encoding),
        read.cells("file", table, "missing"),
        read.names("file", table, "columns"),
    )
    if dialect.decimal == dialect.thousands:
        read.check.problem(f"file.thousands and file.decimal are both {shown(dialect.decimal)}")
    raw = read.text("file", table, "raw") or None
    if raw is not None and not OWN_NAME.fullmatch(raw):
        read.check.problem(f"file.raw {shown(raw)} is no dataset's name: {did_you_mean(raw, DATASET_IDS)}")
    return File(raw, read.text("file", table, "key") or None, dialect)


def _target(read: Reader, table: Mapping[str, Any]) -> Target:
    read.check.keys("target", table, ("column", "bad", "good", "drop", "outcome", "horizon"))
    column = read.column("target", table)
    parts = {part: read.cells("target", table, part) for part in ("bad", "good", "drop")}
    for part in ("bad", "good"):
        if not parts[part] and part not in table:
            read.check.problem(f"target.{part} is missing")
        elif not parts[part]:
            read.check.problem(f"target.{part} must be a list of the values of {shown(column)}")
    values = [value for part in parts.values() for value in part]
    for value in sorted({value for value in values if values.count(value) > 1}):
        read.check.problem(f"target: the value {shown(value)} stands in more than one place")
    outcome = table.get("outcome")
    if outcome is not None and not isinstance(outcome, Mapping):
        outcome = {"column": outcome}
    horizon = table.get("horizon")
    if not (horizon is None or (isinstance(horizon, str) and horizon)):
        horizon = read.whole("target", table, "horizon", 1, 127)
    dated = read.date_column("target.outcome", outcome) if outcome is not None else None
    return Target(column, parts["bad"], parts["good"], parts["drop"], dated, horizon)


def _group(read: Reader, table: Mapping[str, Any]) -> str | None:
    if not table:
        return None
    read.check.keys("group", table, ("column",))
    return read.column("group", table)


def _costs(read: Reader, table: Mapping[str, Any]) -> Costs | None:
    if not table:
        return None
    read.check.keys("costs", table, ("lgd", "ead", "roi", "matrix"))
    matrix = None
    if "matrix" in table:
        if len(table) > 1:
            read.check.problem("costs has either a matrix, or lgd, ead and roi")
        cells = read.table(table, "matrix", "costs.")
        read.check.keys(
            "costs.matrix", cells, tuple(CostMatrix.__annotations__), required=("bad_granted", "good_refused")
        )
        values = {name: read.number("costs.matrix", cells, name, -1e15, 1e15) or 0.0 for name in cells}
        matrix = CostMatrix(**{name: values.get(name, 0.0) for name in CostMatrix.__annotations__})
    return Costs(
        read.number_or_column("costs", table, "lgd", *LOSSES),
        read.number_or_column("costs", table, "ead", *EXPOSURES),
        read.number("costs", table, "roi", 0, 100),
        matrix,
    )


def _protected(read: Reader, table: Mapping[str, Any]) -> tuple[Protected, ...]:
    found = []
    for name in table:
        where, one = f"protected.{name}", read.table(table, name, "protected.")
        read.check.keys(where, one, ("column", "use", "bands"))
        use = read.choice(where, one, "use", USES, None)
        if use is None:
            read.check.problem(f'{where}.use is missing: write "audit" or "never"')
        bands = read.numbers(where, one, "bands")
        if list(bands) != sorted(set(bands)):
            read.check.problem(f"{where}.bands must go up")
        column = read.text(where, one, "column") or name
        found.append(Protected(name, column, "never" if use == "never" else "audit", bands))
    return tuple(found)


def _known_later(read: Reader, table: Mapping[str, Any]) -> tuple[str, ...]:
    read.check.keys("known_later", table, ("columns",))
    return read.names("known_later", table, "columns")


def _check_together(check: Checker, found: Declaration) -> None:
    """Note what cannot go together, once each part by itself is right."""
    _check_columns(check, found)
    _check_names(check, found)
    if found.target.outcome is not None and (found.target.horizon is None or found.time is None):
        check.problem("target.outcome needs target.horizon and [time]: a default counts where it lies within them")
    if found.target.horizon is not None and found.time is None:
        check.problem("target.horizon needs [time], from which it counts")
    shares = {share for one in found.features if (share := getattr(one, "winsor", None)) is not None}
    if len(shares) > 1:
        check.problem(
            f"features have different shares of winsor, {', '.join(f'{one:g}' for one in sorted(shares))}: a dataset "
            "has one"
        )
    if found.file.raw == found.name:
        check.problem("file.raw is the dataset's own name: leave it out")


def _check_columns(check: Checker, found: Declaration) -> None:
    refused = {
        found.target.column: "is the target",
        **dict.fromkeys(found.known_later, "is known only after the decision, as [known_later] says"),
        **{one.column: f"is protected, as [protected.{one.name}] says" for one in found.protected},
    }
    if found.target.outcome is not None:
        refused.setdefault(found.target.outcome.column, "is when the outcome was known")
    if found.file.key is not None:
        refused.setdefault(found.file.key, "is the key, which tells rows apart")
    used: dict[str, tuple[str, bool]] = {}
    for who, column, number in found.columns():
        if who.startswith("features.") and column in refused:
            check.problem(f"{who} uses {shown(column)}, which {refused[column]}")
        first, kind = used.setdefault(column, (who, number))
        if kind != number:
            as_number, as_text = (who, first) if number else (first, who)
            check.problem(f"{shown(column)} is a number for {as_number} and a text for {as_text}")
    columns = found.file.dialect.columns
    for who, column, _ in found.columns() if columns else ():
        if column not in columns:
            check.problem(f"{who}: file.columns has no {shown(column)}: {did_you_mean(column, columns)}")


def _check_names(check: Checker, found: Declaration) -> None:
    owners: dict[str, str] = {}
    for feature in found.features:
        if feature.name in _LABELS:
            check.problem(f"no feature may be called {shown(feature.name)}: give it another name, and its column")
        for name in derived_names(feature):
            other = owners.setdefault(name, feature.name)
            if other != feature.name:
                check.problem(f"features.{other} and features.{feature.name} both become a column {shown(name)}")
    if len(owners) > bounds.FEATURES:
        check.problem(f"{len(owners):,} columns of features, where at most {bounds.FEATURES:,} can be")
    if not owners:
        check.problem("no feature becomes a column")
