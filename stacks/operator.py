"""Operator: what somebody needs who submits jobs and fetches results, and does not change the platform."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

from job.cloud.permissions import actions_of
from stacks.jobs import READ_PREFIXES

UPLOAD_PREFIXES = ("data/raw/*", "specs/*")
"""Never ``executions/*``: who may write there could forge results."""

LONGEST = 6144
"""Characters that IAM allows a managed policy, white space not counted."""


class Operator(Construct):
    """A managed policy to attach to people or to a role of theirs.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    platform_tag : tuple of str
        The tag, and its value, that this platform's job definitions and jobs carry.
    queues : tuple of aws_cdk.aws_batch.JobQueue
        Where they may submit.
    bucket : aws_cdk.aws_s3.IBucket
        Where raw files and specs go, and results come from.
    repository : aws_cdk.aws_ecr.IRepository
        Where it is looked up whether the image of the jobs is there.
    log_group : aws_cdk.aws_logs.ILogGroup
        What they may read.

    Attributes
    ----------
    policy : aws_cdk.aws_iam.ManagedPolicy
        It names no role to pass and allows no wildcard action.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        platform_tag: tuple[str, str],
        queues: tuple[batch.JobQueue, ...],
        bucket: s3.IBucket,
        repository: ecr.IRepository,
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        stack = cdk.Stack.of(self)
        tag, value = platform_tag
        # By tag and not by name: the names of `dev` are a prefix of those of `prod`.
        ours = {"StringEquals": {f"aws:ResourceTag/{tag}": value}}
        requested = {"StringEquals": {f"aws:RequestTag/{tag}": value}}
        definitions, jobs = (
            stack.format_arn(service="batch", resource=kind, resource_name="*") for kind in ("job-definition", "job")
        )
        queue_arns = [queue.job_queue_arn for queue in queues]

        def may(
            sid: str,
            resources: list[str],
            conditions: dict[str, dict[str, str]] | None = None,
            *,
            as_in: str | None = None,
        ) -> iam.PolicyStatement:
            return iam.PolicyStatement(
                sid=sid, actions=actions_of(as_in or sid), resources=resources, conditions=conditions
            )

        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"Submit jobs of {value}, watch and end them, upload raw files and specs, fetch results",
            statements=[
                may("SubmitToQueues", queue_arns),
                may("SubmitDefinitions", [definitions], ours, as_in="SubmitToQueues"),
                may("TagJobs", [jobs], requested),
                may("EndJobs", [jobs], ours),
                # These know no resources.
                may("LookAtJobs", ["*"]),
                may("LookAtQueues", queue_arns),
                may("ReadLogs", [log_group.log_group_arn]),
                may("ListObjects", [bucket.bucket_arn]),
                may("FetchObjects", [bucket.arn_for_objects(one) for one in READ_PREFIXES]),
                may("UploadObjects", [bucket.arn_for_objects(one) for one in UPLOAD_PREFIXES]),
                may("LookAtImages", [repository.repository_arn]),
                may("LookAtStack", [stack.stack_id]),
                # Optional: without it what a job costs is estimated from the table of prices, and quotas are not named.
                may("LookUpPricesAndQuotas", ["*"]),
            ],
        )
