"""What a person who deploys can get wrong: what and where in one line, what to do in another."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class Problem(Exception):
    """One thing that is wrong.

    Parameters
    ----------
    what : str
        One line: what is wrong, and where.
    remedy : str
        One line: what to do about it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} — {self.remedy}"


class PlatformError(Exception):
    """Everything that is wrong at once, so that one correction round is enough.

    Parameters
    ----------
    title : str
        What was being attempted.
    problems : sequence of Problem
        At least one.
    """

    def __init__(self, title: str, problems: Sequence[Problem]) -> None:
        super().__init__(title, tuple(problems))
        self.title = title
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(
            [f"error: {self.title}", *(f"  {problem.what}\n    {problem.remedy}" for problem in self.problems)]
        )


class SettingsInvalid(PlatformError, ValueError):
    """Context values that cannot be used."""


class PlacementImpossible(PlatformError, ValueError):
    """A job that no machine of the platform could ever host."""


class OperationRefused(PlatformError, RuntimeError):
    """An operation on a deployed platform that is refused, or that could not be finished."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `word` was probably meant to be, or None.

    >>> nearest("job_vcpus", ["jobVcpus", "dataJobVcpus"])
    'jobVcpus'
    """
    folded = {name.replace("_", "").replace("-", "").lower(): name for name in known}
    meant = word.replace("_", "").replace("-", "").lower()
    match = difflib.get_close_matches(meant, folded, n=1, cutoff=0.6)
    match = match or [name for name in folded if len(name) >= 3 and meant.startswith(name)]
    return folded[match[0]] if match else None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a sentence that names the nearest of `known`, or all of them."""
    match = nearest(word, known)
    return f"Did you mean {match}?" if match else f"Use one of: {', '.join(known)}."
