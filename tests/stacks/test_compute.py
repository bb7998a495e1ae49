"""Compute: the machines of each mode, how they start, and the queues that lead to them."""

from __future__ import annotations

import email
from typing import Any

import boto3
import pytest

from tests.stacks.synthesis import Synthesized, synthesize


def environments(synthesized: Synthesized) -> tuple[dict[str, Any], dict[str, Any]]:
    kind = "AWS::Batch::ComputeEnvironment"
    return synthesized.named(kind, "ComputeSpot"), synthesized.named(kind, "ComputeOnDemand")


def template_data(synthesized: Synthesized) -> dict[str, Any]:
    data: dict[str, Any] = synthesized.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]
    return data


@pytest.mark.parametrize(
    ("mode", "published", "image"),
    [
        ("cpu", ["c5.xlarge", "m5.xlarge", "c5.2xlarge", "m5.2xlarge"], "ECS_AL2023"),
        ("gpu", ["g4dn.xlarge", "g4dn.2xlarge"], "ECS_AL2023_NVIDIA"),
    ],
)
def test_the_mode_decides_instance_types_and_machine_image(
    mode: str, published: list[str], image: str, request: pytest.FixtureRequest
) -> None:
    spot, on_demand = (one["ComputeResources"] for one in environments(request.getfixturevalue(mode)))
    assert on_demand["InstanceTypes"] == published, "by price, then name"
    assert set(published) <= set(spot["InstanceTypes"])
    for resources in (spot, on_demand):
        assert resources["Ec2Configuration"] == [{"ImageType": image}]


@pytest.mark.parametrize("family", ["g5", "g6"])
def test_an_environment_has_one_family_of_gpus_on_demand_and_on_spot(family: str) -> None:
    for one in environments(synthesize(useGpu="true", gpuFamily=family)):
        assert one["ComputeResources"]["InstanceTypes"] == [f"{family}.xlarge", f"{family}.2xlarge"]


def test_only_volumes_of_gpu_hosts_are_faster_than_usual(cpu: Synthesized, gpu: Synthesized) -> None:
    (usual,), (fast,) = (template_data(one)["BlockDeviceMappings"] for one in (cpu, gpu))
    assert "Throughput" not in usual["Ebs"]
    assert 125 < fast["Ebs"]["Throughput"] <= 3000 / 4, "a quarter of the operations that every volume has"


def test_spot_may_also_have_machines_of_the_same_size_unless_types_are_named() -> None:
    spot, _ = (one["ComputeResources"] for one in environments(synthesize()))
    assert {"m5a.xlarge", "m6i.2xlarge", "c6a.xlarge", "m7a.xlarge"} <= set(spot["InstanceTypes"])
    assert {one.split(".")[1] for one in spot["InstanceTypes"]} == {"xlarge", "2xlarge"}
    assert {one[0] for one in spot["InstanceTypes"]} == {"c", "m"}
    for environment in environments(synthesize(cpuInstanceTypes="m6i.xlarge,c5.2xlarge")):
        assert sorted(environment["ComputeResources"]["InstanceTypes"]) == ["c5.2xlarge", "m6i.xlarge"]
    for environment in environments(synthesize(cpuInstanceTypes="m9z.xlarge:4:16384:0")):
        assert environment["ComputeResources"]["InstanceTypes"] == ["m9z.xlarge"]


def test_the_spot_environment_and_the_on_demand_environment(either: Synthesized) -> None:
    spot, on_demand = (environment["ComputeResources"] for environment in environments(either))
    assert (spot["Type"], spot["AllocationStrategy"]) == ("SPOT", "SPOT_PRICE_CAPACITY_OPTIMIZED")
    assert (on_demand["Type"], on_demand["AllocationStrategy"]) == ("EC2", "BEST_FIT_PROGRESSIVE_ORDERED")
    assert (spot["MaxvCpus"], on_demand["MaxvCpus"]) == (16, 8)


def test_both_environments_scale_to_zero(either: Synthesized) -> None:
    for environment in environments(either):
        assert environment["ComputeResources"]["MinvCpus"] == 0
        # Left to Batch: a template that said 0 would be refused at every update while instances run.
        assert "DesiredvCpus" not in environment["ComputeResources"]


def test_environments_update_in_place_and_wait_for_running_jobs(either: Synthesized) -> None:
    for environment in environments(either):
        assert environment["ReplaceComputeEnvironment"] is False
        assert environment["UpdatePolicy"] == {"JobExecutionTimeoutMinutes": 30, "TerminateJobsOnUpdate": False}
        assert environment["ComputeResources"]["UpdateToLatestImageVersion"] is True
        # A service role of ours would make updates replace the environment.
        assert "ServiceRole" not in environment
        assert environment["Type"] == "MANAGED"


@pytest.mark.parametrize("hours", [1, 120])
def test_an_update_waits_half_an_hour_however_long_a_job_may_run(hours: int) -> None:
    synthesized = synthesize(maxJobHours=hours)
    for environment in environments(synthesized):
        assert environment["UpdatePolicy"] == {"JobExecutionTimeoutMinutes": 30, "TerminateJobsOnUpdate": False}
    for definition in synthesized.of("AWS::Batch::JobDefinition").values():
        assert definition["Timeout"] == {"AttemptDurationSeconds": hours * 3600}


