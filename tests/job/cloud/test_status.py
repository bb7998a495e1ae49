"""A row for each job: what it does, why it waits, how it ended; also where Batch has forgotten it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from job.cloud.platform import Platform
from job.cloud.status import CloudStatus, cloud_status
from job.errors import AwsRefused, JobNotFound
from job.executions.attempts import Attempt
from job.executions.executions import create
from job.executions.identity import Identity
from job.planning.spec import Spec
from job.store import Store
from tests.job.cloud.test_jobs import FIRST, NOW, Batch, attempt, described
from tests.job.cloud.test_resume import attempt as record

ARN = "arn:aws:batch:eu-west-1:123456789012"
OUTPUTS = {"JobQueueName": "q", "SpotJobQueueName": "q-spot", "OnDemandJobQueueName": "q-od", "UseGpu": "false"}
PLATFORM = Platform("cards-dev", "UPDATE_COMPLETE", "cards", "uri", {}, {}, OUTPUTS)
COMMAND = ["experiment", "run", "--only-dataset", "taiwan_credit", "--execution-id", f"tiny-20261125-{FIRST}"]


class Platformed(Batch):
    """A Batch with the platform's queues and environments."""

    def describe_job_queues(self, *, jobQueues: list[str]) -> dict[str, Any]:
        self.calls.append("queues")
        orders = {"q": ["spot", "od"], "q-spot": ["spot"], "q-od": ["od"]}
        return {
            "jobQueues": [
                {
                    "jobQueueName": name, "jobQueueArn": name, "state": "ENABLED", "status": "VALID",
                    "computeEnvironmentOrder": [
                        {"order": place, "computeEnvironment": one} for place, one in enumerate(orders[name], 1)
                    ],
                }
                for name in jobQueues
            ]
        }  # fmt: skip

    def describe_compute_environments(self, *, computeEnvironments: list[str]) -> dict[str, Any]:
        self.calls.append("environments")
        kinds = {"spot": "SPOT", "od": "EC2"}
        return {
            "computeEnvironments": [
                {
                    "computeEnvironmentArn": one, "computeEnvironmentName": one, "state": "ENABLED", "status": "VALID",
                    "computeResources": {"type": kinds[one], "maxvCpus": 16, "instanceTypes": ["m5.xlarge"]},
                }
                for one in computeEnvironments
            ]
        }  # fmt: skip

    def get_job_queue_snapshot(self, *, jobQueue: str) -> dict[str, Any]:
        self.calls.append("snapshot")
        jobs = [{"jobArn": f"{ARN}:job/{one}"} for one in ("other", "one")] if jobQueue == "q" else []
        return {"frontOfQueue": {"jobs": jobs}}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def told(batch: Batch, store: Store, what: str | None = None, **more: Any) -> CloudStatus:
    aws = Mock()
    aws.client.return_value = batch
    refusal = Mock(side_effect=AwsRefused("no", "no"))
    aws.client_briefly.return_value = Mock(get_service_quota=refusal, get_aws_default_service_quota=refusal)
    return cloud_status(aws, PLATFORM, store, what, now=NOW, **more)


def test_few_calls_tell_of_a_thousand_jobs(store: Store) -> None:
    jobs = [described(f"job-{n}", f"cards_{n}", status="SUCCEEDED") for n in range(999)]
    batch = Platformed([*jobs, described("one", status="RUNNABLE", statusReason="UNDETERMINED - …")])
    assert len(told(batch, store).rows) == 1000
    assert len(batch.calls) <= 12 + 10 + 2 + 3, "lists, descriptions, queues and environments, snapshots"


def test_each_row_says_what_becomes_of_its_job(store: Store) -> None:
    reclaimed = attempt("a") | {"statusReason": "Host EC2 (instance i-1) terminated."}
    exited = "Essential container in task exited"
    broken = attempt("b") | {"statusReason": exited}
    broken["container"] = {**broken["container"], "exitCode": 1}
    array = {"size": 3, "statusSummary": {"RUNNING": 1, "SUCCEEDED": 2}}
    batch = Platformed([
        described("one", "loans", status="RUNNABLE", attempts=[reclaimed]),
        described("two", status="FAILED", attempts=[reclaimed, broken], statusReason=exited),
        described("three", "cards_b", arrayProperties=array, status="PENDING"),
        *(described(f"three:{n}", "cards_b", arrayProperties={"index": n}, status="SUCCEEDED") for n in range(3)),
    ])  # fmt: skip
    rows = {row.job: row for row in told(batch, store, shards=True).rows}
    assert rows["one"].words == "place 2 in the queue; to go on after 1 interruption"
    assert (rows["two"].attempts, rows["two"].lost, rows["two"].failed) == (2, 1, 1)
    assert "exit code 1" in rows["two"].words
    assert "ldp cloud logs" in str(rows["two"].fix)
    assert rows["three"].words == "2 done, 1 running"
    assert [rows[f"three:{n}"].name.split(" ")[1] for n in range(3)] == ["1/3", "2/3", "3/3"]


def test_what_batch_cannot_tell_is_a_note_and_no_error(store: Store) -> None:
    batch = Platformed([described("one", status="RUNNABLE")])
    batch.get_job_queue_snapshot = Mock(side_effect=AwsRefused("denied", "Ask."))  # type: ignore[method-assign]
    found = told(batch, store)
    assert found.notes == ["places in the queue are not known: denied"]
    assert not found.over


def test_jobs_that_batch_has_forgotten_are_told_from_the_records_of_their_attempts(store: Store, tiny: Spec) -> None:
    create(store, Identity.here(tiny, "cpu"), "autumn")
    some = [record("1/2", "interrupted", ago=30), record("1/2", "complete", ago=20), record("2/2", None, ago=10)]
    for number, (one, job) in enumerate(zip(some, ("job:0", "job:0", "job:1"), strict=True)):
        kept: Attempt = replace(one, id=f"a{number}", job=f"{job} attempt {number + 1}")
        store.put(kept.key("autumn"), kept.encode())
    found = told(Platformed([]), store, "autumn")
    assert found.over
    assert "forgotten" in found.notes[0]
    assert [(row.job, row.state, row.attempts, row.lost) for row in found.rows] == [
        ("job:0", "FORGOTTEN", 2, 1),
        ("job:1", "FORGOTTEN", 1, 1),
    ]
    assert "killed" in found.rows[1].words
    with pytest.raises(JobNotFound):
        told(Platformed([]), store, "spring")


def test_units_and_the_execution_stand_beside_the_job_that_does_them(store: Store, tiny: Spec) -> None:
    create(store, Identity.here(tiny, "cpu"), COMMAND[-1])
    batch = Platformed([described("one", "taiwan_credit", container={"command": COMMAND})])
    (row,) = told(batch, store, COMMAND[-1]).rows
    assert (row.done, row.total, row.execution) == (0, 12, COMMAND[-1])
