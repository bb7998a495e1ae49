"""PlatformSettings: what it accepts, and the message that each bad input gets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from job.catalogue import DATASET_IDS
from stacks.errors import SettingsInvalid
from stacks.parsers import VALUES
from stacks.settings import ExistingVpc, PlatformSettings
from tests.stacks.synthesis import ROOT

VPC = {
    "vpcId": "vpc-0123456789abcdef0",
    "subnetIds": "subnet-0123456789abcdef0,subnet-0123456789abcdef1",
    "availabilityZones": "us-east-1a,us-east-1b",
}


def test_the_defaults_are_those_of_the_published_platform_but_for_the_memory_of_a_training_job() -> None:
    settings = PlatformSettings.from_context({})
    assert (settings.project_name, settings.environment, settings.aws_region) == (
        "loan-default-prediction",
        "dev",
        "us-east-1",
    )
    assert settings.use_gpu is False
    assert (settings.spot_max_vcpus, settings.on_demand_max_vcpus) == (16, 8)
    assert (settings.job_vcpus, settings.job_memory_mib) == (4, 14336)
    assert (settings.data_job_vcpus, settings.data_job_memory_mib) == (2, 8192)
    assert settings.root_volume_size_gb is None
    assert settings.datasets == DATASET_IDS
    assert settings.datasets[:3] == ("taiwan_credit", "corporate_credit_rating", "lending_club")
    assert (settings.job_attempts, settings.az_count) == (3, 3)


def test_the_profile_of_each_mode_is_the_row_of_the_published_table() -> None:
    cpu = PlatformSettings.from_context({}).profile
    gpu = PlatformSettings.from_context({"useGpu": "true"}).profile
    assert {one.name for one in cpu.machines} == {"c5.xlarge", "c5.2xlarge", "m5.xlarge", "m5.2xlarge"}
    assert tuple(one.name for one in gpu.machines) == ("g4dn.xlarge", "g4dn.2xlarge")
    assert (cpu.root_volume_size_gb, gpu.root_volume_size_gb) == (50, 100)
    assert (cpu.gpus_per_job, gpu.gpus_per_job) == (0, 1)
    assert (cpu.use_gpu, gpu.use_gpu) == ("false", "true")
    assert (cpu.workers(4), gpu.workers(4)) == ("4", "1")


@pytest.mark.parametrize("mode", ["true", "false"])
def test_a_volume_size_that_is_given_holds_in_both_modes(mode: str) -> None:
    settings = PlatformSettings.from_context({"useGpu": mode, "rootVolumeSizeGb": "200"})
    assert settings.profile.root_volume_size_gb == 200


def test_every_value_can_be_given_as_text_and_as_json() -> None:
    as_json: dict[str, Any] = {
        "projectName": "credit-lab",
        "environment": "prod",
        "awsRegion": "eu-central-1",
        "useGpu": True,
        "spotMaxVcpus": 64,
        "onDemandMaxVcpus": 32,
        "jobVcpus": 8,
        "jobMemoryMib": 28000,
        "dataJobVcpus": 4,
        "dataJobMemoryMib": 12000,
        "rootVolumeSizeGb": 120,
        "datasets": ["taiwan_credit", "our_cards"],
        "alertEmail": "team@example.com",
        "monthlyBudgetUsd": 40,
        "imageTag": "gpu-0123abcd",
        "jobAttempts": 10,
        "maxJobHours": 120,
        "azCount": 2,
        "cpuInstanceTypes": ["m6i.2xlarge"],
        "gpuFamily": "g5",
        "gpuInstanceTypes": ["g5.2xlarge", "g5.xlarge"],
        "bucketName": "acme-loans",
        "repositoryName": "acme/loans",
        "sessionManager": True,
        "perDataset": {"our_cards": {"jobVcpus": 8, "jobMemoryMib": 28000, "shards": 2}},
    }
    as_text = {
        name: json.dumps(value)
        if isinstance(value, dict)
        else ",".join(value)
        if isinstance(value, list)
        else str(value).lower()
        if value is True
        else str(value)
        for name, value in as_json.items()
    }
    settings = PlatformSettings.from_context(as_json)
    assert settings == PlatformSettings.from_context(as_text)
    assert settings.datasets == ("taiwan_credit", "our_cards")
    assert settings.use_gpu is True
    assert settings.alert_email == "team@example.com"
    unset = {*VPC} | {*as_json}
    assert unset == {*VALUES}, "this test gives every value"


def test_an_existing_network_is_three_values_together() -> None:
    assert PlatformSettings.from_context(VPC).existing_vpc == ExistingVpc(
        vpc_id="vpc-0123456789abcdef0",
        subnet_ids=("subnet-0123456789abcdef0", "subnet-0123456789abcdef1"),
        availability_zones=("us-east-1a", "us-east-1b"),
    )


def test_what_belongs_to_the_cdk_is_not_judged() -> None:
    context = {"@aws-cdk/core:some": True, "aws:cdk:enable-path-metadata": True, "availability-zones:account=1": ["a"]}
    assert PlatformSettings.from_context(context) == PlatformSettings()


def test_a_value_on_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "gpu.json"
    file.write_text(json.dumps({"useGpu": True, "spotMaxVcpus": 32}), encoding="utf-8")
    settings = PlatformSettings.from_context({"config": str(file), "spotMaxVcpus": "64"})
    assert settings.use_gpu is True
    assert settings.spot_max_vcpus == 64


def test_the_example_file_of_the_gpu_mode_is_the_published_one_with_memory_that_fits() -> None:
    settings = PlatformSettings.from_context({"config": str(ROOT / "config" / "gpu.json")})
    assert settings.use_gpu is True
    assert (settings.spot_max_vcpus, settings.on_demand_max_vcpus, settings.job_memory_mib) == (32, 16, 28672)


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"jobVcpu": "4"}, "jobVcpu: there is no such context value", "Did you mean jobVcpus?"),
    ({"use_gpu": "true"}, "use_gpu: there is no such context value", "Did you mean useGpu?"),
    ({"usegpu": "true"}, "usegpu: there is no such context value", "Did you mean useGpu?"),
    ({"tfvars": "x"}, "tfvars: there is no such context value", "Use one of: alertEmail, availabilityZones, awsRegion"),
    ({"useGpu": "yes"}, 'useGpu: "yes" is neither true nor false', "-c useGpu=true or -c useGpu=false"),
    ({"useGpu": "True"}, 'useGpu: "True" is neither true nor false', "-c useGpu=true"),
    ({"useGpu": 1}, "useGpu: 1 is neither true nor false", "-c useGpu=true"),
    ({"useGpu": ""}, 'useGpu: "" is neither true nor false', "-c useGpu=true"),
    ({"spotMaxVcpus": "many"}, 'spotMaxVcpus: "many" is not a whole number', "from 1 to 10000"),
    ({"spotMaxVcpus": "16.0"}, 'spotMaxVcpus: "16.0" is not a whole number', "from 1 to 10000"),
    ({"spotMaxVcpus": 16.5}, "spotMaxVcpus: 16.5 is not a whole number", "from 1 to 10000"),
    ({"spotMaxVcpus": True}, "spotMaxVcpus: true is not a whole number", "from 1 to 10000"),
    ({"onDemandMaxVcpus": "0"}, "onDemandMaxVcpus: 0 is out of range", "from 1 to 10000"),
    ({"jobVcpus": "-4"}, 'jobVcpus: "-4" is not a whole number', "from 1 to 192"),
    ({"jobMemoryMib": "16 GiB"}, 'jobMemoryMib: "16 GiB" is not a whole number', "memory in MiB"),
    ({"jobMemoryMib": "14"}, "jobMemoryMib: 14 is out of range", "from 512"),
    ({"dataJobMemoryMib": ["8192"]}, 'dataJobMemoryMib: ["8192"] is not a whole number', "memory in MiB"),
    ({"rootVolumeSizeGb": "8"}, "rootVolumeSizeGb: 8 is out of range", "from 30 to 16384"),
    ({"jobAttempts": "11"}, "jobAttempts: 11 is out of range", "from 1 to 10"),
    ({"maxJobHours": "121"}, "maxJobHours: 121 is out of range", "from 1 to 120"),
    ({"azCount": "7"}, "azCount: 7 is out of range", "from 1 to 6"),
    ({"monthlyBudgetUsd": "0"}, "monthlyBudgetUsd: 0 is out of range", "whole US dollars"),
    ({"environment": "production"}, 'environment: "production" is not one of dev, staging, prod', "Did you mean prod?"),
    ({"environment": None}, "environment: null is not one of dev, staging, prod", "Use one of: dev, staging, prod."),
    ({"awsRegion": "us-eats-1"}, 'awsRegion: "us-eats-1" is not a region', "such as eu-west-1"),
    ({"awsRegion": "cn-north-1"}, 'awsRegion: "cn-north-1" is not a region', "commercial partition"),
    ({"projectName": "Loan_Default"}, 'projectName: "Loan_Default" is not lower-case words', "joined by hyphens"),
    ({"projectName": "x" * 41}, "projectName: ", "at most 40 characters"),
    ({"projectName": "loans-staging"}, "projectName: loans-staging ends in staging", "does not end in data, dev"),
    ({"projectName": "prod"}, "projectName: prod ends in prod", "does not end in data, dev"),
    ({"alertEmail": "team"}, 'alertEmail: "team" is not an e-mail address', "Write an e-mail address"),
    ({"datasets": ""}, 'datasets: "" is not a list of names', "-c datasets=one,two"),
    ({"datasets": []}, "datasets: [] is not a list of names", "-c datasets=one,two"),
    ({"datasets": "taiwan-credit"}, 'datasets: "taiwan-credit" is not a dataset\'s name', "1 to 60 of a-z, 0-9 and _"),
    ({"datasets": "own"}, 'datasets: "own" is not a dataset\'s name', "own or data"),
    ({"datasets": "a,b,a"}, "datasets: a is there more than once", "Name each one once."),
    ({"datasets": "data_cards"}, "datasets: data_cards starts with data_", "Call the dataset something like cards."),
    ({"datasets": "prod_cards"}, "datasets: prod_cards starts with prod_", "Call the dataset something like cards."),
    ({"cpuInstanceTypes": "m5.xlrge"}, 'cpuInstanceTypes: "m5.xlrge" is not a type', "Did you mean m5.xlarge?"),
    ({"cpuInstanceTypes": "m6g.xlarge"}, 'cpuInstanceTypes: "m6g.xlarge" is not a type', "Known families: c5"),
    ({"cpuInstanceTypes": "g5.xlarge"}, "cpuInstanceTypes: g5.xlarge has a GPU that nothing", "in gpuInstanceTypes."),
    ({"gpuInstanceTypes": "m5.xlarge"}, "gpuInstanceTypes: m5.xlarge has no GPU", "Name it in cpuInstanceTypes."),
    ({"gpuFamily": "g6e"}, 'gpuFamily: "g6e" is not one of g4dn, g5, g6', "Did you mean g6?"),
    (
        {"gpuInstanceTypes": "g5.xlarge,g6.xlarge"},
        "gpuInstanceTypes: g5, g6 have different GPUs",
        "types of one family",
    ),
    ({"gpuFamily": "g6", "gpuInstanceTypes": "g5.xlarge"}, "gpuFamily: g6, and gpuInstanceTypes", "one of the two"),
    ({"gpuInstanceTypes": 3}, "gpuInstanceTypes: 3 is not a list of names", "or a JSON list"),
    ({"imageTag": "a/b"}, 'imageTag: "a/b" is not an image tag', "such as cpu-0123abcd"),
    ({"imageTag": "gpu-1"}, "imageTag: gpu-1 is an image of the GPU mode, and useGpu is false", "starts with cpu-"),
    ({"imageTag": "cpu-1", "useGpu": "true"}, "imageTag: cpu-1 is an image of the CPU mode", "starts with gpu-"),
    ({"imageTag": "latest"}, "imageTag: latest is of no mode", "starts with cpu-"),
    ({"vpcId": VPC["vpcId"]}, "vpcId: given without subnetIds, availabilityZones", "leave all out"),
    ({"vpcId": "vpc-main"}, 'vpcId: "vpc-main" is not a VPC\'s id', "such as vpc-"),
    ({**VPC, "azCount": "2"}, "azCount: an existing VPC has its own zones", "Leave azCount out"),
    ({**VPC, "availabilityZones": "us-east-1a"}, "availabilityZones: 1 zones for 2 subnets", "zone of each subnet"),
    ({**VPC, "awsRegion": "eu-west-1"}, "us-east-1a, us-east-1b is not in eu-west-1", "zones of awsRegion"),
    ({**VPC, "subnetIds": "subnet-1"}, 'subnetIds: "subnet-1" is not a subnet\'s id', "such as subnet-"),
    ({"config": "no-such-file.json"}, "config: cannot read no-such-file.json", "Name a JSON file that exists."),
    ({"bucketName": "acme"}, "bucketName: only prod has names", "or add environment=prod."),
    ({"environment": "prod", "bucketName": "A b"}, 'bucketName: "A b" is not a bucket', "lower-case letters"),
    ({"cpuInstanceTypes": "m9z.xlarge:4:16384:1"}, "m9z.xlarge:4:16384:1 has a GPU", "in gpuInstanceTypes."),
    ({"perDataset": {"lending_clubs": {"shards": 2}}}, "perDataset: lending_clubs is not among", "mean lending_club?"),
    ({"perDataset": {"lending_club": {"shard": 2}}}, "perDataset.lending_club.shard: there is no", "mean shards?"),
    ({"perDataset": {"lending_club": {"jobVcpus": "a"}}}, "perDataset.lending_club.jobVcpus: ", "a number of vCPUs"),
    ({"perDataset": "lending_club"}, "perDataset: not an object", "in the config file."),
    ({"config": 3}, "config: 3 is not the name of a file", "-c config=config/gpu.json"),
]


@pytest.mark.parametrize(("context", "what", "remedy"), BAD, ids=[json.dumps(case[0])[:60] for case in BAD])
def test_a_bad_value_is_refused_with_what_is_wrong_and_what_to_do(
    context: dict[str, Any], what: str, remedy: str
) -> None:
    with pytest.raises(SettingsInvalid) as refusal:
        PlatformSettings.from_context(context)
    message = str(refusal.value)
    matching = [problem for problem in refusal.value.problems if what in problem.what and remedy in problem.remedy]
    assert len(matching) == 1, message
    assert message.startswith("error: ")
    assert all("\n" not in problem.what + problem.remedy for problem in refusal.value.problems)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("{", "is not JSON"),
        ("[1]", "holds no JSON object"),
        ('{"config": "other.json"}', "names another config file"),
        ('{"useGpu": "maybe"}', 'useGpu: "maybe" is neither'),
        ('{"use_gpu": true}', "use_gpu: there is no such"),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, content: str, what: str) -> None:
    file = tmp_path / "settings.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=what):
        PlatformSettings.from_context({"config": str(file)})


def test_all_problems_are_in_one_message(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps({"jobVcpu": 4, "spotMaxVcpus": "lots"}), encoding="utf-8")
    with pytest.raises(SettingsInvalid) as refusal:
        PlatformSettings.from_context({"config": str(file), "useGpu": "on", "imageTag": "gpu-1", **VPC, "azCount": "2"})
    wrong = [problem.what.split(":")[0] for problem in refusal.value.problems]
    # The mode is not known, so nothing is said about the image's.
    assert sorted(wrong) == ["azCount", "jobVcpu", "spotMaxVcpus", "useGpu"]
    assert str(refusal.value).startswith("error: 4 context values cannot be used\n")


def test_names_of_two_environments_and_of_two_projects_never_meet() -> None:
    names: dict[str, tuple[str, str]] = {}
    for project in ("loans", "loans-lab"):
        for environment in ("dev", "staging", "prod"):
            settings = PlatformSettings.from_context({"projectName": project, "environment": environment})
            for dataset in (*settings.datasets, "lab_taiwan_credit"):
                for kind in ("", "data-"):
                    name = f"{settings.name_prefix}-{kind}{dataset.replace('_', '-')}"
                    owner = (project, environment)
                    if project == "loans-lab" or dataset != "lab_taiwan_credit":
                        assert names.setdefault(name, owner) == owner, name
    assert len(names) == 2 * 3 * 2 * len(DATASET_IDS) + 3 * 2
