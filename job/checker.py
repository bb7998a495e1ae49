"""What is wrong with a file of a user's own, a spec or a declaration, gathered so that it is mended in one go."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from job.errors import LdpError, did_you_mean, shown

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")


class Checker:
    """Gathers every problem of a file, so that the user mends them in one go."""

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

    def done(self, what: str, error: type[LdpError], remedy: str) -> None:
        """Refuse the file where anything is wrong with it.

        Parameters
        ----------
        what : str
            The file, for the message.

        Raises
        ------
        LdpError
            As `error`, naming every problem.
        """
        if self.problems:
            problems = "; ".join(problem.rstrip(".") for problem in self.problems)
            raise error(f"{what} cannot be used: {problems}", remedy)


def is_int(value: Any) -> bool:
    """Return whether a value is a whole number, and not true or false."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_list(value: Any) -> bool:
    """Return whether a value is a list, as TOML, JSON or Python has it."""
    return isinstance(value, list | tuple)


def has_large_number(raw: Mapping[str, Any]) -> bool:
    """Return whether a whole number is larger than TOML's can be; in hexadecimal, Python reads some it cannot print."""
    left: list[Any] = [raw]
    while left:
        value = left.pop()
        if isinstance(value, Mapping):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, int) and not -(2**63) <= value < 2**63:
            return True
    return False
