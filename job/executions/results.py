"""One finished unit as one object: predictions, what they were made of, and a digest that says whether two are equal.

The parquet file has one row for each test row (``row`` int32, ``target`` int8, ``score`` float64, ``decision`` int8;
where rows were split by group or time also ``block`` int32, a dense code of what was kept together, without names).
Its schema metadata has ``ldp``, deterministic JSON of everything that the same unit must reproduce, and ``ldp.run``,
what is particular to the attempt (times, host). *Identical* means an equal ``digest``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from job import bounds
from job.console import Console
from job.data.conversion import to_array
from job.errors import ObjectTooLarge, ResultInvalid, ResultMismatch, is_of_system, one_line
from job.executions.provenance import differing
from job.executions.record import check_record
from job.metrics import Array
from job.records import Malformed, read_object
from job.store import Store
from job.training.on_gpu import NOT_REPRODUCIBLE
from job.training.unit import Unit, UnitResult

_SCHEMA = pa.schema([("row", pa.int32()), ("target", pa.int8()), ("score", pa.float64()), ("decision", pa.int8())])
_BLOCKED = _SCHEMA.append(pa.field("block", pa.int32()))
_RECORD, _RUN = b"ldp", b"ldp.run"
_READERS = 16  # requests in flight: what hides an object store's latency
_READ_BYTES = 512 << 20  # of results that are read at once
_ROW_BYTES = 60  # stored, decoded and copied


@dataclass(frozen=True)
class StoredResult:
    """A result read back and verified.

    Attributes
    ----------
    record : dict
        The ``ldp`` JSON: unit, status, parameters, fold scores, threshold, metrics, versions, fingerprint, digest.
    run : dict
        The ``ldp.run`` JSON: times, host, attempt, a GPU's driver.
    row, target, score, decision : ndarray of shape (n_test,)
        int32, int8, float64 and int8.
    block : int32 ndarray of shape (n_test,), or None
        Where rows were split by group or time.
    """

    record: dict[str, Any]
    run: dict[str, Any]
    row: Array
    target: Array
    score: Array
    decision: Array
    block: Array | None = None

    @property
    def unit(self) -> Unit:
        """Which unit this is the result of."""
        return Unit(**self.record["unit"])

    @property
    def gpu(self) -> str | None:
        """The GPU model that made its fits; None where the CPU did."""
        found: str | None = self.record.get("gpu")
        return found

    @property
    def digest(self) -> str:
        """SHA-256 over the record and the columns; equal digests mean identical results."""
        return str(self.record["digest"])

    def same_content(self, other: StoredResult) -> bool:
        """Tell whether two results say the same, whatever else their records hold: a newer record holds more."""
        kept = ["unit", "status"]
        if "done" in (self.record["status"], other.record["status"]):
            kept += ["candidates", "fold_scores", "best_index", "threshold"]
        if (self.block is None) != (other.block is None):
            return False
        names = _SCHEMA.names if self.block is None else _BLOCKED.names
        return all(self.record.get(name) == other.record.get(name) for name in kept) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in names
        )

    def without_predictions(self) -> StoredResult:
        """Return the result with no rows, which takes a tenth of the memory."""
        names = _SCHEMA.names if self.block is None else _BLOCKED.names
        return replace(self, **{name: getattr(self, name)[:0].copy() for name in names})


def encode(result: UnitResult, provenance: Mapping[str, Any], run: Mapping[str, Any]) -> bytes:
    """Encode a result as the bytes of its object.

    Parameters
    ----------
    result : UnitResult
    provenance : mapping
        What else the result depends on: protocol version, versions, device, the data's fingerprint.
    run : mapping
        What is particular to this attempt; not part of the digest.
    """
    unit = result.unit
    record: dict[str, Any] = {
        "unit": {"dataset": unit.dataset, "model": unit.model, "technique": unit.technique, "seed": unit.seed},
        "status": result.status,
        "reason": result.reason,
        "parameters": None if result.best_index is None else result.candidates[result.best_index],
        "candidates": list(result.candidates),
        "fold_scores": None if result.fold_scores is None else result.fold_scores.tolist(),
        "best_index": result.best_index,
        "threshold": result.threshold,
        "train": _counts(result.train_counts),
        "refit": _counts(result.refit_counts),
        "metrics": dict(result.metrics),
        **({} if result.origin is None else {"origin": result.origin.as_json()}),
        **_of_gpu(result),
        **provenance,
    }
    schema = _SCHEMA if result.block is None else _BLOCKED
    columns = [
        np.ascontiguousarray(values, dtype=dtype)
        for values, dtype in (
            (result.row, "<i4"), (result.target, "i1"), (result.score, "<f8"), (result.decision, "i1"),
            *(() if result.block is None else ((result.block, "<i4"),)),
        )
    ]  # fmt: skip
    record["digest"] = _digest(record, columns)
    spent = {"cpu_seconds": result.cpu_seconds, "shared_cpu_seconds": result.shared_cpu_seconds}
    run = {**run, **spent, **result.beside}
    metadata = {_RECORD: _json(record).encode(), _RUN: _json(run).encode()}
    table = pa.Table.from_arrays([pa.array(column) for column in columns], schema=schema)
    sink = pa.BufferOutputStream()
    # Without Arrow's own copy of the schema, which would hold all of this metadata a second time.
    options = {"write_page_checksum": True, "store_schema": False, "compression": "zstd", "use_dictionary": False}
    with pq.ParquetWriter(sink, schema, **options) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(metadata)
    return bytes(sink.getvalue())


def _of_gpu(result: UnitResult) -> dict[str, Any]:
    """Return what only results have whose fits a GPU made."""
    if result.gpu is None:
        return {}
    return {"gpu": result.gpu, **({"reproducible": False} if result.unit.model in NOT_REPRODUCIBLE else {})}


def _counts(counts: tuple[int, int] | None) -> dict[str, int] | None:
    return None if counts is None else {"n0": counts[0], "n1": counts[1]}


def decode(data: bytes, where: str = "a result", most_rows: int = bounds.ROWS) -> StoredResult:
    """Read a result's bytes and verify them against their digest.

    Parameters
    ----------
    most_rows : int
        How many rows it can have. Columns and rows are looked at before any of them is read: what takes gigabytes in
        memory may be a small file.

    Raises
    ------
    ResultInvalid
        Where they are truncated, corrupt or something else.
    """
    try:
        # Threads cost more than they gain on so few rows, and callers read many results at once.
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        schema = next((one for one in (_SCHEMA, _BLOCKED) if file.schema_arrow.equals(one)), None)
        if schema is None:
            raise Malformed("other columns than a result's")
        if file.metadata.num_rows > most_rows:
            raise Malformed(f"{file.metadata.num_rows:,} rows, where at most {most_rows:,} can be")
        table = file.read(use_threads=False)
        metadata = table.schema.metadata or {}
        record, run = (read_object(metadata.get(name, b"")) for name in (_RECORD, _RUN))
        columns = [to_array(table.column(name)) for name in schema.names]
        expected = _digest({key: value for key, value in record.items() if key != "digest"}, columns)
        if record.get("digest") != expected:
            raise Malformed("the digest does not match the contents")
        check_record(record)
        if ("split" in record) != (schema is _BLOCKED):
            raise Malformed("its columns are not those of its split")
    except Exception as error:
        if is_of_system(error):
            raise
        raise ResultInvalid(
            f"{where} is damaged or not a result: {one_line(str(error), 120)}",
            "Run `ldp experiment run` again: it recomputes what is damaged.",
        ) from error
    return StoredResult(record, run, *columns)


def most_readers(rows: int) -> int:
    """Return how many results of at most so many rows are read at once: large ones nearly one after the other."""
    return max(1, min(_READERS, _READ_BYTES // (rows * _ROW_BYTES)))


Commit = Literal["written", "already there", "replaced damaged", "of another gpu", "not reproducible", "differs"]


def commit(store: Store, key: str, data: bytes, console: Console) -> Commit:
    """Commit a unit by one create-only write.

    Where the name is taken: equal bytes were ours, and the answer was lost; an equal digest, or the same content under
    an older record, is another attempt that was first; an unreadable object is replaced. Another digest is kept: where
    another GPU model made it, or where the model is not reproducible on a GPU, that is expected; else it is reported,
    because the same unit must give the same result.

    Raises
    ------
    ResultMismatch
        Where the whole result of another unit, of other data or of another grid stands there. It is kept.
    """
    try:
        standing = store.put_if_absent(key, data, bounds.RESULT_BYTES)
        if standing == data:
            return "written"
        other = decode(standing, store.where(key))
    except (ResultInvalid, ObjectTooLarge) as damage:
        console.warning("result_damaged", f"{damage.what}: replaced", key=key)
        store.put(key, data)
        return "replaced damaged"
    ours = decode(data)
    named = differing(other.record, ours.record, ours.unit, ours.record["candidates"])
    if named:
        raise mismatch(store.where(key), named)
    if other.digest == ours.digest or other.same_content(ours):
        return "already there"
    if other.gpu != ours.gpu:
        return "of another gpu"
    if not other.record.get("reproducible", True):
        return "not reproducible"
    console.error(
        "result_differs",
        f"{store.where(key)} stands already with another digest ({other.digest[:12]}… there, {ours.digest[:12]}… here)"
        " and is kept: this unit is not deterministic; please report it",
        key=key,
        standing=other.digest,
        ours=ours.digest,
    )
    return "differs"


def mismatch(where: str, named: list[str]) -> ResultMismatch:
    """Return the error for a whole result that is of something else."""
    return ResultMismatch(
        f"{where} is a whole result of {', '.join(named)}, and is kept",
        "Move it away, then run the same command again.",
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(record: Mapping[str, Any], columns: list[Array]) -> str:
    digest = hashlib.sha256(_json(record).encode())
    for column in columns:
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()
