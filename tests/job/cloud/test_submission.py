"""Which jobs a submission is made of: names, commands, order, and what is refused before anything is sent."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.cloud.checks import image_troubles, queue_troubles, quota_troubles, refuse
from job.cloud.definitions import OWN, Image, JobDefinition, definition_for
from job.cloud.names import JobName, execution_id, new_submission, submission_of
from job.cloud.queues import Environment, Queue
from job.cloud.quotas import Quota
from job.cloud.submission import Asked, chosen_datasets, parse_shards, requests
from job.errors import DatasetNotFound, SubmissionRefused, UsageError
from job.executions.executions import check_id

SUBMISSION = "0123456789ab"
EXECUTION = f"quick-20261125-{SUBMISSION}"
RULES = ({"action": "RETRY", "onExitCode": "143"}, {"action": "EXIT", "onReason": "*"})
QUEUES = {"any": "q", "spot": "q-spot", "on-demand": "q-od"}


def definition(dataset: str, kind: str, *, gpu: bool = False, **more: Any) -> JobDefinition:
    flags = ("--use-gpu",) if gpu else ()
    command = ("data", "process", "--force", *flags, dataset)
    if kind == "training":
        command = ("experiment", "run", *flags, "--only-dataset", dataset)
    found = JobDefinition(
        f"cards-{kind}-{dataset}", 7, dataset, kind, "uri:cpu-1", command, 4, 14336, int(gpu), 3, 86400
    )
    return replace(found, retry_rules=RULES, **more)


def definitions(*, gpu: bool = False) -> list[JobDefinition]:
    return [definition(d, k, gpu=gpu) for d in ("taiwan_credit", "corporate_ccc") for k in ("data", "training")]


def asked(**more: Any) -> Asked:
    return replace(Asked(("taiwan_credit", "corporate_ccc"), "quick", EXECUTION, SUBMISSION), **more)


def test_each_training_waits_for_its_own_data_job_and_all_share_one_execution() -> None:
    found = requests(asked(), definitions(), QUEUES, "cards-dev")
    assert [str(one.name) for one in found] == [
        f"{dataset}-{kind}-{SUBMISSION}"
        for dataset in ("taiwan_credit", "corporate_ccc")
        for kind in ("data", "training")
    ]
    ids = {one.name: f"id-{one.name}" for one in found}
    data, training, *_ = (one.arguments(ids) for one in found)
    assert "dependsOn" not in data
    assert "containerOverrides" not in data, "the definition's own command"
    assert training["dependsOn"] == [{"jobId": f"id-taiwan_credit-data-{SUBMISSION}"}]
    assert {one.command[-1] for one in found if one.name.kind == "training"} == {EXECUTION}
    assert {one.arguments(ids)["jobDefinition"].rsplit(":")[-1] for one in found} == {"7"}, "revisions are pinned"
    assert training["tags"] == {
        "Platform": "cards-dev", "Submission": SUBMISSION, "Dataset": "taiwan_credit", "Kind": "training",
    }  # fmt: skip


@pytest.mark.parametrize("gpu", [False, True])
def test_an_override_repeats_the_whole_command(gpu: bool) -> None:
    (training,) = requests(asked(datasets=("taiwan_credit",), data=False), definitions(gpu=gpu), QUEUES, "cards-dev")
    flags = ["--use-gpu"] if gpu else []
    assert training.arguments({})["containerOverrides"] == {
        "command": [
            "experiment", "run", *flags, "--only-dataset", "taiwan_credit", "--spec", "quick",
            "--execution-id", EXECUTION,
        ]
    }  # fmt: skip


@pytest.mark.parametrize(("shards", "array"), [(1, None), (2, {"size": 2}), (10_000, {"size": 10_000})])
def test_one_shard_is_an_ordinary_job_and_more_are_an_array(shards: int, array: dict[str, int] | None) -> None:
    wanted = asked(datasets=("taiwan_credit",), shards={"taiwan_credit": shards})
    data, training = requests(wanted, definitions(), QUEUES, "cards-dev")
    assert training.arguments({data.name: "1"}).get("arrayProperties") == array
    assert "arrayProperties" not in data.arguments({})


def test_more_attempts_come_with_the_definitions_rules_for_they_replace_them_whole() -> None:
    wanted = asked(datasets=("taiwan_credit",), data=False, attempts={"taiwan_credit": 6})
    (training,) = requests(wanted, definitions(), QUEUES, "cards-dev")
    assert training.arguments({})["retryStrategy"] == {"attempts": 6, "evaluateOnExit": list(map(dict, RULES))}


@pytest.mark.parametrize("queue", list(QUEUES))
def test_jobs_go_to_the_queue_that_was_asked_for(queue: str) -> None:
    found = requests(asked(queue=queue), definitions(), QUEUES, "cards-dev")
    assert {one.queue for one in found} == {QUEUES[queue]}


def test_a_dataset_without_a_definition_is_named_with_the_nearest() -> None:
    with pytest.raises(
        DatasetNotFound, match=r"no data job definition for 'taiwan_credits' — Did you mean 'taiwan_credit'"
    ):
        requests(asked(datasets=("taiwan_credits",)), definitions(), QUEUES, "cards-dev")


@pytest.mark.parametrize("gpu", [False, True])
def test_a_declared_dataset_runs_by_the_definitions_for_all_of_them_with_its_own_name_and_tags(gpu: bool) -> None:
    own = [definition(OWN, kind, gpu=gpu) for kind in ("data", "training")]
    flags = ["--use-gpu"] if gpu else []
    data, training = requests(asked(datasets=("german",)), [*definitions(gpu=gpu), *own], QUEUES, "cards-dev")
    assert [str(data.name), str(training.name)] == [f"german-{kind}-{SUBMISSION}" for kind in ("data", "training")]
    assert [data.definition.name, training.definition.name] == ["cards-data-own", "cards-training-own"]
    sent = data.arguments({})
    assert sent["containerOverrides"] == {"command": ["data", "process", "--force", *flags, "german"]}
    assert sent["tags"]["Dataset"] == "german"
    assert list(training.command[2 + len(flags) : 4 + len(flags)]) == ["--only-dataset", "german"]


def test_a_definition_of_a_datasets_own_comes_before_that_for_all() -> None:
    both = [definition(OWN, "data"), definition("german", "data")]
    assert definition_for(both, "german", "data").dataset == "german"


@pytest.mark.parametrize("name", ["own", "data", "lending_club", "German", "a-b", "_german", ""])
def test_what_cannot_be_declared_has_no_definition(name: str) -> None:
    with pytest.raises(DatasetNotFound, match="no training job definition"):
        definition_for([*definitions(), definition(OWN, "training")], name, "training")


def test_all_takes_in_declared_datasets_where_the_platform_has_jobs_for_them() -> None:
    spec = ["taiwan_credit", "german", "lending_club"]
    assert chosen_datasets((), True, spec, ["taiwan_credit"], own=True) == ("taiwan_credit", "german")
    assert chosen_datasets((), True, spec, ["taiwan_credit"]) == ("taiwan_credit",)


def test_a_declared_dataset_needs_no_spec_that_lists_it_unless_others_are_submitted_with_it() -> None:
    spec = ["taiwan_credit", "loans"]
    assert chosen_datasets(["german"], False, spec, [], own=True) == ("german",)
    assert chosen_datasets(["taiwan_credit", "loans"], False, spec, [], own=True) == ("taiwan_credit", "loans")
    with pytest.raises(UsageError, match=r"does not list german.*share one execution.*Submit german by itself"):
        chosen_datasets(["taiwan_credit", "german"], False, spec, [], own=True)
    for name in ("lending_club", "German"):
        with pytest.raises(UsageError, match="the spec has no dataset"):
            chosen_datasets([name], False, spec, [], own=True)
    with pytest.raises(UsageError, match="the spec has no dataset"):
        chosen_datasets(["german"], False, spec, [])


@given(
    dataset=st.from_regex(r"[a-z][a-z0-9_]{0,40}", fullmatch=True),
    kind=st.sampled_from(["data", "training"]),
    spec=st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True),
)
def test_the_submission_is_read_back_from_whatever_carries_it(dataset: str, kind: str, spec: str) -> None:
    submission = new_submission()
    name = JobName(dataset, kind, submission)
    assert JobName.parse(str(name)) == name
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", str(name)), "what Batch takes as a name"
    execution = execution_id(spec, date(2026, 11, 25), submission)
    assert check_id(execution) == execution
    assert {submission_of(text) for text in (submission, str(name), execution)} == {submission}


@pytest.mark.parametrize("text", ["", "quick-1", "quick-c7eb129e-1", "0123456789a", "cards-train-0123456789ab"])
def test_what_carries_no_submission_is_none(text: str) -> None:
    assert submission_of(text) is None


def test_datasets_are_those_named_or_all_that_spec_and_platform_have() -> None:
    assert chosen_datasets((), True, ("a", "b"), ("b", "c")) == ("b",)
    assert chosen_datasets(("b", "a", "b"), False, ("a", "b"), ("b",)) == ("b", "a")
    for given_, everything in (((), False), (("a",), True)):
        with pytest.raises(UsageError, match="--all"):
            chosen_datasets(given_, everything, ("a",), ("a",))
    with pytest.raises(UsageError, match="'taiwan_credt' — Did you mean 'taiwan_credit'"):
        chosen_datasets(("taiwan_credt",), False, ("taiwan_credit",), ("taiwan_credit",))
    with pytest.raises(UsageError, match="none of the spec's datasets"):
        chosen_datasets((), True, ("a",), ("c",))


def test_shards_are_a_number_that_batch_takes_or_left_to_the_plan() -> None:
    assert [parse_shards(text) for text in ("1", "10000", "auto")] == [1, 10_000, None]
    for text in ("0", "10001", "-2", "two", "", "²", "1" * 5000):
        with pytest.raises(UsageError, match="no number of shards"):
            parse_shards(text)


SPOT = Environment("spot-ce", "spot", True, "ENABLED, VALID", "", 16, ("m5.xlarge",))
OD = Environment("od-ce", "on-demand", True, "ENABLED, VALID", "", 8, ("m5.xlarge",))
QUEUE = Queue("any", "q", "arn", True, "ENABLED, VALID", "", (SPOT, OD))
TRAINING = definition("taiwan_credit", "training")


def troubles_of(queue: Queue | None, one: JobDefinition = TRAINING) -> str:
    return "; ".join(f"{found.what} — {found.remedy}" for found in queue_troubles(queue, "any", [one]))


def test_a_queue_that_can_run_the_job_has_no_troubles() -> None:
    assert troubles_of(QUEUE) == ""
    off = replace(SPOT, ready=False, state="DISABLED, VALID")
    assert troubles_of(replace(QUEUE, environments=(off, OD))) == "", "the other environment still can"


def test_what_keeps_a_queue_from_running_jobs_is_said_with_its_remedy() -> None:
    assert "does not exist — Apply" in troubles_of(None)
    assert "is DISABLED, VALID — Apply" in troubles_of(replace(QUEUE, ready=False, state="DISABLED, VALID"))
    broken = replace(SPOT, ready=False, state="ENABLED, INVALID", reason="CLIENT_ERROR - no such role")
    assert "spot-ce is ENABLED, INVALID (CLIENT_ERROR - no such role)" in troubles_of(
        replace(QUEUE, environments=(broken,))
    )
    assert "reserves 4 vCPUs, and the environments may have 2" in troubles_of(
        replace(QUEUE, environments=(replace(SPOT, max_vcpus=2), replace(OD, max_vcpus=1)))
    )
    assert "no instance type of the queue q hosts" in troubles_of(QUEUE, replace(TRAINING, memory_mib=64_000))


def test_images_of_another_mode_or_never_pushed_are_said() -> None:
    assert image_troubles(Image("uri", "cpu-1"), True, use_gpu=False) == []
    (other,) = image_troubles(Image("uri", "cpu-1"), True, use_gpu=True)
    assert "GPU mode, and its jobs name the image cpu-1" in other.what
    (missing,) = image_troubles(Image("uri", "gpu-1"), False, use_gpu=True)
    assert missing.remedy == "Run make docker-build docker-push GPU=true."


def quota(vcpus: float) -> Quota:
    return Quota("L-34B43A08", "All Standard Spot Instance Requests", vcpus, True)


def test_a_quota_is_a_trouble_only_where_no_kind_of_instance_has_enough() -> None:
    assert quota_troubles({"spot": quota(0), "on-demand": quota(5)}, [TRAINING]) == []
    assert quota_troubles({"spot": quota(0), "on-demand": None}, [TRAINING]) == [], "one is not known"
    (found,) = quota_troubles({"spot": quota(0), "on-demand": quota(2)}, [TRAINING])
    assert "reserves 4 vCPUs, and the quota All Standard Spot Instance Requests is 2" in found.what
    assert "--quota-code L-34B43A08" in found.remedy


def test_all_troubles_are_said_in_one_refusal() -> None:
    refuse([])
    with pytest.raises(SubmissionRefused) as refusal:
        refuse([*queue_troubles(None, "any", []), *image_troubles(Image("uri", "cpu-1"), False, use_gpu=False)])
    assert "does not exist" in refusal.value.what
    assert "not in the repository" in refusal.value.what
    assert "make docker-build" in refusal.value.remedy
