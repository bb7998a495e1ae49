"""Synthetic raw files: the real schema, realistic distributions, a target that can be learnt — and marked as synthetic.

A note beside the file holds its checksum. Processing looks there, and everything made from the file says that it is
synthetic; a real file put in its place does not.
"""

from __future__ import annotations

import codecs
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyarrow import csv as pa_csv

from job import bounds
from job.console import Console
from job.data.datasets.dataset import Dataset
from job.data.datasets.registry import dataset, raw_of
from job.data.raw.place import find_raw, is_file
from job.errors import AlreadyThere, UsageError
from job.store import Store, raw_keys, sample_key

LEAST_ROWS = 100


def write_sample(store: Store, name: str, *, rows: int, seed: int, force: bool = False) -> str:
    """Write a synthetic raw file and return its key. The same rows and seed give the same bytes.

    Raises
    ------
    AlreadyThere
        Where there is a raw file and `force` is not set.
    RawFileInvalid
        Where what lies there is no file.
    UsageError
        Where `rows` is out of bounds.
    """
    definition = dataset(store, name)
    raw = raw_of(definition)
    if not LEAST_ROWS <= rows <= bounds.ROWS:
        raise UsageError(f"{rows:,} rows cannot be made", f"Ask for {LEAST_ROWS:,} to {bounds.ROWS:,}.")
    plain, compressed = raw_keys(raw)
    standing = [key for key in (plain, compressed) if is_file(store, key)]
    if standing and not force:
        raise AlreadyThere(
            f"there is a raw file already: {store.where(standing[0])}", "Add --force to replace it, or keep it."
        )
    digest = hashlib.sha256()
    with store.writer(plain) as file:
        for chunk in _chunks(definition, rows, seed):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        # Before the file appears: whatever happens between the two, a sample is never taken for a real file.
        note = {"rows": rows, "seed": seed, "sha256": digest.hexdigest()}
        store.put(sample_key(raw), (json.dumps(note, indent=1) + "\n").encode())
    store.delete(compressed)
    return plain


def write_sample_unless_there(store: Store, name: str, console: Console, *, rows: int, seed: int) -> None:
    """Write a synthetic raw file where there is no raw file, and say which of the two it is."""
    key = find_raw(store, raw_of(dataset(store, name)))
    if key is not None:
        console.info("raw_found", f"using {store.where(key)}", dataset=name)
        return
    key = write_sample(store, name, rows=rows, seed=seed)
    console.info(
        "sample_written",
        f"no raw file, so wrote {rows:,} synthetic rows to {store.where(key)}",
        dataset=name,
        rows=rows,
    )


def _chunks(definition: Dataset, rows: int, seed: int) -> Any:
    dialect = definition.dialect
    encoder = codecs.getincrementalencoder(dialect.encoding)()
    if not dialect.columns:
        names = dialect.separator.join(f'"{name}"' for name in definition.header)
        yield _encoded(f"{names}\n".encode(), encoder)
    for block in definition.sample(rows, seed):
        yield _encoded(_csv(definition.header, block, dialect.separator), encoder)


def _encoded(text: bytes, encoder: codecs.IncrementalEncoder) -> bytes:
    return encoder.encode(text.decode())


def _csv(header: tuple[str, ...], block: Mapping[str, Any], separator: str) -> bytes:
    length = len(next(iter(block.values())))
    empty = pa.nulls(length, pa.string())
    table = pa.table({name: pa.array(block[name]) if name in block else empty for name in header})
    # Text without a value is an empty cell, like a column that is not imitated at all.
    out = io.BytesIO()
    pa_csv.write_csv(table, out, pa_csv.WriteOptions(include_header=False, delimiter=separator, quoting_style="needed"))
    return out.getvalue()
