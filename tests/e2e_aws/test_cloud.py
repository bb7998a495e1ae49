"""From a laptop to a finished table: `ldp cloud` against an AWS on loopback whose Batch runs the jobs.

The emulator tells no places in queues, no prices and no quotas of instances: what then is said is part of this.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from job.cloud.permissions import ACTIONS
from tests.e2e_aws.account import STACK, Account, Ldp, compared, states
from tests.e2e_aws.emulator import enforcing_iam
from tests.specs import TINY_UNITS
from tests.stacks.fakes import put_image

pytestmark = pytest.mark.filterwarnings("ignore:Tried to parse:UserWarning")

DATASET = "taiwan_credit"


def test_a_submission_runs_is_interrupted_and_is_pulled_with_the_results_of_a_local_run(
    account: Account, ldp: Ldp, calls: set[str]
) -> None:
    ldp("data", "sample", DATASET, "--rows", "600")
    refusal = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", code=1)
    assert "there is no raw file" in refusal
    assert f"ldp cloud upload {DATASET}" in refusal
    assert "synthetic sample" in ldp("cloud", "upload", DATASET, code=2)
    (uploaded,) = ldp("cloud", "upload", DATASET, "--sample", "--json")
    assert uploaded["sent"]
    assert not ldp("cloud", "upload", "--sample", "--json")[0]["sent"]

    planned = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--dry-run", "--json")
    assert account.batch.requests == []
    assert any("not processed yet" in note for note in planned["notes"])
    sent = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--json")
    execution, submission = sent["execution"], sent["submission"]
    assert execution.startswith("tiny-")
    data, training = (f"{DATASET}-{kind}-{submission}" for kind in ("data", "training"))
    assert [one["jobName"] for one in account.batch.requests] == [data, training]
    assert account.batch.requests[1]["dependsOn"] == [{"jobId": sent["jobs"][0]["id"]}]
    assert states(ldp)[training] == ("PENDING", f"it waits for {data}, which is RUNNABLE")
    assert states(ldp)[data][0] == "RUNNABLE"
    assert "has not started" in _said(ldp, "cloud", "logs", data)

    (job,) = account.batch.ready()
    assert account.batch.run(job) == 0
    (job,) = account.batch.ready()
    assert account.batch.run(job, ends="reclaimed") == -9
    row = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (row["state"], row["attempts"], row["lost"], row["failed"]) == ("RUNNABLE", 1, 1, 0)
    assert row["total"] == TINY_UNITS
    assert row["done"] >= 1
    assert account.batch.run(job, ends="term") == 143
    assert account.batch.run(job) == 0
    found = ldp("cloud", "status", "--json")
    assert [(one["state"], one["lost"]) for one in found["jobs"]] == [("SUCCEEDED", 0), ("SUCCEEDED", 2)]
    assert found["jobs"][1]["done"] == TINY_UNITS

    # Workers that are killed with their parent say so in words of their own.
    said = ldp("cloud", "logs", training).splitlines()
    lines = [json.loads(line) for line in said if line.startswith("{")]
    assert [one["event"] for one in lines if one["event"] in {"starting", "resuming"}] == [
        "starting", "resuming", "resuming",
    ]  # fmt: skip
    second = ldp("cloud", "logs", training, "--attempt", "2")
    assert "stopped" in second
    assert "starting" not in second

    pulled = ldp("cloud", "pull", "--json")
    assert (pulled["execution"], pulled["damaged"], pulled["refused"]) == (execution, [], [])
    assert ldp("cloud", "pull", execution, "--json")["here"] == TINY_UNITS
    assert calls <= set(ACTIONS), calls - set(ACTIONS)

    ldp("data", "process", DATASET)
    ldp("experiment", "run", "--spec", "tiny.toml", "--execution-id", "local")
    assert compared(ldp, execution) == compared(ldp, "local")

    sharded = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--skip-data", "--shards", "4", "--json")
    assert [one["shards"] for one in sharded["jobs"]] == [4]
    assert sharded["estimates"][DATASET]["usd"] > 0
    assert sharded["estimated_usd"] == sharded["estimates"][DATASET]["usd"]
    first, *others = account.batch.ready()
    assert len(others) == 3
    account.batch.run(first, ends="term")
    assert states(ldp, sharded["execution"])[sharded["jobs"][0]["name"]][1].startswith(("4 ", "3 ", "1 "))
    account.batch.run_all()
    rows = states(ldp, sharded["execution"], "--shards")
    assert len(rows) == 5
    assert {state for state, _ in rows.values()} == {"SUCCEEDED"}
    assert ldp("cloud", "cost", sharded["execution"], "--json")["predicted_usd"] == sharded["estimated_usd"]
    ldp("cloud", "pull", sharded["execution"])
    assert compared(ldp, sharded["execution"]) == compared(ldp, "local")


def _said(ldp: Ldp, *arguments: str) -> str:
    """Return what a command says on standard error, which the log goes to."""
    with patch("job.console.Console.warning") as told:
        ldp(*arguments)
    return " ".join(str(call.args[1]) for call in told.call_args_list)


def test_jobs_are_cancelled_and_another_submission_is_left_alone(account: Account, ldp: Ldp) -> None:
    ldp("data", "sample", DATASET, "--rows", "300")
    ldp("cloud", "upload", "--sample", DATASET)
    first, second = (ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--json") for _ in range(2))
    assert "not confirmed" in ldp("cloud", "cancel", first["execution"], code=2)
    ended = ldp("cloud", "cancel", first["submission"], "--yes", "--json")
    assert [one["name"] for one in ended] == [one["name"] for one in reversed(first["jobs"])], "dependents first"
    assert {state for state, _ in states(ldp, first["execution"]).values()} == {"FAILED"}
    assert {state for state, _ in states(ldp, second["execution"]).values()} == {"RUNNABLE", "PENDING"}
    assert "ended by ldp cloud cancel" in str(states(ldp, first["execution"]))
    assert ldp("cloud", "cancel", first["submission"], "--yes", "--json") == []


def test_what_was_cancelled_is_resumed_in_its_shards_and_what_it_cost_is_told(
    account: Account, ldp: Ldp, calls: set[str]
) -> None:
    ldp("data", "sample", DATASET, "--rows", "300")
    ldp("cloud", "upload", "--sample", DATASET)
    sent = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--shards", "3", "--json")
    execution = sent["execution"]
    (data,) = account.batch.ready()
    account.batch.run(data)
    first, second, _ = account.batch.ready()
    account.batch.run(first)
    assert ldp("cloud", "resume", execution, "--json")["left"] == [], "its jobs are at it"
    for _ in range(2):
        account.batch.run(second, ends="reclaimed")
    ldp("cloud", "cancel", execution, "--yes")
    planned = ldp("cloud", "resume", execution, "--dry-run", "--json")
    assert [(one["shard"], one["lost"]) for one in planned["left"]] == [("2/3", 2), ("3/3", 0)]
    resumed = ldp("cloud", "resume", execution, "--json")
    on_demand, usual = account.outputs["OnDemandJobQueueName"], account.outputs["JobQueueName"]
    assert [one["queue"] for one in resumed["jobs"]] == [on_demand, usual]
    account.batch.run_all()
    assert ldp("cloud", "resume", execution, "--json")["left"] == []
    told = [one for one in ldp("cloud", "status", execution, "--json")["jobs"] if one["kind"] == "training"]
    assert [(one["state"], one["shard"]) for one in told] == [
        ("FAILED", None), ("SUCCEEDED", "2/3"), ("SUCCEEDED", "3/3"),
    ]  # fmt: skip
    assert {one["done"] for one in told} == {TINY_UNITS}
    assert told[0]["fix"] is None, "there is nothing left to be resumed"
    cost = ldp("cloud", "cost", execution, "--json")
    assert (cost["unknown"], cost["instances"], cost["estimate"]) == (0, 1, True)
    assert sorted(one["end"] for one in cost["attempts"]) == ["complete"] * 4 + ["killed"] * 2
    assert 0 < cost["wasted_usd"] < cost["usd"] < cost["on_demand_usd"]
    assert ldp("cloud", "cost", execution, "--json")["usd"] == cost["usd"]
    (spent,) = {one["usd"] for one in ldp("cloud", "status", execution, "--json")["jobs"] if one["usd"]}
    assert spent > 0
    assert Path("reports", execution, "cost.json").is_file()
    assert calls <= set(ACTIONS), calls - set(ACTIONS)


def test_a_job_leaves_at_its_deadline_and_is_retried_and_what_batch_times_out_is_not(
    account: Account, ldp: Ldp
) -> None:
    ldp("data", "sample", DATASET, "--rows", "600")
    ldp("cloud", "upload", "--sample", DATASET)
    sent = ldp("cloud", "submit", DATASET, "--spec", "tiny.toml", "--json")
    execution, training = sent["execution"], sent["jobs"][1]["name"]
    (data,) = account.batch.ready()
    account.batch.run(data)
    (job,) = account.batch.ready()

    assert account.batch.run(job, ends="deadline") == 143
    found = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (found["state"], found["attempts"], found["lost"], found["failed"]) == ("RUNNABLE", 1, 1, 0)
    assert "to go on after 1 interruption" in found["words"]
    assert 1 <= found["done"] < TINY_UNITS
    assert "the end of its time (LDP_MAX_SECONDS=85800)" in ldp("cloud", "logs", training)

    assert account.batch.run(job, ends="timed out") == 143, "which is retried, but for the time-out"
    assert account.batch.ready() == []
    ended = {one["name"]: one for one in ldp("cloud", "status", execution, "--json")["jobs"]}[training]
    assert (ended["state"], ended["attempts"], ended["lost"], ended["failed"]) == ("FAILED", 2, 1, 1)
    assert ended["words"] == "it was ended at its time-out"
    assert "maxJobHours" in ended["fix"]
    assert found["done"] < ended["done"] < TINY_UNITS

    resumed = ldp("cloud", "resume", execution, "--json")
    assert [(one["shard"], one["lost"]) for one in resumed["left"]] == [(None, 0)], "nobody took it away"
    assert [one["queue"] for one in resumed["jobs"]] == [account.outputs["JobQueueName"]]
    assert ldp("cloud", "resume", execution, "--json")["left"] == [], "its job waits"
    account.batch.run_all()
    told = [one for one in ldp("cloud", "status", execution, "--json")["jobs"] if one["kind"] == "training"]
    assert [(one["state"], one["done"], one["fix"]) for one in told] == [
        ("FAILED", TINY_UNITS, None), ("SUCCEEDED", TINY_UNITS, None),
    ]  # fmt: skip
    assert ldp("cloud", "resume", execution, "--json")["left"] == []
    cost = ldp("cloud", "cost", execution, "--json")
    ends = [one["end"] for one in cost["attempts"] if one["kind"] == "training"]
    assert sorted(ends) == ["complete", "interrupted", "interrupted"]
    assert cost["wasted_usd"] == 0, "what was saved is not wasted"
    assert 48 < cost["hours"] < 50, "each of the two lasted a day"


def test_what_cannot_run_is_refused_with_its_remedy(account: Account, ldp: Ldp) -> None:
    ldp("data", "sample", DATASET, "--rows", "300")
    ldp("cloud", "upload", "--sample", DATASET)
    ecr, batch = account.emulator.client("ecr"), account.emulator.client("batch")
    name, tag = account.outputs["EcrRepoName"], account.outputs["ImageTag"]
    assert "did you mean 'taiwan_credit'" in ldp("cloud", "submit", "taiwan", "--spec", "tiny.toml", code=1).lower()
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": tag}])
    assert "make docker-build docker-push" in ldp("cloud", "submit", DATASET, "--spec", "quick", code=1)
    put_image(ecr, name, tag)
    batch.update_job_queue(jobQueue=account.outputs["JobQueueName"], state="DISABLED")
    refusal = ldp("cloud", "submit", DATASET, "--spec", "quick", code=1)
    assert "is DISABLED" in refusal
    ldp("cloud", "submit", DATASET, "--spec", "quick", "--on-demand", "--json")
    batch.deregister_job_definition(jobDefinition="loan-default-prediction-taiwan-credit:1")
    assert "has no active revision" in ldp("cloud", "submit", DATASET, "--spec", "quick", "--on-demand", code=1)
    assert len(account.batch.requests) == 2
    assert "knows no job of 'houses'" in ldp("cloud", "status", "houses", code=1)
    s3, bucket = account.emulator.client("s3"), account.outputs["S3BucketName"]
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    s3.delete_bucket(Bucket=bucket)
    for command in (("upload", "--sample", DATASET), ("pull", "autumn")):
        assert "bucket" in ldp("cloud", *command, code=1)


def test_a_plan_tells_what_the_platform_takes_as_it_is_deployed(account: Account, ldp: Ldp, calls: set[str]) -> None:
    asked = ("cloud", "plan", "--platform", STACK, "--spec", "quick", "--only-dataset", DATASET, "--json")
    assert "neither processed data nor a raw file" in ldp(*asked, code=1)
    ldp("data", "sample", DATASET, "--rows", "300")
    ldp("cloud", "upload", "--sample", DATASET)
    found = ldp(*asked, "--rows", "30000")
    (deployed,) = found["deployed"]
    assert deployed["command"] == f"ldp cloud submit {DATASET} --spec quick --shards 1"
    assert 0 < deployed["row"]["usd"][0] <= deployed["row"]["usd"][2]
    assert found == ldp(*asked, "--rows", "30000")
    assert found["if_redeployed"][0]["mark"] == "cheapest"
    assert calls <= set(ACTIONS)


def operator(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take on the credentials of somebody who has the operator's policy and nothing else."""
    iam = account.emulator.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    role = iam.create_role(RoleName="operator", AssumeRolePolicyDocument=trust)["Role"]
    iam.attach_role_policy(RoleName="operator", PolicyArn=account.outputs["OperatorPolicyArn"])
    keys = account.emulator.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="test")["Credentials"]
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", keys["AccessKeyId"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", keys["SecretAccessKey"])
    monkeypatch.setenv("AWS_SESSION_TOKEN", keys["SessionToken"])


