"""Observability: who hears of what, and what it may cost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.stacks.synthesis import Synthesized, synthesize


def queue_arns(synthesized: Synthesized) -> list[dict[str, Any]]:
    return [{"Fn::GetAtt": [name, "JobQueueArn"]} for name in synthesized.of("AWS::Batch::JobQueue")]


def filled(template: str, paths: dict[str, str], event: dict[str, Any]) -> str:
    """Return what EventBridge makes of an input transformer for one event."""

    def value(match: re.Match[str]) -> str:
        found: Any = event
        for part in paths[match[1]].removeprefix("$.").split("."):
            found = found[part]
        return str(found)

    return "\n".join(json.loads(line) for line in re.sub(r"<([^>]+)>", value, template).split("\n"))


EXIT = "exit code 1, 3 attempts allowed, log stream cards/default/0b"
ABSENT, PRESENT = [{"exists": False}], [{"exists": True}]


@pytest.mark.parametrize(
    ("rule", "detail_type", "detail", "lines"),
    [
        (
            "JobFailed",
            "Batch Job State Change",
            {"status": ["FAILED"], "arrayProperties": {"size": ABSENT, "index": ABSENT}},
            ["loan-default-prediction: job cards-1 failed: Essential container in task exited", EXIT],
        ),
        (
            "ArrayFailed",
            "Batch Job State Change",
            {"status": ["FAILED"], "arrayProperties": {"size": PRESENT, "index": ABSENT}},
            ["loan-default-prediction: 2 of 8 shards of cards-1 failed"],
        ),
        (
            "QueueBlocked",
            "Batch Job Queue Blocked",
            {},
            ["loan-default-prediction: queue blocked by job cards-1: Essential container in task exited"],
        ),
    ],
)
def test_failed_jobs_failed_arrays_and_blocked_queues_are_told_with_what_is_known_and_a_link(
    either: Synthesized, rule: str, detail_type: str, detail: dict[str, Any], lines: list[str]
) -> None:
    properties = either.named("AWS::Events::Rule", rule)
    assert properties["EventPattern"] == {
        "source": ["aws.batch"],
        "detail-type": [detail_type],
        "detail": {**detail, "jobQueue": queue_arns(either)},
    }
    assert properties["State"] == "ENABLED"
    (target,) = properties["Targets"]
    assert target["Arn"] == {"Ref": either.logical_id("AWS::SNS::Topic")}
    assert "RoleArn" not in target
    transformer = target["InputTransformer"]
    event = {
        "detail": {
            "jobName": "cards-1",
            "statusReason": "Essential container in task exited",
            "jobId": "0b-1",
            "retryStrategy": {"attempts": 3},
            "container": {"exitCode": 1, "logStreamName": "cards/default/0b"},
            "arrayProperties": {"size": 8, "statusSummary": {"FAILED": 2}},
        }
    }
    message = filled(transformer["InputTemplate"], transformer["InputPathsMap"], event)
    assert message.split("\n") == [
        *lines,
        "https://us-east-1.console.aws.amazon.com/batch/home?region=us-east-1#jobs/detail/0b-1",
    ]


def matches(pattern: Any, event: Any) -> bool:
    """Say whether EventBridge lets an event through: of a field that is no leaf, nothing is known to exist."""
    if isinstance(pattern, dict):
        return all(
            matches(wanted, event.get(key) if isinstance(event, dict) else None) for key, wanted in pattern.items()
        )
    leaf = None if isinstance(event, dict) else event
    return any(
        (leaf is not None) == one["exists"] if isinstance(one, dict) and "exists" in one else leaf == one
        for one in pattern
    )


@pytest.mark.parametrize(
    ("array", "heard_by"),
    [
        ({}, ["JobFailed"]),
        ({"arrayProperties": {}}, ["JobFailed"]),
        ({"arrayProperties": {"size": 8, "statusSummary": {"FAILED": 2}}}, ["ArrayFailed"]),
        ({"arrayProperties": {"index": 3}}, []),
    ],
    ids=["job", "job with empty properties", "array", "shard"],
)
def test_an_ordinary_job_and_an_array_are_told_once_and_a_shard_is_not(
    cpu: Synthesized, array: dict[str, Any], heard_by: list[str]
) -> None:
    rules = {"JobFailed", "ArrayFailed"}
    heard = []
    for rule in sorted(rules):
        pattern = dict(cpu.named("AWS::Events::Rule", rule)["EventPattern"]["detail"])
        assert pattern.pop("jobQueue") == queue_arns(cpu)
        heard += [rule] if matches(pattern, {"status": "FAILED", **array}) else []
        assert not matches(pattern, {"status": "SUCCEEDED", **array})
    assert heard == heard_by


def test_what_eventbridge_could_not_deliver_raises_an_alarm_for_each_rule(either: Synthesized) -> None:
    alarms = [one for one in either.of("AWS::CloudWatch::Alarm").values() if one["MetricName"] == "FailedInvocations"]
    watched = []
    for alarm in alarms:
        assert (alarm["Namespace"], alarm["Statistic"], alarm["Threshold"]) == ("AWS/Events", "Sum", 1)
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["AlarmActions"] == [{"Ref": either.logical_id("AWS::SNS::Topic")}]
        (dimension,) = alarm["Dimensions"]
        assert dimension["Name"] == "RuleName"
        watched.append(dimension["Value"]["Ref"])
    assert sorted(watched) == sorted(either.of("AWS::Events::Rule"))


@pytest.mark.parametrize(("context", "budgets"), [({}, []), ({"monthlyBudgetUsd": 20}, ["budgets.amazonaws.com"])])
def test_services_of_this_account_may_publish_and_plain_http_is_refused(
    context: dict[str, Any], budgets: list[str]
) -> None:
    synthesized = synthesize(**context)
    policy = synthesized.only("AWS::SNS::TopicPolicy")
    topic = {"Ref": synthesized.logical_id("AWS::SNS::Topic")}
    assert policy["Topics"] == [topic]
    *allow, deny = policy["PolicyDocument"]["Statement"]
    assert [statement["Principal"]["Service"] for statement in allow] == [
        "events.amazonaws.com",
        "cloudwatch.amazonaws.com",
        *budgets,
    ]
    for statement in allow:
        assert (statement["Effect"], statement["Action"], statement["Resource"]) == ("Allow", "sns:Publish", topic)
    events, *others = allow
    assert "Condition" not in events, "conditions are said to keep EventBridge out"
    for statement in others:
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert (deny["Effect"], deny["Action"], deny["Resource"]) == ("Deny", "sns:Publish", topic)
    assert deny["Principal"] == {"AWS": "*"}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_topic_is_not_encrypted_with_a_key_that_its_publishers_cannot_use(cpu: Synthesized) -> None:
    assert "KmsMasterKeyId" not in cpu.only("AWS::SNS::Topic")


def test_an_address_is_subscribed_if_given(cpu: Synthesized) -> None:
    assert cpu.of("AWS::SNS::Subscription") == {}
    synthesized = synthesize(alertEmail="team@example.com")
    assert synthesized.only("AWS::SNS::Subscription") == {
        "Protocol": "email",
        "Endpoint": "team@example.com",
        "TopicArn": {"Ref": synthesized.logical_id("AWS::SNS::Topic")},
    }


def test_a_log_line_of_level_error_raises_the_alarm(either: Synthesized) -> None:
    filter_ = either.only("AWS::Logs::MetricFilter")
    assert filter_["FilterPattern"] == '{ ($.level = "error") || ($.level = "ERROR") }'
    assert filter_["LogGroupName"] == {"Ref": either.logical_id("AWS::Logs::LogGroup")}
    (transformation,) = filter_["MetricTransformations"]
    alarm = either.named("AWS::CloudWatch::Alarm", "ErrorAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == (
        transformation["MetricNamespace"],
        transformation["MetricName"],
    )
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (1, "GreaterThanOrEqualToThreshold")
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"] == [{"Ref": either.logical_id("AWS::SNS::Topic")}]


def test_jobs_write_their_level_as_the_filter_expects_it() -> None:
    from typing import get_args

    from job.console import Level

    assert "error" in get_args(Level)


def test_the_dashboard_shows_failures_error_lines_and_the_log(either: Synthesized) -> None:
    body = json.dumps(either.only("AWS::CloudWatch::Dashboard")["DashboardBody"])
    for shown in ("MatchedEvents", "ErrorLines", "Latest warnings and errors"):
        assert shown in body


def test_a_budget_is_made_where_one_is_asked_for(cpu: Synthesized) -> None:
    assert cpu.of("AWS::Budgets::Budget") == {}
    synthesized = synthesize(monthlyBudgetUsd=20, environment="staging")
    budget = synthesized.only("AWS::Budgets::Budget")
    assert budget["Budget"] == {
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": 20, "Unit": "USD"},
        "CostFilters": {"TagKeyValue": ["user:Platform$loan-default-prediction-staging"]},
    }
    topic = {"Ref": synthesized.logical_id("AWS::SNS::Topic")}
    assert [
        (entry["Notification"]["NotificationType"], entry["Notification"]["Threshold"], entry["Subscribers"])
        for entry in budget["NotificationsWithSubscribers"]
    ] == [
        ("ACTUAL", 80, [{"SubscriptionType": "SNS", "Address": topic}]),
        ("FORECASTED", 100, [{"SubscriptionType": "SNS", "Address": topic}]),
    ]
