"""What AWS Batch starts: the image, command, environment and memory of each job definition of the template."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

import pytest

from job.catalogue import DATASET_IDS, shipped_spec
from job.data.datasets.samples import write_sample
from job.data.processed import describe_processed
from job.executions.executions import load_execution
from job.executions.results import decode
from job.executions.verify import verify
from job.planning.spec import read_spec
from job.store import Store
from job.training.blocks import ByRow
from job.training.candidates import MODELS
from job.training.techniques import TECHNIQUES
from tests.containers.conftest import CONFINED, Engine, S3Server
from tests.stacks.synthesis import Synthesized, synthesize

# Rows of synthetic data: little work, and yet some defaulters in every fold.
ROWS = {
    "taiwan_credit": 300,
    "corporate_credit_rating": 2000,
    "lending_club": 300,
    "corporate_ccc": 2000,
    "lending_club_matured": 12_000,
}
# A child of an array job does its share of what a training job would do alone. Items are dealt by what they cost, and
# each is there once for every seed, so the first of five has one of each kind: every model with every technique.
CHILDREN = {
    "taiwan_credit": ("5", "0"),
    "lending_club": ("5", "0"),
    # Of so many rows a fiftieth is enough.
    "corporate_credit_rating": ("50", "45"),
    "corporate_ccc": ("50", "45"),
    "lending_club_matured": ("50", "37"),
}
ALL = [(model, technique) for model in MODELS for technique in TECHNIQUES]
THESIS = [(model, technique) for model, points in read_spec("thesis").models.items() for technique in points.techniques]
TRAINED = {
    "taiwan_credit": ALL,
    "lending_club": THESIS,
    "corporate_credit_rating": [
        ("logistic_regression", "smote"),
        ("logistic_regression", "smote_tomek"),
        ("xgboost", "random_under_sampling"),
    ],
    "corporate_ccc": [
        *(("logistic_regression", technique) for technique in TECHNIQUES),
        ("lightgbm", "random_under_sampling"),
        ("xgboost", "random_under_sampling"),
        ("mlp", "random_under_sampling"),
    ],
    # Of two months that are tested, one after the other.
    "lending_club_matured": [
        ("logistic_regression", "random_under_sampling"),
        *(("mlp", name) for name in ("baseline", "cost_sensitive", "threshold_moving")),
    ],
}


@dataclass(frozen=True)
class Job:
    """What a job definition says of its container."""

    image: str
    command: list[str]
    environment: dict[str, str]
    memory_mib: int


def job(synthesized: Synthesized, kind: str, dataset: str, bucket: str) -> Job:
    """Read a job definition, with a bucket in place of the reference to the stack's."""
    middle = "data-" if kind == "data" else ""
    name = f"loan-default-prediction-{middle}{dataset.replace('_', '-')}"
    definitions = synthesized.of("AWS::Batch::JobDefinition").values()
    (container,) = (one["ContainerProperties"] for one in definitions if one["JobDefinitionName"] == name)
    reference = {"Ref": synthesized.logical_id("AWS::S3::Bucket")}

    def resolved(value: str | dict[str, list[object]]) -> str:
        if isinstance(value, str):
            return value
        between, parts = value["Fn::Join"]
        assert isinstance(parts, list)
        return str(between).join(bucket if part == reference else str(part) for part in parts)

    (memory,) = (one["Value"] for one in container["ResourceRequirements"] if one["Type"] == "MEMORY")
    return Job(
        image=f"ldp{container['Image']['Fn::Join'][1][-1]}",
        command=container["Command"],
        environment={one["Name"]: resolved(one["Value"]) for one in container["Environment"]},
        memory_mib=int(memory),
    )


def start(engine: Engine, one: Job, server: S3Server, **from_batch: str) -> subprocess.CompletedProcess[str]:
    """Start a job's container as Batch does; the S3 server stands for the real one."""
    variables = [f"--env={name}={value}" for name, value in {**one.environment, **from_batch}.items()]
    confined = [*CONFINED, "--memory", f"{one.memory_mib}m", *server.options()]
    return engine("run", "--rm", *confined, *variables, one.image, *one.command, check=False)


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in done.stderr.splitlines()]


@pytest.mark.parametrize("dataset", DATASET_IDS)
def test_a_data_job_and_then_a_training_job_do_what_they_should(
    dataset: str, engine: Engine, cpu_image: str, s3_server: S3Server, bucket: str
) -> None:
    store = Store.open(f"s3://{bucket}")
    synthesized = synthesize()
    write_sample(store, dataset, rows=ROWS[dataset], seed=1)

    data = job(synthesized, "data", dataset, bucket)
    assert data.image == cpu_image, "the image that the template names is the one that was built"
    done = start(engine, data, s3_server)
    assert done.returncode == 0, done.stderr
    assert records(done)[0]["storage"] == f"s3://{bucket}"
    processed = describe_processed(store, dataset)
    assert processed is not None
    assert processed.rows > 100

    training = job(synthesized, "training", dataset, bucket)
    size, index = CHILDREN[dataset]
    child = {"AWS_BATCH_JOB_ARRAY_SIZE": size, "AWS_BATCH_JOB_ARRAY_INDEX": index}
    done = start(engine, training, s3_server, **child)
    assert done.returncode == 0, done.stderr
    (execution_id,) = store.children("executions/")
    execution = load_execution(store, execution_id)
    assert execution.spec.canonical() == read_spec(shipped_spec(dataset)).canonical()
    assert execution.identity.device == "cpu"
    found = verify(store, execution, execution.spec.units())
    assert not found.damaged
    assert {unit.dataset for unit in found.results} == {dataset}
    trained = sorted((unit.model, unit.technique) for unit in found.results)
    assert trained == sorted(TRAINED[dataset]), "a child does its share, and not what its siblings do"
    done_units = [unit for unit, result in found.results.items() if result.record["status"] == "done"]
    assert len(done_units) > len(found.results) / 2
    for unit in done_units:
        result = decode(store.get(execution.result_key(unit)) or b"")
        if execution.spec.split(dataset) == ByRow():
            assert len(result.score) == pytest.approx(0.3 * processed.rows, abs=1)
        else:
            assert result.block is not None
            assert 0 < len(result.score) < 0.5 * processed.rows
    assert records(done)[-1]["event"] == "execution_complete"

    again = start(engine, training, s3_server, **child)
    assert again.returncode == 0
    assert "already complete" in records(again)[-1]["message"]


@pytest.mark.parametrize("dataset", DATASET_IDS)
def test_jobs_of_the_gpu_mode_refuse_a_machine_without_a_gpu_rather_than_compute_on_its_cpu(
    dataset: str, engine: Engine, gpu_image: str, s3_server: S3Server, bucket: str
) -> None:
    store = Store.open(f"s3://{bucket}")
    write_sample(store, dataset, rows=ROWS[dataset], seed=1)
    for kind in ("data", "training"):
        one = job(synthesize(useGpu="true"), kind, dataset, bucket)
        assert one.image == gpu_image
        done = start(engine, one, s3_server)
        assert done.returncode == 1
        (record,) = records(done)
        assert (record["level"], record["event"]) == ("error", "command_failed")
        assert "there is no NVIDIA driver on this machine" in record["message"]
        assert "--gpus all" in record["remedy"]
    assert store.children("executions/") == []
    assert describe_processed(store, dataset) is None
