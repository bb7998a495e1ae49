"""The stack as a whole: its outputs, its snapshots, what the mode changes, and what stays."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

from stacks.images import content_tag
from tests.stacks.synthesis import Synthesized, differing_paths, synthesize, synthesize_anew

DATASETS = ("taiwan_credit", "corporate_credit_rating", "lending_club", "corporate_ccc", "lending_club_matured")


@pytest.fixture
def as_json(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(JSONSnapshotExtension)


def reviewed(synthesized: Synthesized, mode: str) -> Any:
    """Return the template without the hash of what the checkout has today."""
    return json.loads(json.dumps(synthesized.template).replace(content_tag(mode), f"{mode}-hash"))


def test_the_cpu_template_is_the_one_that_was_reviewed(cpu: Synthesized, as_json: SnapshotAssertion) -> None:
    assert reviewed(cpu, "cpu") == as_json(name="cpu")


def test_the_gpu_template_is_the_one_that_was_reviewed(gpu: Synthesized, as_json: SnapshotAssertion) -> None:
    assert reviewed(gpu, "gpu") == as_json(name="gpu")


@pytest.mark.parametrize("context", [{}, {"useGpu": "true"}, {"alertEmail": "a@example.com", "monthlyBudgetUsd": 9}])
def test_synthesis_is_deterministic(context: dict[str, Any]) -> None:
    once, again = (json.dumps(synthesize_anew(context).template) for _ in range(2))
    assert once == again


def test_the_mode_changes_exactly_what_the_published_table_lists(cpu: Synthesized, gpu: Synthesized) -> None:
    expected = {"/Description", "/Outputs/UseGpu/Value", "/Outputs/ImageTag/Value", "/Outputs/InstanceTypes/Value"}
    expected.add("/Outputs/SpotInstanceTypes/Value")
    template = cpu.logical_id("AWS::EC2::LaunchTemplate")
    volume = f"/Resources/{template}/Properties/LaunchTemplateData/BlockDeviceMappings/0/Ebs"
    expected |= {f"{volume}/VolumeSize", f"{volume}/Throughput"}
    for environment in cpu.of("AWS::Batch::ComputeEnvironment"):
        resources = f"/Resources/{environment}/Properties/ComputeResources"
        expected |= {f"{resources}/InstanceTypes", f"{resources}/Ec2Configuration/0/ImageType"}
    for name, properties in cpu.of("AWS::Batch::JobDefinition").items():
        container = f"/Resources/{name}/Properties/ContainerProperties"
        variables = [entry["Name"] for entry in properties["ContainerProperties"]["Environment"]]
        image = len(properties["ContainerProperties"]["Image"]["Fn::Join"][1]) - 1
        expected |= {
            f"{container}/Command",
            f"{container}/ResourceRequirements",
            f"{container}/Environment/{variables.index('LDP_USE_GPU')}/Value",
            f"{container}/Environment/{variables.index('LDP_N_JOBS')}/Value",
            f"{container}/Image/Fn::Join/1/{image}",
        }
    # What it remembers of being told the mode is not a difference of the platform.
    remembered = {path for path in differing_paths(cpu.template, gpu.template) if path.startswith("/Metadata")}
    assert differing_paths(cpu.template, gpu.template) - remembered == expected
    # A volume with two values, two environments with two each, twelve definitions with five, five lines of description.
    assert len(expected) == 2 + 2 * 2 + 12 * 5 + 5


def test_the_mode_keeps_every_resource_under_its_name(cpu: Synthesized, gpu: Synthesized) -> None:
    assert {n: r["Type"] for n, r in cpu.resources.items()} == {n: r["Type"] for n, r in gpu.resources.items()}


def test_the_outputs_are_the_published_ones_and_what_submission_needs(either: Synthesized) -> None:
    published = {
        "EcrRepoUrl",
        "S3BucketName",
        "JobQueueName",
        "JobDefinitionNames",
        "JobDefinitionArns",
        "DataJobDefinitionNames",
        "DataJobDefinitionArns",
        "UseGpu",
    }
    ours = {
        "OnDemandJobQueueName",
        "SpotJobQueueName",
        "OperatorPolicyArn",
        "EcrRepoName",
        "ImageTag",
        "LogGroupName",
        "InstanceTypes",
        "SpotInstanceTypes",
        "JobShards",
        "OwnDataJobDefinitionArn",
        "OwnJobDefinitionArn",
        "AlertTopicArn",
        "Environment",
    }
    assert set(either.template["Outputs"]) == published | ours
    assert all(output["Description"] for output in either.template["Outputs"].values())


def test_job_definitions_are_listed_by_dataset(either: Synthesized) -> None:
    outputs = either.template["Outputs"]
    for prefix, middle in (("", ""), ("Data", "data-")):
        names = json.loads(outputs[f"{prefix}JobDefinitionNames"]["Value"])
        assert names == {d: f"loan-default-prediction-{middle}{d.replace('_', '-')}" for d in DATASETS}
        kind = "Data" if prefix else "Training"
        # What CloudFormation makes of it: each is the ARN of a revision.
        parts = outputs[f"{prefix}JobDefinitionArns"]["Value"]["Fn::Join"][1]
        arns = json.loads("".join(part if isinstance(part, str) else part["Fn::GetAtt"][0] for part in parts))
        assert set(arns) == set(DATASETS)
        for dataset, reference in arns.items():
            assert reference.startswith(f"Jobs{kind}{dataset.replace('_', '')}")
            assert either.resources[reference]["Properties"]["JobDefinitionName"] == names[dataset]


def test_the_outputs_say_the_mode(cpu: Synthesized, gpu: Synthesized) -> None:
    assert [s.template["Outputs"]["UseGpu"]["Value"] for s in (cpu, gpu)] == ["false", "true"]


def fixed_names(synthesized: Synthesized) -> set[str]:
    """Return every physical name that the template sets."""
    name = re.compile(
        r"(Bucket|Repository|Queue|Environment|Definition|Group|Role|Policy|Topic|Rule|Alarm|Dashboard|Profile|Template)Name$"
    )
    own = ("AWS::IAM::Policy",)  # a policy's name is its role's affair
    return {
        value
        for resource in synthesized.resources.values()
        if resource["Type"] not in own
        for key, value in resource["Properties"].items()
        if name.search(key) and isinstance(value, str)
    }


def test_only_job_definitions_and_the_log_group_have_names_of_their_own(either: Synthesized) -> None:
    kinds = ("", "data-")
    expected = {f"loan-default-prediction-{k}{d.replace('_', '-')}" for k in kinds for d in (*DATASETS, "own")}
    assert fixed_names(either) == {"/aws/batch/loan-default-prediction", *expected}


def test_two_environments_and_two_projects_live_side_by_side() -> None:
    stacks = [
        synthesize(),
        synthesize(environment="staging"),
        synthesize(environment="prod"),
        synthesize(projectName="other-lab"),
    ]
    names = [name for stack in stacks for name in fixed_names(stack)]
    assert len(names) == len(set(names)) == 4 * 13
    assert len({stack.stack_name for stack in stacks}) == 4
    assert "/aws/batch/loan-default-prediction-staging" in names
    assert "loan-default-prediction-staging-data-taiwan-credit" in names


def test_the_template_needs_no_account_and_no_bootstrap_parameter(either: Synthesized) -> None:
    text = json.dumps(either.template)
    assert "Parameters" not in either.template
    assert "Rules" not in either.template
    assert not re.search(r"\b\d{12}\b", text)


def test_the_region_is_the_chosen_one() -> None:
    text = json.dumps(synthesize(awsRegion="eu-central-1").template)
    assert "us-east-1" not in text
    assert "eu-central-1" in text


def test_stacks_take_from_job_only_what_needs_no_library() -> None:
    import ast

    from tests.stacks.synthesis import ROOT

    imported = set()
    for file in [ROOT / "app.py", *(ROOT / "stacks").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {(file.name, alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add((file.name, node.module))
    from_job = {module for _, module in imported if module.split(".")[0] == "job"}
    assert from_job == {"job.catalogue", "job.cloud.permissions", "job.machines", "job.planning.deadline"}
    environment = {(file, module) for file, module in imported if module == "os"}
    # The command lines alone look at it: for a region that other tools would follow.
    assert environment == {("__main__.py", "os"), ("smoke.py", "os")}, "the stack reads no environment"

    code = "import sys, job.cloud.permissions, job.machines, job.planning.deadline; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"numpy", "pydantic", "pandas", "boto3"} & set(done.stdout.split())


def test_prod_is_protected_and_keeps_what_it_has_but_not_after_a_failed_first_deployment() -> None:
    prod = synthesize(environment="prod")
    kept = ("AWS::S3::Bucket", "AWS::ECR::Repository", "AWS::Logs::LogGroup")
    assert {kind: prod.resources[prod.logical_id(kind)]["DeletionPolicy"] for kind in kept} == dict.fromkeys(
        kept, "RetainExceptOnCreate"
    )
    assert [synthesize(environment=name).protected for name in ("dev", "staging", "prod")] == [False, False, True]


def test_prod_may_have_names_of_its_own() -> None:
    prod = synthesize(environment="prod", bucketName="acme-loans", repositoryName="acme/loans")
    assert prod.only("AWS::S3::Bucket")["BucketName"] == "acme-loans"
    assert prod.only("AWS::ECR::Repository")["RepositoryName"] == "acme/loans"
