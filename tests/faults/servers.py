"""Servers on loopback that behave badly on purpose."""

from __future__ import annotations

import http.client
import json
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is expected here."""


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve on a free port of loopback and yield the address."""
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Weather:
    """What goes wrong, how often, and what did. All off: a plain proxy."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)
        self.unavailable = self.reset = self.truncate = self.drop_answer = 0.0
        self.latency_s = 0.0
        self.bytes_a_second: float | None = None
        self.cut_after: int | None = None
        self.refused_key: str | None = None
        self.refusal: tuple[str, int] | None = None
        self.counts: Counter[str] = Counter()

    def kind(self) -> str:
        value = self.rng.random()
        for name in ("unavailable", "reset", "truncate", "drop_answer"):
            share = getattr(self, name)
            if value < share:
                return name
            value -= share
        return "fine"


def proxy_to(target: str, weather: Weather) -> type[BaseHTTPRequestHandler]:
    """Return a handler that passes requests on to `target`, or does not, as the weather has it."""
    host, port = target.removeprefix("http://").split(":")
    return type("Proxy", (_Proxy,), {"host": host, "port": int(port), "weather": weather})


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    host: str
    port: int
    weather: Weather

    def log_message(self, *_: object) -> None:
        pass

    def _pass_on(self) -> None:
        body = self._receive(int(self.headers.get("Content-Length") or 0))
        kind = self.weather.kind()
        self.weather.counts[kind] += 1
        self.weather.counts["requests"] += 1
        time.sleep(self.weather.latency_s)
        if self.weather.refused_key is not None and self.weather.refused_key in self.path:
            self._answer(403, {}, refusal_body("AccessDenied"))
            return
        if self.weather.refusal is not None:
            code, status = self.weather.refusal
            self._answer(status, {}, refusal_body(code))
            return
        if kind == "unavailable":
            self._answer(503, {}, b"<Error><Code>SlowDown</Code></Error>")
            return
        if kind == "reset":
            self._hang_up()
            return
        status, headers, content = self._ask(body)
        cut = self.weather.cut_after
        if cut is not None and self.command == "GET" and len(content) > cut:
            self.weather.counts["cut"] += 1
            self._answer(status, headers, content[:cut], len(content))
            self.close_connection = True  # in good order, so that what was sent arrives
        elif kind == "drop_answer":  # done, and nobody will know
            self._hang_up()
        elif kind == "truncate" and len(content) > 1:
            self._answer(status, headers, content[: len(content) // 2], len(content))
            self._hang_up()
        else:
            self._answer(status, headers, content)

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            passed = {key: value for key, value in answer.getheaders() if key.lower() not in _HOP}
            return answer.status, passed, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key, value)
        if "content-length" not in {key.lower() for key in headers}:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            for piece in (body[at : at + _PIECE] for at in range(0, len(body), _PIECE)):
                self.wfile.write(piece)
                self._take_time(len(piece))

    def _receive(self, length: int) -> bytes:
        pieces = []
        while length > 0:
            pieces.append(self.rfile.read(min(length, _PIECE)))
            length -= len(pieces[-1])
            self._take_time(len(pieces[-1]))
        return b"".join(pieces)

    def _take_time(self, length: int) -> None:
        if self.weather.bytes_a_second is not None:
            self.wfile.flush()
            time.sleep(length / self.weather.bytes_a_second)

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on


_PIECE = 64 << 10
_HOP = {"connection", "transfer-encoding", "keep-alive", "server", "date"}


def refusal_body(code: str, region: str = "") -> bytes:
    """Return what S3 says where it refuses."""
    where = f"<Region>{region}</Region>" if region else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>The words of {code}.</Message>'
        f"{where}<RequestId>1</RequestId></Error>"
    ).encode()


def refuses(code: str, status: int, region: str = "") -> type[BaseHTTPRequestHandler]:
    """Return a handler that answers every request as S3 does where it refuses; as there, a HEAD's answer is empty."""
    body = refusal_body(code, region)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_PUT = do_POST = do_DELETE = do_HEAD = do_GET

    return Handler


class MetadataService:
    """EC2's instance metadata service, version 2: a token first, then what was put into `content`."""

    def __init__(self) -> None:
        self.content: dict[str, str] = {}
        self.tokens = 0
        self.questions: list[str] = []
        self.valid: set[str] = set()
        self.delay_s = 0.0

    def handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_PUT(self) -> None:
                assert self.path == "/latest/api/token"
                assert self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                service.tokens += 1
                token = f"token-{service.tokens}"
                service.valid = {token}
                self._say(200, token)

            def do_GET(self) -> None:
                time.sleep(service.delay_s)
                path = self.path.removeprefix("/latest/meta-data/")
                service.questions.append(path)
                if self.headers.get("X-aws-ec2-metadata-token") not in service.valid:
                    self._say(401, "")
                elif path in service.content:
                    self._say(200, service.content[path])
                else:
                    self._say(404, "")

            def _say(self, status: int, text: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

        return Handler


def credentials_handler(lifetime_s: float, asked: list[float]) -> type[BaseHTTPRequestHandler]:
    """The task-role endpoint: credentials that expire after a while."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            asked.append(time.time())
            expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + lifetime_s))
            body = json.dumps(
                {
                    "AccessKeyId": f"key{len(asked)}",
                    "SecretAccessKey": "secret",
                    "Token": f"token{len(asked)}",
                    "Expiration": expires,
                }
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler
