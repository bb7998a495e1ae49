"""What cdk-nag's AwsSolutions rules say about this stack and is meant so, each with its reason.

A test holds that every entry matches a finding: one that matches nothing is a mistake, and cdk-nag does not say so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import IConstruct

from stacks.compute import BATCH_CLUSTERS
from stacks.jobs import DELETE_PREFIXES, READ_PREFIXES, WRITE_PREFIXES
from stacks.operator import UPLOAD_PREFIXES


@dataclass(frozen=True)
class Acknowledged:
    """One finding that is meant so.

    Parameters
    ----------
    path : str
        The construct, as a path in the stack.
    rule : str
        The rule, with what it found.
    reason : str
        Why it is meant so.
    """

    path: str
    rule: str
    reason: str

    @property
    def id(self) -> str:
        """The name by which cdk-nag 3 knows the finding."""
        return f"AwsSolutions::AwsSolutions-{self.rule}"


def acknowledge_findings(stack: cdk.Stack, *, bucket: s3.Bucket, own_vpc: bool) -> tuple[Acknowledged, ...]:
    """Acknowledge on `stack` what is meant so, and return it."""
    entries = _entries(stack, bucket=bucket, own_vpc=own_vpc)
    for entry in entries:
        construct: IConstruct = stack
        for name in entry.path.split("/"):
            construct = construct.node.find_child(name)
        cdk.Validations.of(construct).acknowledge(cdk.Acknowledgment(id=entry.id, reason=entry.reason))
    return entries


def _entries(stack: cdk.Stack, *, bucket: s3.Bucket, own_vpc: bool) -> tuple[Acknowledged, ...]:
    any_login = "ecr:GetAuthorizationToken is an action without a resource; what may be pulled is limited beside it."
    ecs = f"arn:aws:ecs:{stack.region}:<AWS::AccountId>"
    clusters = "Batch names its ECS clusters itself, after this role exists; account, region and its way are fixed."
    batch = f"arn:aws:batch:{stack.region}:<AWS::AccountId>"
    tagged = "Whose it is, is told by the stack's tag in the statement's condition; names of dev begin those of prod."
    hosts = "ecs:DiscoverPollEndpoint is an action without a resource, and so are those of a session, where allowed."
    lists = "Batch's List and Describe actions, prices and quotas know no resources."
    logical_id = stack.get_logical_id(cast("cdk.CfnElement", bucket.node.default_child))
    prefixes = sorted({*READ_PREFIXES, *WRITE_PREFIXES, *DELETE_PREFIXES})
    flow_logs = Acknowledged(
        "Network/Vpc",
        "VPC7",
        "Nothing can come in and only HTTPS goes out; flow logs would cost money with every job and answer "
        "no question that the platform raises.",
    )
    return (
        Acknowledged(
            "Storage/Bucket",
            "S1",
            "Only the job role and the account's own people reach the bucket, and versions show what changed. Access "
            "logs need a second bucket that nobody empties; CloudTrail data events tell the same where it matters.",
        ),
        *([flow_logs] if own_vpc else []),
        Acknowledged("Compute/InstanceRole", "IAM5[Resource::*]", hosts),
        *(
            Acknowledged("Compute/InstanceRole", f"IAM5[Resource::{ecs}:{kind}]", clusters)
            for cluster in BATCH_CLUSTERS
            for kind in (f"cluster/{cluster}", f"container-instance/{cluster}/*")
        ),
        Acknowledged("Operator/Policy", "IAM5[Resource::*]", lists),
        Acknowledged("Operator/Policy", f"IAM5[Resource::{batch}:job-definition/*]", tagged),
        Acknowledged("Operator/Policy", f"IAM5[Resource::{batch}:job/*]", tagged),
        *(
            Acknowledged(
                "Operator/Policy",
                f"IAM5[Resource::<{logical_id}.Arn>/{prefix}]",
                "Objects under the prefixes of this one bucket that people upload to and fetch from.",
            )
            for prefix in sorted({*READ_PREFIXES, *UPLOAD_PREFIXES})
        ),
        Acknowledged("Jobs/ExecutionRole", "IAM5[Resource::*]", any_login),
        *(
            Acknowledged(
                "Jobs/JobRole",
                f"IAM5[Resource::<{logical_id}.Arn>/{prefix}]",
                "Objects under the prefixes of this one bucket that a job works with.",
            )
            for prefix in prefixes
        ),
    )