def test_the_operators_policy_is_enough_for_all_of_it(
    account: Account, ldp: Ldp, monkeypatch: pytest.MonkeyPatch
) -> None:
    ldp("data", "sample", DATASET, "--rows", "300")
    operator(account, monkeypatch)
    decided: set[tuple[str, bool]] = set()

    def allowed(*arguments: str) -> Any:
        with enforcing_iam() as decisions:
            found = ldp(*arguments)
        decided.update(decisions)
        return found

    allowed("cloud", "upload", "--sample", DATASET)
    sent = allowed("cloud", "submit", DATASET, "--spec", "tiny.toml", "--json")
    allowed("cloud", "status", "--json")
    account.batch.run_all()
    allowed("cloud", "status", "--json")
    allowed("cloud", "logs", sent["jobs"][1]["name"])
    allowed("cloud", "pull", "--json")
    allowed("cloud", "submit", DATASET, "--spec", "quick", "--data-only")
    allowed("cloud", "cancel", "--yes")
    allowed("cloud", "outputs")
    refused = {action for action, permitted in decided if not permitted}
    used = {action for action, permitted in decided if permitted}
    assert refused == set()
    every = {action for action, _ in ACTIONS.values()}
    assert used <= every
    # The emulator asks for no tagging, knows no snapshot, and aborts are for uploads that fail.
    assert every - used <= {
        "batch:TagResource", "batch:GetJobQueueSnapshot", "s3:AbortMultipartUpload", "pricing:GetProducts",
        "servicequotas:GetServiceQuota", "servicequotas:GetAWSDefaultServiceQuota", "ec2:DescribeSpotPriceHistory",
    }  # fmt: skip

    ldp("cloud", "submit", DATASET, "--spec", "quick", "--data-only")
    ldp("data", "sample", DATASET, "--rows", "301", "--force")
    submit = ("submit", DATASET, "--spec", "quick", "--data-only")
    needs: dict[str, tuple[str, ...]] = {
        "LookAtStack": ("outputs",),
        "LookAtJobs": ("status",),
        "LookAtImages": submit,
        "SubmitToQueues": submit,
        "EndJobs": ("cancel", "--yes"),
        "ReadLogs": ("logs", sent["jobs"][1]["name"]),
        "ListObjects": ("pull",),
        "FetchObjects": ("pull", sent["execution"]),
        "UploadObjects": ("upload", "--sample", DATASET),
    }
    for sid, command in needs.items():
        with without(account, sid), enforcing_iam():
            said = ldp("cloud", *command, code=1)
        # What is asked of the store is refused in the store's words.
        assert sid in {"ListObjects", "FetchObjects"} or f"statement {sid})" in said, (sid, said)


@contextlib.contextmanager
def without(account: Account, sid: str) -> Iterator[None]:
    """Take one statement out of what the operator may do, while the block runs."""
    iam, whole = account.emulator.client("iam"), account.outputs["OperatorPolicyArn"]
    version = iam.get_policy(PolicyArn=whole)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=whole, VersionId=version)["PolicyVersion"]["Document"]
    left = [one for one in document["Statement"] if one["Sid"] != sid]
    assert len(left) == len(document["Statement"]) - 1
    less = iam.create_policy(PolicyName=f"without-{sid}", PolicyDocument=json.dumps({**document, "Statement": left}))
    iam.attach_role_policy(RoleName="operator", PolicyArn=less["Policy"]["Arn"])
    iam.detach_role_policy(RoleName="operator", PolicyArn=whole)
    try:
        yield
    finally:
        iam.attach_role_policy(RoleName="operator", PolicyArn=whole)
        iam.detach_role_policy(RoleName="operator", PolicyArn=less["Policy"]["Arn"])
