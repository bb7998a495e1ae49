"""Smoke steps: what only an account can show, one belief after the other. The table in ``docs/platform.md`` names them.

A step returns what was seen, raises `Wrong` where AWS does otherwise than believed, and `NotShown` where that could not
be found out. Steps go on where an earlier one failed, so each looks for what it needs.
"""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from job.machines import MACHINES
from stacks.stage import NotShown, Stage, Wrong

ROWS = 4000
"""Of the sample: the spec `default` takes minutes on them, so an attempt of two minutes does not do it."""

LDP = (sys.executable, "-c", "from job.cli import run; run()")
RAW = ("taiwan_credit", "corporate_credit_rating")
DATASETS = ("taiwan_credit", "corporate_ccc")
FAILING = ["data", "process", "--force", "no_such_dataset"]
STOP_SECONDS = 120
TRAIN = ["experiment", "run", "--only-dataset"]

VALUES = {
    "datasets": ",".join(DATASETS),
    "spotMaxVcpus": "8",
    "onDemandMaxVcpus": "8",
    "jobAttempts": "10",
    "maxJobHours": "1",
}
"""The platform that is tried: small, and for a short time."""


def deploy(stage: Stage) -> str:
    """Make the stack, the image, and push it; subscribe a queue to the alerts."""
    stage.make("deploy")
    return f"{stage.stack_name} stands, with image {stage.outputs()['ImageTag']}"


def subscribe(stage: Stage) -> str:
    """Let a queue of our own hear the alerts."""
    sqs, topic = stage.client("sqs"), stage.outputs()["AlertTopicArn"]
    url = sqs.create_queue(QueueName=stage.project)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    allow = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    stage.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"}
    )
    return f"{arn} hears {topic}"


def failed_job(stage: Stage) -> str:
    """Let a job fail: it is heard once, with its reason, as EventBridge may publish."""
    job = stage.submit("smoke-failed-job", FAILING, kind="data-")
    found = stage.ended(job)
    attempts = len(found.get("attempts", []))
    if found["status"] != "FAILED" or attempts != 1:
        raise Wrong(f"it ended {found['status']} after {attempts} attempts; the fifth rule should end it after one")
    (message,) = _heard(stage, "smoke-failed-job", 1)
    if "<" in message.split("http")[0]:
        raise Wrong(f"what the event lacks is shown as a placeholder: {message}")
    return message


def failed_array(stage: Stage) -> str:
    """Let an array fail: it is told once, not once for each shard."""
    job = stage.submit("smoke-failed-array", FAILING, kind="data-", arrayProperties={"size": 2})
    stage.ended(job)
    (message,) = _heard(stage, "smoke-failed-array", 1)
    if "2 of 2 shards" not in message:
        raise Wrong(f"heard: {message}")
    return message


def failed_pull(stage: Stage) -> str:
    """Name an image that is not there: how attempts end then, in Batch's own words."""
    batch, name = stage.client("batch"), f"{stage.project}-no-image"
    definition = _definition(stage, f"{stage.project}-data-taiwan-credit")
    container = copy.deepcopy(definition["containerProperties"])
    container["image"] = f"{container['image'].rsplit(':', 1)[0]}:cpu-000000000000"
    more = {
        key: definition[key] for key in ("type", "platformCapabilities", "propagateTags", "tags") if key in definition
    }
    retry = {**definition["retryStrategy"], "attempts": 2}
    arn = batch.register_job_definition(
        jobDefinitionName=name, containerProperties=container, retryStrategy=retry, **more
    )["jobDefinitionArn"]
    try:
        found = stage.ended(stage.submit("smoke-failed-pull", FAILING, jobDefinition=arn))
    finally:
        batch.deregister_job_definition(jobDefinition=arn)
    attempts = found.get("attempts", [])
    told = [(one.get("statusReason"), one.get("container", {}).get("reason")) for one in attempts]
    if not attempts or any(not (reason or "").startswith("Task failed to start") for reason, _ in told):
        raise Wrong(f"attempts ended so: {told}")
    if len(attempts) != 2:
        raise Wrong(f"{len(attempts)} attempts, not 2: it was not retried")
    return f"attempts ended so: {told}"


def retry_replaced(stage: Stage) -> str:
    """Give a job a retry strategy: it replaces the definition's whole, and what no rule matches is retried."""
    job = stage.submit("smoke-retry-replaced", FAILING, kind="data-", retryStrategy={"attempts": 2})
    attempts = len(stage.ended(job).get("attempts", []))
    if attempts != 2:
        raise Wrong(f"{attempts} attempts of 2: the definition's rules still hold")
    return "two attempts, as without the definition's rules"


