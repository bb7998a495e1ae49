"""Ways to spoil an object: bytes, JSON values, records that are whole and of another shape."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq
from hypothesis import strategies as st

from job.executions.results import _SCHEMA, _digest

LONG = "9" * 5000
ODD_TEXTS = [
    "",
    " ",
    "\x1b[31mred\x1b[0m",
    "[/x]",
    "[bold]",
    ":warning:",
    "a\nb",
    "\u202eabc",
    "\ud800",
    "x" * 10_000,
    "../up",
]
ODD_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2, 10**30, 10**400, -(10**400), 0.5, -0.0, 1e308, -1e308, 5e-324, float("nan"),
    float("inf"), float("-inf"), [], {}, [[]], [{}], {"": None}, [0] * 3, *ODD_TEXTS,
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "2026-01-01",
]  # fmt: skip
odd_values = st.sampled_from(ODD_VALUES)
RAW: list[bytes] = [
    b"", b"\0", b"\n", b"null", b"[]", b"{}", b'"x"', b"1", b"NaN", b"1e999", LONG.encode(), b"[" * 100_000,
    b'{"a":' * 50_000, b"\xff\xfe", b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32"), b"\x80\x81",
    b"PAR1" * 4, b"PAR1\0\0\0\0\xff\xff\xff\x7fPAR1", b"\x1f\x8b\x08\0", b"\x1f\x8b" + b"\0" * 50, b"a,b\n1", b'"' * 9,
    b"\x1b[2J", b"<html>", b"x" * 200_000,
]  # fmt: skip


@st.composite
def spoilt_bytes(draw: st.DrawFn, data: bytes) -> bytes:
    """Return something else, or a part of it, or it with some bits turned or bytes put in."""
    way = draw(st.sampled_from(["other", "cut", "flip", "insert", "tail", "noise"]))
    if way == "other":
        return draw(st.sampled_from(RAW))
    if way == "noise":
        return draw(st.binary(max_size=60))
    at = draw(st.integers(0, max(0, len(data) - 1)))
    if way == "cut":
        return data[:at]
    if way == "tail":
        return data[at:]
    if way == "insert":
        return data[:at] + draw(st.sampled_from(RAW)) + data[at:]
    spoilt = bytearray(data)
    for place in draw(st.lists(st.integers(0, max(0, len(data) - 1)), min_size=1, max_size=4)):
        if place < len(spoilt):
            spoilt[place] ^= 1 << draw(st.integers(0, 7))
    return bytes(spoilt)


@st.composite
def spoilt_value(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value with one place in it replaced, removed or added."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        value = dict(value)
        key = draw(st.sampled_from(sorted(value)))
        way = draw(st.sampled_from(["deeper", "deeper", "replace", "remove", "add"]))
        if way == "deeper":
            value[key] = draw(spoilt_value(value[key]))
        elif way == "replace":
            value[key] = draw(odd_values)
        elif way == "remove":
            del value[key]
        else:
            value[draw(st.sampled_from(["level", "", "\x1b[31m", "taiwan_credit", "kernels"]))] = draw(odd_values)
        return value
    if isinstance(value, list) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], draw(spoilt_value(value[at])), *value[at + draw(st.integers(0, 1)) :]]
    return draw(odd_values)


def written(value: Any) -> bytes:
    """Return a value as JSON, as careless programs write it: with NaN, and with numbers of any length."""
    return json.dumps(value).encode()


@st.composite
def spoilt_json(draw: st.DrawFn, data: bytes) -> bytes:
    """Return a JSON object of another shape."""
    return written(draw(spoilt_value(json.loads(data))))


@st.composite
def spoilt_result(draw: st.DrawFn, data: bytes) -> bytes:
    """Return a result whose record is of another shape, and whose digest is right."""
    table = pq.read_table(io.BytesIO(data))
    record = draw(spoilt_value(json.loads(table.schema.metadata[b"ldp"])))
    if isinstance(record, dict):
        record.pop("digest", None)
        try:
            record["digest"] = _digest(record, [table.column(name).to_numpy() for name in _SCHEMA.names])
        except ValueError:  # a number that JSON does not have
            record["digest"] = "x"
    return rewritten(table, {b"ldp": written(record), b"ldp.run": table.schema.metadata[b"ldp.run"]})


@st.composite
def spoilt_processed(draw: st.DrawFn, data: bytes) -> bytes:
    """Return processed data that say something else of themselves, or have other columns."""
    table = pq.read_table(io.BytesIO(data))
    metadata = dict(table.schema.metadata)
    way = draw(st.sampled_from(["metadata", "metadata", "columns", "rows", "types"]))
    if way == "metadata":
        metadata[b"ldp"] = written(draw(spoilt_value(json.loads(metadata[b"ldp"]))))
    elif way == "columns":
        table = table.drop_columns([draw(st.sampled_from(table.column_names))])
    elif way == "rows":
        table = table.slice(0, draw(st.integers(0, table.num_rows)))
    else:
        name = draw(st.sampled_from(table.column_names))
        texts = [[str(value)] for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, [texts])
    return rewritten(table, metadata)


@st.composite
def spoilt_checkpoint(draw: st.DrawFn, data: bytes) -> bytes:
    """Return a checkpoint of another shape, whose digest is right."""
    body = written(draw(spoilt_value(json.loads(data.split(b"\n")[1]))))
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body + b"\n"


def rewritten(table: Any, metadata: dict[bytes, bytes]) -> bytes:
    """Return a table as parquet with other metadata."""
    sink = io.BytesIO()
    schema = table.schema.remove_metadata()
    with pq.ParquetWriter(sink, schema, write_page_checksum=True, store_schema=False) as writer:
        writer.write_table(table.replace_schema_metadata(None))
        writer.add_key_value_metadata(metadata)
    return sink.getvalue()


SHAPES: dict[str, Callable[[bytes], st.SearchStrategy[bytes]]] = {
    "manifest": spoilt_json, "binding": spoilt_json, "attempt": spoilt_json, "failure": spoilt_json,
    "note": spoilt_json, "result": spoilt_result, "features": spoilt_processed, "target": spoilt_processed,
    "checkpoint": spoilt_checkpoint,
}  # fmt: skip


def spoilt(kind: str, data: bytes) -> st.SearchStrategy[bytes | None]:
    """Return what may stand in an object's place; None stands for a directory."""
    ways: list[st.SearchStrategy[bytes | None]] = [spoilt_bytes(data), spoilt_bytes(data), st.none()]
    if kind in SHAPES:
        ways += [SHAPES[kind](data)] * 4
    return st.one_of(*ways)
