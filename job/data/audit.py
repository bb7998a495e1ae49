"""The columns kept beside processed data for audits and costs: in no result, and no feature is made of them."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from job.errors import ProcessedDataInvalid, ProcessedDataNotFound, is_of_system, one_line
from job.store import Store, audit_key

_FINGERPRINT, _AUDITED = b"ldp.fingerprint", b"ldp.audited"


def write_audit(store: Store, dataset: str, table: Any, fingerprint: str, audited: str | None) -> None:
    """Write the columns beside the processed data, or take away those of an earlier processing where there are none.

    Parameters
    ----------
    table : pyarrow.Table or None
        A row for each row of the features, in their order.
    fingerprint : str
        Of the processed data.
    audited : str or None
        What the columns depend on.
    """
    if table is None or audited is None:
        if store.info(audit_key(dataset)) is not None:
            store.delete(audit_key(dataset))
        return
    metadata = {_FINGERPRINT: fingerprint.encode(), _AUDITED: audited.encode()}
    with store.writer(audit_key(dataset)) as file:
        pq.write_table(table.replace_schema_metadata(metadata), file, compression="lz4", write_page_checksum=True)
        file.flush()


def audit_of(store: Store, dataset: str, fingerprint: str) -> str | None:
    """Return what the columns depend on that are kept of certain processed data; None where there are none of them."""
    try:
        with store.reader(audit_key(dataset)) as file:
            metadata = pq.read_schema(file).metadata or {}
    except FileNotFoundError:
        return None
    except Exception as error:
        if is_of_system(error):
            raise
        return "unreadable"
    same = metadata.get(_FINGERPRINT, b"").decode("utf-8", "replace") == fingerprint
    return metadata.get(_AUDITED, b"").decode("utf-8", "replace") if same else "of other data"


def load_audit(store: Store, dataset: str, fingerprint: str) -> Any:
    """Read the columns that are kept of certain processed data.

    Parameters
    ----------
    fingerprint : str
        Of the processed data.

    Returns
    -------
    pyarrow.Table
        A row for each row of the features, in their order: texts, and float64 where costs are read from a column.

    Raises
    ------
    ProcessedDataNotFound
        Where nothing is kept.
    ProcessedDataInvalid
        Where it is damaged, or belongs to other data.
    """
    where, remedy = store.where(audit_key(dataset)), f"Run `ldp data process --force {dataset}`."
    try:
        with store.reader(audit_key(dataset)) as file:
            table = pq.ParquetFile(file, page_checksum_verification=True).read()
    except FileNotFoundError:
        raise ProcessedDataNotFound(
            f"nothing is kept of {dataset} for audits: there is no {where}",
            f'Declare columns under [protected.NAME] with use = "audit", and run `ldp data process {dataset}`.',
        ) from None
    except Exception as error:
        if is_of_system(error):
            raise
        raise ProcessedDataInvalid(f"{where} cannot be read: {one_line(str(error), 120)}", remedy) from error
    if (table.schema.metadata or {}).get(_FINGERPRINT, b"").decode("utf-8", "replace") != fingerprint:
        raise ProcessedDataInvalid(f"{where} belongs to other processed data of {dataset}", remedy)
    return table
