"""Output for a terminal: what its encoding does not have is spelled with what it has, and what would steer it is shown.

Neither is a reason to stop. A name or a text from a bucket, a file or a spec may hold escape sequences, which would
repaint the screen or retitle the window, and characters that turn the direction of writing around.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import unicodedata
from typing import IO

_HANDLER = "ldp.spelled"
_SPELLED = {
    "–": "-", "—": "-", "‐": "-", "−": "-", "±": "+/-", "×": "x", "·": "*", "…": "...", "≤": "<=", "≥": ">=", "≈": "~",
    "→": "->", "Δ": "d", "‘": "'", "’": "'", "“": '"', "”": '"', "„": '"', "ß": "ss", "æ": "ae", "ø": "o", "✓": "+",
    "─": "-", "━": "-", "╸": "-", "╺": "-", "═": "=", "│": "|", "┃": "|", "║": "|",
}  # fmt: skip


def spelled(text: str, encoding: str | None) -> str:
    """Return `text` with what `encoding` does not have spelled in ASCII, so that columns can be measured."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        codec = encoding or "utf-8"
        return "".join(one if _has(codec, one) else _ascii(one) for one in text)
    return text


def harmless(text: str, keep: str = "") -> str:
    r"""Return `text` with every character that does not print spelled as its escape, such as ``\x1b``.

    Parameters
    ----------
    keep : str
        Characters to leave as they are: a line feed, where the text is meant to have several lines.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else _escaped(one) for one in text)


def sane_environment() -> dict[str, str]:
    """Return the environment without a width or height of the terminal that is no number."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in {"COLUMNS", "LINES"} or (value.isascii() and value.isdigit() and len(value) < 5)
    }


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def degrade(stream: IO[str]) -> None:
    """Make a text stream spell what its encoding does not have, instead of raising."""
    codecs.register_error(_HANDLER, _spell)
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors=_HANDLER)


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_ascii(one) for one in error.object[error.start : error.end]), error.end


def _has(encoding: str, character: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _ascii(character: str) -> str:
    if character in _SPELLED:
        return _SPELLED[character]
    if "\u2500" <= character <= "\u257f":  # the lines of boxes: what is left are corners and crossings
        return "+"
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


def show_cursor(descriptor: int = 2) -> None:
    """Bring a terminal's cursor back, which a progress bar hides, where the bar can no longer do so itself."""
    if os.isatty(descriptor):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"\x1b[?25h")
