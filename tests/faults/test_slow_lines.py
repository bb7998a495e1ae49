"""Slow lines: how long a transfer takes altogether does not matter, only how long nothing comes."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from job.errors import StorageError
from job.store import Store
from tests.faults.servers import Weather, proxy_to, serve

IDLE_S = 0.6
DATA = random.Random(1).randbytes(8 << 20)


@pytest.fixture
def slow(s3_url: str, s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """A store behind a line that takes twice the silence that is waited for to bring the data, and the line."""
    weather = Weather()
    weather.bytes_a_second = len(DATA) / (2 * IDLE_S)
    with serve(proxy_to(s3_endpoint, weather)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        yield Store.open(s3_url, tmp_path, retries=0, idle_s=IDLE_S), weather


def test_what_takes_longer_than_the_longest_silence_is_written_and_read(slow) -> None:  # type: ignore[no-untyped-def]
    store, _ = slow
    begun = time.monotonic()
    store.put("put", DATA)
    assert time.monotonic() - begun > 2 * IDLE_S, "else nothing was slow"
    assert store.put_if_absent("created", DATA) == DATA
    with store.writer("written") as file:
        file.write(DATA)
    begun = time.monotonic()
    assert store.get("put") == DATA
    assert time.monotonic() - begun > 2 * IDLE_S
    for key in ("created", "written"):
        with store.reader(key) as file:
            assert file.read() == DATA


def test_an_object_of_many_parts_is_sent_in_parts_and_read_back(slow, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    store, weather = slow
    monkeypatch.setattr("job.store.store._PART_BYTES", 5 << 20)
    weather.bytes_a_second = None
    large = DATA * 2
    with store.writer("large") as file:
        file.write(large)
    assert weather.counts["requests"] >= 6, "begun, four parts, completed"
    with store.reader("large") as file:
        assert file.read() == large


def test_a_connection_that_breaks_again_and_again_is_gone_on_from_where_it_broke(slow) -> None:  # type: ignore[no-untyped-def]
    store, weather = slow
    weather.bytes_a_second = None
    store.put("key", DATA)
    weather.cut_after = 3 << 20
    with store.reader("key") as file:
        assert file.read() == DATA
    assert weather.counts["cut"] >= 2


def test_a_server_that_falls_silent_is_not_waited_for(slow) -> None:  # type: ignore[no-untyped-def]
    store, weather = slow
    weather.bytes_a_second = None
    store.put("key", DATA)
    weather.latency_s = 4 * IDLE_S
    begun = time.monotonic()
    with pytest.raises(StorageError):
        store.get("key")
    assert time.monotonic() - begun < 60, "no hang"
