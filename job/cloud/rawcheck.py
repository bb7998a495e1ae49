"""Whether a raw file would process, told by its ends while it is read once for its hashes.

What is looked at are the first megabytes and the last, with the checks of ``ldp data process``. What is wrong in the
middle is found by the data job.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from job.data.datasets.dataset import Dataset
from job.data.datasets.registry import dataset
from job.data.raw.header import HEAD_BYTES, find_header
from job.data.raw.rawfile import read_raw
from job.data.raw.source import Source
from job.errors import RawFileInvalid
from job.store import Store

HEAD = 4 << 20
TAIL = 1 << 20
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Digests:
    """What a file's bytes are.

    Attributes
    ----------
    length : int
        In bytes.
    sha256 : str
        Hexadecimal.
    crc32 : str
        As S3 wants it: of the whole file, in base64.
    """

    length: int
    sha256: str
    crc32: str


class _Hashes:
    def __init__(self, told: Callable[[int], None]) -> None:
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._length = 0
        self._told = told

    def update(self, data: bytes) -> None:
        self._sha256.update(data)
        self._crc32 = zlib.crc32(data, self._crc32)
        self._length += len(data)
        self._told(len(data))

    def digests(self) -> Digests:
        crc = base64.b64encode(self._crc32.to_bytes(4, "big")).decode()
        return Digests(self._length, self._sha256.hexdigest(), crc)


def check_raw(store: Store, key: str, name: str, told: Callable[[int], None] = lambda _: None) -> Digests:
    """Read a raw file once; check its ends, and return what its bytes are.

    Parameters
    ----------
    told : callable
        Told how many bytes more have been read.

    Raises
    ------
    RawFileInvalid
        Where it would not process.
    """
    definition = dataset(store, name)
    source = Source(store, key, dialect=definition.dialect)
    hashes = _Hashes(told)
    head, tail, length = bytearray(), b"", 0
    with source.errors(), source.open(hashes.update) as file:
        # Beyond the head what comes is read for its end, and because a damaged gzip shows only so.
        while chunk := file.read(_CHUNK):
            length += len(chunk)
            if len(head) < HEAD:
                head += chunk
            tail = (tail + chunk)[-TAIL:]
    if length <= HEAD + _CHUNK and len(head) == length:
        _check(store, key, definition, bytes(head), "")
        return hashes.digests()
    begins = whole_rows_at_the_beginning(bytes(head))
    if begins:
        _check(store, key, definition, begins, "")
    ends = whole_rows_at_the_end(tail)
    if ends:
        begin = bytes(head[:HEAD_BYTES])
        columns = find_header(begin, definition.columns, source.where, definition.key, dialect=definition.dialect)
        _check(
            store,
            key,
            definition,
            bytes(head[: columns.offset]) + ends,
            " (near its end; lines are counted from there)",
        )
    return hashes.digests()


def whole_rows_at_the_beginning(data: bytes) -> bytes:
    """Return as many whole rows as there are at the beginning of a CSV file of which more follows."""
    ends, inside = _line_ends(data)
    outside = ends[~inside]
    return data[: outside[-1] + 1] if outside.size else b""


def whole_rows_at_the_end(data: bytes) -> bytes:
    """Return as many whole rows as there are at the end of a CSV file of which more stands before."""
    ends, inside = _line_ends(data)
    # A line end outside of quotes has an even number of them behind it.
    odd = data.count(b'"') % 2 == 1
    outside = ends[~inside] if not odd else ends[inside]
    return data[outside[0] + 1 :] if outside.size else b""


def _line_ends(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of line ends, and whether an odd number of quotation marks stands before each."""
    codes = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(codes == ord("\n"))
    if not ends.size:  # older systems end lines with a carriage return alone
        ends = np.flatnonzero(codes == ord("\r"))
    return ends, np.searchsorted(np.flatnonzero(codes == ord('"')), ends) % 2 == 1


def _check(store: Store, key: str, definition: Dataset, rows: bytes, where: str) -> None:
    """Read rows, which are UTF-8 by now, and derive features of them, as processing does."""
    dialect = replace(definition.dialect, encoding="utf-8")
    excerpt = Store.open("memory:///")
    plain = key.removesuffix(".gz")
    excerpt.put(plain, rows)
    try:
        raw = read_raw(excerpt, plain, definition.columns, definition.key, dialect=dialect)
        for part in raw.parts:
            definition.derive(part, np.asarray)
    except RawFileInvalid as error:
        what = error.what.replace(excerpt.where(plain), f"{store.where(key)}{where}")
        raise RawFileInvalid(what, error.remedy) from error
