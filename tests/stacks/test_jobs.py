"""Jobs: the definitions of the published platform, with retry rules that end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from job.settings import unknown_variables
from stacks.images import content_tag
from tests.stacks.synthesis import ROOT, Synthesized, synthesize

DATASETS = ("taiwan_credit", "corporate_credit_rating", "lending_club", "corporate_ccc", "lending_club_matured")


def definitions(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    kind = "AWS::Batch::JobDefinition"
    return {properties["JobDefinitionName"]: properties for properties in synthesized.of(kind).values()}


def definition(synthesized: Synthesized, kind: str, dataset: str) -> dict[str, Any]:
    middle = "data-" if kind == "data" else ""
    return definitions(synthesized)[f"loan-default-prediction-{middle}{dataset.replace('_', '-')}"]


def environment(properties: dict[str, Any]) -> dict[str, Any]:
    return {entry["Name"]: entry["Value"] for entry in properties["ContainerProperties"]["Environment"]}


def resources(properties: dict[str, Any]) -> dict[str, str]:
    return {entry["Type"]: entry["Value"] for entry in properties["ContainerProperties"]["ResourceRequirements"]}


def test_the_names_are_the_published_ones(either: Synthesized) -> None:
    assert set(definitions(either)) == {
        "loan-default-prediction-data-corporate-credit-rating",
        "loan-default-prediction-data-lending-club",
        "loan-default-prediction-data-corporate-ccc",
        "loan-default-prediction-data-lending-club-matured",
        "loan-default-prediction-data-taiwan-credit",
        "loan-default-prediction-corporate-credit-rating",
        "loan-default-prediction-lending-club",
        "loan-default-prediction-corporate-ccc",
        "loan-default-prediction-lending-club-matured",
        "loan-default-prediction-taiwan-credit",
        "loan-default-prediction-data-own",
        "loan-default-prediction-own",
    }


@pytest.mark.parametrize(("mode", "flags"), [("cpu", []), ("gpu", ["--use-gpu"])])
def test_one_pair_of_definitions_is_for_all_declared_datasets(
    mode: str, flags: list[str], request: pytest.FixtureRequest
) -> None:
    synthesized = request.getfixturevalue(mode)
    data, training = definition(synthesized, "data", "own"), definition(synthesized, "training", "own")
    assert data["ContainerProperties"]["Command"] == ["data", "process", "--force", *flags, "Ref::dataset"]
    command = training["ContainerProperties"]["Command"]
    assert command == ["experiment", "run", *flags, "--only-dataset", "Ref::dataset"]
    options = [one["ContainerProperties"]["LogConfiguration"]["Options"] for one in (data, training)]
    assert [one["awslogs-stream-prefix"] for one in options] == ["data-declared", "declared"]
    for kind, own in (("data", data), ("training", training)):
        other = definition(synthesized, kind, "taiwan_credit")
        assert own["Tags"] == {**other["Tags"], "Dataset": "declared"}
        for same in ("RetryStrategy", "Timeout", "PropagateTags", "ResourceRetentionPolicy"):
            assert own[same] == other[same]
        assert environment(own) == environment(other)
        assert resources(own) == resources(other)
    outputs = synthesized.template["Outputs"]
    for output, name in (("OwnJobDefinitionArn", "own"), ("OwnDataJobDefinitionArn", "data-own")):
        logical, _ = outputs[output]["Value"]["Fn::GetAtt"]
        properties = synthesized.of("AWS::Batch::JobDefinition")[logical]
        assert properties["JobDefinitionName"] == f"loan-default-prediction-{name}"


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize(("mode", "flags"), [("cpu", []), ("gpu", ["--use-gpu"])])
def test_the_commands_are_the_published_ones(
    dataset: str, mode: str, flags: list[str], request: pytest.FixtureRequest
) -> None:
    synthesized = request.getfixturevalue(mode)
    data = definition(synthesized, "data", dataset)["ContainerProperties"]["Command"]
    training = definition(synthesized, "training", dataset)["ContainerProperties"]["Command"]
    assert data == ["data", "process", "--force", *flags, dataset]
    assert training[: 4 + len(flags)] == ["experiment", "run", *flags, "--only-dataset", dataset]


def test_a_dataset_that_the_recommended_spec_does_not_have_is_trained_by_the_study(cpu: Synthesized) -> None:
    def options(dataset: str) -> list[str]:
        command: list[str] = definition(cpu, "training", dataset)["ContainerProperties"]["Command"]
        return command[4:]

    assert {dataset: options(dataset) for dataset in DATASETS} == {
        "taiwan_credit": [],
        "corporate_credit_rating": ["--spec", "thesis"],
        "lending_club": ["--spec", "thesis"],
        "corporate_ccc": [],
        "lending_club_matured": [],
    }


@pytest.mark.parametrize(
    ("mode", "kind", "expected"),
    [
        ("cpu", "data", {"VCPU": "2", "MEMORY": "8192"}),
        ("cpu", "training", {"VCPU": "4", "MEMORY": "14336"}),
        ("gpu", "data", {"VCPU": "2", "MEMORY": "8192", "GPU": "1"}),
        ("gpu", "training", {"VCPU": "4", "MEMORY": "14336", "GPU": "1"}),
    ],
)
def test_a_gpu_is_requested_in_the_gpu_mode_only(
    mode: str, kind: str, expected: dict[str, str], request: pytest.FixtureRequest
) -> None:
    synthesized = request.getfixturevalue(mode)
    for dataset in DATASETS:
        assert resources(definition(synthesized, kind, dataset)) == expected


@pytest.mark.parametrize(
    ("mode", "kind", "use_gpu", "workers"),
    [
        ("cpu", "data", "false", "2"),
        ("cpu", "training", "false", "4"),
        ("gpu", "data", "true", "1"),
        ("gpu", "training", "true", "1"),
    ],
)
def test_the_environment_of_a_job(
    mode: str, kind: str, use_gpu: str, workers: str, request: pytest.FixtureRequest
) -> None:
    synthesized = request.getfixturevalue(mode)
    bucket = {"Ref": synthesized.logical_id("AWS::S3::Bucket")}
    for dataset in DATASETS:
        assert environment(definition(synthesized, kind, dataset)) == {
            "AWS_REGION": "us-east-1",
            "LDP_STORAGE_URL": {"Fn::Join": ["", ["s3://", bucket]]},
            "LDP_USE_GPU": use_gpu,
            "LDP_N_JOBS": workers,
            # A training job leaves by itself before its time-out, which Batch does not retry.
            **({"LDP_MAX_SECONDS": "85800"} if kind == "training" else {}),
        }
        # A job whose environment has an unknown LDP_* variable ends at once.
        assert unknown_variables(environment(definition(synthesized, kind, dataset))) == []


def test_what_a_job_reserves_follows_the_settings() -> None:
    synthesized = synthesize(jobVcpus=8, jobMemoryMib=15000, dataJobVcpus=4, dataJobMemoryMib=9000)
    training = definition(synthesized, "training", "lending_club")
    data = definition(synthesized, "data", "lending_club")
    assert resources(training) == {"VCPU": "8", "MEMORY": "15000"}
    assert resources(data) == {"VCPU": "4", "MEMORY": "9000"}
    assert (environment(training)["LDP_N_JOBS"], environment(data)["LDP_N_JOBS"]) == ("8", "4")


def test_host_loss_an_orderly_exit_and_failed_starts_are_retried_and_nothing_else(either: Synthesized) -> None:
    for properties in definitions(either).values():
        assert properties["RetryStrategy"] == {
            "Attempts": 3,
            "EvaluateOnExit": [
                {"Action": "RETRY", "OnStatusReason": "Host EC2*"},
                {"Action": "RETRY", "OnExitCode": "143"},
                {"Action": "RETRY", "OnStatusReason": "Task failed to start"},
                {"Action": "RETRY", "OnReason": "AGENT"},
                # Last: Batch retries whatever no rule matches.
                {"Action": "EXIT", "OnReason": "*"},
            ],
        }
        assert len(properties["RetryStrategy"]["EvaluateOnExit"]) == 5, "Batch takes no more"


@pytest.mark.parametrize("attempts", [1, 10])
def test_the_number_of_attempts_can_be_chosen(attempts: int) -> None:
    for properties in definitions(synthesize(jobAttempts=attempts)).values():
        assert properties["RetryStrategy"]["Attempts"] == attempts


def test_logs_go_to_the_published_group_with_distinct_stream_prefixes(either: Synthesized) -> None:
    group = either.only("AWS::Logs::LogGroup")
    assert group["LogGroupName"] == "/aws/batch/loan-default-prediction"
    assert group["RetentionInDays"] == 30
    name = either.logical_id("AWS::Logs::LogGroup")
    for dataset in DATASETS:
        for kind, prefix in (("data", f"data-{dataset}"), ("training", dataset)):
            assert definition(either, kind, dataset)["ContainerProperties"]["LogConfiguration"] == {
                "LogDriver": "awslogs",
                "Options": {
                    "awslogs-group": {"Ref": name},
                    "awslogs-region": "us-east-1",
                    "awslogs-stream-prefix": prefix,
                },
            }


def test_old_revisions_stay_usable_and_tags_reach_the_tasks(either: Synthesized) -> None:
    for dataset in DATASETS:
        for kind in ("data", "training"):
            properties = definition(either, kind, dataset)
            assert properties["ResourceRetentionPolicy"] == {"SkipDeregisterOnUpdate": True}
            assert properties["PropagateTags"] is True
            assert properties["Tags"] == {
                "Project": "loan-default-prediction",
                "Environment": "dev",
                "Platform": "loan-default-prediction-dev",
                "Dataset": dataset,
                "Kind": kind,
            }


def test_jobs_run_on_ec2_with_our_roles_and_the_image_of_their_mode(cpu: Synthesized, gpu: Synthesized) -> None:
    for synthesized, mode in ((cpu, "cpu"), (gpu, "gpu")):
        for properties in definitions(synthesized).values():
            container = properties["ContainerProperties"]
            assert properties["PlatformCapabilities"] == ["EC2"]
            assert properties["Timeout"] == {"AttemptDurationSeconds": 86400}
            assert container["Image"]["Fn::Join"][1][-1] == f":{content_tag(mode)}", "what this checkout builds"
            assert container["Image"]["Fn::Join"][1][-2] == {"Ref": synthesized.logical_id("AWS::ECR::Repository")}
            for key, role in (("JobRoleArn", "JobsJobRole"), ("ExecutionRoleArn", "JobsExecutionRole")):
                assert container[key] == {"Fn::GetAtt": [synthesized.logical_id("AWS::IAM::Role", role), "Arn"]}
            assert container.get("Privileged") is not True


def test_an_image_can_be_named() -> None:
    for properties in definitions(synthesize(imageTag="cpu-0123abcd")).values():
        assert properties["ContainerProperties"]["Image"]["Fn::Join"][1][-1] == ":cpu-0123abcd"


def test_own_datasets_have_definitions_too() -> None:
    synthesized = synthesize(datasets="our_cards")
    assert set(definitions(synthesized)) == {
        "loan-default-prediction-our-cards",
        "loan-default-prediction-data-our-cards",
        "loan-default-prediction-own",
        "loan-default-prediction-data-own",
    }
    command = definition(synthesized, "training", "our_cards")["ContainerProperties"]["Command"]
    assert command == ["experiment", "run", "--only-dataset", "our_cards"]


@pytest.mark.parametrize("hours", [1, 24, 120])
def test_training_leaves_ten_minutes_before_its_time_out_and_data_jobs_do_not(hours: int) -> None:
    synthesized = synthesize(maxJobHours=hours)
    for dataset in DATASETS:
        training, data = definition(synthesized, "training", dataset), definition(synthesized, "data", dataset)
        assert environment(training)["LDP_MAX_SECONDS"] == str(hours * 3600 - 600)
        assert "LDP_MAX_SECONDS" not in environment(data), "it has nothing to go on from"
        assert training["Timeout"] == {"AttemptDurationSeconds": hours * 3600}


def test_one_dataset_may_reserve_more() -> None:
    needs = {"lending_club": {"jobVcpus": 8, "jobMemoryMib": 28672, "shards": 4}}
    synthesized = synthesize(perDataset=needs)
    assert resources(definition(synthesized, "training", "lending_club")) == {"VCPU": "8", "MEMORY": "28672"}
    assert environment(definition(synthesized, "training", "lending_club"))["LDP_N_JOBS"] == "8"
    assert resources(definition(synthesized, "training", "taiwan_credit")) == {"VCPU": "4", "MEMORY": "14336"}
    assert resources(definition(synthesized, "data", "lending_club")) == {"VCPU": "2", "MEMORY": "8192"}
    shards = json.loads(synthesized.template["Outputs"]["JobShards"]["Value"])
    assert shards == {**dict.fromkeys(DATASETS, 1), "lending_club": 4}


@pytest.mark.parametrize("mode", ["cpu", "gpu"])
def test_images_make_numpy_compute_alike_on_every_machine(mode: str) -> None:
    from job.training.kernels import numeric_environment

    wanted = numeric_environment().get("NPY_DISABLE_CPU_FEATURES", "X86_V4 AVX512_ICL AVX512_SPR")
    dockerfile = (ROOT / f"Dockerfile.{mode}").read_text(encoding="utf-8")
    assert f'NPY_DISABLE_CPU_FEATURES="{wanted}"' in dockerfile
