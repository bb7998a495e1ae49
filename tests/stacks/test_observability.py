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


@pytest.mark.parametrize(
    ("rule", "detail_type", "detail", "first_line"),
    [
        (
            "JobFailed",
            "Batch Job State Change",
            {"status": ["FAILED"]},
            "loan-default-prediction: job cards-1 failed: Essential container in task exited",
        ),
        (
            "QueueBlocked",
            "Batch Job Queue Blocked",
            {},
            "loan-default-prediction: queue blocked by job cards-1: Essential container in task exited",
        ),
    ],
)
def test_a_failed_job_and_a_blocked_queue_are_told_with_name_reason_and_link(
    either: Synthesized, rule: str, detail_type: str, detail: dict[str, Any], first_line: str
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
    transformer = target["InputTransformer"]
    reason = "Essential container in task exited"
    event = {"detail": {"jobName": "cards-1", "statusReason": reason, "jobId": "0b-1"}}
    message = filled(transformer["InputTemplate"], transformer["InputPathsMap"], event)
    assert message.split("\n") == [
        first_line,
        "https://us-east-1.console.aws.amazon.com/batch/home?region=us-east-1#jobs/detail/0b-1",
    ]


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
    alarm = either.only("AWS::CloudWatch::Alarm")
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
