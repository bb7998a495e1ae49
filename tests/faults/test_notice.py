"""A Spot notice counts as SIGTERM; a rebalance recommendation saves; without a metadata service nothing happens."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from job.running.notice import Metadata, metadata_endpoint, watch_notices
from tests.faults.servers import MetadataService, serve


def watched(endpoint: str, seconds: float = 10.0) -> tuple[list[str], list[str], threading.Thread, threading.Event]:
    words: list[str] = []
    hurried: list[str] = []
    ended = threading.Event()
    thread = watch_notices(
        endpoint,
        on_interruption=words.append,
        on_rebalance=lambda: hurried.append("hurry"),
        ended=ended,
        interval_s=0.05,
    )
    return words, hurried, thread, ended


def wait_for(what: list[str], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what and time.monotonic() < deadline:
        time.sleep(0.02)


def test_an_interruption_notice_is_told_once_in_words() -> None:
    service = MetadataService()
    with serve(service.handler()) as endpoint:
        words, hurried, thread, _ended = watched(endpoint)
        time.sleep(0.3)
        assert words == []
        service.content["spot/instance-action"] = '{"action": "terminate", "time": "2026-11-24T08:22:00Z"}'
        wait_for(words)
        thread.join(5)
    assert words == ["Spot notice: terminate at 2026-11-24T08:22:00Z"]
    assert hurried == []
    assert service.tokens == 1, "the token is kept"


def test_a_notice_that_is_not_json_counts_too() -> None:
    service = MetadataService()
    service.content["spot/instance-action"] = "terminate"
    with serve(service.handler()) as endpoint:
        words, _, thread, _ = watched(endpoint)
        thread.join(10)
    assert words == ["Spot notice"]


def test_a_rebalance_recommendation_saves_once() -> None:
    service = MetadataService()
    service.content["events/recommendations/rebalance"] = '{"noticeTime": "2026-11-24T08:20:00Z"}'
    with serve(service.handler()) as endpoint:
        words, hurried, thread, ended = watched(endpoint)
        wait_for(hurried)
        time.sleep(0.3)
        ended.set()
        thread.join(5)
    assert hurried == ["hurry"]
    assert words == []


def test_an_expired_token_is_renewed() -> None:
    service = MetadataService()
    service.content["spot/instance-action"] = "x"
    with serve(service.handler()) as endpoint:
        metadata = Metadata(endpoint)
        assert metadata.ask("spot/instance-action") == "x"
        service.valid = set()
        assert metadata.ask("spot/instance-action") == "x"
        service.valid = set()
        assert metadata.ask("nothing") is None
    assert service.tokens == 3


def test_where_nobody_answers_it_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    words, hurried, thread, ended = watched("http://127.0.0.1:9")
    time.sleep(0.3)
    ended.set()
    thread.join(5)
    assert (words, hurried) == ([], [])
    assert capfd.readouterr() == ("", "")


def test_nothing_is_asked_outside_ec2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.running.notice._VENDOR", __import__("pathlib").Path("/nonexistent"))
    assert metadata_endpoint() is None
    monkeypatch.setenv("AWS_BATCH_JOB_ID", "x")
    assert metadata_endpoint() == "http://169.254.169.254"
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/")
    assert metadata_endpoint() == "http://127.0.0.1:1"
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    assert metadata_endpoint() is None


def test_a_signal_after_a_notice_does_not_end_the_process_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from job.signals import Stop

    exits: list[int] = []
    monkeypatch.setattr("os._exit", exits.append)
    stop = Stop(deadline_s=60)
    stop.ask(signal.SIGTERM, "Spot notice")
    stop.arrived(signal.SIGTERM)
    assert (stop(), stop.exit_code, exits) == (True, 143, [])
    stop.arrived(signal.SIGTERM)
    assert exits == [143]
    stop.over()
