"""What EC2 tells a Spot instance before it takes it away: two minutes' notice, and sometimes an earlier warning.

AWS Batch does not promise a SIGTERM to the containers of a reclaimed instance, so the instance metadata service
(version 2) is asked every 5 seconds. Outside EC2 nothing is asked.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

ENDPOINT = "http://169.254.169.254"
INTERVAL_S = 5.0
TIMEOUT_S = 2.0
TOKEN_TTL_S = 21_600
MAX_ANSWER_BYTES = 10_000
_VENDOR = Path("/sys/class/dmi/id/sys_vendor")


def metadata_endpoint() -> str | None:
    """Return the metadata service's address, or None where there is no reason to think that there is one."""
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    named = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT")
    if named:
        return named.rstrip("/")
    on_batch = "AWS_BATCH_JOB_ID" in os.environ
    try:
        on_ec2 = _VENDOR.read_text().strip() == "Amazon EC2"
    except OSError:
        on_ec2 = False
    return ENDPOINT if on_batch or on_ec2 else None


class Metadata:
    """The instance metadata service, version 2: every question carries a session token."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._token: str | None = None
        # A link-local address is never reached through a proxy.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def ask(self, path: str) -> str | None:
        """Return what the service has at a path, or None where it has nothing there (404).

        Raises
        ------
        OSError
            Where it cannot be reached or refuses.
        """
        try:
            return self._get(path)
        except urllib.error.HTTPError as error:
            if error.code != 401:
                return self._nothing_there(error)
            error.close()
        self._token = None  # it has expired
        try:
            return self._get(path)
        except urllib.error.HTTPError as error:
            return self._nothing_there(error)

    @staticmethod
    def _nothing_there(error: urllib.error.HTTPError) -> None:
        with error:
            if error.code != 404:
                raise error

    def _get(self, path: str) -> str:
        if self._token is None:
            self._token = self._open(
                "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}, method="PUT"
            )
        return self._open(f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})

    def _open(self, path: str, headers: dict[str, str], method: str = "GET") -> str:
        request = urllib.request.Request(self._endpoint + path, headers=headers, method=method)  # noqa: S310
        with self._opener.open(request, timeout=TIMEOUT_S) as answer:
            return str(answer.read(MAX_ANSWER_BYTES).decode("utf-8", "replace"))


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
        Called once when the instance is at elevated risk.
    """

    def watch() -> None:
        metadata, warned = Metadata(endpoint), False
        while not ended.is_set():
            try:
                notice = metadata.ask("spot/instance-action")
                if notice is not None:
                    on_interruption(_in_words(notice))
                    return
                if not warned and metadata.ask("events/recommendations/rebalance") is not None:
                    warned = True
                    on_rebalance()
            except OSError:  # URLError is one: no service, or it is slow; ask again later
                pass
            ended.wait(interval_s)

    thread = threading.Thread(target=watch, daemon=True, name="ldp-spot-notice")
    thread.start()
    return thread


def _in_words(notice: str) -> str:
    try:
        content = json.loads(notice)
        return f"Spot notice: {content['action']} at {content['time']}"
    except (ValueError, KeyError, TypeError):
        return "Spot notice"
