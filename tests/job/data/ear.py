"""A console that remembers what it was told."""

from __future__ import annotations

import io
from typing import Any

from job.console import Console


class Ear(Console):
    """Remembers the level and event of each message, in their order, and the last fields of each event."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), "json")
        self.heard: list[tuple[str, str]] = []
        self.messages: list[str] = []
        self.fields: dict[str, dict[str, Any]] = {}

    def _say(self, level, event, message, fields) -> None:  # type: ignore[no-untyped-def]
        self.heard.append((level, event))
        self.messages.append(message)
        self.fields[event] = dict(fields)

    @property
    def warnings(self) -> list[str]:
        """The events of all warnings."""
        return [event for level, event in self.heard if level == "warning"]