def data_job(stage: Stage) -> str:
    """Upload raw files, and let jobs process them."""
    bucket, s3 = stage.outputs()["S3BucketName"], stage.client("s3")
    with tempfile.TemporaryDirectory() as folder:
        for dataset in RAW:
            sample = [*LDP, "data", "sample", dataset, "--rows", str(ROWS)]
            subprocess.run(sample, cwd=folder, check=True)  # noqa: S603
        for file in sorted(Path(folder, "data", "raw").iterdir()):
            s3.upload_file(str(file), bucket, f"data/raw/{file.name}")
    command = ["data", "process", "--force"]
    jobs = [stage.submit(f"smoke-data-{d}", [*command, d], kind="data-", dataset=d) for d in DATASETS]
    for job in jobs:
        _succeeded(stage.ended(job))
    return f"{', '.join(DATASETS)} are processed"


def on_demand_job(stage: Stage) -> str:
    """Train On-Demand: it takes the first machine of the list that hosts the job."""
    command = [*TRAIN, "taiwan_credit", "--spec", "quick"]
    job = stage.submit("smoke-training", command, queue="OnDemandJobQueueName")
    kind = stage.instance_of(stage.running(job))["InstanceType"]
    _succeeded(stage.ended(job))
    needs = _definition(stage, f"{stage.project}-taiwan-credit")["containerProperties"]["resourceRequirements"]
    vcpus, memory = (int(next(one["value"] for one in needs if one["type"] == name)) for name in ("VCPU", "MEMORY"))
    listed = json.loads(stage.outputs()["InstanceTypes"])
    expected = next(name for name in listed if MACHINES[name].hosts(vcpus, memory))
    if kind != expected:
        raise Wrong(f"it ran on {kind}, not on {expected}, the first of {listed} that hosts it")
    return f"it ran on {kind}, the first of {listed} that hosts it"


def orderly_stop(stage: Stage) -> str:
    """Give attempts two minutes: a job leaves with 143, is retried, and goes on where it stopped."""
    command = [*TRAIN, "taiwan_credit", "--spec", "default"]
    limit = {"LDP_MAX_SECONDS": str(STOP_SECONDS)}
    found = stage.ended(stage.submit("smoke-orderly-stop", command, variables=limit), minutes=60)
    codes = [one.get("container", {}).get("exitCode") for one in found.get("attempts", [])]
    if len(codes) < 2:
        raise NotShown(f"it was done in one attempt of {STOP_SECONDS} s" if codes == [0] else f"exit codes {codes}")
    _succeeded(found)
    if codes != [143] * (len(codes) - 1) + [0]:
        raise Wrong(f"exit codes {codes}")
    return f"{len(codes)} attempts, exit codes {codes}"


def lost_host(stage: Stage) -> str:
    """Take a job's host away: it is retried elsewhere, and goes on."""
    command = [*TRAIN, "taiwan_credit", "--spec", "thesis"]
    job = stage.submit("smoke-lost-host", command, queue="SpotJobQueueName")
    instance = stage.instance_of(stage.running(job))["InstanceId"]
    stage.sleep(60 * stage.patience)  # for something to be saved
    stage.client("ec2").terminate_instances(InstanceIds=[instance])
    stage.say(f"terminated {instance}")
    found = stage.ended(job, minutes=60)
    reasons = [one.get("statusReason") for one in found.get("attempts", [])]
    if len(reasons) < 2:
        raise NotShown(f"it had ended before its host did: {reasons}")
    _succeeded(found)
    if not (reasons[0] or "").startswith("Host EC2"):
        raise Wrong(f"attempts ended so: {reasons}")
    return f"attempts ended so: {reasons}"


def mode_switch(stage: Stage) -> str:
    """Switch the mode while a job runs: environments stay the same ones, and the update ends."""
    before = _environments(stage)
    job = stage.submit("smoke-mode-switch", [*TRAIN, "corporate_ccc", "--spec", "default"], dataset="corporate_ccc")
    runs = stage.running(job)["status"]
    began = stage.clock()
    stage.make("apply", "GPU=true")
    minutes = (stage.clock() - began) / 60
    after = _environments(stage)
    found = stage.job(job)
    stage.make("apply", "GPU=false")
    if before != after or _environments(stage) != before:
        raise Wrong(f"environments were replaced: {sorted(before)} became {sorted(after)}")
    return f"switched in {minutes:.0f} minutes and back; a job that was {runs} is {found.get('status')} afterwards"


