"""The real files pass the checks at their ends, wherever those are cut, and lie in the bucket byte for byte."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from job.catalogue import DATASET_IDS
from job.cloud import rawcheck, upload
from job.cloud.upload import Uploader, present
from job.store import Store


@pytest.fixture
def local(real_data: Path, tmp_path: Path) -> Store:
    (tmp_path / "data" / "raw").mkdir(parents=True)
    for file in real_data.glob("*.csv*"):
        shutil.copy(file, tmp_path / "data" / "raw")
    return Store.open(str(tmp_path))


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="loans")
        yield client


def test_the_real_files_are_sent_whole_and_once(local: Store, s3: Any) -> None:
    names = present(local)
    assert set(names) == set(DATASET_IDS)
    sent = Uploader(s3, "loans", local).upload(names)
    assert len(sent) == 3, "a file that two datasets are made of is sent once"
    for one in sent:
        assert s3.get_object(Bucket="loans", Key=one.key)["Body"].read() == local.get(one.key)
    assert not any(one.sent for one in Uploader(s3, "loans", local).upload(names))


@pytest.mark.parametrize(("head", "tail"), [(1 << 12, 1 << 12), (200_000, 70_001), (123_457, 33_333)])
def test_both_ends_of_the_real_files_pass_wherever_they_are_cut(
    local: Store, head: int, tail: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rawcheck, "HEAD", head)
    monkeypatch.setattr(rawcheck, "TAIL", tail)
    monkeypatch.setattr(rawcheck, "_CHUNK", 1 << 12)
    for name in present(local):
        key = next(key for key in upload.raw_keys(name) if local.info(key) is not None)
        assert rawcheck.check_raw(local, key, name).length == len(local.get(key) or b"")
