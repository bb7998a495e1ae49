"""What is wrong with a spec, gathered so that the user mends it in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from job.errors import SpecInvalid, did_you_mean, shown

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Checker:
    """Gathers every problem of a spec, so that the user mends them in one go."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def problem(self, text: str) -> None:
        """Note a problem."""
        self.problems.append(text)

    def keys(self, where: str, table: Mapping[str, Any], known: Sequence[str], required: Sequence[str] = ()) -> None:
        """Note keys that are unknown, and those that are missing."""
        for key in table:
            if key not in known:
                place = f" in [{where}]" if where else ""
                self.problem(f"unknown key {shown(key)}{place}: {did_you_mean(str(key), known)}")
        for key in required:
            if key not in table:
                self.problem(f"{key} is missing")

    def names(self, where: str, given: Any, known: Sequence[str] | None) -> tuple[Any, ...]:
        """Return the names of a list that are known (where it is None: that are names), and note what is wrong."""
        if not is_list(given) or not given:
            self.problem(f"{where} must be a list of names")
            return ()
        good = []
        for name in given:
            if known is None and not (isinstance(name, str) and NAME.fullmatch(name)):
                self.problem(f"{where}: {shown(name)} is not 1 to 40 of a-z, 0-9, - and _")
            elif known is not None and name not in known:
                self.problem(f"{where}: unknown {shown(name)}: {did_you_mean(str(name), known)}")
            else:
                good.append(name)
        if len({str(name) for name in given}) < len(given):
            self.problem(f"{where} lists a name twice")
        return tuple(good)

    def done(self, where: str) -> None:
        """Refuse the spec where anything is wrong with it.

        Raises
        ------
        SpecInvalid
            Naming every problem.
        """
        if self.problems:
            problems = "; ".join(problem.rstrip(".") for problem in self.problems)
            raise SpecInvalid(
                f"the spec {where} cannot be used: {problems}", "Correct it; `ldp experiment plan` checks."
            )


def is_int(value: Any) -> bool:
    """Return whether a value is a whole number, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(value: Any) -> bool:
    """Return whether a value is a list, as TOML, JSON or Python has it."""
    return isinstance(value, list | tuple)
