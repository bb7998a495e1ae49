"""``ldp cloud upload``: raw files to the bucket, unless they are there, checked before and verified by S3 after."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from job import bounds
from job.catalogue import DATASET_IDS, is_own_name
from job.cloud.rawcheck import Digests, check_raw
from job.cloud.session import refusals
from job.data.datasets.registry import dataset, raw_of, source_of
from job.data.declarations.stored import dataset_names
from job.data.raw.place import find_raw, require_raw
from job.errors import AlreadyThere, RawFileInvalid, RawFileNotFound, UsageError
from job.records import read_object
from job.store import Store, declaration_key, raw_keys, sample_key

PART_BYTES = 16 << 20
_NOT_FOUND = 404


@dataclass(frozen=True)
class Uploaded:
    """What became of a raw file.

    Attributes
    ----------
    key : str
    datasets : tuple of str
        Those that are made of it, of those that were asked for.
    length : int
        In bytes.
    sha256 : str
    sent : bool
        Whether it was sent; else it was there.
    sample : bool
        Whether it is a synthetic sample.
    declarations : tuple of str
        Keys of what is declared of those datasets that are a user's own, as far as it was sent too.
    """

    key: str
    datasets: tuple[str, ...]
    length: int
    sha256: str
    sent: bool
    sample: bool
    declarations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Uploader:
    """Uploads raw files.

    Attributes
    ----------
    s3 : boto3 client
    bucket : str
    local : Store
        Where the raw files lie: a directory.
    sample : bool
        Whether synthetic samples are sent too.
    read, sent : callable
        Told how many bytes more have been read, and sent.
    """

    s3: Any
    bucket: str
    local: Store
    sample: bool = False
    read: Callable[[int], None] = lambda _: None
    sent: Callable[[int], None] = lambda _: None

    def upload(self, names: Sequence[str]) -> list[Uploaded]:
        """Upload the raw files of datasets; a file that several are made of is sent once.

        What is declared of a user's own follows its file, so that a declaration in the bucket always has one.

        Raises
        ------
        RawFileNotFound, RawFileInvalid, DatasetNotFound
            Where there is none, or it would not process.
        UsageError
            Where it is a synthetic sample that was not asked for, or lies in no directory.
        AlreadyThere
            Where the bucket has the file in the other form, plain or compressed.
        AwsRefused
        """
        files: dict[str, list[str]] = {}
        for name in names:
            found = dataset(self.local, name)
            files.setdefault(require_raw(self.local, name, source_of(found), raw_of(found)), []).append(name)
        return [self._one(key, tuple(some)) for key, some in files.items()]

    def _one(self, key: str, names: tuple[str, ...]) -> Uploaded:
        path = self.local.local_path(key)
        if path is None:
            raise UsageError(
                f"{self.local.where(key)} is no file on this machine", "Set LDP_STORAGE_URL to a directory."
            )
        digests = check_raw(self.local, key, names[0], self.read)
        for other in names[1:]:
            check_raw(self.local, key, other)
        note = self._sample_note(names[0], digests)
        if note is not None and not self.sample:
            raise UsageError(
                f"{self.local.where(key)} is a synthetic sample",
                "Put the real file there, or give --sample to send it.",
            )
        done = Uploaded(key, names, digests.length, digests.sha256, True, note is not None)
        if self._is_there(key, digests.length, digests.sha256):
            done = replace(done, sent=False)
        else:
            raw = raw_of(dataset(self.local, names[0]))
            self._refuse_other_form(key, raw)
            self._send(key, str(path), digests)
            if note is not None:
                with refusals():
                    self.s3.put_object(Bucket=self.bucket, Key=sample_key(raw), Body=note)
        return replace(done, declarations=tuple(sent for name in names if (sent := self._declare(name)) is not None))

    def _declare(self, name: str) -> str | None:
        """Send what is declared of a dataset, unless it is there, and return its key; None where nothing was sent."""
        key = declaration_key(name)
        text = self.local.get(key, bounds.DECLARATION_BYTES) if is_own_name(name) else None
        if text is None:
            return None
        sha256 = hashlib.sha256(text).hexdigest()
        if self._is_there(key, len(text), sha256):
            return None
        with refusals():
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=text, Metadata={"sha256": sha256})
        return key

    def _sample_note(self, name: str, digests: Digests) -> bytes | None:
        """Return the note that says that the file is a sample; None where it is none."""
        note = self.local.get(sample_key(raw_of(dataset(self.local, name))), bounds.NOTE_BYTES)
        try:
            return note if note is not None and read_object(note).get("sha256") == digests.sha256 else None
        except ValueError:
            return None

    def _head(self, key: str) -> dict[str, Any] | None:
        from botocore.exceptions import ClientError

        with refusals():
            try:
                return dict(self.s3.head_object(Bucket=self.bucket, Key=key))
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == _NOT_FOUND:
                    return None
                raise

    def _is_there(self, key: str, length: int, sha256: str) -> bool:
        found = self._head(key)
        return (
            found is not None and found["ContentLength"] == length and found.get("Metadata", {}).get("sha256") == sha256
        )

    def _refuse_other_form(self, key: str, raw: str) -> None:
        for other in raw_keys(raw):
            if other != key and self._head(other) is not None:
                raise AlreadyThere(
                    f"the bucket has {other}: with {key} beside it no data job could tell which is meant",
                    f"Remove it (aws s3 rm s3://{self.bucket}/{other}), or upload that form.",
                )

    def _send(self, key: str, path: str, digests: Digests) -> None:
        from boto3.exceptions import S3UploadFailedError
        from boto3.s3.transfer import TransferConfig

        # S3 compares the checksum of the whole object, also of one that was sent in parts, with what was read before.
        extra = {"ChecksumCRC32": digests.crc32, "Metadata": {"sha256": digests.sha256}}
        config = TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
        with refusals():
            try:
                self.s3.upload_file(path, self.bucket, key, ExtraArgs=extra, Config=config, Callback=self.sent)
            except S3UploadFailedError as error:
                cause = error.__context__
                if cause is not None and "BadDigest" not in str(error):
                    raise cause from None
                raise RawFileInvalid(
                    f"{path} changed while it was sent, or arrived damaged", "Let it be as it is, and upload it again."
                ) from error


def present(local: Store) -> list[str]:
    """Return the datasets that have a raw file on this machine.

    Raises
    ------
    RawFileNotFound
        Where none has.
    """
    found = [name for name in dataset_names(local) if find_raw(local, raw_of(dataset(local, name))) is not None]
    if not found:
        raise RawFileNotFound(
            f"there is no raw file in {local.where('data/raw')}", f"Put one there as {DATASET_IDS[0]}.csv."
        )
    return found
