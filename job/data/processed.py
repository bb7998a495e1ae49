"""Processed data: float32 features and a target that carry one fingerprint, and are refused where it does not fit."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from job import bounds
from job.data import compute as pc
from job.data.conversion import to_array
from job.data.declared import Declared
from job.errors import ProcessedDataInvalid, ProcessedDataNotFound, is_of_system, one_line, shown
from job.metrics import Array
from job.records import Malformed, number, read_object, text, text_or_none, whole
from job.store import Store, features_key, target_key

METADATA = b"ldp"
_WIDEST_BITS = 64


@dataclass(frozen=True)
class ProcessedInfo:
    """What both files of a processed dataset say of it.

    Attributes
    ----------
    dataset : str
    fingerprint : str
        SHA-256 of column names and values, of features and target.
    version : int
        Of the processing that made it.
    raw_sha256 : str
        Of the raw file it was made from.
    rows, features : int
    default_rate : float
    synthetic : bool
        Whether the raw file was a sample written by ``ldp data sample``.
    declared : Declared
        What the dataset declares beside its columns.
    leaks : tuple of str
        What was said, when it was processed, of columns that know more than anybody could when a loan was granted.
    declaration : str or None
        SHA-256 of the canonical part of the declaration it was made by, where the dataset is a user's own.
    """

    dataset: str
    fingerprint: str
    version: int
    raw_sha256: str
    rows: int
    features: int
    default_rate: float
    synthetic: bool
    declared: Declared = field(default_factory=Declared)
    leaks: tuple[str, ...] = ()
    declaration: str | None = None

    @classmethod
    def from_metadata(cls, metadata: Mapping[bytes, bytes] | None) -> ProcessedInfo:
        """Read what :meth:`to_metadata` wrote.

        Raises
        ------
        Malformed
            Where it is something else.
        """
        found = read_object((metadata or {}).get(METADATA, b""))
        if not isinstance(found.get("synthetic"), bool):
            raise Malformed("its synthetic is neither true nor false")
        leaks = found.get("leaks", [])
        if not isinstance(leaks, list) or not all(isinstance(leak, str) for leak in leaks):
            raise Malformed("its leaks are no list of texts")
        return cls(
            text(found, "dataset"),
            text(found, "fingerprint"),
            whole(found, "version"),
            text(found, "raw_sha256"),
            whole(found, "rows", most=bounds.ROWS),
            whole(found, "features", most=bounds.FEATURES),
            number(found, "default_rate", 0, 1),
            found["synthetic"],
            Declared.from_json(found),
            tuple(leaks),
            text_or_none(found, "declaration"),
        )

    def to_metadata(self) -> dict[bytes, bytes]:
        """Return it as parquet metadata."""
        apart = ("declared", "leaks", "declaration")
        found = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in apart}
        leaks = {"leaks": list(self.leaks)} if self.leaks else {}
        declaration = {"declaration": self.declaration} if self.declaration is not None else {}
        return {METADATA: json.dumps(found | leaks | declaration | self.declared.as_json(), sort_keys=True).encode()}


@dataclass(frozen=True)
class ProcessedData:
    """A processed dataset of n rows and p features.

    Attributes
    ----------
    info : ProcessedInfo
    X : float32 ndarray of shape (n, p), C-contiguous
        Missing values are NaN.
    feature_names : tuple of str
    target : int8 ndarray of shape (n,)
    group : object ndarray of shape (n,), or None
    time : datetime64[D] ndarray of shape (n,), or None
    horizon : int8 ndarray of shape (n,), or None
        Months from `time` until a row's outcome is due, whatever the outcome.
    """

    info: ProcessedInfo
    X: Array
    feature_names: tuple[str, ...]
    target: Array
    group: Array | None
    time: Array | None
    horizon: Array | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of column names and values."""
        return self.info.fingerprint


def fingerprint(columns: Mapping[str, Any]) -> str:
    """Return the SHA-256 of column names, types and values; independent of how files encode them.

    Parameters
    ----------
    columns : dict of str to float32, int8 or datetime64[D] ndarray, or pyarrow string array
        In their order; each may be a list of its stretches instead. All missing numbers count as the same.
    """
    digest = hashlib.sha256()
    for name, column in columns.items():
        contents = [_content(stretch) for stretch in _whole_texts(column if isinstance(column, list) else [column])]
        kind, size = contents[0][0], sum(content.nbytes for _, content in contents)
        digest.update(f"{len(name)}:{name}:{kind}:{size}:".encode())
        for _, content in contents:
            digest.update(content)
    return digest.hexdigest()


def _whole_texts(stretches: list[Any]) -> list[Any]:
    """Texts are hashed as one JSON list."""
    return stretches if isinstance(stretches[0], np.ndarray) else [pa.chunked_array(stretches)]


def _content(column: Any) -> tuple[str, memoryview]:
    """Return a column's kind, and its values as bytes."""
    if not isinstance(column, np.ndarray):
        return "text", memoryview(json.dumps(column.to_pylist()).encode())
    if column.dtype == np.float32:
        values = (column + np.float32(0)).astype("<f4", copy=False)  # which makes one zero of the two
        values[np.isnan(values)] = np.nan
        return "f4", values.data.cast("B")
    if column.dtype == np.int8:
        return "i1", np.ascontiguousarray(column).data.cast("B")
    return "days", column.astype("datetime64[D]").astype("<i8").data.cast("B")


