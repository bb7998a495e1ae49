"""What stands at the head of executions: spec, time of creation. Enough to choose one among many without reading them.

The time is the manifest's own. That of the storage is the copy's, where somebody has copied or restored executions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from job import bounds
from job.console import Console
from job.errors import ExecutionNotFound, LdpError, StorageError, one_line
from job.executions.executions import check_id, list_executions
from job.records import mapping, moment, read_object, text
from job.store import Store, manifest_key

_NUMBER = re.compile(r"-([0-9]{1,9})$")
_AT_ONCE = 16  # requests to the storage: most of the time of each is waiting


@dataclass(frozen=True)
class Heading:
    """What an execution's manifest begins with.

    Attributes
    ----------
    id : str
    spec : str
        The spec's name.
    created : datetime
        In UTC.
    """

    id: str
    spec: str
    created: datetime

    @property
    def order(self) -> tuple[datetime, int, str]:
        """What the latest one has the highest of: time, then the number at the end of its id, then the id."""
        number = _NUMBER.search(self.id)
        return self.created, int(number[1]) if number else 0, self.id


@dataclass(frozen=True)
class Headings:
    """What stands under ``executions/``.

    Attributes
    ----------
    found : tuple of Heading
        The latest first.
    left_out : dict of str to str
        What is no execution, or cannot be read, with the reason.
    """

    found: tuple[Heading, ...]
    left_out: dict[str, str]

    def tell(self, console: Console) -> None:
        """Name what is left out."""
        for name, reason in self.left_out.items():
            console.warning("execution_unreadable", f"{reason}: left out", execution=one_line(name))


def read_headings(store: Store) -> Headings:
    """Read the heading of every execution.

    Raises
    ------
    StorageError
        Where not a single one can be read because the storage refuses.
    """
    found: list[Heading] = []
    left_out: dict[str, str] = {}
    refusal: StorageError | None = None
    for name, heading in _each(store, list_executions(store)):
        if isinstance(heading, Heading):
            found.append(heading)
            continue
        left_out[name] = heading.what
        if isinstance(heading, StorageError):
            refusal = refusal or heading
    if refusal is not None and not found:
        raise refusal
    return Headings(tuple(sorted(found, key=lambda one: one.order, reverse=True)), left_out)


def read_heading(store: Store, execution_id: str) -> Heading:
    """Read the heading of one execution.

    Raises
    ------
    ExecutionNotFound
        Where there is no manifest, or one that does not say when it was made and of which spec.
    """
    key = manifest_key(check_id(execution_id))
    data = store.get(key, bounds.MANIFEST_BYTES)
    if data is None:
        raise ExecutionNotFound(f"executions/{execution_id} has no manifest", "See `ldp experiment list`.")
    try:
        raw = read_object(data)
        return Heading(execution_id, text(mapping(raw, "spec"), "name"), moment(text(mapping(raw, "created"), "time")))
    except ValueError as error:
        raise ExecutionNotFound(
            f"the manifest {store.where(key)} cannot be read: {error}",
            "Run the command that started it again, which mends a manifest that was cut; or delete it.",
        ) from error


def _each(store: Store, names: list[str]) -> Iterable[tuple[str, Heading | LdpError]]:
    def read(name: str) -> Heading | LdpError:
        try:
            return read_heading(store, name)
        except LdpError as error:
            return error

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(zip(names, threads.map(read, names), strict=True))
