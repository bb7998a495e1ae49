"""Compute: machines that come when there is work and go when there is none, and the queues that lead to them."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_batch as batch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.network import Network
from stacks.settings import UPDATE_MINUTES, Profile

STOP_TIMEOUT_SECONDS = 110
"""What a job has between TERM and KILL: most of the two minutes that a Spot notice gives."""

ECS_CONFIG = "/etc/ecs/ecs.config"
ECS_OPTIONS = (
    f"ECS_CONTAINER_STOP_TIMEOUT={STOP_TIMEOUT_SECONDS}s",
    "ECS_ENABLE_SPOT_INSTANCE_DRAINING=true",
    # What a job leaves goes before the next one needs the room; images stay for it.
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m",
    "ECS_IMAGE_PULL_BEHAVIOR=prefer-cached",
)

BATCH_CLUSTERS = ("AWSBatch-*", "*_Batch_*")
"""How AWS Batch names the ECS clusters that it makes for environments, now and formerly."""

MISFIT_SECONDS = 600
"""How long a job that can never run waits before it is cancelled: the least that Batch allows."""

NO_CAPACITY_SECONDS = 24 * 3600
"""How long a job waits for capacity before it is cancelled: the most that Batch allows."""


class Compute(Construct):
    """Launch template, Spot and On-Demand environments, and three job queues.

    Parameters
    ----------
    scope, construct_id
        As for every construct.
    network : Network
        Where instances are launched.
    profile : Profile
        The mode: instance types, machine image, volume.
    session_manager : bool
        Whether people may open a session on the hosts with Systems Manager.
    spot_max_vcpus, on_demand_max_vcpus : int
        Limits of the environments.
    tags : dict
        Cost-allocation tags of instances and volumes.

    Attributes
    ----------
    queue : aws_cdk.aws_batch.JobQueue
        Spot first; On-Demand where Spot has no capacity, or where its limit of vCPUs is merely full.
    spot_queue : aws_cdk.aws_batch.JobQueue
        Spot only, for work that may wait and shall not cost more.
    on_demand_queue : aws_cdk.aws_batch.JobQueue
        On-Demand only, for work that keeps being reclaimed: the fallback of `queue` does not help there, because it is
        a matter of capacity and not of reclamation.
    instance_role : aws_cdk.aws_iam.Role
        What the hosts may do.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        profile: Profile,
        session_manager: bool,
        spot_max_vcpus: int,
        on_demand_max_vcpus: int,
        tags: dict[str, str],
    ) -> None:
        super().__init__(scope, construct_id)
        self.instance_role = self._instance_role(session_manager=session_manager)
        self._launch_template = self._make_launch_template(profile=profile, tags=tags)
        spot, on_demand = (
            self._environment(
                name,
                network=network,
                profile=profile,
                spot=name == "Spot",
                max_vcpus=max_vcpus,
            )
            for name, max_vcpus in (("Spot", spot_max_vcpus), ("OnDemand", on_demand_max_vcpus))
        )
        # Jobs of two queues that want the same environment: who asked for it alone comes first.
        self.queue = self._queue("Queue", spot, on_demand, priority=1)
        self.spot_queue = self._queue("SpotQueue", spot, priority=2)
        self.on_demand_queue = self._queue("OnDemandQueue", on_demand, priority=3)

    @property
    def queues(self) -> tuple[batch.JobQueue, ...]:
        """All queues."""
        return self.queue, self.spot_queue, self.on_demand_queue

    def _instance_role(self, *, session_manager: bool) -> iam.Role:
        """Grant what an ECS host needs and no more: containers share the host's network, and so reach its role.

        Images are pulled with the execution role of the job.
        """
        stack = cdk.Stack.of(self)
        role = iam.Role(
            self,
            "InstanceRole",
            description="Batch instances: register with ECS, report on tasks",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        )
        role.add_to_policy(iam.PolicyStatement(sid="FindEcs", actions=["ecs:DiscoverPollEndpoint"], resources=["*"]))

        def named(kind: str, suffix: str = "") -> list[str]:
            return [
                stack.format_arn(service="ecs", resource=kind, resource_name=f"{cluster}{suffix}")
                for cluster in BATCH_CLUSTERS
            ]

        # Batch names its clusters itself, only once the environments exist.
        role.add_to_policy(
            iam.PolicyStatement(
                sid="JoinCluster",
                actions=[
                    "ecs:RegisterContainerInstance",
                    "ecs:DeregisterContainerInstance",
                    "ecs:SubmitAttachmentStateChanges",
                    "ecs:SubmitContainerStateChange",
                    "ecs:SubmitTaskStateChange",
                ],
                resources=named("cluster"),
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="TakeTasks",
                actions=["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                resources=named("container-instance", "/*"),
            )
        )
        role.add_to_policy(
            iam.PolicyStatement(
                sid="TagOnJoining",
                actions=["ecs:TagResource"],
                resources=named("container-instance", "/*"),
                conditions={"StringEquals": {"ecs:CreateAction": "RegisterContainerInstance"}},
            )
        )
        if session_manager:
            role.add_to_policy(
                iam.PolicyStatement(
                    sid="SessionManager",
                    actions=[
                        "ssm:UpdateInstanceInformation",
                        "ssmmessages:CreateControlChannel",
                        "ssmmessages:CreateDataChannel",
                        "ssmmessages:OpenControlChannel",
                        "ssmmessages:OpenDataChannel",
                    ],
                    resources=["*"],
                )
            )
        return role

    def _make_launch_template(self, *, profile: Profile, tags: dict[str, str]) -> ec2.LaunchTemplate:
        # MIME, because Batch merges it with its own; appended, because Batch writes the cluster into the same file.
        user_data = ec2.MultipartUserData()
        user_data.add_part(
            ec2.MultipartBody.from_raw_body(
                content_type='text/x-shellscript; charset="us-ascii"',
                transfer_encoding="7bit",
                body="\n".join(["#!/bin/bash", "set -eu", *(f"echo {line} >> {ECS_CONFIG}" for line in ECS_OPTIONS)]),
            )
        )
        template = ec2.LaunchTemplate(
            self,
            "LaunchTemplate",
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        profile.root_volume_size_gb,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        throughput=profile.root_volume_mib_per_s,
                        encrypted=True,
                        delete_on_termination=True,
                    ),
                )
            ],
            require_imdsv2=True,
            http_put_response_hop_limit=1,
            user_data=user_data,
        )
        # In place of the construct's own tags, which name the template's path in the tree.
        tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
        resource = cast("ec2.CfnLaunchTemplate", template.node.default_child)
        resource.add_property_override(
            "LaunchTemplateData.TagSpecifications",
            [{"ResourceType": kind, "Tags": tag_list} for kind in ("instance", "volume", "network-interface")],
        )
        return template

    def _environment(
        self, name: str, *, network: Network, profile: Profile, spot: bool, max_vcpus: int
    ) -> batch.ManagedEc2EcsComputeEnvironment:
        image = (
            batch.EcsMachineImageType.ECS_AL2023_NVIDIA
            if profile.gpus_per_job
            else batch.EcsMachineImageType.ECS_AL2023
        )
        environment = batch.ManagedEc2EcsComputeEnvironment(
            self,
            name,
            vpc=network.vpc,
            vpc_subnets=network.subnets,
            security_groups=[network.security_group],
            instance_role=self.instance_role,
            instance_types=[
                ec2.InstanceType(machine.name) for machine in (profile.spot_machines if spot else profile.machines)
            ],
            use_optimal_instance_classes=False,
            images=[batch.EcsMachineImage(image_type=image)],
            launch_template=self._launch_template,
            spot=spot,
            allocation_strategy=(
                batch.AllocationStrategy.SPOT_PRICE_CAPACITY_OPTIMIZED
                if spot
                else batch.AllocationStrategy.BEST_FIT_PROGRESSIVE
            ),
            minv_cpus=0,
            maxv_cpus=max_vcpus,
            # Updates replace instances in place, and running jobs get a while to end. It cannot be as long as a job may
            # take: CloudFormation gives up on an environment whose update outlasts its own limit.
            replace_compute_environment=False,
            terminate_on_update=False,
            update_timeout=cdk.Duration.minutes(UPDATE_MINUTES),
            update_to_latest_image_version=True,
        )
        resource = cast("batch.CfnComputeEnvironment", environment.node.default_child)
        # Without a version Batch stays with the template it was created with, and volumes would never change size.
        resource.add_property_override(
            "ComputeResources.LaunchTemplate.Version", self._launch_template.latest_version_number
        )
        if not spot:
            # The construct does not know it. The plain strategy prefers the lowest price of a vCPU, and so a machine of
            # twice the size for one job; this one takes the first type of the list that fits.
            resource.add_property_override("ComputeResources.AllocationStrategy", "BEST_FIT_PROGRESSIVE_ORDERED")
        # Type and tags can never change afterwards: a change would replace the environment.
        resource.add_property_override("Type", "MANAGED")
        # Deleted before what its instances live by: a gateway cannot be detached while public addresses are mapped
        # through it, and a host without its permissions cannot leave the cluster.
        environment.node.add_dependency(*network.connectivity, self.instance_role.node.find_child("DefaultPolicy"))
        return environment

    def _queue(self, name: str, *environments: batch.ManagedEc2EcsComputeEnvironment, priority: int) -> batch.JobQueue:
        limits = {
            batch.JobStateTimeLimitActionsReason.JOB_RESOURCE_REQUIREMENT: MISFIT_SECONDS,
            batch.JobStateTimeLimitActionsReason.COMPUTE_ENVIRONMENT_MAX_RESOURCE: MISFIT_SECONDS,
            batch.JobStateTimeLimitActionsReason.INSUFFICIENT_INSTANCE_CAPACITY: NO_CAPACITY_SECONDS,
        }
        return batch.JobQueue(
            self,
            name,
            priority=priority,
            compute_environments=[
                batch.OrderedComputeEnvironment(compute_environment=environment, order=order)
                for order, environment in enumerate(environments, start=1)
            ],
            job_state_time_limit_actions=[
                batch.JobStateTimeLimitAction(reason=reason, max_time=cdk.Duration.seconds(seconds))
                for reason, seconds in limits.items()
            ],
        )
