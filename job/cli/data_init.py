"""``ldp data init``: what is asked at a terminal, and said by options elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from job.cli.context import open_context
from job.errors import UsageError, did_you_mean, shown

if TYPE_CHECKING:
    from job.data.drafting.guessing import Guess
    from job.data.drafting.looking import Column, Look
    from job.data.drafting.writing import Said

SHOWN = 12


def draft(
    file: Path,
    *,
    name: str | None,
    target: str | None,
    bad: Sequence[str],
    good: Sequence[str],
    drop: Sequence[str],
    group: str | None,
    time: str | None,
    time_format: str | None,
    key: str | None,
    columns: str | None,
    separator: str | None,
    header: bool | None,
    force: bool,
) -> None:
    """Look at a file, ask what it does not say, and write a declaration of it."""
    from job.data.drafting.first import check_free, first_rows, keep, name_of, open_given, raw_name_here, take_in
    from job.data.drafting.looking import look
    from job.data.drafting.sorting import sort_out
    from job.data.drafting.writing import write_draft
    from job.data.raw.dialect import SEPARATORS
    from job.data.raw.source import Source
    from job.store import declaration_key

    context = open_context()
    given = open_given(file)
    name = name or _asked("What is the dataset called?", name_of(given.path)) or name_of(given.path)
    check_free(context.store, name, force=force)
    if separator is not None and separator not in SEPARATORS:
        raise UsageError(f"--separator {shown(separator)} is unknown", "Give one of , ; | a tab or a blank.")
    named = tuple(part.strip() for part in columns.split(",")) if columns else ()
    guess = first_rows(given, separator, named, header)
    target = _column(guess, "target", target, "Which column says how it ended (target)?", needed=True)
    group = _column(
        guess, "group", group, "Which column names what belongs together, such as a customer (none: empty)?"
    )
    time = _column(guess, "time", time, "Which column says when it was decided (none: empty)?")
    key = _column(guess, "key", key, None)
    if target is None:
        raise UsageError("no target is said", "Add --target COLUMN.")
    texts = frozenset(i for i, one in enumerate(guess.names) if one in (target, group, time))
    found = look(Source(given.source.store, given.source.key, dialect=guess.dialect), guess, texts)
    said = _said(found, name, target, group, time, time_format, key, (tuple(bad), tuple(good), tuple(drop)))
    meanings = {**dict.fromkeys(said.bad, 1), **dict.fromkeys(said.good, 0)}
    taken = frozenset(one for one in (target, group, time) if one is not None)
    proposal = sort_out(found, taken, target, meanings, key)
    raw = raw_name_here(context.store, given)
    text = write_draft(found, said, proposal, given.path.name, raw if raw != name else None)
    if raw is None:
        take_in(context.store, given, name, force=force)
    keep(context.store, name, text)
    for column, why in proposal.known_later.items():
        context.console.warning(
            "suspected_leak", f"{name}, column {column}: {why}; no feature is made of it", dataset=name, column=column
        )
    where = context.store.where(declaration_key(name))
    context.console.info(
        "declared",
        f"wrote {where}: {found.rows:,} rows, {len(proposal.features)} features, {len(proposal.left_out)} columns left "
        f"out, {len(proposal.known_later)} suspected; read it, then run `ldp data process {name}`",
        dataset=name,
        rows=found.rows,
        features=len(proposal.features),
        left_out=proposal.left_out,
        known_later=proposal.known_later,
        key=proposal.key,
    )


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _asked(question: str, standard: str = "") -> str:
    """Return what a person answers at a terminal; elsewhere nothing is asked."""
    if not _at_terminal():
        return standard
    return str(
        typer.prompt(question, default=standard, show_default=bool(standard), prompt_suffix=" ", err=True)
    ).strip()


def _column(guess: Guess, option: str, given: str | None, question: str | None, *, needed: bool = False) -> str | None:
    """Return a column's name as the file has it.

    Raises
    ------
    UsageError
        Where the file has none of that name, or one is needed and not said.
    """
    name = given if given is not None or question is None else _asked(question)
    if not name:
        if needed:
            raise UsageError(
                "which column says how a row ended is not said",
                f"Add --{option} COLUMN; the columns are: {_listed(guess.names)}.",
            )
        return None
    if name not in guess.names:
        raise UsageError(f"--{option}: there is no column {shown(name)}", did_you_mean(name, guess.names))
    return name


def _said(
    look: Look,
    name: str,
    target: str,
    group: str | None,
    time: str | None,
    time_format: str | None,
    key: str | None,
    values: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]],
) -> Said:
    from job.data.drafting.writing import Said

    column = _of(look, target)
    bad, good, drop = _values(column, look.rows, *values)
    format_ = _format(_of(look, time), time_format) if time is not None else None
    return Said(name, target, bad, good, drop, group, time, format_, key)


def _of(look: Look, name: str) -> Column:
    return next(one for one in look.columns if one.name == name)


def _values(
    column: Column, rows: int, bad: tuple[str, ...], good: tuple[str, ...], drop: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """Return which values of the target are bad, good and left out: all that are not said to be anything are good."""
    found = sorted(column.levels)
    if column.many or len(found) < 2:
        count = "more than a target can have" if column.many else str(len(found))
        raise UsageError(
            f"the column {column.name} has {count} different values, and a target has two or a few",
            "Name another column (--target).",
        )
    if not bad:
        ones = [value for value in found if _number(value) == 1]
        standard = ones[0] if len(found) == 2 and ones and any(_number(value) == 0 for value in found) else ""
        answer = _asked(f"Which values of {column.name} are bad, separated by commas ({_listed(found)})?", standard)
        bad = tuple(part.strip() for part in answer.split(",") if part.strip())
    if not bad:
        raise UsageError(
            f"which values of {column.name} are bad is not said",
            f"Add --bad VALUE, once for each; its values are: {_listed(found)}.",
        )
    for value in (*bad, *good, *drop):
        if value not in found and value != "":
            raise UsageError(f"{column.name} is nowhere {shown(value)}", did_you_mean(value, found))
    good = good or tuple(value for value in found if value not in (*bad, *drop))
    drop = (*drop, *(value for value in found if value not in (*bad, *good, *drop)))
    return bad, good, drop if column.filled == rows or "" in drop else (*drop, "")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _format(column: Column, given: str | None) -> str | None:
    """Return the format of the dates in a column; None where they can mean one day only."""
    from job.data.declarations.dates import FORMATS_RULE, is_format

    if given is not None:
        if not is_format(given):
            raise UsageError(f"--time-format {shown(given)} is no format of dates", f"{FORMATS_RULE}.")
        return given
    formats: list[Any] = column.formats
    if None in formats:
        return None
    if len(formats) > 1:
        answer = _asked(f"The dates of {column.name} may be {' or '.join(formats)}; which?")
        formats = [answer] if answer in formats else formats
    if len(formats) != 1:
        what = f"may be {' or '.join(formats)}" if formats else "are none that are known"
        raise UsageError(
            f"the dates of {column.name} {what}", "Say how they are written, such as --time-format D/M/YYYY."
        )
    return str(formats[0])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"
