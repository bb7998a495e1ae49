"""Raw files are checked before they are sent, sent once, and verified by S3; no key leads out of its folder."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from job.cloud.checks import data_troubles
from job.cloud.rawcheck import HEAD, check_raw, whole_rows_at_the_beginning, whole_rows_at_the_end
from job.cloud.transfers import is_fetched, is_sound
from job.cloud.upload import Uploader, present
from job.data.datasets.samples import write_sample
from job.errors import (
    AlreadyThere,
    AwsRefused,
    RawFileInvalid,
    RawFileNotFound,
    UsageError,
)
from job.store import Store, declaration_key, raw_keys
from tests.job.data.rawfiles import sample_bytes

KEY = "data/raw/taiwan_credit.csv"


@pytest.fixture
def local(tmp_path: Path) -> Store:
    store = Store.open(str(tmp_path / "here"))
    write_sample(store, "taiwan_credit", rows=500, seed=1, force=False)
    return store


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        client = boto3.client("s3", "us-east-1")
        client.create_bucket(Bucket="loans")
        yield client


def test_a_file_is_sent_once_with_its_hash_and_then_known_by_it(local: Store, s3: Any) -> None:
    uploader = Uploader(s3, "loans", local, sample=True)
    (first,) = uploader.upload(["taiwan_credit"])
    assert (first.sent, first.sample) == (True, True)
    found = s3.get_object(Bucket="loans", Key=KEY)
    body = found["Body"].read()
    assert found["Metadata"] == {"sha256": hashlib.sha256(body).hexdigest()}
    assert body == local.get(KEY)
    assert s3.head_object(Bucket="loans", Key="data/raw/taiwan_credit.sample.json")
    assert not uploader.upload(["taiwan_credit"])[0].sent


def test_a_sample_is_sent_only_where_it_is_asked_for(local: Store, s3: Any) -> None:
    with pytest.raises(UsageError, match=r"synthetic sample .*--sample"):
        Uploader(s3, "loans", local).upload(["taiwan_credit"])
    local.delete("data/raw/taiwan_credit.sample.json")
    assert not Uploader(s3, "loans", local).upload(["taiwan_credit"])[0].sample


def test_a_file_that_would_not_process_is_not_sent(local: Store, s3: Any) -> None:
    data = local.get(KEY) or b""
    for spoilt in (data + b"1,2\n", data.replace(b"PAY_0", b"PAY_X"), b"%PDF-1.7"):
        local.put(KEY, spoilt)
        with pytest.raises(RawFileInvalid, match=str(local.where(KEY))):
            Uploader(s3, "loans", local, sample=True).upload(["taiwan_credit"])
    assert s3.list_objects_v2(Bucket="loans")["KeyCount"] == 0


def test_the_other_form_of_a_file_stands_in_the_way(local: Store, s3: Any) -> None:
    s3.put_object(Bucket="loans", Key=f"{KEY}.gz", Body=b"x")
    with pytest.raises(AlreadyThere, match="no data job could tell"):
        Uploader(s3, "loans", local, sample=True).upload(["taiwan_credit"])


def test_what_is_missing_or_refused_is_said(local: Store, s3: Any) -> None:
    with pytest.raises(RawFileNotFound):
        Uploader(s3, "loans", local).upload(["lending_club"])
    with pytest.raises(AwsRefused):
        Uploader(s3, "gone", local, sample=True).upload(["taiwan_credit"])
    assert present(local) == ["taiwan_credit"]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("where", ["head", "middle", "tail"])
def test_of_a_large_file_both_ends_are_checked_and_all_of_it_is_hashed(
    tmp_path: Path, where: str, compressed: bool
) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, "taiwan_credit", rows=80_000, seed=1, force=False)
    lines = (store.get(KEY) or b"").splitlines(keepends=True)
    place = {"head": 5, "middle": len(lines) - 25_000, "tail": len(lines) - 5}[where]
    assert sum(map(len, lines)) > HEAD + (2 << 20)
    lines[place] = lines[place].replace(b",", b",nonsense", 1)
    data = b"".join(lines)
    stored = gzip.compress(data, 1) if compressed else data
    key = f"{KEY}.gz" if compressed else KEY
    store.delete(KEY)
    store.put(key, stored)
    if where == "middle":
        digests = check_raw(store, key, "taiwan_credit")
        assert digests.sha256 == hashlib.sha256(stored).hexdigest()
        assert int.from_bytes(b64decode(digests.crc32), "big") == zlib.crc32(stored)
        assert digests.length == len(stored)
    else:
        with pytest.raises(RawFileInvalid, match="nonsense"):
            check_raw(store, key, "taiwan_credit")


def test_a_gzip_that_is_cut_off_is_found_before_it_is_sent(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, "taiwan_credit", rows=500, seed=1, force=False)
    store.put(f"{KEY}.gz", gzip.compress(store.get(KEY) or b"")[:-100])
    with pytest.raises(RawFileInvalid, match="cannot be decompressed"):
        check_raw(store, f"{KEY}.gz", "taiwan_credit")


@given(st.lists(st.lists(st.sampled_from(["1", '"a\nb"', '""', "x"]), min_size=1, max_size=3), min_size=2), st.data())
def test_a_part_of_a_file_is_cut_between_rows_and_never_in_a_quoted_cell(rows: list[list[str]], data: Any) -> None:
    lines = [",".join(row).encode() + b"\n" for row in rows]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    starts = {sum(map(len, lines[:n])) for n in range(len(lines) + 1)}
    beginning = whole_rows_at_the_beginning(whole[:cut])
    assert whole.startswith(beginning)
    assert len(beginning) in starts
    end = whole_rows_at_the_end(whole[cut:])
    assert whole.endswith(end)
    assert len(whole) - len(end) in starts


@given(st.text("ab./\\: \n\x00é", max_size=20))
def test_no_key_leads_out_of_the_executions_folder(tail: str) -> None:
    prefix = "executions/quick-1/"
    if is_sound(prefix + tail, prefix):
        path = (Path("/here") / prefix / tail).resolve()
        assert path.is_relative_to(Path("/here") / prefix)
        assert tail.isprintable()
        assert not set("\\: ") & set(tail)


@pytest.mark.parametrize("tail", ["../x", "a/../../x", "/etc/passwd", "a//b", "..", "a\\b", "C:x", "-rf", ""])
def test_keys_that_name_no_file_below_it_are_refused(tail: str) -> None:
    assert not is_sound(f"executions/quick-1/{tail}", "executions/quick-1/")


def test_checkpoints_are_left_where_they_are() -> None:
    prefix = "executions/quick-1/"
    assert not is_fetched(f"{prefix}progress/a/b.json", prefix)
    assert is_fetched(f"{prefix}results/a/b.parquet", prefix)


CARDS = """
[file]
raw = {raw}
[target]
column = "default.payment.next.month"
bad = ["1"]
good = ["0"]
[features.AGE]
kind = "number"
"""


def declare(local: Store, name: str = "cards", raw: str | None = None, more: str = "") -> bytes:
    text = CARDS.replace("raw = {raw}", "" if raw is None else f'raw = "{raw}"') + more
    local.put(declaration_key(name), text.encode())
    if raw is None:
        local.put(raw_keys(name)[0], sample_bytes("taiwan_credit"))
    return text.encode()


def sent_keys(s3: Any) -> list[str]:
    return [one["Key"] for one in s3.list_objects_v2(Bucket="loans").get("Contents", [])]


def test_a_declaration_goes_with_its_file_and_is_sent_again_only_where_it_changed(local: Store, s3: Any) -> None:
    text = declare(local)
    uploader = Uploader(s3, "loans", local)
    (first,) = uploader.upload(["cards"])
    assert (first.key, first.declarations, first.sent) == ("data/raw/cards.csv", ("data/raw/cards.toml",), True)
    assert s3.get_object(Bucket="loans", Key="data/raw/cards.toml")["Body"].read() == text
    (again,) = uploader.upload(["cards"])
    assert (again.declarations, again.sent) == ((), False)
    changed = declare(local, more="[costs]\nlgd = 0.4\nroi = 0.1\n")
    (third,) = uploader.upload(["cards"])
    assert (third.declarations, third.sent) == (("data/raw/cards.toml",), False)
    assert s3.get_object(Bucket="loans", Key="data/raw/cards.toml")["Body"].read() == changed


def test_datasets_of_one_file_send_it_once_and_each_its_declaration(local: Store, s3: Any) -> None:
    declare(local, "young", raw="taiwan_credit")
    declare(local, "old", raw="taiwan_credit")
    (found,) = Uploader(s3, "loans", local, sample=True).upload(["taiwan_credit", "young", "old"])
    assert found.datasets == ("taiwan_credit", "young", "old")
    assert found.declarations == ("data/raw/young.toml", "data/raw/old.toml")
    assert sent_keys(s3) == [
        "data/raw/old.toml", "data/raw/taiwan_credit.csv", "data/raw/taiwan_credit.sample.json", "data/raw/young.toml",
    ]  # fmt: skip


def test_the_other_form_of_a_file_is_refused_by_the_name_that_it_has(local: Store, s3: Any) -> None:
    declare(local, "young", raw="taiwan_credit")
    s3.put_object(Bucket="loans", Key=f"{KEY}.gz", Body=b"x")
    with pytest.raises(AlreadyThere, match=r"the bucket has data/raw/taiwan_credit\.csv\.gz"):
        Uploader(s3, "loans", local, sample=True).upload(["young"])


def test_what_would_not_process_as_it_is_declared_is_sent_with_nothing(local: Store, s3: Any) -> None:
    declare(local, more='[features.shoe_size]\nkind = "number"\n')
    with pytest.raises(RawFileInvalid, match="shoe_size"):
        Uploader(s3, "loans", local).upload(["cards"])
    assert sent_keys(s3) == []


def test_jobs_of_a_declared_dataset_need_its_declaration_in_the_bucket_and_the_file_it_names(local: Store) -> None:
    bucket = Store.open("memory:///")
    (trouble,) = data_troubles(bucket, ["cards"], data=True, training=True)
    assert "nothing is declared of cards" in trouble.what
    assert "ldp cloud upload cards" in trouble.remedy
    bucket.put(declaration_key("cards"), declare(local, raw="taiwan_credit"))
    (trouble,) = data_troubles(bucket, ["cards"], data=True, training=True)
    assert "no raw file" in trouble.what
    assert "data/raw/taiwan_credit.csv" in trouble.what
    bucket.put(KEY, b"x")
    assert data_troubles(bucket, ["cards"], data=True, training=True) == []
