"""On which instance an attempt runs, and what it has of it: kept with its record, so that its cost can be reckoned.

AWS Batch does not tell the instance of a job, and forgets jobs after a week.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from job.console import Console
from job.errors import StorageError
from job.executions.attempts import Attempt, End
from job.records import Malformed, read_object
from job.running.notice import MAX_ANSWER_BYTES, TIMEOUT_S, Metadata, metadata_endpoint
from job.signals import Stopped
from job.store import Store, data_attempts_prefix

_ASKED = {
    "id": "instance-id",
    "type": "instance-type",
    "life_cycle": "instance-life-cycle",
    "zone": "placement/availability-zone",
}
_LONGEST = 100
_UNITS = 1024  # of processing, as ECS counts them, in a vCPU


def instance_facts() -> dict[str, Any] | None:
    """Return the instance's ``id``, ``type``, ``life_cycle`` and ``zone``, and ``vcpus`` and ``memory_mib`` reserved.

    None where there is no metadata service, which elsewhere than on EC2 is not even asked; what it does not tell is
    left out.
    """
    endpoint = metadata_endpoint()
    if endpoint is None:
        return None
    metadata = Metadata(endpoint)
    facts: dict[str, Any] = {}
    try:
        for name, path in _ASKED.items():
            answer = metadata.ask(path)
            if answer and answer.isprintable() and len(answer) <= _LONGEST:
                facts[name] = answer
    except OSError:
        return facts or None
    return {**facts, **_reserved()} or None


def _reserved() -> dict[str, Any]:
    """Return what ECS reserves for this container, where it is one of ECS's."""
    address = urlsplit(os.environ.get("ECS_CONTAINER_METADATA_URI_V4", ""))
    if address.scheme != "http" or not address.hostname:
        return {}
    try:
        connection = HTTPConnection(address.hostname, address.port or 80, timeout=TIMEOUT_S)
        try:
            connection.request("GET", address.path or "/")
            limits = read_object(connection.getresponse().read(MAX_ANSWER_BYTES)).get("Limits")
        finally:
            connection.close()
    except (OSError, HTTPException, ValueError, Malformed):
        return {}
    if not isinstance(limits, dict):
        return {}
    found = {"vcpus": (limits.get("CPU"), _UNITS), "memory_mib": (limits.get("Memory"), 1)}
    return {name: value / unit for name, (value, unit) in found.items() if isinstance(value, int | float) and value > 0}


@contextmanager
def recorded(store: Store, dataset: str | None, console: Console) -> Iterator[None]:
    """Leave the record of a data job on AWS Batch while the block runs; elsewhere nothing.

    The job does its work without it: a record that cannot be written is left out, and said.
    """
    job, number = os.environ.get("AWS_BATCH_JOB_ID"), os.environ.get("AWS_BATCH_JOB_ATTEMPT", "1")
    if not job:
        yield
        return
    begun = Attempt.begin(None, () if dataset is None else (dataset,), instance_facts())
    attempt = replace(begun, id=f"{job.replace(':', '.')}-{number}")

    def sign(end: End | None) -> None:
        try:
            key = f"{data_attempts_prefix()}{attempt.id}.json"
            store.put(key, (attempt if end is None else attempt.now(0, end)).encode(), durable=False)
        except StorageError as error:
            console.warning("not_written", f"{error.what}: left out")

    sign(None)
    end: End = "failed"
    try:
        yield
        end = "complete"
    except (Stopped, KeyboardInterrupt):
        end = "interrupted"
        raise
    finally:
        sign(end)
