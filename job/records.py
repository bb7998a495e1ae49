"""Records that others may have written or changed: bytes that should be one JSON object, and are checked before use.

Whatever lies in a bucket can have been cut, edited, copied from elsewhere or made by another program. Every record is
read through here, and each kind at one place, so that what comes out has the shape its readers rely on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

_MISSING = object()


class Malformed(ValueError):
    """What is read is not what it has to be; the text says in what."""


def read_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object that `data` is.

    Raises
    ------
    Malformed
        Where it is anything else: empty, cut, no JSON, NaN or infinity, too deep, or another value than an object.
    """
    if not data.strip():
        raise Malformed("it is empty")
    try:
        found = json.loads(data, parse_constant=_no_number, parse_float=_finite)
    except RecursionError:
        raise Malformed("it is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"it is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise Malformed("it is no JSON object")
    return found


def text(record: Mapping[str, Any], name: str) -> str:
    """Return a text.

    Raises
    ------
    Malformed
    """
    value = record.get(name)
    if not isinstance(value, str):
        raise Malformed(f"its {name} is no text")
    return value


def text_or_none(record: Mapping[str, Any], name: str) -> str | None:
    """Return a text, or None where there is none.

    Raises
    ------
    Malformed
    """
    return None if record.get(name) is None else text(record, name)


def whole(record: Mapping[str, Any], name: str, default: Any = _MISSING, *, most: int = 2**53) -> int:
    """Return a whole number from 0 to `most`.

    Raises
    ------
    Malformed
    """
    value = record.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Malformed(f"its {name} is no whole number from 0 to {most:,}")
    return value


def number(record: Mapping[str, Any], name: str, low: float, high: float) -> float:
    """Return a finite number from `low` to `high`.

    Raises
    ------
    Malformed
    """
    value: Any = record.get(name)
    if not is_number(value) or not low <= value <= high:
        raise Malformed(f"its {name} is no number from {low:g} to {high:g}")
    return float(value)


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def mapping(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return an object inside of a record.

    Raises
    ------
    Malformed
    """
    value = record.get(name)
    if not isinstance(value, dict):
        raise Malformed(f"its {name} is no JSON object")
    return value


def moment(written: str) -> datetime:
    """Return a time in UTC; one without a zone is taken to be.

    Raises
    ------
    Malformed
        Where it is no time of ISO 8601, or one that UTC does not have.
    """
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("it says no time") from None


def _no_number(written: str) -> NoReturn:
    raise Malformed(f"{written} is no number of JSON")


def _finite(written: str) -> float:
    found = float(written)
    if not math.isfinite(found):
        raise Malformed("a number is too large")
    return found
