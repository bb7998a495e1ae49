"""Storage: the experiment bucket and the image repository."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_s3 as s3
from constructs import Construct

from stacks.images import IMAGES_KEPT

OLD_VERSIONS_KEPT_DAYS = 30
STALE_UPLOADS_KEPT_DAYS = 7


class Storage(Construct):
    """The experiment bucket and the image repository, both named by CloudFormation unless they are given names.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    removable : bool
        Whether deleting the stack deletes them too. A bucket that still holds objects is deleted by no one:
        ``make destroy`` empties it first.
    bucket_name, repository_name : str or None
        Names that stay the same when the stack is made anew, and find again what it left.

    Attributes
    ----------
    bucket : aws_cdk.aws_s3.Bucket
        Versioned, encrypted, private, TLS only.
    repository : aws_cdk.aws_ecr.Repository
        Immutable tags ``cpu-…`` and ``gpu-…``; the last images of each mode are kept.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        removable: bool,
        bucket_name: str | None = None,
        repository_name: str | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        removal = removal_policy(removable=removable)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=bucket_name,
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="old-versions",
                    noncurrent_version_expiration=cdk.Duration.days(OLD_VERSIONS_KEPT_DAYS),
                    expired_object_delete_marker=True,
                ),
                s3.LifecycleRule(
                    id="stale-uploads",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(STALE_UPLOADS_KEPT_DAYS),
                ),
            ],
            removal_policy=removal,
        )
        self.repository = ecr.Repository(
            self,
            "Images",
            repository_name=repository_name,
            image_tag_mutability=ecr.TagMutability.IMMUTABLE,
            image_scan_on_push=True,
            encryption=ecr.RepositoryEncryption.AES_256,
            lifecycle_rules=[
                ecr.LifecycleRule(
                    rule_priority=priority,
                    description=f"The last {IMAGES_KEPT} images of the {mode.upper()} mode",
                    tag_prefix_list=[f"{mode}-"],
                    max_image_count=IMAGES_KEPT,
                )
                for priority, mode in enumerate(("cpu", "gpu"), start=1)
            ]
            + [
                # What some builders push besides an image carries no tag, and the rules above do not count it.
                ecr.LifecycleRule(
                    rule_priority=3,
                    description="What has no tag, after a day",
                    tag_status=ecr.TagStatus.UNTAGGED,
                    max_image_age=cdk.Duration.days(1),
                )
            ],
            removal_policy=removal,
            empty_on_delete=removable,
        )


def removal_policy(*, removable: bool) -> cdk.RemovalPolicy:
    """Return what becomes of data when its stack goes.

    What is kept is kept from a stack that once stood; one whose first deployment fails takes along what it made, so
    that it can be made again.
    """
    return cdk.RemovalPolicy.DESTROY if removable else cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
