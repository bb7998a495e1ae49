"""Which objects of an execution are fetched, and to where: below its folder and nowhere else."""

from __future__ import annotations

import re

from job.store import EXECUTIONS

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]*")
_LEFT = ("progress/",)
"""What is of use only to whoever goes on with the execution."""


def prefixes_of(execution: str) -> tuple[str, str]:
    """Return the prefixes under which an execution's objects lie."""
    return f"{EXECUTIONS}/{execution}/", f"reports/{execution}/"


def is_sound(key: str, prefix: str) -> bool:
    """Return whether a key names a file below a prefix, on every system: no ``..``, no blank, no backslash, no colon.

    >>> is_sound("executions/a-1/results/x.parquet", "executions/a-1/")
    True
    >>> is_sound("executions/a-1/../../.bashrc", "executions/a-1/")
    False
    """
    if not key.startswith(prefix):
        return False
    parts = key.removeprefix(prefix).split("/")
    return all(_PART.fullmatch(part) and ".." not in part for part in parts)


def is_fetched(key: str, prefix: str) -> bool:
    """Return whether an object is fetched: all but checkpoints."""
    return not key.removeprefix(prefix).startswith(_LEFT)
