"""Raw files for tests, made from samples."""

from __future__ import annotations

import csv
import gzip
import io
from functools import cache
from pathlib import Path

from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import ProcessedData, load_processed
from job.data.processing import process
from job.store import Store, raw_keys


@cache
def sample_bytes(name: str, rows: int = 300, seed: int = 1) -> bytes:
    store = Store.open("memory:///")
    return store.get(write_sample(store, name, rows=rows, seed=seed)) or b""


def sample_rows(name: str, rows: int = 300) -> list[list[str]]:
    """The sample as records, the header first."""
    return list(csv.reader(io.StringIO(sample_bytes(name, rows).decode())))


def as_csv(records: list[list[str]], **options: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", **options).writerows(records)  # type: ignore[arg-type]
    return out.getvalue().encode()


def put_raw(root: Path, name: str, data: bytes) -> Store:
    store = Store.open(str(root))
    store.put(raw_keys(name)[0], data)
    return store


def processed(root: Path, name: str, data: bytes) -> ProcessedData:
    """Process raw bytes and return what came out."""
    store = put_raw(root, name, data)
    process(store, name, Console.silent(), force=True)
    return load_processed(store, name)


def zipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
