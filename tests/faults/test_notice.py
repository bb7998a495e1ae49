"""A Spot notice counts as SIGTERM; a rebalance recommendation saves; without a metadata service nothing happens."""

from __future__ import annotations

import itertools
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from job.console import Console
from job.errors import SettingInvalid
from job.running.notice import Metadata, ending_on_notice, metadata_endpoint, watch_notices
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


@pytest.mark.parametrize("text", ["terminate", "", "<html>Sign in</html>", "[]", '{"action": 5}', "[" * 9000])
def test_what_is_no_notice_saves_and_does_not_stop_the_run(text: str) -> None:
    service = MetadataService()
    service.content["spot/instance-action"] = text
    with serve(service.handler()) as endpoint:
        words, hurried, thread, ended = watched(endpoint)
        wait_for(hurried)
        assert (words, hurried, thread.is_alive()) == ([], ["hurry"], True)
        ended.set()
        thread.join(5)


@contextmanager
def odd_service(answer: Callable[[], Iterator[bytes]], *, odd_token: bool = False) -> Iterator[tuple[str, list[bool]]]:
    """Serve raw bytes instead of notices until the flag is cleared, then a real notice; yield address and flag."""
    odd = [True]

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked = self.request.recv(10_000)
            notice = b'{"action": "stop", "time": "2026-11-24T08:22:00Z"}'
            token = asked.startswith(b"PUT")
            if odd[0] and token == odd_token:
                with suppress(OSError):
                    for piece in answer():
                        self.request.sendall(piece)
            elif not token and b": token\r\n" not in asked:
                self.request.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
            else:
                body = b"token" if token else notice
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", odd
        server.shutdown()


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def slowly(data: bytes) -> Iterator[bytes]:
    for i in range(len(data)):
        time.sleep(0.05)
        yield data[i : i + 1]


ODD = {
    "binary": lambda: iter([ok(bytes(range(256)) * 10)]),
    "huge": lambda: iter([ok(b"x" * 5_000_000)]),
    "endless": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], itertools.repeat(b"x" * 1000)),
    "endless header": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n"], itertools.repeat(b"a: b\r\n")),
    "one long header": lambda: iter([b"HTTP/1.1 200 OK\r\na: " + b"x" * 100_000]),
    "continue, for ever": lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "an error": lambda: iter([b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"]),
    "a status of its own": lambda: iter([b"HTTP/1.1 999 \xff\r\n\r\n"]),
    "no HTTP": lambda: iter([b"SSH-2.0-OpenSSH_9.6\r\n"]),
    "nothing": lambda: iter([]),
    "half": lambda: iter([b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"]),
    "bad chunks": lambda: iter([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]),
    "byte by byte": lambda: slowly(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000),
    "a slow body": lambda: itertools.chain([b"HTTP/1.1 200 OK\r\n\r\n"], slowly(b"{" * 10_000)),
}


@pytest.mark.parametrize("odd_token", [False, True], ids=["notice", "token"])
@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_the_watcher_survives_any_answer_and_hears_the_notice_that_follows(
    answer: Callable[[], Iterator[bytes]], odd_token: bool, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    monkeypatch.setattr("job.running.notice.TIMEOUT_S", 0.5)
    monkeypatch.setattr("job.running.notice.DEADLINE_S", 0.3)
    with odd_service(answer, odd_token=odd_token) as (endpoint, odd):
        words, _hurried, thread, ended = watched(endpoint)
        time.sleep(0.5)
        assert (words, thread.is_alive()) == ([], True)
        odd[0] = False
        wait_for(words)
        ended.set()
        thread.join(5)
    assert words == ["Spot notice: stop at 2026-11-24T08:22:00Z"]
    assert capfd.readouterr().err == ""


def test_no_redirection_is_followed() -> None:
    elsewhere = MetadataService()
    with serve(elsewhere.handler()) as other:
        there = f"HTTP/1.1 302 Found\r\nLocation: {other}/latest/meta-data/x\r\nContent-Length: 0\r\n\r\n".encode()
        with odd_service(lambda: iter([there])) as (endpoint, _), pytest.raises(OSError, match="answered 302"):
            Metadata(endpoint).ask("spot/instance-action")
    assert (elsewhere.questions, elsewhere.tokens) == ([], 0)


@pytest.mark.parametrize(
    "named",
    ["file:///etc/passwd", "169.254.169.254", "http://", "http://[::1", "http://a:b@c", "http://x:99999", "\x1b"],
)
def test_a_metadata_service_s_address_that_is_none_is_refused(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", named)
    with pytest.raises(SettingInvalid, match="AWS_EC2_METADATA_SERVICE_ENDPOINT"):
        metadata_endpoint()


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
    service.content["spot/instance-action"] = "x"  # any text will do
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


def test_a_notice_ends_a_data_job_as_sigterm_would(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: heard.append(number))
    service = MetadataService()
    service.content["spot/instance-action"] = '{"action": "terminate", "time": "2026-11-24T08:22:00Z"}'
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED", raising=False)
    try:
        with serve(service.handler()) as endpoint:
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint)
            with ending_on_notice(Console.silent()):
                deadline = time.monotonic() + 20
                while not heard and time.monotonic() < deadline:
                    time.sleep(0.02)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
