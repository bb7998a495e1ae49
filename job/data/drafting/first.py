"""The file that a declaration is drafted from, and where it goes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from job.catalogue import OWN_NAME, OWN_NAME_RULE, is_own_name
from job.data.declarations.reading import read_declaration
from job.data.drafting.guessing import Guess, guess, guess_encoding
from job.data.raw.dialect import Dialect
from job.data.raw.source import Source
from job.errors import AlreadyThere, RawFileNotFound, UsageError, shown
from job.store import Store, declaration_key, raw_keys

HEAD = 1 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Given:
    """A file on this machine.

    Attributes
    ----------
    path : Path
    source : Source
        Without what is known of its dialect.
    """

    path: Path
    source: Source


def open_given(path: Path) -> Given:
    """Return a file that a person named.

    Raises
    ------
    RawFileNotFound
        Where there is none.
    """
    if not path.is_file():
        raise RawFileNotFound(f"there is no file {path}", "Check the path.")
    whole = path.resolve()
    return Given(whole, Source(Store.open(str(whole.parent)), whole.name))


def name_of(path: Path) -> str:
    """Return what a dataset may be called after its file.

    >>> name_of(Path("German Credit-2.csv.gz"))
    'german_credit_2'
    """
    stem = re.sub(r"\.(csv|txt|tsv|data|dat)?(\.gz)?$", "", path.name.lower())
    return re.sub(r"[^a-z0-9_]+", "_", stem).strip("_")[:60]


def check_free(store: Store, name: str, *, force: bool) -> None:
    """Refuse a name that no dataset of one's own may have, or that has a declaration already.

    Raises
    ------
    UsageError, AlreadyThere
    """
    if not is_own_name(name):
        raise UsageError(f"{shown(name)} is not {OWN_NAME_RULE}", "Give another name (--name).")
    if store.info(declaration_key(name)) is not None and not force:
        raise AlreadyThere(
            f"there is a declaration already: {store.where(declaration_key(name))}",
            "Edit it, add --force to write another in its place, or give another name (--name).",
        )


def first_rows(given: Given, separator: str | None, columns: tuple[str, ...], header: bool | None) -> Guess:
    """Guess by its first rows how a file is written.

    Raises
    ------
    RawFileInvalid
        Where it is no table.
    """
    encoding = guess_encoding(_head(given.source))
    source = Source(given.source.store, given.source.key, dialect=Dialect(encoding=encoding))
    return guess(_head(source), str(given.path), encoding, separator, columns, header)


def _head(source: Source) -> bytes:
    parts, left = [], HEAD
    # What comes behind the head is not read: it is the file's beginning alone that is looked at.
    with source.errors(), source.store.reader(source.key) as stored:
        compressed = stored.read(2) == b"\x1f\x8b"
        stored.seek(0)
        file = source.plain(stored, compressed=compressed)
        while left > 0 and (data := file.read(left)):
            parts.append(data)
            left -= len(data)
    return b"".join(parts)


def raw_name_here(store: Store, given: Given) -> str | None:
    """Return the name under which a file is a raw file of a store already; None where it lies elsewhere."""
    name = given.path.name.removesuffix(".gz").removesuffix(".csv")
    if not OWN_NAME.fullmatch(name):
        return None
    paths = [store.local_path(key) for key in raw_keys(name)]
    return name if given.path in [path.resolve() for path in paths if path is not None] else None


def take_in(store: Store, given: Given, name: str, *, force: bool) -> str:
    """Copy a file to where a dataset's raw file lies, and return the key.

    Raises
    ------
    AlreadyThere
        Where another file lies there.
    """
    keys = raw_keys(name)
    with given.path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        key, other = (keys[1], keys[0]) if compressed else keys
        standing = [one for one in keys if store.info(one) is not None]
        if standing and not force:
            raise AlreadyThere(
                f"there is a raw file already: {store.where(standing[0])}", "Add --force to replace it, or remove it."
            )
        with store.writer(key) as out:
            while chunk := file.read(_CHUNK):
                out.write(chunk)
            out.flush()
    store.delete(other)
    return key


def keep(store: Store, name: str, text: str) -> None:
    """Write a declaration, which is read back before it is written: what cannot be used is nobody's draft."""
    data = text.encode()
    read_declaration(data, name, store.where(declaration_key(name)))
    store.put(declaration_key(name), data)
