"""``ldp cloud logs``: what jobs have said, attempt after attempt, and what they say while they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from job.cloud.jobs import Job, describe
from job.cloud.session import refusals
from job.errors import one_line

POLL_S = 3.0
_MISSING = "ResourceNotFoundException"


@dataclass(frozen=True)
class Line:
    """A line of a log.

    Attributes
    ----------
    job : str
        The job's name.
    attempt : int
        From 1.
    milliseconds : int
        Since 1970.
    text : str
    """

    job: str
    attempt: int
    milliseconds: int
    text: str


@dataclass(frozen=True)
class Told:
    """Something to be known of a log: a stream that is not there yet, or not any more."""

    text: str


def streams_of(job: Job) -> list[tuple[int, str | None]]:
    """Return the log streams of a job's attempts in their order, with the number of each.

    The latest attempt's is the job's own until that attempt has ended.
    """
    found = [(number, attempt.stream) for number, attempt in enumerate(job.attempts, start=1)]
    seen = {stream for _, stream in found}
    if job.stream is not None and job.stream not in seen:
        found.append((len(found) + 1, job.stream))
    return found


class Reader:
    """Reads the log of one job.

    Parameters
    ----------
    logs, batch : boto3 clients
    group : str
        The log group.
    attempt : int or None
        Only this one.
    """

    def __init__(
        self,
        logs: Any,
        batch: Any,
        group: str,
        *,
        attempt: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._logs = logs
        self._batch = batch
        self._group = group
        self._attempt = attempt
        self._sleep = sleep
        self._tokens: dict[str, str] = {}
        self._announced: set[str] = set()

    def read(self, job: Job, *, follow: bool = False) -> Iterator[Line | Told]:
        """Yield a job's log; with `follow` until it has ended, whatever attempts it takes.

        Raises
        ------
        AwsRefused
        """
        while True:
            streams = streams_of(job)
            if self._attempt is not None:
                streams = [one for one in streams if one[0] == self._attempt]
                if not streams and (job.ended or not follow):
                    yield Told(f"{job.name} has no attempt {self._attempt}: it has had {len(streams_of(job))}")
                    return
            ended = job.ended
            for number, stream in streams:
                yield from self._stream(job, number, stream, over=ended or not follow)
            if not streams and (ended or not follow):
                yield Told(f"{job.name} has not started ({job.state}): it has no log yet")
            if ended or not follow:
                return
            self._sleep(POLL_S)
            # A retry has another stream, which only the job itself tells.
            job = next(iter(describe(self._batch, [job.id])), job)

    def _stream(self, job: Job, number: int, stream: str | None, *, over: bool) -> Iterator[Line | Told]:
        if stream is None:
            if over:
                yield from self._once(f"{job.name}, attempt {number} has no log: its container did not start")
            return
        from botocore.exceptions import ClientError

        while True:
            more = {"nextToken": self._tokens[stream]} if stream in self._tokens else {"startFromHead": True}
            with refusals():
                try:
                    answer = self._logs.get_log_events(logGroupName=self._group, logStreamName=stream, **more)
                except ClientError as error:
                    if error.response.get("Error", {}).get("Code") != _MISSING:
                        raise
                    if over:
                        yield from self._once(
                            f"{job.name}, attempt {number}: there is no log stream {stream}; it said nothing yet, or "
                            "what it said has expired"
                        )
                    return
            for event in answer["events"]:
                yield Line(job.name, number, event["timestamp"], one_line(event["message"], 10_000))
            # The end of a stream is where the token stays the same.
            done = self._tokens.get(stream) == answer["nextForwardToken"]
            self._tokens[stream] = answer["nextForwardToken"]
            if done or (not answer["events"] and not over):
                return

    def _once(self, text: str) -> Iterator[Told]:
        if text not in self._announced:
            self._announced.add(text)
            yield Told(text)