def test_environments_follow_the_latest_launch_template(either: Synthesized) -> None:
    name = either.logical_id("AWS::EC2::LaunchTemplate")
    for environment in environments(either):
        assert environment["ComputeResources"]["LaunchTemplate"] == {
            "LaunchTemplateId": {"Ref": name},
            "Version": {"Fn::GetAtt": [name, "LatestVersionNumber"]},
        }


@pytest.mark.parametrize(
    ("context", "size"),
    [
        ({}, 50),
        ({"useGpu": "true"}, 100),
        ({"rootVolumeSizeGb": 80}, 80),
        ({"useGpu": "true", "rootVolumeSizeGb": 80}, 80),
    ],
)
def test_the_root_volume_is_encrypted_gp3_of_the_size_of_its_mode(context: dict[str, Any], size: int) -> None:
    (mapping,) = template_data(synthesize(**context))["BlockDeviceMappings"]
    volume = {name: value for name, value in mapping["Ebs"].items() if name != "Throughput"}
    assert mapping["DeviceName"] == "/dev/xvda"
    assert volume == {"DeleteOnTermination": True, "Encrypted": True, "VolumeSize": size, "VolumeType": "gp3"}


def test_instance_metadata_needs_a_token_and_ends_at_the_host(either: Synthesized) -> None:
    assert template_data(either)["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_user_data_is_mime_and_appends_to_the_agents_configuration(either: Synthesized) -> None:
    text = template_data(either)["UserData"]["Fn::Base64"]
    assert isinstance(text, str)
    message = email.message_from_string(text)
    assert message.is_multipart()
    (part,) = message.get_payload()  # type: ignore[misc]
    assert part.get_content_type() == "text/x-shellscript"  # type: ignore[union-attr]
    script = part.get_payload().splitlines()  # type: ignore[union-attr]
    assert script[0] == "#!/bin/bash"
    written = [line for line in script if "ecs.config" in line]
    assert written == [
        "echo ECS_CONTAINER_STOP_TIMEOUT=110s >> /etc/ecs/ecs.config",
        "echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config",
        "echo ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m >> /etc/ecs/ecs.config",
        "echo ECS_IMAGE_PULL_BEHAVIOR=prefer-cached >> /etc/ecs/ecs.config",
    ]
    assert not any(word in text for word in ("yum", "dnf", "curl", "pip "))


def test_instances_volumes_and_network_interfaces_carry_the_cost_tags(either: Synthesized) -> None:
    specifications = template_data(either)["TagSpecifications"]
    expected = {
        "Project": "loan-default-prediction",
        "Environment": "dev",
        "Platform": "loan-default-prediction-dev",
    }
    assert [specification["ResourceType"] for specification in specifications] == [
        "instance",
        "volume",
        "network-interface",
    ]
    for specification in specifications:
        assert {tag["Key"]: tag["Value"] for tag in specification["Tags"]} == expected


def test_instances_live_in_our_subnets_behind_our_group(either: Synthesized) -> None:
    group = {"Fn::GetAtt": [either.logical_id("AWS::EC2::SecurityGroup"), "GroupId"]}
    for environment in environments(either):
        assert environment["ComputeResources"]["SecurityGroupIds"] == [group]
        assert environment["ComputeResources"]["Subnets"] == [{"Ref": name} for name in either.of("AWS::EC2::Subnet")]


def test_environments_are_deleted_before_what_their_instances_live_by(either: Synthesized) -> None:
    needed = {
        name
        for name, resource in either.resources.items()
        if resource["Type"] in {"AWS::EC2::VPCGatewayAttachment", "AWS::EC2::Route", "AWS::EC2::VPCEndpoint"}
    } | {either.logical_id("AWS::IAM::Policy", "InstanceRole")}
    assert len(needed) == 1 + 3 + 1 + 1
    for name in either.of("AWS::Batch::ComputeEnvironment"):
        outlived: set[str] = set()
        waiting = [name]
        while waiting:
            declared = either.resources[waiting.pop()].get("DependsOn", [])
            found = {declared} if isinstance(declared, str) else set(declared)
            waiting += found - outlived
            outlived |= found
        assert needed <= outlived


def arn(synthesized: Synthesized, containing: str) -> dict[str, Any]:
    return {
        "Fn::GetAtt": [synthesized.logical_id("AWS::Batch::ComputeEnvironment", containing), "ComputeEnvironmentArn"]
    }


def test_one_queue_tries_spot_first_one_is_spot_only_and_one_on_demand_only(either: Synthesized) -> None:
    queues = either.of("AWS::Batch::JobQueue")
    orders = {
        name: [entry["ComputeEnvironment"] for entry in sorted(q["ComputeEnvironmentOrder"], key=lambda e: e["Order"])]
        for name, q in queues.items()
    }
    spot, on_demand = arn(either, "ComputeSpot"), arn(either, "ComputeOnDemand")
    expected = {"ComputeQueue": ([spot, on_demand], 1), "ComputeSpotQueue": ([spot], 2)}
    expected["ComputeOnDemandQueue"] = ([on_demand], 3)
    for containing, (order, priority) in expected.items():
        name = either.logical_id("AWS::Batch::JobQueue", containing)
        assert (orders[name], queues[name]["Priority"]) == (order, priority)
    assert len(queues) == 3


def test_a_misfit_is_cancelled_soon_and_lack_of_capacity_never_before_a_day(either: Synthesized) -> None:
    for queue in either.of("AWS::Batch::JobQueue").values():
        limits = {action["Reason"]: action["MaxTimeSeconds"] for action in queue["JobStateTimeLimitActions"]}
        assert limits == {
            "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": 600,
            "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": 600,
            "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": 86400,
        }
        assert {(a["State"], a["Action"]) for a in queue["JobStateTimeLimitActions"]} == {("RUNNABLE", "CANCEL")}


def test_what_batch_may_replace_has_neither_a_name_nor_tags(either: Synthesized) -> None:
    for kind, name in (
        ("AWS::Batch::ComputeEnvironment", "ComputeEnvironmentName"),
        ("AWS::Batch::JobQueue", "JobQueueName"),
    ):
        for properties in either.of(kind).values():
            assert name not in properties
            # A changed tag would replace it.
            assert "Tags" not in properties
            assert "Tags" not in properties.get("ComputeResources", {})


def schema_of(kind: str) -> dict[str, Any]:
    """Return what CloudFormation says of a resource type, as cfn-lint keeps it."""
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    return schema


CHANGES: tuple[dict[str, Any], ...] = (
    {"useGpu": "true"},
    {"spotMaxVcpus": 32, "onDemandMaxVcpus": 32},
    {"cpuInstanceTypes": "m7a.xlarge,r6i.xlarge"},
    {"rootVolumeSizeGb": 80, "sessionManager": "true"},
    {"alertEmail": "a@example.com", "monthlyBudgetUsd": 9},
    {"jobVcpus": 2, "dataJobMemoryMib": 7168, "jobAttempts": 5, "maxJobHours": 48},
    {"datasets": "taiwan_credit,loans_of_ours"},
    {"perDataset": {"lending_club": {"jobMemoryMib": 28672}}},
    {"azCount": 2},
)


def test_type_and_tags_of_an_environment_are_among_what_cloudformation_would_replace_it_for() -> None:
    create_only = set(schema_of("AWS::Batch::ComputeEnvironment")["createOnlyProperties"])
    assert {"/properties/Type", "/properties/Tags", "/properties/ComputeEnvironmentName"} <= create_only


@pytest.mark.parametrize("change", CHANGES, ids=",".join)
@pytest.mark.parametrize("kind", ["AWS::Batch::ComputeEnvironment", "AWS::Batch::JobQueue"])
def test_no_change_of_values_replaces_an_environment_or_a_queue(
    kind: str, change: dict[str, Any], cpu: Synthesized
) -> None:
    """An environment that is replaced ends its jobs and takes its queues along; its type and tags never change."""

    def fixed(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
        paths = [path.removeprefix("/properties/").split("/") for path in schema_of(kind)["createOnlyProperties"]]
        found: dict[str, dict[str, Any]] = {}
        for name, properties in synthesized.of(kind).items():
            found[name] = {}
            for path in paths:
                value: Any = properties
                for part in path:
                    value = value.get(part) if isinstance(value, dict) else None
                found[name]["/".join(path)] = value
        return found

    assert fixed(synthesize(**change)) == fixed(cpu)
    if kind == "AWS::Batch::ComputeEnvironment":
        assert {(one["Type"], one["Tags"]) for one in fixed(cpu).values()} == {("MANAGED", None)}


def test_an_update_is_over_before_cloudformation_gives_it_up(either: Synthesized) -> None:
    handler = schema_of("AWS::Batch::ComputeEnvironment")["handlers"]["update"]
    limit = handler.get("timeoutInMinutes", 120)  # the default of every handler
    for environment in environments(either):
        policy = environment["UpdatePolicy"]
        assert policy == {"TerminateJobsOnUpdate": False, "JobExecutionTimeoutMinutes": 30}
        assert policy["JobExecutionTimeoutMinutes"] <= limit / 2, "machines have to go and come, too"


def test_the_order_of_types_is_a_strategy_that_batch_knows_and_changes_to(either: Synthesized) -> None:
    shapes = boto3.client("batch", region_name="us-east-1").meta.service_model
    for shape in ("CRAllocationStrategy", "CRUpdateAllocationStrategy"):
        assert "BEST_FIT_PROGRESSIVE_ORDERED" in shapes.shape_for(shape).enum
    strategies = {
        one["ComputeResources"]["Type"]: one["ComputeResources"]["AllocationStrategy"] for one in environments(either)
    }
    assert strategies == {"EC2": "BEST_FIT_PROGRESSIVE_ORDERED", "SPOT": "SPOT_PRICE_CAPACITY_OPTIMIZED"}
