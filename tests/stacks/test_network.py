"""Network: nothing comes in, HTTPS goes out, S3 is reached through an endpoint that lets through what jobs need."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.stacks.synthesis import Synthesized, synthesize

EXISTING = {
    "vpcId": "vpc-0123456789abcdef0",
    "subnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "availabilityZones": "us-east-1a,us-east-1a",
}


def test_there_is_no_nat_and_every_subnet_gives_public_ips(cpu: Synthesized) -> None:
    assert cpu.of("AWS::EC2::NatGateway") == {}
    subnets = cpu.of("AWS::EC2::Subnet").values()
    assert [subnet["MapPublicIpOnLaunch"] for subnet in subnets] == [True] * 3
    gateway = {"Ref": cpu.logical_id("AWS::EC2::InternetGateway")}
    routes = cpu.of("AWS::EC2::Route").values()
    assert [(route["DestinationCidrBlock"], route["GatewayId"]) for route in routes] == [("0.0.0.0/0", gateway)] * 3


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_the_zones_are_the_first_of_the_region_whatever_it_is(count: int) -> None:
    synthesized = synthesize(azCount=count)
    zones = [subnet["AvailabilityZone"] for subnet in synthesized.of("AWS::EC2::Subnet").values()]
    assert zones == [{"Fn::Select": [index, {"Fn::GetAZs": ""}]} for index in range(count)]


def test_no_ingress_and_only_https_egress(cpu: Synthesized) -> None:
    group = cpu.only("AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert [
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["CidrIp"]) for rule in group["SecurityGroupEgress"]
    ] == [("tcp", 443, 443, "0.0.0.0/0")]
    assert cpu.of("AWS::EC2::SecurityGroupIngress") == {}
    assert cpu.of("AWS::EC2::SecurityGroupEgress") == {}


def test_the_s3_endpoint_serves_every_subnet(cpu: Synthesized) -> None:
    endpoint = cpu.only("AWS::EC2::VPCEndpoint")
    assert endpoint["VpcEndpointType"] == "Gateway"
    assert endpoint["ServiceName"] == {"Fn::Join": ["", ["com.amazonaws.", {"Ref": "AWS::Region"}, ".s3"]]}
    assert endpoint["RouteTableIds"] == [{"Ref": name} for name in cpu.of("AWS::EC2::RouteTable")]


def test_the_s3_endpoint_lets_through_the_bucket_and_image_layers_only(cpu: Synthesized) -> None:
    bucket = {"Fn::GetAtt": [cpu.logical_id("AWS::S3::Bucket"), "Arn"]}
    statements = cpu.only("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    allowed = [(statement["Effect"], statement["Action"], statement["Resource"]) for statement in statements]
    assert allowed == [
        ("Allow", "s3:ListBucket", bucket),
        (
            "Allow",
            ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
            {"Fn::Join": ["", [bucket, "/*"]]},
        ),
        ("Allow", "s3:GetObject", "arn:aws:s3:::prod-us-east-1-starport-layer-bucket/*"),
    ]


def test_the_endpoint_lets_through_everything_that_the_job_role_may_do(cpu: Synthesized) -> None:
    def actions(statements: list[dict[str, Any]]) -> set[str]:
        listed = [statement["Action"] for statement in statements]
        return {action for item in listed for action in ([item] if isinstance(item, str) else item)}

    endpoint = cpu.only("AWS::EC2::VPCEndpoint")["PolicyDocument"]["Statement"]
    job = cpu.named("AWS::IAM::Policy", "JobRole")["PolicyDocument"]["Statement"]
    assert actions(job) <= actions(endpoint)


def test_image_layers_are_those_of_the_region() -> None:
    policy = json.dumps(synthesize(awsRegion="eu-central-1").only("AWS::EC2::VPCEndpoint")["PolicyDocument"])
    assert "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*" in policy


def test_an_existing_network_is_used_as_it_is() -> None:
    synthesized = synthesize(**EXISTING)
    made = {resource["Type"] for resource in synthesized.resources.values()}
    assert {kind for kind in made if kind.startswith("AWS::EC2::")} == {
        "AWS::EC2::SecurityGroup",
        "AWS::EC2::LaunchTemplate",
    }
    assert synthesized.only("AWS::EC2::SecurityGroup")["VpcId"] == EXISTING["vpcId"]
    for environment in synthesized.of("AWS::Batch::ComputeEnvironment").values():
        assert environment["ComputeResources"]["Subnets"] == EXISTING["subnetIds"].split(",")
    assert [text for level, text in synthesized.messages if level != "INFO"] == []
