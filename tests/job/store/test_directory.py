"""A local directory: what is written is durable, what stands in the way is named, and nobody's leftovers pile up."""

from __future__ import annotations

import errno
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from job.errors import StorageRefused
from job.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "root"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "root/a").mkdir(parents=True)
    return tmp_path / "root/a/key"


KINDS = {
    "directory": (lambda place: place.mkdir(), "directory stands"),
    "pipe": (os.mkfifo, "pipe, a socket or a device stands"),
    "link that leads nowhere": (lambda place: place.symlink_to("nowhere"), "link that leads nowhere stands"),
    "link to itself": (lambda place: place.symlink_to(place), "link that leads nowhere stands"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ask", ["get", "info", "reader", "put", "put_if_absent", "writer"])
def test_what_is_no_file_is_refused_with_the_remedy_and_never_waited_for(
    kind: str, ask: str, store: Store, place: Path
) -> None:
    make, named = KINDS[kind]
    make(place)

    def read() -> None:
        with store.reader("a/key"):
            pass

    def write() -> None:
        with store.writer("a/key") as file:
            file.write(b"x")

    asked = {
        "get": lambda: store.get("a/key"),
        "info": lambda: store.info("a/key"),
        "put": lambda: store.put("a/key", b"x"),
        "put_if_absent": lambda: store.put_if_absent("a/key", b"x"),
        "reader": read,
        "writer": write,
    }[ask]
    if kind == "link to itself" and ask in ("get", "reader", "info"):
        named = "link that leads nowhere"
    with pytest.raises(StorageRefused) as caught:
        asked()
    assert named in caught.value.remedy
    assert "move it away" in caught.value.remedy
    assert os.path.lexists(place), "it is kept"
    assert [entry.name for entry in place.parent.iterdir()] == ["key"], "nothing is left beside it"


def test_a_link_to_a_file_is_read_and_listed(store: Store, place: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"content")
    place.symlink_to(tmp_path / "elsewhere")
    assert store.get("a/key") == b"content"
    assert [info.key for info in store.objects("a/")] == ["a/key"]
    assert store.put_if_absent("a/key", b"other") == b"content"


def test_a_directory_that_leads_back_to_itself_is_listed_once(store: Store, place: Path) -> None:
    place.write_bytes(b"x")
    (place.parent / "loop").symlink_to(place.parent)
    assert {info.size for info in store.objects("")} == {1}


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_hard_links_the_first_of_many_that_create_at_once_still_decides(
    number: int, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", link)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda i: store.put_if_absent("race", str(i).encode()), range(64)))
    assert len(set(answers)) == 1
    assert store.get("race") == answers[0]
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["race"]


def test_a_file_system_that_cannot_bring_anything_to_disk_is_taken_as_it_is(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fsync)
    store.put("a/key", b"x")
    assert store.get("a/key") == b"x"


def test_a_disk_that_fails_while_it_is_brought_there_is_no_success(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match="Input/output error"):
        store.put_if_absent("key", b"x")


def staged_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names under which two writes are staged by processes that think they are the same."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    monkeypatch.setattr("platform.node", lambda: "container")
    found = []
    for _ in range(2):
        with store.writer("a/key") as file:
            found.append(Path(str(file.name)).name)
    return found


def test_two_containers_that_are_both_process_1_never_share_a_name(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = staged_names(store, monkeypatch)
    assert one != other
    assert re.fullmatch(r"key#container-1-[0-9a-f]{16}", one)


def test_what_the_killed_left_is_hidden_and_removed_after_a_day_and_nothing_else_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    old, young = staged_names(Store.open(str(tmp_path)), monkeypatch)
    for name in (old, young, "report#1", "notes#container-1-xyz"):
        (folder / name).write_bytes(b"half")
        if name != young:
            os.utime(folder / name, (time.time() - 90_000,) * 2)
    later = Store.open(str(tmp_path))
    assert {info.key for info in later.objects("a/")} == {"a/key", "a/notes#container-1-xyz"}
    later.put("a/other", b"x", durable=False)
    assert {path.name for path in folder.iterdir()} == {"key", young, "report#1", "notes#container-1-xyz", "other"}


def test_a_directory_that_was_removed_meanwhile_is_made_again(store: Store, place: Path) -> None:
    store.put("a/b/c", b"1")
    (place.parent / "b/c").unlink()
    (place.parent / "b").rmdir()
    assert store.put_if_absent("a/b/c", b"2") == b"2"
    assert store.get("a/b/c") == b"2"


def test_names_that_are_no_text_are_left_out_of_listings(store: Store, place: Path) -> None:
    (place.parent / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    place.write_bytes(b"x")
    assert [info.key for info in store.objects("a/")] == ["a/key"]
