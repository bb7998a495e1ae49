"""Where a dataset's raw file lies, and what lies there instead of one."""

from __future__ import annotations

import os
import shlex
import stat
from itertools import islice

from job.errors import RawFileInvalid, RawFileNotFound
from job.store import Store, raw_keys

_KINDS = (
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
MOST_NAMED = 3


def find_raw(store: Store, dataset: str) -> str | None:
    """Return the key of a dataset's raw file, or None where there is none.

    Raises
    ------
    RawFileInvalid
        Where there are two, or what lies there is no file.
    """
    found = [key for key in raw_keys(dataset) if is_file(store, key)]
    if len(found) > 1:
        raise RawFileInvalid(
            f"there are two raw files of {dataset}: {store.where(found[0])} and {found[1].rsplit('/', 1)[-1]}",
            "Remove the one that should not be used.",
        )
    return found[0] if found else None


def require_raw(store: Store, dataset: str, source: str, raw: str | None = None) -> str:
    """Return the key of a dataset's raw file.

    Parameters
    ----------
    source : str
        Where it can be had.
    raw : str, optional
        The name under which it lies, where that is another than the dataset's.

    Raises
    ------
    RawFileNotFound
    """
    key = find_raw(store, raw or dataset)
    if key is None:
        raise RawFileNotFound(
            f"there is no raw file {store.where(raw_keys(raw or dataset)[0])} (or .csv.gz)",
            f"Put it there (source: {source}), or try `ldp data sample {dataset}`.",
        )
    return key


def is_file(store: Store, key: str) -> bool:
    """Tell whether there is a file under a key; what is none is refused without being opened.

    Raises
    ------
    RawFileInvalid
        Where a folder, a named pipe, a socket, a device, or a link to nothing lies there.
    """
    path = store.local_path(key)
    where = store.where(key)
    if path is not None and os.path.lexists(path):
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise RawFileInvalid(
                f"{where} is a link to {path.readlink()}, which is not there", "Put the file itself there."
            ) from None
        except OSError as error:  # a ring of links, a folder that may not be looked into
            raise RawFileInvalid(
                f"{where} cannot be looked at: {error.strerror}", "Put the file itself there."
            ) from None
        kind = next((kind for test, kind in _KINDS if test(mode)), None)
        if kind is not None:
            raise RawFileInvalid(f"{where} is {kind}, not a file", "Put the file itself there.")
        if stat.S_ISDIR(mode):
            raise _folder(store, key)
    return store.info(key) is not None


def _folder(store: Store, key: str) -> RawFileInvalid:
    """Return what to say of a folder, such as Kaggle's archives unpack to, under the name of the file."""
    where = store.where(key)
    inside = sorted(found.key for found in islice(store.objects(f"{key}/"), 1000))
    tables = [name for name in inside if name.endswith((".csv", ".csv.gz"))]
    if not inside:
        return RawFileInvalid(f"{where} is an empty folder, not a file", "Remove it, and put the file itself there.")
    names = ", ".join(name.removeprefix(f"{key}/") for name in (tables or inside)[:MOST_NAMED])
    remedy = "Put the file itself there."
    path = store.local_path(tables[0]) if len(tables) == 1 else None
    if path is not None:
        folder, aside = shlex.quote(where), shlex.quote(f"{where}.folder")
        end = ".gz" if tables[0].endswith(".gz") and not key.endswith(".gz") else ""
        remedy = (
            f"Run: mv {folder} {aside} && mv {aside}/{shlex.quote(tables[0].removeprefix(f'{key}/'))} {folder}{end}"
        )
    return RawFileInvalid(f"{where} is a folder, not a file; inside it is {names}", remedy)
