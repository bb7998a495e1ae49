"""Specs in the store, each under the SHA-256 of its bytes: what a job on AWS Batch is told to run.

A command that names a spec by its hash means one text and no other, whoever wrote it and whatever stands there
meanwhile: the bytes are held against the hash before they are read.
"""

from __future__ import annotations

import hashlib
import re
import tomllib

from job.bounds import SPEC_BYTES
from job.errors import ObjectTooLarge, SpecInvalid, SpecNotFound, shown
from job.planning.spec import Spec, parse_spec, read_spec, spec_source
from job.store import Store, spec_key

_SCHEME = "sha256:"
_DIGEST = re.compile(r"[0-9a-f]{64}")


def is_stored(name: str) -> bool:
    """Return whether a spec is named by its hash.

    >>> is_stored("sha256:" + 64 * "0")
    True
    """
    return name.startswith(_SCHEME)


def find_spec_named(store: Store, name: str) -> Spec:
    """Read a spec by the name of a shipped one, by the path of a file, or by its hash from the store.

    Parameters
    ----------
    name : str
        ``quick``, ``mine.toml`` or ``sha256:`` with 64 hexadecimal digits.

    Raises
    ------
    SpecNotFound
        Where there is none.
    SpecInvalid
        Where it cannot be used, or what stands there is another.
    """
    if not is_stored(name):
        return read_spec(name)
    digest = name.removeprefix(_SCHEME)
    if not _DIGEST.fullmatch(digest):
        raise SpecNotFound(f"{shown(name, 80)} is no hash of a spec", "Write sha256: and 64 of 0-9a-f.")
    key = spec_key(digest)
    again = "Submit it again with `ldp cloud submit --spec FILE`."
    try:
        data = store.get(key, SPEC_BYTES)
    except ObjectTooLarge as error:
        raise SpecInvalid(error.what, again) from error
    if data is None:
        raise SpecNotFound(f"there is no spec {store.where(key)}", again)
    if hashlib.sha256(data).hexdigest() != digest:
        raise SpecInvalid(f"the spec {store.where(key)} is not the one of that hash: it was changed", again)
    return parse_spec(data.decode("utf-8", "replace"), digest[:12], store.where(key))


def stored_text(name_or_path: str) -> bytes:
    """Return the bytes under which a spec file is stored: its text, with its name where only the file's says it.

    Raises
    ------
    SpecNotFound, SpecInvalid
        Where it cannot be used.
    """
    text, name, where = spec_source(name_or_path)
    parse_spec(text, name, where)
    if "name" not in tomllib.loads(text):
        text = f'name = "{name}"\n{text}'
    return text.encode()


def store_spec(store: Store, data: bytes) -> str:
    """Write a spec's bytes under their hash, unless they stand there, and return ``sha256:`` with that hash.

    Raises
    ------
    SpecInvalid
        Where something else stands under the hash.
    """
    digest = hashlib.sha256(data).hexdigest()
    key = spec_key(digest)
    if store.put_if_absent(key, data, SPEC_BYTES) != data:
        raise SpecInvalid(f"something else stands at {store.where(key)}", "See what it is, and remove it.")
    return f"{_SCHEME}{digest}"
