"""Observability: people hear of what went wrong, and see what is going on and what it may cost."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

ERRORS_METRIC = "ErrorLines"
BUDGET_ALERTS = (("ACTUAL", 80), ("FORECASTED", 100))
PRESENT = [{"exists": True}]
ABSENT = [{"exists": False}]


class Observability(Construct):
    """A topic for alerts and what publishes to it, a dashboard, and an optional budget.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    name : str
        The platform's name in messages and as the namespace of its metric.
    queue_arns : list of str
        The queues whose failed jobs and blockages are told.
    log_group : aws_cdk.aws_logs.ILogGroup
        Where jobs write one JSON object per line.
    alert_email : str or None
        Subscribed to the topic; the address has to confirm.
    monthly_budget_usd : int or None
        Makes a budget over what carries the platform's tag.
    budget_tag : tuple of str
        The cost-allocation tag and its value.

    Attributes
    ----------
    topic : aws_cdk.aws_sns.Topic
        Where alerts are published.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        name: str,
        queue_arns: list[str],
        log_group: logs.ILogGroup,
        alert_email: str | None,
        monthly_budget_usd: int | None,
        budget_tag: tuple[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.topic = sns.Topic(self, "Alerts", display_name=name)
        self._topic_policy(with_budget=monthly_budget_usd is not None)
        if alert_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(alert_email))
        failed = {"status": ["FAILED"], "jobQueue": queue_arns}
        rules = {
            "Failed jobs": self._rule(
                "JobFailed",
                description="A job failed for good",
                detail_type="Batch Job State Change",
                # Asked of what arrays' events hold: whether a field exists is answered for leaves only.
                detail={**failed, "arrayProperties": {"size": ABSENT, "index": ABSENT}},
                lines=(
                    f"{name}: job {{jobName}} failed: {{statusReason}}",
                    (
                        "exit code {container.exitCode}, {retryStrategy.attempts} attempts allowed, "
                        "log stream {container.logStreamName}"
                    ),
                ),
            ),
            "Failed arrays": self._rule(
                "ArrayFailed",
                description="An array of jobs ended, and some of its shards failed for good",
                detail_type="Batch Job State Change",
                detail={**failed, "arrayProperties": {"size": PRESENT, "index": ABSENT}},
                lines=(
                    (
                        f"{name}: {{arrayProperties.statusSummary.FAILED}} of {{arrayProperties.size}} shards "
                        "of {jobName} failed"
                    ),
                ),
            ),
            "Queue blocked": self._rule(
                "QueueBlocked",
                description="The job at the head of a queue cannot start",
                detail_type="Batch Job Queue Blocked",
                detail={"jobQueue": queue_arns},
                lines=(f"{name}: queue blocked by job {{jobName}}: {{statusReason}}",),
            ),
        }
        for rule in rules.values():
            self._delivery_alarm(rule)
        errors = self._error_alarm(name=name, log_group=log_group)
        self._dashboard(name=name, log_group=log_group, errors=errors, rules=rules)
        if monthly_budget_usd is not None:
            self._budget(limit_usd=monthly_budget_usd, tag=budget_tag)

    def _topic_policy(self, *, with_budget: bool) -> None:
        """Let the services that publish do so, and refuse plain HTTP.

        EventBridge publishes without a condition: topic policies that have one are said to keep it out, and what it
        cannot deliver leaves no trace but a metric. The others publish for this account only.
        """
        account = cdk.Stack.of(self).account
        publishers = ["events", "cloudwatch", *(["budgets"] if with_budget else [])]
        for service in publishers:
            self.topic.add_to_resource_policy(
                iam.PolicyStatement(
                    sid=f"Publish{service.capitalize()}",
                    principals=[iam.ServicePrincipal(f"{service}.amazonaws.com")],
                    actions=["sns:Publish"],
                    resources=[self.topic.topic_arn],
                    conditions=None if service == "events" else {"StringEquals": {"aws:SourceAccount": account}},
                )
            )
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RefusePlainHttp",
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        )

    def _rule(
        self,
        construct_id: str,
        *,
        description: str,
        detail_type: str,
        detail: Mapping[str, object],
        lines: tuple[str, ...],
    ) -> events.Rule:
        """Tell the topic of events: `lines`, in which braces name a field of the event's detail, and a link."""
        rule = events.Rule(
            self,
            construct_id,
            description=description,
            event_pattern=events.EventPattern(source=["aws.batch"], detail_type=[detail_type], detail=dict(detail)),
        )

        def field(path: str) -> str:
            return events.EventField.from_path(f"$.detail.{path}")

        job_id = field("jobId")
        region = cdk.Stack.of(self).region
        text = re.sub(r"{([\w.]+)}", lambda match: field(match[1]), "\n".join(lines))
        link = f"https://{region}.console.aws.amazon.com/batch/home?region={region}#jobs/detail/{job_id}"
        cdk.Annotations.of(rule).acknowledge_warning(
            "@aws-cdk/aws-events:ruleUnresolvedEnvironment", "The rule and its topic are in this stack."
        )
        # By reference: the target would add a statement of its own to the topic's policy.
        topic = sns.Topic.from_topic_arn(self, f"{construct_id}Topic", self.topic.topic_arn)
        rule.add_target(targets.SnsTopic(topic, message=events.RuleTargetInput.from_multiline_text(f"{text}\n{link}")))
        return rule

    def _delivery_alarm(self, rule: events.Rule) -> None:
        """Hear of what a rule could not deliver: CloudWatch publishes on another way than EventBridge."""
        alarm = cloudwatch.Alarm(
            self,
            f"{rule.node.id}Undelivered",
            alarm_description=f"EventBridge could not deliver an alert: {rule.node.id}",
            metric=cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="FailedInvocations",
                dimensions_map={"RuleName": rule.rule_name},
                statistic="Sum",
                period=cdk.Duration.minutes(5),
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _error_alarm(self, *, name: str, log_group: logs.ILogGroup) -> cloudwatch.Metric:
        logs.MetricFilter(
            self,
            "Errors",
            log_group=log_group,
            filter_pattern=logs.FilterPattern.any(
                logs.FilterPattern.string_value("$.level", "=", "error"),
                logs.FilterPattern.string_value("$.level", "=", "ERROR"),
            ),
            metric_namespace=name,
            metric_name=ERRORS_METRIC,
            metric_value="1",
        )
        metric = cloudwatch.Metric(
            namespace=name, metric_name=ERRORS_METRIC, statistic="Sum", period=cdk.Duration.minutes(5)
        )
        alarm = cloudwatch.Alarm(
            self,
            "ErrorAlarm",
            alarm_description="A job wrote a line of level error",
            metric=metric,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return metric

    def _dashboard(
        self,
        *,
        name: str,
        log_group: logs.ILogGroup,
        errors: cloudwatch.Metric,
        rules: Mapping[str, events.Rule],
    ) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=cdk.Duration.days(3))
        matched = [
            cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name="MatchedEvents",
                dimensions_map={"RuleName": rule.rule_name},
                statistic="Sum",
                period=cdk.Duration.hours(1),
                label=label,
            )
            for label, rule in rules.items()
        ]
        dashboard.add_widgets(
            cloudwatch.GraphWidget(
                title=f"{name}: failures",
                left=matched,
                width=12,
                left_y_axis={"min": 0},
            ),
            cloudwatch.GraphWidget(
                title="Log lines of level error",
                left=[errors],
                width=12,
                left_y_axis={"min": 0},
            ),
        )
        dashboard.add_widgets(
            cloudwatch.LogQueryWidget(
                title="Latest warnings and errors",
                log_group_names=[log_group.log_group_name],
                query_lines=[
                    "fields @timestamp, level, event, message, @logStream",
                    'filter level in ["warning", "error"]',
                    "sort @timestamp desc",
                    "limit 50",
                ],
                width=24,
            )
        )

    def _budget(self, *, limit_usd: int, tag: tuple[str, str]) -> None:
        subscriber = budgets.CfnBudget.SubscriberProperty(subscription_type="SNS", address=self.topic.topic_arn)
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=limit_usd, unit="USD"),
                cost_filters={"TagKeyValue": [f"user:{tag[0]}${tag[1]}"]},
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind,
                        comparison_operator="GREATER_THAN",
                        threshold=percent,
                        threshold_type="PERCENTAGE",
                    ),
                    subscribers=[subscriber],
                )
                for kind, percent in BUDGET_ALERTS
            ],
        )
