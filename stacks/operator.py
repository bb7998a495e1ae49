"""Operator: what somebody needs who submits jobs and fetches results, and does not change the platform."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from constructs import Construct

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
            sid: str, actions: list[str], resources: list[str], conditions: dict[str, dict[str, str]] | None = None
        ) -> iam.PolicyStatement:
            return iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)

        self.policy = iam.ManagedPolicy(
            self,
            "Policy",
            description=f"Submit jobs of {value}, watch and end them, upload raw files and specs, fetch results",
            statements=[
                may("SubmitToQueues", ["batch:SubmitJob"], queue_arns),
                may("SubmitDefinitions", ["batch:SubmitJob"], [definitions], ours),
                may("TagJobs", ["batch:TagResource"], [jobs], requested),
                may("EndJobs", ["batch:TerminateJob", "batch:CancelJob"], [jobs], ours),
                # These know no resources.
                may(
                    "LookAtJobs",
                    [
                        "batch:DescribeComputeEnvironments",
                        "batch:DescribeJobDefinitions",
                        "batch:DescribeJobQueues",
                        "batch:DescribeJobs",
                        "batch:ListJobs",
                    ],
                    ["*"],
                ),
                may("LookAtQueues", ["batch:GetJobQueueSnapshot"], queue_arns),
                may(
                    "ReadLogs",
                    ["logs:FilterLogEvents", "logs:GetLogEvents", "logs:DescribeLogStreams"],
                    [log_group.log_group_arn],
                ),
                may("ListObjects", ["s3:ListBucket"], [bucket.bucket_arn]),
                may("FetchObjects", ["s3:GetObject"], [bucket.arn_for_objects(one) for one in READ_PREFIXES]),
                may(
                    "UploadObjects",
                    ["s3:PutObject", "s3:AbortMultipartUpload"],
                    [bucket.arn_for_objects(one) for one in UPLOAD_PREFIXES],
                ),
                may("LookAtImages", ["ecr:DescribeImages"], [repository.repository_arn]),
                may("LookAtStack", ["cloudformation:DescribeStacks"], [stack.stack_id]),
                # Optional: without it what a job costs is estimated from the table of prices, and quotas are not named.
                may(
                    "LookUpPricesAndQuotas",
                    ["ec2:DescribeSpotPriceHistory", "pricing:GetProducts", "servicequotas:GetServiceQuota"],
                    ["*"],
                ),
            ],
        )
