"""One contract for every kind of storage: a local directory, memory, and S3 (a real API server on loopback)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from job.errors import LdpError, NoSpaceLeft, SettingInvalid, StorageError
from job.store import Store


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    url = {"local": lambda: str(tmp_path / "root"), "memory": lambda: "memory:///"}.get(
        request.param, lambda: request.getfixturevalue("s3_url")
    )()
    return Store.open(url, scratch_dir=tmp_path)


def test_what_is_put_can_be_read_back(store: Store) -> None:
    store.put("a/b.txt", b"content")
    assert store.get("a/b.txt") == b"content"
    with store.reader("a/b.txt") as file:
        assert file.read(3) == b"con"
        assert file.read() == b"tent"


def test_what_is_not_there_is_none(store: Store) -> None:
    assert store.get("a/b.txt") is None
    assert store.info("a/b.txt") is None
    with pytest.raises(FileNotFoundError), store.reader("a/b.txt"):
        pass


def test_a_put_replaces_what_stood_there(store: Store) -> None:
    store.put("key", b"first")
    store.put("key", b"second")
    assert store.get("key") == b"second"


def test_put_if_absent_keeps_the_first_and_tells_it_to_all(store: Store) -> None:
    assert store.put_if_absent("key", b"first") == b"first"
    assert store.put_if_absent("key", b"second") == b"first"
    assert store.get("key") == b"first"


def test_put_if_absent_recognises_its_own_write_whose_answer_was_lost(store: Store) -> None:
    store.put("key", b"mine")
    assert store.put_if_absent("key", b"mine") == b"mine"


def test_of_many_that_create_at_once_all_get_the_same_bytes(store: Store) -> None:
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda i: store.put_if_absent("race", str(i).encode()), range(64)))
    assert len(set(answers)) == 1
    assert store.get("race") == answers[0]


def test_info_tells_size_and_time(store: Store) -> None:
    store.put("a/key", b"12345")
    info = store.info("a/key")
    assert info is not None
    assert (info.key, info.size) == ("a/key", 5)
    assert info.modified.tzinfo is not None


def test_objects_lists_what_lies_below_a_prefix(store: Store) -> None:
    for key in ("a/1", "a/b/2", "ab/3", "c"):
        store.put(key, b"x")
    assert sorted(info.key for info in store.objects("a/")) == ["a/1", "a/b/2"]
    assert list(store.objects("nothing/")) == []


def test_objects_lists_more_than_a_page(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: store.put(f"many/{i}", b""), range(1100)))
    assert len(list(store.objects("many/"))) == 1100


def test_children_are_the_names_directly_below(store: Store) -> None:
    for key in ("e/one/m", "e/two/x/y", "e/file"):
        store.put(key, b"x")
    assert store.children("e/") == ["one", "two"]
    assert store.children("none/") == []


def test_deleting_twice_is_no_error(store: Store) -> None:
    store.put("key", b"x")
    store.delete("key")
    store.delete("key")
    assert store.get("key") is None


def test_a_written_file_appears_when_the_block_ends(store: Store) -> None:
    with store.writer("dir/file") as file:
        file.write(b"part one, ")
        assert store.get("dir/file") is None
        file.write(b"part two")
    assert store.get("dir/file") == b"part one, part two"


def test_a_writer_that_fails_leaves_what_stood_there_and_nothing_else(store: Store, tmp_path: Path) -> None:
    store.put("dir/file", b"old")
    with pytest.raises(ValueError, match="half-way"), store.writer("dir/file") as file:
        file.write(b"new")
        raise ValueError("half-way")
    assert store.get("dir/file") == b"old"
    assert [info.key for info in store.objects("dir/")] == ["dir/file"]
    assert not [path for path in tmp_path.rglob("*") if "#" in path.name]


def test_where_names_the_object_for_people(store: Store) -> None:
    assert store.where("a/b").endswith("/a/b")
    assert store.where("a/b").startswith(store.url.rstrip("/"))


def test_a_local_store_does_not_list_unfinished_writes(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    store.put("dir/file", b"x")
    (tmp_path / "dir" / "other#123").write_bytes(b"half")
    assert [info.key for info in store.objects("dir/")] == ["dir/file"]


def test_a_url_that_cannot_be_opened_says_what_to_set() -> None:
    with pytest.raises(SettingInvalid, match="LDP_STORAGE_URL"):
        Store.open("nonsense://bucket")


def test_an_unreachable_server_is_one_line_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-print")
    store = Store.open("s3://bucket/prefix", retries=0)
    with pytest.raises(StorageError) as caught:
        store.get("key")
    assert "cannot read s3://bucket/prefix/key" in caught.value.what
    assert "\n" not in str(caught.value)
    assert "do-not-print" not in str(caught.value)


def test_a_full_disk_is_named() -> None:
    store = Store.open("memory:///")  # only its handling of errors is used, on the device that is always full
    with (
        pytest.raises(NoSpaceLeft, match="Free some space"),
        store._errors("write", "full"),
        Path("/dev/full").open("wb") as f,
    ):
        f.write(b"x" * 100_000)


def test_an_error_of_ours_passes_through_a_writer_unchanged(tmp_path: Path) -> None:
    with pytest.raises(LdpError, match="what — do"), Store.open(str(tmp_path)).writer("x"):
        raise LdpError("what", "do")
