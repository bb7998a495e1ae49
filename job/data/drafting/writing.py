"""A declaration's text, with comments that say what was found and what can be written instead."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from job.data.drafting.looking import Look
from job.data.drafting.sorting import Proposal
from job.data.raw.dialect import Dialect

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PROTECTED = re.compile(
    r"(sex|gender|geschlecht|age|alter|race|ethnic\w*|nation\w*|marri\w*|marital\w*|religion)", re.IGNORECASE
)
COMMENT_LENGTH = 300


@dataclass(frozen=True)
class Said:
    """What a person says of a dataset.

    Attributes
    ----------
    name : str
    target : str
    bad, good, drop : tuple of str
    group, time, format, key : str or None
    """

    name: str
    target: str
    bad: tuple[str, ...]
    good: tuple[str, ...]
    drop: tuple[str, ...] = ()
    group: str | None = None
    time: str | None = None
    format: str | None = None
    key: str | None = None


def write_draft(look: Look, said: Said, found: Proposal, file: str, raw: str | None = None) -> str:
    """Return the TOML of a draft.

    Parameters
    ----------
    file : str
        What the file was called.
    raw : str or None
        The dataset whose raw file it is, where that is another's.
    """
    lines = [
        f"# Drafted by `ldp data init` from {_comment(file)}: {look.rows:,} rows, {len(look.columns):,} columns.",
        f"# Everything here is a guess: read it, and correct what is wrong. `ldp data process {said.name}` checks it.",
        "",
        f"title = {_value(said.name)}",
        '# as_of = "2024-12"  # the month at which outcomes were looked up',
        "",
        *_file(look.guess.dialect, found, raw),
        *_target(said),
        *_group_and_time(said),
        *_costs_and_protected(look),
        *_known_later(found),
        *_left_out(found),
        "# Kinds: number, code (numbers that are names), category, months-between (from, to) and ratio (numerator,",
        '# denominator). Any may have reason = "…"; numbers also missing = […], winsor = 0.01, indicator = true.',
        "",
    ]
    for column, feature in found.features.items():
        if column in found.comments:
            lines.append(f"# {_comment(found.comments[column])}")
        name = column if column not in ("target", "group", "time", "horizon") else f"{column}_"
        lines.append(f"[features.{_key(name)}]")
        lines += _table(feature | ({"column": column} if name != column else {}))
        lines.append("")
    return "\n".join([*lines, *_months(look, said, found)])


def _months(look: Look, said: Said, found: Proposal) -> list[str]:
    """Return the months from other dates to the time, each as a feature that a person may take."""
    lines: list[str] = []
    for column in look.columns if said.time is not None else ():
        sure = None in column.formats or len(column.formats) == 1
        if column.name in found.left_out and sure and not column.number and not column.whole:
            form = None if None in column.formats else column.formats[0]
            formats = {"from_format": form, "to_format": said.format}
            keys = {"kind": "months-between", "from": column.name, "to": said.time}
            keys |= {key: one for key, one in formats.items() if one is not None}
            name = _key(f"{column.name}_months")
            lines += ["# If it is known by then:", f"# [features.{name}]", *(f"# {line}" for line in _table(keys)), ""]
    return lines


def _file(dialect: Dialect, found: Proposal, raw: str | None) -> list[str]:
    standard = Dialect()
    keys: dict[str, Any] = {
        name: getattr(dialect, name)
        for name in ("separator", "decimal", "thousands", "encoding")
        if getattr(dialect, name) != getattr(standard, name)
    }
    keys = ({"raw": raw} if raw else {}) | keys
    keys |= {"missing": found.missing} if found.missing else {}
    keys |= {"key": found.key} if found.key else {}
    keys |= {"columns": list(dialect.columns)} if dialect.columns else {}
    return [
        "[file]",
        *_table(keys),
        *([] if found.key else ['# key = "…"  # the column that tells the rows apart']),
        "",
    ]


def _target(said: Said) -> list[str]:
    keys = {"column": said.target, "bad": list(said.bad), "good": list(said.good)}
    more = ['# horizon = 12  # months from time until an outcome is due; outcome = {column = "…"} is when it came']
    return ["[target]", *_table(keys | ({"drop": list(said.drop)} if said.drop else {})), *more, ""]


def _group_and_time(said: Said) -> list[str]:
    lines = []
    for name, column, example in (
        ("group", said.group, "whose rows belong together, such as a customer's"),
        ("time", said.time, "when a row's decision was made"),
    ):
        if column is None:
            lines += [f"# [{name}]  # {example}", '# column = "…"', ""]
        else:
            format_ = {"format": said.format} if name == "time" and said.format else {}
            lines += [f"[{name}]", *_table({"column": column} | format_), ""]
    return lines


def _costs_and_protected(look: Look) -> list[str]:
    lines = ["# [costs]  # what a default loses, of how much, and what a good loan earns; or [costs.matrix]",
             "# lgd = 0.45", '# ead = "…"', "# roi = 0.05", ""]  # fmt: skip
    for column in look.columns:
        if any(_PROTECTED.fullmatch(part) for part in re.split(r"[\s_.-]+", column.name)):
            lines += [
                f"# {_comment(column.name)} may be protected by law; then take its feature away and write:",
                f"# [protected.{_key(column.name)}]",
                '# use = "audit"  # kept beside the data for audits; "never" keeps nothing',
                "",
            ]
    return lines


def _known_later(found: Proposal) -> list[str]:
    if not found.known_later:
        return ["# [known_later]  # columns that are known only after the decision; no feature may be made of them",
                "# columns = []", ""]  # fmt: skip
    reasons = [f"# {_comment(name)}: {_comment(why)}" for name, why in found.known_later.items()]
    head = "# These seem to be known only after the decision. What is known before it can be made a feature:"
    return [head, *reasons, "[known_later]", *_table({"columns": list(found.known_later)}), ""]


def _left_out(found: Proposal) -> list[str]:
    if not found.left_out:
        return []
    return ["# Left out:", *(f"# {_comment(name)}: {_comment(why)}" for name, why in found.left_out.items()), ""]


def _table(keys: Mapping[str, Any]) -> list[str]:
    return [f"{key} = {_value(value)}" for key, value in keys.items()]


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _comment(text: str) -> str:
    """Return a text as it can stand in a comment: on one line, printable."""
    return "".join(one if one.isprintable() else " " for one in text)[:COMMENT_LENGTH]
