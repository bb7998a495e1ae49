"""Files of a report are written again when results change, and never over what somebody changed by hand."""

from __future__ import annotations

import pytest

from job.analysis.publishing import MADE, publish
from job.console import Console
from job.store import Store, report_key


@pytest.fixture
def store() -> Store:
    return Store.open("memory:///")


def there(store: Store, name: str = "report.html") -> bytes | None:
    return store.get(report_key("e", name))


def test_a_file_is_made_and_made_again(store: Store) -> None:
    assert publish(store, "e", {"report.html": b"1"}, Console.silent()) == [report_key("e", "report.html")]
    publish(store, "e", {"report.html": b"2"}, Console.silent())
    assert there(store) == b"2"


def test_what_was_changed_by_hand_is_kept_and_named_until_force(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(store, "e", {"report.html": b"1", "a.csv": b"1"}, Console.silent())
    store.put(report_key("e", "report.html"), b"mine")
    written = publish(store, "e", {"report.html": b"2", "a.csv": b"2"}, Console(log_format="text"))
    assert (there(store), there(store, "a.csv")) == (b"mine", b"2")
    assert written == [report_key("e", "a.csv")]
    assert "report.html was changed since it was made: kept" in capsys.readouterr().err
    publish(store, "e", {"report.html": b"2"}, Console.silent(), force=True)
    assert there(store) == b"2"
    publish(store, "e", {"report.html": b"3"}, Console.silent())
    assert there(store) == b"3"


def test_a_file_of_something_else_is_kept(store: Store) -> None:
    store.put(report_key("e", "report.html"), b"of a program of before")
    assert publish(store, "e", {"report.html": b"1"}, Console.silent()) == []
    assert there(store) == b"of a program of before"


@pytest.mark.parametrize("memory", [b"", b"{", b"[]", b'{"report.html": 3}'])
def test_a_memory_that_cannot_be_read_loses_nothing(store: Store, memory: bytes) -> None:
    publish(store, "e", {"report.html": b"1"}, Console.silent())
    store.put(report_key("e", MADE), memory)
    assert publish(store, "e", {"report.html": b"2"}, Console.silent()) == []
    assert there(store) == b"1"
    assert publish(store, "e", {"report.html": b"1"}, Console.silent()) == [report_key("e", "report.html")]
    publish(store, "e", {"report.html": b"2"}, Console.silent())
    assert there(store) == b"2"
