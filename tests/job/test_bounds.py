"""The bounds of objects: what is larger is not read, and the page that states them is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from job import bounds
from job.errors import ObjectTooLarge
from job.store import Store

PAGE = Path(__file__).parents[2] / "docs" / "bounds.md"


def test_the_page_of_the_bounds_has_each_of_them_with_its_number() -> None:
    constants = {name: value for name, value in vars(bounds).items() if name.isupper() and len(name) > 3}
    stated = {}
    for line in PAGE.read_text("utf-8").splitlines():
        if found := re.search(r"\| ([\d,]+)[^|]*\| `([A-Z_]+)` \|", line):
            stated[found[2]] = int(found[1].replace(",", ""))
    assert stated == constants


@pytest.mark.parametrize("size", [0, 10, 11, 1000])
def test_an_object_is_read_up_to_its_bound_and_no_further(size: int, tmp_path: Path) -> None:
    for url in (str(tmp_path), "memory://"):
        store = Store.open(url)
        store.put("a/b", b"x" * size)
        if size <= 10:
            assert store.get("a/b", 10) == b"x" * size
            assert store.put_if_absent("a/b", b"y", 10) == b"x" * size
            continue
        with pytest.raises(ObjectTooLarge, match=f"it has {size:,} bytes, where at most 10 can be"):
            store.get("a/b", 10)
        with pytest.raises(ObjectTooLarge):
            store.put_if_absent("a/b", b"y", 10)
        assert store.get("a/b") == b"x" * size