def describe_processed(store: Store, name: str) -> ProcessedInfo | None:
    """Return what a processed dataset says of itself, by its target file's metadata; None where there is none.

    Raises
    ------
    ProcessedDataInvalid
        Where the file cannot be read.
    """
    if store.info(features_key(name)) is None:
        return None
    try:
        with _readable(store, name), _reader(store, target_key(name)) as file:
            return ProcessedInfo.from_metadata(pq.read_schema(file).metadata)
    except FileNotFoundError:
        return None


def load_processed(store: Store, name: str) -> ProcessedData:
    """Read a processed dataset and verify its fingerprint.

    Raises
    ------
    ProcessedDataNotFound
    ProcessedDataInvalid
        Where a file is damaged, or features and target do not belong together.
    """
    tables = []
    for key in (features_key(name), target_key(name)):
        try:
            with _readable(store, name), _reader(store, key) as file:
                tables.append(_plain_texts(_read(file)))
        except FileNotFoundError:
            raise ProcessedDataNotFound(
                f"there are no processed data of {name}: {store.where(key)} is missing",
                f"Run `ldp data process {name}`.",
            ) from None
    features, labels = tables
    with _readable(store, name):
        info = ProcessedInfo.from_metadata(labels.schema.metadata)
        if info.dataset != name:
            raise _invalid(store, name, f"are those of {shown(info.dataset)}")
        if ProcessedInfo.from_metadata(features.schema.metadata) != info:
            raise _invalid(store, name, "do not belong together: features and target have other fingerprints")
        if (features.num_rows, features.num_columns, labels.num_rows) != (info.rows, info.features, info.rows):
            raise _invalid(store, name, "have another number of rows or features than they say")
        columns: dict[str, Any] = {c: to_array(features[c]) for c in features.column_names}
        X = np.empty((features.num_rows, features.num_columns), np.float32)
        for i, column in enumerate(columns.values()):
            X[:, i] = column
        target = to_array(labels["target"])
        group = labels["group"].combine_chunks() if "group" in labels.column_names else None
        time = to_array(labels["time"]) if "time" in labels.column_names else None
        horizon = to_array(labels["horizon"]) if "horizon" in labels.column_names else None
        found = fingerprint(columns | label_columns(target, group, time, horizon) | info.declared.columns())
    if found != info.fingerprint:
        raise _invalid(store, name, "do not have the values that their fingerprint says")
    texts = None if group is None else group.to_numpy(zero_copy_only=False)
    return ProcessedData(info, X, tuple(features.column_names), target, texts, time, horizon)


@contextmanager
def _readable(store: Store, name: str) -> Iterator[None]:
    """Say of whatever cannot be read that it is damaged; a storage that does not answer says nothing about it."""
    try:
        yield
    except Exception as error:
        if is_of_system(error) or isinstance(error, FileNotFoundError):
            raise
        raise _invalid(store, name, f"cannot be read: {one_line(str(error), 120)}") from error


@contextmanager
def _reader(store: Store, key: str) -> Iterator[BinaryIO]:
    """Open an object that is no larger than processed data can be."""
    with store.reader(key) as file:  # a file on a disk, so that its size costs no request of its own
        size = file.seek(0, io.SEEK_END)
        if size > bounds.PROCESSED_BYTES:
            raise ValueError(f"{key} has {size:,} bytes, where at most {bounds.PROCESSED_BYTES:,} can be")
        file.seek(0)
        yield file


def _read(file: BinaryIO) -> Any:
    # Not read_table, which imports what a dataset of many files needs: ten times what a small one takes.
    found = pq.ParquetFile(file)
    _check_sizes(found)
    groups = {"group"} & {*found.schema_arrow.names}
    return pq.ParquetFile(file, page_checksum_verification=True, read_dictionary=list(groups)).read()


def _check_sizes(file: pq.ParquetFile) -> None:
    """Refuse, before it is read, what would take more memory than processed data can: a small file may."""
    rows, columns = file.metadata.num_rows, file.metadata.num_columns
    if rows > bounds.ROWS or columns > bounds.FEATURES or 4 * rows * columns > bounds.PROCESSED_BYTES:
        raise ValueError(f"{rows:,} rows and {columns:,} columns are more than there can be")
    for column in file.schema_arrow:
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        fixed = pa.types.is_primitive(kind) and kind.bit_width <= _WIDEST_BITS
        if not (fixed or (column.name == "group" and pa.types.is_string(kind))):
            raise ValueError(f"the column {shown(column.name)} is of a kind that it cannot be: {kind}")


def _plain_texts(table: Any) -> Any:
    """Return a table with its groups as texts; read as codes, a long one that repeats takes no memory for each row."""
    if "group" not in table.column_names:
        return table
    at, groups = table.column_names.index("group"), table["group"]
    if pa.types.is_dictionary(groups.type):
        for chunk in groups.chunks:
            if (pc.max(pc.binary_length(chunk.dictionary)).as_py() or 0) > bounds.CELL_BYTES:
                raise ValueError("a group's name is longer than it can be")
            lengths = pc.sum(pc.binary_length(chunk.dictionary)).as_py() or 0
            if lengths > bounds.TEXT_BYTES:
                raise ValueError("the groups' names are longer than they can be")
        groups = groups.cast(pa.string())
    return table.set_column(at, "group", groups)


def label_columns(target: Array, group: Any, time: Array | None, horizon: Array | None = None) -> dict[str, Any]:
    """Return the columns of the target file, in their order."""
    optional = {"group": group, "time": time, "horizon": horizon}
    return {"target": target} | {key: column for key, column in optional.items() if column is not None}


def _invalid(store: Store, name: str, problem: str) -> ProcessedDataInvalid:
    return ProcessedDataInvalid(
        f"the processed data of {name} in {store.where('data/processed')} {problem}",
        f"Run `ldp data process --force {name}`.",
    )