def operator(stage: Stage) -> str:
    """Submit with the operator's policy alone: this platform's definitions, and no other's."""
    iam, sts, batch = stage.client("iam"), stage.client("sts"), stage.client("batch")
    outputs, name = stage.outputs(), f"{stage.project}-operator"
    account = sts.get_caller_identity()["Account"]
    principal = {"AWS": f"arn:aws:iam::{account}:root"}
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    foreign = None
    try:
        iam.attach_role_policy(RoleName=name, PolicyArn=outputs["OperatorPolicyArn"])
        definition = _definition(stage, f"{stage.project}-data-taiwan-credit")
        foreign = batch.register_job_definition(
            jobDefinitionName=f"{stage.project}-foreign",
            type="container",
            containerProperties=definition["containerProperties"],
        )["jobDefinitionArn"]
        theirs = stage.until("the role can be assumed", lambda: _assumed(stage, role), 3)
        if _allowed(lambda: theirs.deregister_job_definition(jobDefinition=f"{foreign[:-1]}999")):
            raise NotShown("nobody checks policies here: what the operator may not do is done")
        # Jobs are ended by their tag, which they have only if they are given it.
        tags = {"Platform": stage.stack_name}
        submit = {"jobQueue": outputs["JobQueueName"], "jobName": "smoke-operator", "tags": tags}
        own = definition["jobDefinitionArn"]
        # First what is allowed: until the policy has reached everywhere, everything is refused.
        job = stage.until("the policy allows a submission", lambda: _try(theirs, own, submit), 3)
        theirs.terminate_job(jobId=job, reason="smoke test")
        if _allowed(lambda: theirs.submit_job(jobDefinition=foreign, **submit)):
            raise Wrong("a definition without this platform's tag could be submitted")
        return "own definitions can be submitted and ended, one without the tag cannot"
    finally:
        iam.detach_role_policy(RoleName=name, PolicyArn=outputs["OperatorPolicyArn"])
        iam.delete_role(RoleName=name)
        if foreign is not None:
            batch.deregister_job_definition(jobDefinition=foreign)


STEPS: dict[str, Callable[[Stage], str]] = {
    "deploy": deploy,
    "subscribe": subscribe,
    "failed-job": failed_job,
    "failed-array": failed_array,
    "failed-pull": failed_pull,
    "retry-replaced": retry_replaced,
    "data-job": data_job,
    "on-demand-job": on_demand_job,
    "orderly-stop": orderly_stop,
    "lost-host": lost_host,
    "operator": operator,
    "mode-switch": mode_switch,
}
"""In the order in which they go; without the first nothing can be tried."""


def _succeeded(job: dict[str, Any]) -> None:
    if job["status"] != "SUCCEEDED":
        raise Wrong(f"{job['jobName']} ended {job['status']}: {job.get('statusReason')}")


def _heard(stage: Stage, name: str, count: int) -> list[str]:
    """Wait until so many messages name a job, and a while longer for one too many."""
    sqs = stage.client("sqs")
    url = sqs.get_queue_url(QueueName=stage.project)["QueueUrl"]
    heard: list[str] = []

    def listen() -> bool:
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            heard.extend([message["Body"]] if name in message["Body"] else [])
        return len(heard) >= count

    try:
        stage.until(f"an alert that names {name}", listen, 10)
    except NotShown as late:
        raise Wrong(f"{late}: it failed, and nobody heard of it") from None
    stage.sleep(60 * stage.patience)
    listen()
    if len(heard) != count:
        raise Wrong(f"heard {len(heard)} times: {heard}")
    return heard


def _definition(stage: Stage, name: str) -> dict[str, Any]:
    """Return the newest active revision of a job definition."""
    pages = (
        stage.client("batch")
        .get_paginator("describe_job_definitions")
        .paginate(jobDefinitionName=name, status="ACTIVE")
    )
    found = [one for page in pages for one in page["jobDefinitions"]]
    return dict(max(found, key=lambda one: one["revision"]))


def _environments(stage: Stage) -> set[str]:
    """Return the ARNs of the environments behind the first queue."""
    queue = stage.outputs()["JobQueueName"]
    (found,) = stage.client("batch").describe_job_queues(jobQueues=[queue])["jobQueues"]
    return {one["computeEnvironment"] for one in found["computeEnvironmentOrder"]}


def _assumed(stage: Stage, role: str) -> Any:
    sts, batch = stage.client("sts"), stage.client("batch")
    try:
        keys = sts.assume_role(RoleArn=role, RoleSessionName="smoke")["Credentials"]
    except sts.exceptions.ClientError:
        return None
    import boto3

    return boto3.client(
        "batch",
        region_name=batch.meta.region_name,
        endpoint_url=batch.meta.endpoint_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def _try(theirs: Any, definition: str, submit: dict[str, Any]) -> str | None:
    try:
        job: str = theirs.submit_job(jobDefinition=definition, **submit)["jobId"]
    except theirs.exceptions.ClientError as error:
        if "AccessDenied" in error.response["Error"]["Code"]:
            return None
        raise
    return job


def _allowed(call: Callable[[], Any]) -> bool:
    """Whether a call is not refused for want of permission; whatever else it says is no refusal."""
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        return "AccessDenied" not in error.response["Error"]["Code"]
    return True
