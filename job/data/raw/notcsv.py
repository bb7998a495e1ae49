"""Files that are no CSV at all, told by how they begin."""

from __future__ import annotations

from job.errors import RawFileInvalid

_NOT_CSV: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"BZh", "a bzip2 file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file"),
)


def check_is_text(where: str, head: bytes) -> None:
    """Refuse what is no CSV file.

    Raises
    ------
    RawFileInvalid
    """
    if not head.strip():
        raise RawFileInvalid(f"{where} is empty", "Put the whole file there.")
    kind = next((kind for magic, kind in _NOT_CSV if head.startswith(magic)), None)
    start = head[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if kind is None and start.startswith((b"<!doctype", b"<html", b"<?xml", b"<head", b"<script")):
        kind = "a web page, perhaps a log-in page"
    if kind is None and start.startswith((b"{", b"[")):
        kind = "JSON"
    if kind is None and b"\0" in head:
        kind = "a binary file"
    if kind is not None:
        raise RawFileInvalid(f"{where} is {kind}, not a CSV file", "Put the dataset there as CSV in UTF-8.")
