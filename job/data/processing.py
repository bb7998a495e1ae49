"""From a raw file to interim and processed data; nothing is written until everything is checked."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from job import bounds
from job.arrays import CPU, Device, release, to_device
from job.catalogue import DATASET_IDS
from job.console import Console
from job.data.audit import audit_of, write_audit
from job.data.conversion import to_arrow
from job.data.datasets.dataset import Dataset, DerivedFile
from job.data.datasets.registry import dataset, raw_of, source_of
from job.data.declarations.stored import dataset_names
from job.data.findings import findings, key_findings
from job.data.leaks.alarm import leaks
from job.data.processed import ProcessedInfo, describe_processed, fingerprint, load_processed
from job.data.raw.keys import without_repeats
from job.data.raw.place import find_raw, require_raw
from job.data.raw.rawfile import read_raw
from job.errors import ProcessedDataInvalid, ProcessedDataNotFound, RawFileInvalid, RawFileNotFound
from job.records import read_object
from job.store import Store, features_key, interim_key, sample_key, target_key

# Raised whenever the same raw file gives other features.
PROCESSING_VERSION = 2
LEAST_ROWS_OF_A_CLASS = 2


@dataclass(frozen=True)
class ProcessReport:
    """What processing found.

    Attributes
    ----------
    info : ProcessedInfo
    up_to_date : bool
        Whether nothing had to be done.
    dropped : dict of str to int
        Rows left out, by reason; empty where nothing was done.
    """

    info: ProcessedInfo
    up_to_date: bool
    dropped: Mapping[str, int] = field(default_factory=dict)


def process(store: Store, name: str, console: Console, *, force: bool = False, device: Device = CPU) -> ProcessReport:
    """Process one dataset, unless it is up to date.

    Up to date means: processed by this version from the raw file that is there now, or from one that is no longer
    there.

    Parameters
    ----------
    force : bool
        Whether to process it again even so.
    device : Device
        What derives the features; they are the same on every device, and one part of the file is there at a time.

    Raises
    ------
    DatasetNotFound, RawFileNotFound, RawFileInvalid, StorageError
        Nothing is written then, and what was processed before is still there.
    """
    definition = dataset(store, name)
    if not force:
        standing = _standing(store, definition, console)
        if standing is not None:
            return ProcessReport(standing, up_to_date=True)
    key = require_raw(store, name, source_of(definition), raw_of(definition))
    raw = read_raw(store, key, definition.columns, definition.key, definition.known_later, definition.dialect)
    # Of the bytes that were read: should the file change meanwhile, the next run sees another and processes it anew.
    raw_sha256 = raw.sha256
    key_name = definition.key.name if definition.key is not None else None
    repeats = without_repeats(raw, key_name, {column.name for column in definition.known_later})
    del raw
    repeats.parts.reverse()
    parts, put = [], partial(to_device, device=device)
    while repeats.parts:  # each part is let go of when it is through
        parts.append(definition.derive(repeats.parts.pop(), put))
        release(device)
    derived = DerivedFile(tuple(parts))
    target = derived.target
    _check_classes(store.where(key), target)
    leaking = tuple(leaks(name, derived))
    info = ProcessedInfo(
        name,
        fingerprint(derived.features | derived.labels | definition.declared.columns()),
        PROCESSING_VERSION,
        raw_sha256,
        rows=target.size,
        features=len(derived.features),
        default_rate=float(np.mean(target)),
        synthetic=_is_sample(store, raw_of(definition), raw_sha256),
        declared=definition.declared,
        leaks=tuple(finding.message for finding in leaking),
        declaration=definition.digest,
    )
    _write(store, name, derived, info, definition.audited)
    repeated = {f"a repeated {key_name}": repeats.dropped} if repeats.dropped else {}
    dropped = {**repeated, **derived.dropped}
    for finding in (*key_findings(name, key_name, repeats), *findings(name, derived), *leaking):
        console.warning(finding.event, finding.message, **finding.fields)
    _report(store, console, info, dropped)
    return ProcessReport(info, up_to_date=False, dropped=dropped)


def process_present(
    store: Store, console: Console, *, force: bool = False, device: Device = CPU
) -> list[ProcessReport]:
    """Process every dataset that has a raw file.

    A dataset of a file that is another's too, and that the file does not suffice for, is left out with a warning.

    Raises
    ------
    RawFileNotFound
        Where none has.
    """
    definitions = [dataset(store, name) for name in dataset_names(store)]
    names = [one.id for one in definitions if find_raw(store, raw_of(one)) is not None]
    if not names:
        raise RawFileNotFound(
            f"there is no raw file in {store.where('data/raw')}",
            f"Put one there as {DATASET_IDS[0]}.csv, or try `ldp data sample {DATASET_IDS[0]}`.",
        )
    reports = []
    for name in names:
        try:
            reports.append(process(store, name, console, force=force, device=device))
        except RawFileInvalid as error:
            if raw_of(dataset(store, name)) == name:
                raise
            console.warning("dataset_left_out", f"{name} is left out: {error.what}", dataset=name)
    return reports


def _standing(store: Store, definition: Dataset, console: Console) -> ProcessedInfo | None:
    """Return what is processed already if it is up to date, and say so; else None."""
    name = definition.id
    try:
        info = describe_processed(store, name)
        if info is None:
            return None
        load_processed(store, name)
    except ProcessedDataNotFound:
        return None
    except ProcessedDataInvalid as error:
        console.warning("processed_damaged", f"{error.what}: processing again", dataset=name)
        return None
    key = find_raw(store, raw_of(definition))
    changed = _changed(store, definition, info, key)
    if changed is not None:
        console.info(f"{changed[0]}_changed", f"{changed[1]}: processing again", dataset=name)
        return None
    there = "" if key is not None else " (its raw file is no longer there)"
    console.info(
        "up_to_date",
        f"{name} is up to date: {info.rows:,} rows, default rate {info.default_rate:.4f}{there}",
        dataset=name,
        rows=info.rows,
    )
    for leak in info.leaks:
        console.warning("leak", leak, dataset=name)
    return info


def _changed(store: Store, definition: Dataset, info: ProcessedInfo, key: str | None) -> tuple[str, str] | None:
    """Return what has changed since a dataset was processed, for programs and for people; None where nothing has."""
    name = definition.id
    if info.declaration != definition.digest or audit_of(store, name, info.fingerprint) != definition.audited:
        return "declaration", f"what is declared of {name} has changed"
    if info.version != PROCESSING_VERSION:
        return "processing", f"{name} was processed by another version of ldp"
    if key is not None and _sha256(store, key) != info.raw_sha256:
        return "raw", f"{store.where(key)} has changed"
    return None


def _check_classes(where: str, target: Any) -> None:
    counts = np.bincount(target, minlength=2)
    if counts.min() < LEAST_ROWS_OF_A_CLASS:
        raise RawFileInvalid(
            f"{where} has {counts[1]:,} defaults and {counts[0]:,} others; at least "
            f"{LEAST_ROWS_OF_A_CLASS} rows of each are needed",
            "Put a file there that has both.",
        )


def _write(store: Store, name: str, derived: DerivedFile, info: ProcessedInfo, audited: str | None) -> None:
    """Write what is kept for audits, interim, features, target; they appear in that order, once all are written out.

    A reader that finds the target finds all of it, and a disk that fills up leaves what was there before.
    """
    metadata = info.to_metadata()
    with ExitStack() as staged:  # which closes the last that was opened first
        for key, columns in (
            (target_key(name), derived.labels),
            (features_key(name), derived.features),
            (interim_key(name), derived.interim),
        ):
            table = _table(columns)
            file = staged.enter_context(store.writer(key))
            pq.write_table(table.replace_schema_metadata(metadata), file, **_encodings(table))
            file.flush()
        write_audit(store, name, None if audited is None else _table(derived.audit), info.fingerprint, audited)


def _table(columns: Mapping[str, Any]) -> Any:
    stretches = {column: [_as_arrow(values) for values in parts] for column, parts in columns.items()}
    found = pa.table({column: pa.chunked_array(parts) for column, parts in stretches.items()}).unify_dictionaries()
    # Where a column cannot have missing values, parquet need not say of each that it is there.
    schema = [pa.field(one.name, one.type, found[one.name].null_count > 0) for one in found.schema]
    return pa.Table.from_arrays(found.columns, schema=pa.schema(schema))


def _as_arrow(values: Any) -> Any:
    return to_arrow(values) if isinstance(values, np.ndarray) else values


def _encodings(table: Any) -> dict[str, Any]:
    """Return how a table is encoded: names and days by dictionaries, the bytes of numbers side by side.

    Dictionaries of numbers make files a tenth smaller, and take as long to make as all the rest.
    """
    kinds = {one.name: one.type for one in table.schema}
    return {
        "compression": "lz4",  # zstd takes a quarter longer or more to write files that are about a sixth smaller
        "use_dictionary": [name for name, kind in kinds.items() if not _is_number(kind)],
        "use_byte_stream_split": [name for name, kind in kinds.items() if pa.types.is_floating(kind)],
        "write_statistics": False,
        "write_page_checksum": True,
    }


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))


def _report(store: Store, console: Console, info: ProcessedInfo, dropped: Mapping[str, int]) -> None:
    for reason, count in dropped.items():
        console.detail("rows_dropped", f"{count:,} rows with {reason} are left out", reason=reason, count=count)
    left_out = sum(dropped.values())
    console.info(
        "processed",
        f"processed {info.dataset}: {info.rows:,} rows, {info.features} features, default rate "
        f"{info.default_rate:.4f}" + (f"; {left_out:,} rows left out" if left_out else "")
        + (" (synthetic sample)" if info.synthetic else ""),
        dataset=info.dataset,
        rows=info.rows,
        features=info.features,
        default_rate=info.default_rate,
        dropped=dict(dropped),
        fingerprint=info.fingerprint,
        path=store.where(features_key(info.dataset)),
    )  # fmt: skip


def _sha256(store: Store, key: str) -> str:
    with store.reader(key) as file:
        return hashlib.file_digest(cast("io.BufferedReader", file), "sha256").hexdigest()


def _is_sample(store: Store, name: str, raw_sha256: str) -> bool:
    try:
        note = store.get(sample_key(name), bounds.NOTE_BYTES)
        return note is not None and read_object(note).get("sha256") == raw_sha256
    except ValueError:
        return False
