"""A spec that is named by its hash is that text and no other."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from job.bounds import SPEC_BYTES
from job.errors import SpecInvalid, SpecNotFound
from job.planning.spec import read_spec
from job.planning.stored_specs import find_spec_named, is_stored, store_spec, stored_text
from job.store import Store, spec_key
from tests.specs import TINY


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"))


@pytest.fixture
def mine(tmp_path: Path) -> str:
    path = tmp_path / "mine.toml"
    path.write_text(TINY)
    return str(path)


def test_what_is_stored_is_read_back_as_the_file_is_and_has_its_name(store: Store, mine: str) -> None:
    named = store_spec(store, stored_text(mine))
    assert is_stored(named)
    assert find_spec_named(store, named) == read_spec(mine)
    assert find_spec_named(store, named).name == "mine"
    assert find_spec_named(store, mine) == read_spec(mine), "names and files mean what they meant"


def test_a_name_in_the_text_stays_what_it_is(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "file.toml"
    path.write_text(f'name = "trees"\n{TINY}')
    assert stored_text(str(path)) == path.read_bytes()
    assert find_spec_named(store, store_spec(store, stored_text(str(path)))).name == "trees"


def test_the_same_text_is_stored_once(store: Store, mine: str) -> None:
    data = stored_text(mine)
    assert store_spec(store, data) == store_spec(store, data)
    assert [one.key for one in store.objects("specs/")] == [spec_key(hashlib.sha256(data).hexdigest())]


@pytest.mark.parametrize("change", [b"\n", b"# seeds\n", b"\xff"])
def test_a_text_that_was_changed_is_refused(store: Store, mine: str, change: bytes) -> None:
    named = store_spec(store, stored_text(mine))
    key = spec_key(named.removeprefix("sha256:"))
    store.put(key, stored_text(mine) + change)
    with pytest.raises(SpecInvalid, match="not the one of that hash"):
        find_spec_named(store, named)
    with pytest.raises(SpecInvalid, match="something else stands"):
        store_spec(store, stored_text(mine))


def test_what_is_not_there_or_no_hash_or_too_large_is_named(store: Store) -> None:
    with pytest.raises(SpecNotFound, match=r"there is no spec .*specs/0000"):
        find_spec_named(store, "sha256:" + 64 * "0")
    with pytest.raises(SpecNotFound, match="no hash of a spec"):
        find_spec_named(store, "sha256:../../manifest")
    data = b"#" * (SPEC_BYTES + 1)
    digest = hashlib.sha256(data).hexdigest()
    store.put(spec_key(digest), data)
    with pytest.raises(SpecInvalid, match="cannot be read"):
        find_spec_named(store, f"sha256:{digest}")
