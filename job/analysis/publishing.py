"""Files of a report: written again whenever results change, but not over what somebody has changed by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from job import bounds
from job.console import Console
from job.records import Malformed, read_object
from job.store import Store, report_key

MADE = "made.json"


def publish(
    store: Store, execution: str, files: Mapping[str, bytes], console: Console, *, force: bool = False
) -> list[str]:
    """Write files of an execution's report.

    What was written is remembered by its SHA-256 in ``made.json``. A file that is there with other bytes was changed by
    hand, or made by something else: it is kept and named, unless `force`.

    Parameters
    ----------
    files : mapping of str to bytes
        By name below ``reports/{execution}/``.
    force : bool
        Write over everything.

    Returns
    -------
    list of str
        The keys of the files that stand there as given.
    """
    made = _made(store, execution)
    written = []
    for name, content in files.items():
        key, digest = report_key(execution, name), _digest(content)
        there = None if force else store.get(key)
        if there is not None and _digest(there) not in (made.get(name), digest):
            console.warning(
                "file_kept", f"{store.where(key)} was changed since it was made: kept; --force writes over it", key=key
            )
            continue
        if force or there is None or _digest(there) != digest:
            store.put(key, content)
        made[name] = digest
        written.append(key)
    store.put(report_key(execution, MADE), (json.dumps(made, indent=1, sort_keys=True) + "\n").encode())
    return written


def _made(store: Store, execution: str) -> dict[str, str]:
    """Return what is remembered; nothing where that cannot be read: then every file counts as changed."""
    data = store.get(report_key(execution, MADE), bounds.MANIFEST_BYTES)
    try:
        found = read_object(data or b"{}")
    except Malformed:
        return {}
    return {name: digest for name, digest in found.items() if isinstance(digest, str)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
