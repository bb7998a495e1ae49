"""What ``ldp cloud`` asks of AWS: each operation, the action that IAM checks, the statement of the operator's policy.

`stacks` makes the policy of this table, so that it allows what the commands call and nothing else. Standard library
only.
"""

from __future__ import annotations

ACTIONS: dict[str, tuple[str, str]] = {
    "SubmitJob": ("batch:SubmitJob", "SubmitToQueues"),
    "TagResource": ("batch:TagResource", "TagJobs"),
    "TerminateJob": ("batch:TerminateJob", "EndJobs"),
    "DescribeComputeEnvironments": ("batch:DescribeComputeEnvironments", "LookAtJobs"),
    "DescribeJobDefinitions": ("batch:DescribeJobDefinitions", "LookAtJobs"),
    "DescribeJobQueues": ("batch:DescribeJobQueues", "LookAtJobs"),
    "DescribeJobs": ("batch:DescribeJobs", "LookAtJobs"),
    "ListJobs": ("batch:ListJobs", "LookAtJobs"),
    "GetJobQueueSnapshot": ("batch:GetJobQueueSnapshot", "LookAtQueues"),
    "GetLogEvents": ("logs:GetLogEvents", "ReadLogs"),
    "ListObjectsV2": ("s3:ListBucket", "ListObjects"),
    "GetObject": ("s3:GetObject", "FetchObjects"),
    "HeadObject": ("s3:GetObject", "FetchObjects"),
    "PutObject": ("s3:PutObject", "UploadObjects"),
    "CreateMultipartUpload": ("s3:PutObject", "UploadObjects"),
    "UploadPart": ("s3:PutObject", "UploadObjects"),
    "CompleteMultipartUpload": ("s3:PutObject", "UploadObjects"),
    "AbortMultipartUpload": ("s3:AbortMultipartUpload", "UploadObjects"),
    "DescribeImages": ("ecr:DescribeImages", "LookAtImages"),
    "DescribeStacks": ("cloudformation:DescribeStacks", "LookAtStack"),
    "DescribeSpotPriceHistory": ("ec2:DescribeSpotPriceHistory", "LookUpPricesAndQuotas"),
    "GetProducts": ("pricing:GetProducts", "LookUpPricesAndQuotas"),
    "GetServiceQuota": ("servicequotas:GetServiceQuota", "LookUpPricesAndQuotas"),
    "GetAWSDefaultServiceQuota": ("servicequotas:GetAWSDefaultServiceQuota", "LookUpPricesAndQuotas"),
}
"""Operation of botocore → (action, Sid)."""


def actions_of(statement: str) -> list[str]:
    """Return the actions of one statement, sorted.

    >>> actions_of("EndJobs")
    ['batch:TerminateJob']
    """
    return sorted({action for action, sid in ACTIONS.values() if sid == statement})


def remedy_of_denied(operation: str) -> str:
    """Return what to do where an operation is denied."""
    if operation not in ACTIONS:
        return f"These credentials may not call {operation}: ask for that permission, or use others."
    action, statement = ACTIONS[operation]
    return (
        f"These credentials are not allowed {action}: ask for that permission, or for the platform's operator policy "
        f"(output OperatorPolicyArn, statement {statement})."
    )
