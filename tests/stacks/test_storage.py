"""Storage: a private, versioned bucket and a repository whose tags never move."""

from __future__ import annotations

import json

import pytest

from tests.stacks.synthesis import Synthesized, synthesize

KEPT = ("AWS::S3::Bucket", "AWS::ECR::Repository")


def test_the_bucket_is_private_versioned_and_encrypted(cpu: Synthesized) -> None:
    bucket = cpu.only("AWS::S3::Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}


def test_the_bucket_refuses_plain_http_and_old_tls(cpu: Synthesized) -> None:
    bucket = {"Fn::GetAtt": [cpu.logical_id("AWS::S3::Bucket"), "Arn"]}
    statements = cpu.only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    assert [(s["Effect"], s["Principal"], s["Condition"]) for s in statements] == [
        ("Deny", {"AWS": "*"}, {"Bool": {"aws:SecureTransport": "false"}}),
        ("Deny", {"AWS": "*"}, {"NumericLessThan": {"s3:TlsVersion": 1.2}}),
    ]
    for statement in statements:
        assert statement["Resource"] == [bucket, {"Fn::Join": ["", [bucket, "/*"]]}]


def test_old_versions_and_stale_uploads_expire_and_current_objects_do_not(cpu: Synthesized) -> None:
    rules = cpu.only("AWS::S3::Bucket")["LifecycleConfiguration"]["Rules"]
    assert rules == [
        {
            "Id": "old-versions",
            "Status": "Enabled",
            "ExpiredObjectDeleteMarker": True,
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
        },
        {"Id": "stale-uploads", "Status": "Enabled", "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
    ]


def test_the_last_five_images_of_each_mode_are_kept_and_tags_are_immutable(cpu: Synthesized) -> None:
    repository = cpu.only("AWS::ECR::Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [rule["selection"] for rule in rules] == [
        {"tagStatus": "tagged", "tagPrefixList": ["cpu-"], "countType": "imageCountMoreThan", "countNumber": 5},
        {"tagStatus": "tagged", "tagPrefixList": ["gpu-"], "countType": "imageCountMoreThan", "countNumber": 5},
        {"tagStatus": "untagged", "countType": "sinceImagePushed", "countNumber": 1, "countUnit": "days"},
    ]
    assert [rule["action"] for rule in rules] == [{"type": "expire"}] * 3
    assert [rule["rulePriority"] for rule in rules] == [1, 2, 3]


@pytest.mark.parametrize(
    ("environment", "policy", "empty"),
    [("dev", "Delete", True), ("staging", "Delete", True), ("prod", "RetainExceptOnCreate", None)],
)
def test_data_and_images_go_with_the_stack_except_in_prod(environment: str, policy: str, empty: bool | None) -> None:
    synthesized = synthesize(environment=environment)
    for kind in KEPT:
        resource = synthesized.resources[synthesized.logical_id(kind)]
        assert resource["DeletionPolicy"] == policy
        assert resource["UpdateReplacePolicy"] == policy.removesuffix("ExceptOnCreate")
    assert (synthesized.only("AWS::ECR::Repository").get("EmptyOnDelete") or None) is empty


def test_nothing_empties_the_bucket_behind_our_back(cpu: Synthesized) -> None:
    assert [kind for kind in (r["Type"] for r in cpu.resources.values()) if "Custom" in kind or "Lambda" in kind] == []
