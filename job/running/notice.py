"""What EC2 tells a Spot instance before it takes it away: two minutes' notice, and sometimes an earlier warning.

AWS Batch does not promise a SIGTERM to the containers of a reclaimed instance, so the instance metadata service
(version 2) is asked every 5 seconds. Outside EC2 nothing is asked.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from job.console import Console
from job.errors import SettingInvalid, masked, one_line, shown
from job.records import Malformed, read_object, text

ENDPOINT = "http://169.254.169.254"
INTERVAL_S = 5.0
TIMEOUT_S = 2.0
DEADLINE_S = 4.0
TOKEN_TTL_S = 21_600
MAX_ANSWER_BYTES = 10_000
_TOKEN = re.compile(r"[!-~]{1,1000}")
_ADDRESS = re.compile(
    r"http://(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,4}|:[1-5][0-9]{4}|:6[0-4][0-9]{3})?(?:/[!-~]*)?"
)
_VENDOR = Path("/sys/class/dmi/id/sys_vendor")


def metadata_endpoint() -> str | None:
    """Return the metadata service's address, or None where there is no reason to think that there is one.

    Raises
    ------
    SettingInvalid
        Where the environment names what is no address.
    """
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    named = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if named:
        if not _ADDRESS.fullmatch(named):
            raise SettingInvalid(
                f"AWS_EC2_METADATA_SERVICE_ENDPOINT={shown(masked(named), 200)} is no address of a server",
                "Write it as http://host:port, or unset it.",
            )
        return named.rstrip("/")
    on_batch = "AWS_BATCH_JOB_ID" in os.environ
    try:
        on_ec2 = _VENDOR.read_text().strip() == "Amazon EC2"
    except OSError:
        on_ec2 = False
    return ENDPOINT if on_batch or on_ec2 else None


class Metadata:
    """The instance metadata service, version 2: every question carries a session token.

    Whatever answers at that address, a question ends within :data:`DEADLINE_S`, and its answer is a short text or none.
    A link-local address is never reached through a proxy, and redirections lead away from it: none is followed.
    """

    def __init__(self, endpoint: str) -> None:
        found = urlsplit(endpoint)
        self._host, self._port, self._path = found.hostname or "", found.port or 80, found.path
        self._token: str | None = None

    def ask(self, path: str) -> str | None:
        """Return what the service has at a path, or None where it has nothing there (404).

        Raises
        ------
        OSError
            Where it cannot be reached, refuses, or answers what cannot be an answer.
        """
        status, answer = self._get(path)
        if status == HTTPStatus.UNAUTHORIZED:
            self._token = None  # it has expired
            status, answer = self._get(path)
        if status == HTTPStatus.NOT_FOUND:
            return None
        return _accepted(status, answer)

    def _get(self, path: str) -> tuple[int, str]:
        if self._token is None:
            ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
            token = _accepted(*self._request("PUT", "/latest/api/token", ttl)).strip()
            if not _TOKEN.fullmatch(token):
                raise OSError("what was given is no token")
            self._token = token
        return self._request("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})

    def _request(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
        try:
            connection.connect()
            # A time-out holds for each byte that is waited for; one that comes now and then would keep us for ever.
            late = threading.Timer(DEADLINE_S, _shut, (connection.sock,))
            late.daemon = True
            late.start()
            try:
                connection.request(method, self._path + path, headers=headers)
                answer = connection.getresponse()
                return answer.status, answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace")
            finally:
                late.cancel()
        except (HTTPException, ValueError) as error:
            raise OSError(f"no answer of a metadata service: {error}") from error
        finally:
            connection.close()


def _accepted(status: int, answer: str) -> str:
    if status != HTTPStatus.OK:
        raise OSError(f"the metadata service answered {status}")
    return answer


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def watch_notices(
    endpoint: str,
    *,
    on_interruption: Callable[[str], None],
    on_rebalance: Callable[[], None],
    ended: threading.Event,
    interval_s: float = INTERVAL_S,
) -> threading.Thread:
    """Start a thread that asks for notices until `ended` is set, and return it.

    Parameters
    ----------
    on_interruption : callable
        Told once, in words, when the instance will be stopped or terminated; then the thread ends.
    on_rebalance : callable
        Called once when the instance is at elevated risk, or where something that is no notice stands where one would:
        a run that stopped for that would be stopped again whenever it is started.
    """

    def watch() -> None:
        metadata, warned = Metadata(endpoint), False
        while not ended.is_set():
            try:
                notice = metadata.ask("spot/instance-action")
                words = None if notice is None else _in_words(notice)
                if words is not None:
                    on_interruption(words)
                    return
                if not warned and (notice is not None or metadata.ask("events/recommendations/rebalance") is not None):
                    warned = True
                    on_rebalance()
            except OSError:  # no service, or it is slow, or it is something else; ask again later
                pass
            ended.wait(interval_s)

    thread = threading.Thread(target=watch, daemon=True, name="ldp-spot-notice")
    thread.start()
    return thread


def _in_words(notice: str) -> str | None:
    """Return a notice in words, or None where it is none."""
    try:
        content = read_object(notice.encode())
        return one_line(f"Spot notice: {text(content, 'action')} at {text(content, 'time')}", 100)
    except Malformed:
        return None


@contextmanager
def noticing(
    console: Console, end: Callable[[str], None], on_rebalance: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Call `end`, with the notice in words, once EC2 says that it takes this instance away; elsewhere do nothing."""
    endpoint = metadata_endpoint()
    if endpoint is None:
        yield
        return
    ended = threading.Event()

    def interruption(words: str) -> None:
        console.warning("spot_notice", words)
        end(words)

    watch_notices(endpoint, on_interruption=interruption, on_rebalance=on_rebalance, ended=ended)
    try:
        yield
    finally:
        ended.set()


@contextmanager
def ending_on_notice(console: Console) -> Iterator[None]:
    """End the block as SIGTERM would, once EC2 says that it takes this instance away."""
    with noticing(console, lambda _words: os.kill(os.getpid(), signal.SIGTERM)):
        yield
