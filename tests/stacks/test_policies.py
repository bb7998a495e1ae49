"""Least privilege: what each role may do, written out; no wildcard action in any policy that allows something."""

from __future__ import annotations

from typing import Any

from tests.stacks.synthesis import Synthesized, synthesize


def documents(value: Any) -> list[dict[str, Any]]:
    """Return every policy document in a template, wherever it is."""
    if isinstance(value, dict):
        found = [value] if isinstance(value.get("Statement"), list) else []
        return found + [document for item in value.values() for document in documents(item)]
    if isinstance(value, list):
        return [document for item in value for document in documents(item)]
    return []


def listed(item: Any) -> list[Any]:
    return item if isinstance(item, list) else [item]


def allowed(synthesized: Synthesized, role: str) -> dict[str, list[Any]]:
    """Return what a role may do: each action with its resources."""
    statements = synthesized.named("AWS::IAM::Policy", role)["PolicyDocument"]["Statement"]
    assert {statement["Effect"] for statement in statements} == {"Allow"}
    return {action: listed(s["Resource"]) for s in statements for action in listed(s["Action"])}


def under(bucket: dict[str, Any], *prefixes: str) -> list[dict[str, Any]]:
    return [{"Fn::Join": ["", [bucket, f"/{prefix}"]]} for prefix in sorted(prefixes)]


def test_no_policy_allows_a_wildcard_action() -> None:
    synthesized = synthesize(alertEmail="team@example.com", monthlyBudgetUsd=20)
    found = documents(synthesized.template)
    assert len(found) == 3 + 3 + 1 + 3, "three roles with a trust and a policy each, people, bucket, endpoint, topic"
    for document in found:
        for statement in document["Statement"]:
            assert "NotAction" not in statement
            if statement["Effect"] == "Allow":
                assert [action for action in listed(statement["Action"]) if "*" in action] == []


def test_no_role_has_a_managed_policy(either: Synthesized) -> None:
    roles = either.of("AWS::IAM::Role")
    assert len(roles) == 3
    for role in roles.values():
        assert "ManagedPolicyArns" not in role
        assert "Policies" not in role


def test_the_job_role_reaches_its_prefixes_of_the_bucket_and_nothing_else(either: Synthesized) -> None:
    bucket = {"Fn::GetAtt": [either.logical_id("AWS::S3::Bucket"), "Arn"]}
    written = under(bucket, "data/attempts/*", "data/interim/*", "data/processed/*", "executions/*", "reports/*")
    assert allowed(either, "JobRole") == {
        "s3:ListBucket": [bucket],
        "s3:GetObject": under(bucket, "data/*", "executions/*", "reports/*", "specs/*"),
        "s3:PutObject": written,
        "s3:AbortMultipartUpload": written,
        "s3:DeleteObject": under(bucket, "executions/*/failures/*", "executions/*/progress/*"),
    }


def test_the_job_role_lists_its_prefixes_only(either: Synthesized) -> None:
    statements = either.named("AWS::IAM::Policy", "JobRole")["PolicyDocument"]["Statement"]
    (listing,) = (statement for statement in statements if statement["Action"] == "s3:ListBucket")
    # IfExists: a request for one key that is missing carries no prefix, and must be told 404, not 403.
    readable = ["data/*", "executions/*", "reports/*", "specs/*"]
    assert listing["Condition"] == {"StringLikeIfExists": {"s3:prefix": readable}}


def test_the_execution_role_pulls_this_image_and_writes_this_log(either: Synthesized) -> None:
    repository = {"Fn::GetAtt": [either.logical_id("AWS::ECR::Repository"), "Arn"]}
    logs = {"Fn::GetAtt": [either.logical_id("AWS::Logs::LogGroup"), "Arn"]}
    assert allowed(either, "ExecutionRole") == {
        "ecr:GetAuthorizationToken": ["*"],
        "ecr:BatchCheckLayerAvailability": [repository],
        "ecr:BatchGetImage": [repository],
        "ecr:GetDownloadUrlForLayer": [repository],
        "logs:CreateLogStream": [logs],
        "logs:PutLogEvents": [logs],
    }


def test_the_instance_role_is_an_ecs_host_and_nothing_else(either: Synthesized) -> None:
    def ecs(kind: str) -> list[Any]:
        suffix = "" if kind == "cluster" else "/*"
        return [
            {"Fn::Join": ["", ["arn:aws:ecs:us-east-1:", {"Ref": "AWS::AccountId"}, f":{kind}/{cluster}{suffix}"]]}
            for cluster in ("*_Batch_*", "AWSBatch-*")
        ]

    assert allowed(either, "InstanceRole") == {
        "ecs:DiscoverPollEndpoint": ["*"],
        "ecs:RegisterContainerInstance": ecs("cluster"),
        "ecs:DeregisterContainerInstance": ecs("cluster"),
        "ecs:SubmitAttachmentStateChanges": ecs("cluster"),
        "ecs:SubmitContainerStateChange": ecs("cluster"),
        "ecs:SubmitTaskStateChange": ecs("cluster"),
        "ecs:Poll": ecs("container-instance"),
        "ecs:StartTelemetrySession": ecs("container-instance"),
        "ecs:UpdateContainerInstancesState": ecs("container-instance"),
        "ecs:TagResource": ecs("container-instance"),
    }


def test_people_open_sessions_on_hosts_only_where_that_is_asked_for(cpu: Synthesized) -> None:
    opened = allowed(synthesize(sessionManager="true"), "InstanceRole")
    assert set(opened) - set(allowed(cpu, "InstanceRole")) == {
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }


def test_each_role_is_for_its_service(either: Synthesized) -> None:
    trusted = {
        name: (statement["Principal"], statement.get("Condition"))
        for name, role in either.of("AWS::IAM::Role").items()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    }
    tasks = {"Service": "ecs-tasks.amazonaws.com"}
    account = {"Ref": "AWS::AccountId"}
    assert trusted == {
        either.logical_id("AWS::IAM::Role", "InstanceRole"): ({"Service": "ec2.amazonaws.com"}, None),
        either.logical_id("AWS::IAM::Role", "ExecutionRole"): (tasks, None),
        either.logical_id("AWS::IAM::Role", "JobRole"): (
            tasks,
            {
                "StringEquals": {"aws:SourceAccount": account},
                "ArnLike": {"aws:SourceArn": {"Fn::Join": ["", ["arn:aws:ecs:us-east-1:", account, ":*"]]}},
            },
        ),
    }
