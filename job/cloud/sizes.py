"""How large datasets are, for a plan: from what is processed, else from a number of rows, else from the raw file."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from job import bounds
from job.catalogue import is_own_name
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.declarations.stored import find_declaration
from job.data.processed import ProcessedInfo, describe_processed
from job.data.processing import process
from job.data.raw.place import find_raw
from job.data.raw.source import Source
from job.errors import DatasetNotFound, ProcessedDataNotFound
from job.planning.known import settled
from job.planning.spec import Spec
from job.store import Store, declaration_key

SAMPLE_ROWS = 500
_CHUNK = 1 << 20


def find_sizes(
    stores: Sequence[Store], names: Sequence[str], rows: int | None = None
) -> tuple[dict[str, ProcessedInfo], list[str]]:
    """Return what is known of the datasets' sizes, and in words what it was told by.

    Parameters
    ----------
    stores : sequence of Store
        Where processed data, and raw files, are looked for, in this order.
    rows : int, optional
        Of datasets that are processed nowhere.

    Raises
    ------
    ProcessedDataNotFound
        Where of a dataset nothing is known.
    """
    found, notes = {}, []
    for name in names:
        info, note = _size(stores, name, rows)
        found[name] = info
        notes.append(f"{name}: {info.rows:,} rows × {info.features} features ({note})")
    return found, notes


def settled_by(stores: Sequence[Store], spec: Spec, only: tuple[str, ...]) -> Spec:
    """Return a spec as it is run from the first of some stores that has all that is declared of its datasets.

    Raises
    ------
    DatasetNotFound
        Where none has.
    """
    for store in stores[:-1]:
        with suppress(DatasetNotFound):
            return settled(store, spec, only)
    return settled(stores[-1], spec, only)


def _size(stores: Sequence[Store], name: str, rows: int | None) -> tuple[ProcessedInfo, str]:
    for store in stores:
        info = describe_processed(store, name)
        if info is not None:
            return info, f"processed in {store.url}"
    if rows is not None:
        return replace(_shape(stores, name), rows=rows), "as --rows says"
    for store in stores:
        declaration = find_declaration(store, name)
        key = find_raw(store, name if declaration is None else declaration.raw)
        if key is not None:
            return replace(_shape(stores, name), rows=_lines(store, key)), f"estimated: the lines of {store.where(key)}"
    raise ProcessedDataNotFound(
        f"of {name} there are neither processed data nor a raw file in {', '.join(store.url for store in stores)}",
        f"Give --rows, or `ldp data process {name}`, or leave it out (--only-dataset).",
    )


def _shape(stores: Sequence[Store], name: str) -> ProcessedInfo:
    """Return what a synthetic sample becomes: it has the dataset's features."""
    store = Store.open("memory:///")
    texts = (one.get(declaration_key(name), bounds.DECLARATION_BYTES) for one in stores if is_own_name(name))
    declared = next((text for text in texts if text is not None), None)
    if declared is not None:
        store.put(declaration_key(name), declared)
    write_sample(store, name, rows=SAMPLE_ROWS, seed=1, force=False)
    return process(store, name, Console.silent()).info


def _lines(store: Store, key: str) -> int:
    source = Source(store, key)
    count = 0
    with source.errors(), source.open() as file:
        while chunk := file.read(_CHUNK):
            count += chunk.count(b"\n")
    return max(count - 1, 1)
