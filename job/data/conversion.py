"""Between Python, NumPy and pyarrow. What pyarrow has for it imports pandas, which takes longer than many a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from job.metrics import Array

_TYPES: dict[Any, Any] = {
    pa.float64(): np.dtype(np.float64),
    pa.float32(): np.dtype(np.float32),
    pa.int32(): np.dtype(np.int32),
    pa.int8(): np.dtype(np.int8),
    pa.date32(): np.dtype("datetime64[D]"),
}


def to_numpy(values: Any) -> Array:
    """Return a pyarrow array of numbers or truth values as ndarray of shape (n,), which may be read only.

    Parameters
    ----------
    values : pyarrow array of float64, int32 or bool
        Missing floats become NaN; the others have none.
    """
    count, start = len(values), values.offset
    if pa.types.is_boolean(values.type):
        return _bits(values.buffers()[1], start + count)[start:]
    kind = np.dtype(_TYPES[values.type])
    if not count:
        return np.empty(0, kind)
    known, content = values.buffers()
    found: Array = np.frombuffer(content, kind, count, start * kind.itemsize)
    if not values.null_count:
        return found
    return np.where(_bits(known, start + count)[start:], found, np.nan)


def joined(pieces: Sequence[Any], of: Any) -> Array:
    """Return pyarrow arrays one after the other as ndarray of shape (n,), with memory of its own.

    Parameters
    ----------
    pieces : sequence of pyarrow arrays
        Missing floats become NaN, missing days NaT.
    of : pyarrow type of all of them
        float64, float32, int32, int8 or date32.

    Raises
    ------
    ValueError
        Where they are of another type, or a whole number is missing.
    """
    if of not in _TYPES:
        raise ValueError(f"no numbers or days that can be used: {of}")
    kind = _TYPES[of]
    stored = np.dtype(np.int32) if kind.kind == "M" else kind
    found: Array = np.empty(sum(map(len, pieces)), kind)
    start = 0
    for piece in pieces:
        here, offset = found[start : start + len(piece)], piece.offset
        start += len(piece)
        if len(piece):
            known, content = piece.buffers()
            here[:] = np.frombuffer(content, stored, len(piece), offset * stored.itemsize).astype(kind, copy=False)
            if piece.null_count:
                here[~_bits(known, offset + len(piece))[offset:]] = "NaT" if kind.kind == "M" else np.nan
    return found


def to_array(column: Any) -> Array:
    """Return a table's column as :func:`joined` does its chunks."""
    return joined(column.chunks, column.type)


def to_codes(values: Any) -> Array:
    """Return the places of a dictionary array's values in its dictionary, -1 where they are missing: int64, (n,)."""
    places = to_numpy(values.indices)
    return np.where(np.isnan(places), -1, places).astype(np.int64)


def to_arrow(values: Array, missing: Array | None = None) -> Any:
    """Return numbers or dates as a pyarrow array; days become date32, and NaT a missing one.

    Parameters
    ----------
    values : ndarray of shape (n,)
    missing : bool ndarray of shape (n,), optional
        Where there is no value.
    """
    if values.dtype.kind == "M":
        missing = np.isnat(values)
        kind, values = pa.date32(), values.astype("datetime64[D]").astype(np.int64).astype(np.int32)
    elif values.dtype == np.bool_:
        return pa.Array.from_buffers(pa.bool_(), values.size, [None, _packed(values)])
    else:
        kind = pa.from_numpy_dtype(values.dtype)
    known = None if missing is None or not missing.any() else _packed(~missing)
    return pa.Array.from_buffers(kind, values.size, [known, pa.py_buffer(np.ascontiguousarray(values))])


def to_strings(values: Sequence[str]) -> Any:
    """Return texts as a pyarrow string array."""
    encoded = [value.encode() for value in values]
    ends = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(value) for value in encoded], out=ends[1:])
    return pa.Array.from_buffers(pa.string(), len(encoded), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))])


def _bits(buffer: Any, count: int) -> Array:
    if not count:
        return np.empty(0, np.bool_)
    return np.unpackbits(np.frombuffer(buffer, np.uint8), count=count, bitorder="little").view(np.bool_)


def _packed(values: Array) -> Any:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
