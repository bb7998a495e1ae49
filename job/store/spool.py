"""Where large objects are gathered on their way to and from an object store."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from job.errors import NoSpaceLeft, StorageRefused

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


@contextmanager
def spool_file(directory: Path | None) -> Iterator[Any]:
    """Open a temporary file with a name in the scratch directory, which is made where it is missing.

    Raises
    ------
    NoSpaceLeft, StorageRefused
        Where there can be none. That is never said of the object that was asked for: it may well be there.
    """
    try:
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        spool = tempfile.NamedTemporaryFile(dir=directory)  # noqa: SIM115 - closed below
    except OSError as error:
        place = "the temporary directory" if directory is None else f"the scratch directory {directory}"
        kind = NoSpaceLeft if error.errno in _FULL else StorageRefused
        remedy = "Set LDP_SCRATCH_DIR to a directory with room that can be written."
        if error.errno in {errno.EMFILE, errno.ENFILE}:
            remedy = "Allow this process more open files (`ulimit -n 1024`), then run the command again."
        raise kind(f"{place} cannot be used: {error.strerror or error}", remedy) from error
    with spool:
        yield spool
