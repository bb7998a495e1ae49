"""A Batch that runs what it is told: commands of jobs, as processes or in the image, retried as AWS documents it.

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import botocore.session
from moto.batch.models import BatchBackend, Job
from moto.batch.responses import BatchResponse

from tests.containers.conftest import CONFINED
from tests.e2e_aws.emulator import Emulator
from tests.faults.servers import serve
from tests.job.running.test_whereabouts import InstanceMetadata

GROUP = "/aws/batch/loan-default-prediction"
ENDED = {"SUCCEEDED", "FAILED"}
FIELDS = set(botocore.session.get_session().get_service_model("batch").operation_model("SubmitJob").input_shape.members)
RUN = "from job.cli import run; run()"
DAY_S = 24 * 3600
# By its record the job began a day before a file is there; its own clock goes on by `ahead` then.
A_DAY_LATER = """
import os, time
from datetime import datetime, timedelta
from job.executions import attempts
real = time.monotonic
time.monotonic = lambda: real() + {ahead} * os.path.exists({there!r})
class Clock(datetime):
    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) - timedelta(days=0 if os.path.exists({there!r}) else 1)
attempts.datetime = Clock
"""
Ends = Literal["by itself", "term", "reclaimed", "deadline", "timed out"]
TIMED_OUT = "Job attempt duration exceeded timeout"


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
    docker : str, optional
        The command of a container engine that has the image of the jobs; without it they run as processes.
    """

    emulator: Emulator
    folder: Path
    metadata: str
    docker: str | None = None
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

    def run(self, job: Job, *, ends: Ends = "by itself") -> int:
        """Run one attempt of a job, and return its exit code.

        Parameters
        ----------
        ends : {'by itself', 'term', 'reclaimed', 'deadline', 'timed out'}
            What becomes of it once it has finished a unit: `term` is a notice, after which it leaves in good order;
            `reclaimed` takes its instance away without a word; at its `deadline` (``LDP_MAX_SECONDS``) it leaves by
            itself; `timed out` is the end of what Batch allows. For the last two a day goes by in a moment.
        """
        began = time.time()
        self.streams += 1
        job.log_stream_name = f"taiwan_credit/default/{self.streams}"
        job.status, job.job_started = "RUNNING", True
        number = len(job.attempts) + 1
        process, end = self._start(job, number, ends)
        late = threading.Timer(300, end, (signal.SIGKILL,))
        late.start()
        lines, left = [], ends != "by itself"
        with process:
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if '"unit_finished"' in line and left:
                    left = False
                    self._later(job, number).touch()
                    if ends != "deadline":
                        end(signal.SIGKILL if ends == "reclaimed" else signal.SIGTERM)
        code = process.returncode
        late.cancel()
        assert not left, "it was through before it could be stopped"
        self._log(job.log_stream_name, lines)
        status = "Essential container in task exited"
        if ends == "reclaimed":
            status = "Host EC2 (instance i-0123456789abcdef0) terminated."
        elif ends == "timed out":
            status = TIMED_OUT
        container: dict[str, Any] = {"logStreamName": job.log_stream_name}
        if ends != "reclaimed":
            container["exitCode"] = code
        times = {"startedAt": int(1000 * began), "stoppedAt": int(1000 * time.time())}
        job.attempts.append({"container": container, "statusReason": status, **times})
        strategy = self._strategy(job)
        again = decide(strategy["evaluateOnExit"], container.get("exitCode"), status)
        if code == 0:
            self._end(job, "SUCCEEDED", status)
        elif ends != "timed out" and again == "RETRY" and number < strategy["attempts"]:
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

    def _start(self, job: Job, number: int, ends: Ends) -> tuple[subprocess.Popen[str], Callable[[int], object]]:
        """Start an attempt; return its process, and what sends it a signal."""
        variables = self._variables(job, number)
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        if self.docker is None:
            code = RUN
            if ends in {"deadline", "timed out"}:
                there, ahead = str(self._later(job, number)), DAY_S if ends == "deadline" else 0
                code = A_DAY_LATER.format(there=there, ahead=ahead) + RUN
            inherited = {name: value for name, value in self.emulator.environment().items() if name[:4] != "LDP_"}
            path = {"PYTHONPATH": os.pathsep.join(sys.path)}
            command = [sys.executable, "-c", code, *self._command(job)]
            process = subprocess.Popen(
                command, cwd=self.folder, env={**inherited, **variables, **path}, text=True, **pipes
            )
            return process, process.send_signal
        assert ends not in {"deadline", "timed out"}, "nobody sets a container's clock"
        aws = {name: value for name, value in self.emulator.environment().items() if name.startswith("AWS_")}
        given = [f"--env={name}={value}" for name, value in {**aws, **variables}.items()]
        name = f"ldp-job-{os.getpid()}-{self.streams}"
        image = "ldp:" + job.job_definition.container_properties["image"].rpartition(":")[2]
        # With the network of this machine, since that is where AWS is.
        confined = [*CONFINED, "--network", "host", "--memory", f"{self._reserved(job, 'MEMORY')}m"]
        command = [self.docker, "run", "--rm", "--name", name, *confined, *given, image, *self._command(job)]
        process = subprocess.Popen(command, text=True, **pipes)

        def end(number: int) -> None:
            subprocess.run([str(self.docker), "kill", "--signal", str(number), name], capture_output=True, check=False)

        return process, end

    def _later(self, job: Job, number: int) -> Path:
        """Return the file that is there once an attempt has to end."""
        return self.folder / f"{job.job_id.replace(':', '-')}-{number}.later"

    def _reserved(self, job: Job, kind: str) -> str:
        said = job.job_definition.container_properties["resourceRequirements"]
        return str(next(one["value"] for one in said if one["type"] == kind))

    def _variables(self, job: Job, number: int) -> dict[str, str]:
        said = {one["name"]: one["value"] for one in job.job_definition.container_properties["environment"]}
        array = {}
        if ":" in job.job_id:
            size = self.asked[job.job_id]["arrayProperties"]["size"]
            array = {"AWS_BATCH_JOB_ARRAY_INDEX": job.job_id.split(":")[1], "AWS_BATCH_JOB_ARRAY_SIZE": str(size)}
        return {
            **said,
            **array,
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.metadata,
            "ECS_CONTAINER_METADATA_URI_V4": f"{self.metadata}/ecs",
            "AWS_BATCH_JOB_ID": job.job_id,
            "AWS_BATCH_JOB_ATTEMPT": str(number),
            "LDP_N_JOBS": "2",
            "LDP_CHECKPOINT_SECONDS": "0",
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
def executing(emulator: Emulator, folder: Path, docker: str | None = None) -> Iterator[Batch]:
    """Let the emulator's Batch run jobs: in their image where the command of an engine is given that has it."""
    with serve(InstanceMetadata) as metadata:
        batch = Batch(emulator, folder, metadata, docker)
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
