"""A Batch that runs what it is told: commands of submitted jobs as processes, retried as AWS documents it.

The emulator keeps jobs and drops much of what SubmitJob says. Here each request is recorded in front of it (a field
that the API does not know fails), and the definition, its overrides, dependencies and places in an array are put
together as Batch does; attempts, their reasons and log streams stand where DescribeJobs tells of them.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session
from moto.batch.models import BatchBackend, Job
from moto.batch.responses import BatchResponse

from tests.e2e_aws.emulator import Emulator
from tests.faults.servers import serve
from tests.job.running.test_whereabouts import InstanceMetadata

GROUP = "/aws/batch/loan-default-prediction"
ENDED = {"SUCCEEDED", "FAILED"}
FIELDS = set(botocore.session.get_session().get_service_model("batch").operation_model("SubmitJob").input_shape.members)
RUN = "from job.cli import run; run()"


@dataclass
class Batch:
    """Runs jobs.

    Parameters
    ----------
    emulator : Emulator
    folder : pathlib.Path
        Where their processes work.
    metadata : str
        The address of the instance's metadata service.
    """

    emulator: Emulator
    folder: Path
    metadata: str
    requests: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    asked: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: int = 0

    def submitted(self, request: dict[str, Any], job: Job) -> None:
        """Take note of a job as Batch has it right after its submission."""
        self.requests.append(request)
        state = "PENDING" if request.get("dependsOn") else "RUNNABLE"
        for one in [job, *(job._child_jobs or [])]:
            self.jobs[one.job_id], self.asked[one.job_id] = one, request
            one.status = "PENDING" if one._child_jobs else state
            one.attempts, one.latest_attempt, one.log_stream_name = [], None, None

    def ready(self) -> list[Job]:
        """Return the jobs that may run: those whose dependencies are done; those that can never run fail."""
        found = []
        for job in list(self.jobs.values()):
            if job._child_jobs or job.status in ENDED:
                continue
            awaited = [self.jobs[one["jobId"]].status for one in self.asked[job.job_id].get("dependsOn", [])]
            if "FAILED" in awaited:
                self._end(job, "FAILED", "Dependent Job failed")
            elif all(status == "SUCCEEDED" for status in awaited):
                job.status = "RUNNABLE"
                found.append(job)
        return found

    def run(self, job: Job, *, ends: str = "by itself") -> int:
        """Run one attempt of a job, and return its exit code.

        Parameters
        ----------
        ends : {'by itself', 'term', 'reclaimed'}
            What becomes of it: `term` is a notice, after which it leaves in good order; `reclaimed` takes its instance
            away without a word; both once it has finished a unit.
        """
        began = time.time()
        self.streams += 1
        job.log_stream_name = f"taiwan_credit/default/{self.streams}"
        job.status, job.job_started = "RUNNING", True
        number = len(job.attempts) + 1
        command = self._command(job)
        environment = self._environment(job, number)
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, *command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        late = threading.Timer(300, process.kill)
        late.start()
        lines = []
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if '"unit_finished"' in line and ends in {"term", "reclaimed"}:
                    process.send_signal(signal.SIGTERM if ends == "term" else signal.SIGKILL)
                    ends = f"{ends}, sent"
        code = process.returncode
        late.cancel()
        assert not ends.endswith(("term", "reclaimed")), "it was through before it could be stopped"
        self._log(job.log_stream_name, lines)
        reason = "Host EC2 (instance i-0123456789abcdef0) terminated." if ends.startswith("reclaimed") else ""
        container: dict[str, Any] = {"logStreamName": job.log_stream_name}
        if not reason:
            container["exitCode"] = code
        times = {"startedAt": int(1000 * began), "stoppedAt": int(1000 * time.time())}
        status = reason or "Essential container in task exited"
        job.attempts.append({"container": container, "statusReason": status, **times})
        strategy = self._strategy(job)
        again = decide(strategy["evaluateOnExit"], None if reason else code, status)
        if code == 0:
            self._end(job, "SUCCEEDED", status)
        elif again == "RETRY" and number < strategy["attempts"]:
            job.status = "RUNNABLE"
        else:
            self._end(job, "FAILED", status)
        return code

    def run_all(self) -> None:
        """Run whatever can run until nothing can."""
        while ready := self.ready():
            for job in ready:
                self.run(job)

    def _end(self, job: Job, status: str, reason: str) -> None:
        job.status, job.job_stopped, job.job_stopped_reason = status, True, reason
        parent = self.jobs.get(job.job_id.split(":")[0])
        if parent is not None and parent._child_jobs and all(one.status in ENDED for one in parent._child_jobs):
            failed = any(one.status == "FAILED" for one in parent._child_jobs)
            parent.status, parent.job_stopped = "FAILED" if failed else "SUCCEEDED", True

    def _command(self, job: Job) -> list[str]:
        override = self.asked[job.job_id].get("containerOverrides", {}).get("command")
        return list(override or job.job_definition.container_properties["command"])

    def _strategy(self, job: Job) -> dict[str, Any]:
        found = self.asked[job.job_id].get("retryStrategy") or job.job_definition.retry_strategy
        return dict(found)

    def _environment(self, job: Job, number: int) -> dict[str, str]:
        said = {one["name"]: one["value"] for one in job.job_definition.container_properties["environment"]}
        array = {}
        if ":" in job.job_id:
            size = self.asked[job.job_id]["arrayProperties"]["size"]
            array = {"AWS_BATCH_JOB_ARRAY_INDEX": job.job_id.split(":")[1], "AWS_BATCH_JOB_ARRAY_SIZE": str(size)}
        return {
            **{name: value for name, value in self.emulator.environment().items() if not name.startswith("LDP_")},
            **said,
            **array,
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata,
            "ECS_CONTAINER_METADATA_URI_V4": f"{self.metadata}/ecs",
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(number),
            "LDP_N_JOBS": "2",
            "LDP_CHECKPOINT_SECONDS": "0",
            "PYTHONPATH": os.pathsep.join(sys.path),
        }

    def _log(self, stream: str, lines: Sequence[str]) -> None:
        logs = self.emulator.client("logs")
        logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        now = int(1000 * time.time())
        events = [{"timestamp": now + number, "message": line or " "} for number, line in enumerate(lines)]
        if events:
            logs.put_log_events(logGroupName=GROUP, logStreamName=stream, logEvents=events)

    def describe(self, job: Job, found: dict[str, Any]) -> dict[str, Any]:
        """Return what DescribeJobs says of a job, with what the emulator leaves out."""
        definition = job.job_definition.container_properties
        container = {**found.get("container", {}), "command": self._command(job)}
        container["resourceRequirements"] = definition["resourceRequirements"]
        found |= {"container": container, "attempts": job.attempts}
        if ":" in job.job_id:
            found["arrayProperties"] = {"index": int(job.job_id.split(":")[1])}
        return found


def decide(rules: Sequence[Mapping[str, str]], exit_code: int | None, status_reason: str) -> str:
    """Return what becomes of an attempt that failed: the first rule decides whose every condition is met.

    What no rule matches is retried.

    >>> decide([{"action": "EXIT", "onReason": "*"}], 1, "")
    'EXIT'
    """
    said = {"onExitCode": "" if exit_code is None else str(exit_code), "onStatusReason": status_reason, "onReason": ""}
    for rule in rules:
        conditions = {name: pattern for name, pattern in rule.items() if name != "action"}
        if all(fnmatch.fnmatchcase(said[name], pattern) for name, pattern in conditions.items()):
            return rule["action"].upper()
    return "RETRY"


@contextlib.contextmanager
def executing(emulator: Emulator, folder: Path) -> Iterator[Batch]:
    """Let the emulator's Batch run jobs."""
    with serve(InstanceMetadata) as metadata:
        batch = Batch(emulator, folder, metadata)
        with _patched(batch):
            yield batch


@contextlib.contextmanager
def _patched(batch: Batch) -> Iterator[None]:
    submit, describe, list_jobs = BatchResponse.submitjob, Job.describe, BatchBackend.list_jobs

    def submitjob(self: BatchResponse) -> str:
        request = json.loads(self.body)
        assert set(request) <= FIELDS, sorted(set(request) - FIELDS)
        answer: str = submit(self)
        job = self.batch_backend.get_job_by_id(json.loads(answer)["jobId"])
        batch.submitted(request, job)
        return answer

    def without_shards(self: BatchBackend, *arguments: Any, **named: Any) -> list[Job]:
        return [job for job in list_jobs(self, *arguments, **named) if ":" not in job.job_id]

    def end(self: Job, reason: str) -> None:
        for one in [self, *(self._child_jobs or [])]:
            if one.status not in ENDED:
                batch._end(one, "FAILED", reason)

    with (
        patch.object(BatchResponse, "submitjob", submitjob),
        patch.object(Job, "describe", lambda self: batch.describe(self, describe(self))),
        patch.object(Job, "terminate", end),
        patch.object(BatchBackend, "list_jobs", without_shards),
    ):
        yield
