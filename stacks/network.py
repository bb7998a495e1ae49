"""Network: where the instances live. Nothing gets in, only HTTPS gets out, S3 is reached without the internet."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct, IDependable

from stacks.settings import ExistingVpc


class Network(Construct):
    """A VPC of public subnets without NAT, or one that is there already, and the instances' security group.

    Public subnets with public IPs cost nothing while nothing runs; a NAT gateway costs about $33 a month idle. With no
    ingress rule the public IPs let nobody in.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    zones : list of str
        Availability zones of a new VPC.
    bucket : aws_cdk.aws_s3.IBucket
        The experiment bucket, which the S3 endpoint lets through.
    existing_vpc : ExistingVpc or None
        Use this network; it is left as it is, so no endpoint is made in it.

    Attributes
    ----------
    vpc : aws_cdk.aws_ec2.IVpc
        The network.
    subnets : aws_cdk.aws_ec2.SubnetSelection
        Where instances are launched.
    security_group : aws_cdk.aws_ec2.SecurityGroup
        No ingress; egress to port 443.
    connectivity : list of constructs.IDependable
        What instances need in order to reach AWS, and so must outlive them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        zones: list[str],
        bucket: s3.IBucket,
        existing_vpc: ExistingVpc | None = None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.connectivity: list[IDependable] = []
        if existing_vpc is None:
            self.vpc: ec2.IVpc = self._own_vpc(zones=zones, bucket=bucket)
            self.subnets = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)
        else:
            self.vpc = ec2.Vpc.from_vpc_attributes(
                self,
                "Vpc",
                vpc_id=existing_vpc.vpc_id,
                availability_zones=list(existing_vpc.availability_zones),
            )
            cdk.Annotations.of(self).acknowledge_warning(
                "@aws-cdk/aws-ec2:noSubnetRouteTableId", "Nothing here asks for the route tables of these subnets."
            )
            self.subnets = ec2.SubnetSelection(
                subnets=[
                    ec2.Subnet.from_subnet_attributes(
                        self, f"Subnet{number}", subnet_id=subnet_id, availability_zone=zone
                    )
                    for number, (subnet_id, zone) in enumerate(
                        zip(existing_vpc.subnet_ids, existing_vpc.availability_zones, strict=True), start=1
                    )
                ]
            )
        self.security_group = ec2.SecurityGroup(
            self,
            "Instances",
            vpc=self.vpc,
            description="Batch instances: nothing in, HTTPS out",
            allow_all_outbound=False,
        )
        # DNS, time and instance metadata are not filtered by security groups.
        self.security_group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "HTTPS to AWS")

    def _own_vpc(self, *, zones: list[str], bucket: s3.IBucket) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
            availability_zones=zones,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=20, map_public_ip_on_launch=True
                )
            ],
            restrict_default_security_group=False,
        )
        endpoint = vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid="ExperimentBucket",
                principals=[iam.AnyPrincipal()],
                actions=["s3:ListBucket"],
                resources=[bucket.bucket_arn],
            )
        )
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid="ExperimentObjects",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
                resources=[bucket.arn_for_objects("*")],
            )
        )
        endpoint.add_to_policy(
            iam.PolicyStatement(
                sid="ImageLayers",
                principals=[iam.AnyPrincipal()],
                actions=["s3:GetObject"],
                resources=[image_layers_arn(self)],
            )
        )
        routes = [subnet.internet_connectivity_established for subnet in vpc.public_subnets]
        self.connectivity += [vpc.internet_connectivity_established, *routes, endpoint]
        return vpc


def image_layers_arn(scope: Construct) -> str:
    """Return the ARN of the objects in which ECR keeps the layers of this region's images."""
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:s3:::prod-{stack.region}-starport-layer-bucket/*"
