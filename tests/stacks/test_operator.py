"""The operator's policy: submit and watch, upload and fetch; nothing that changes the platform or forges a result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from job.cloud.permissions import ACTIONS
from tests.stacks.synthesis import Synthesized, synthesize


def statements(synthesized: Synthesized) -> dict[str, dict[str, Any]]:
    document = synthesized.only("AWS::IAM::ManagedPolicy")["PolicyDocument"]
    return {one["Sid"]: one for one in document["Statement"]}


def listed(item: Any) -> list[Any]:
    return item if isinstance(item, list) else [item]


def arn(text: str) -> dict[str, Any]:
    return {"Fn::Join": ["", ["arn:aws:batch:us-east-1:", {"Ref": "AWS::AccountId"}, f":{text}"]]}


def test_jobs_are_submitted_to_this_platforms_queues_with_its_definitions_only(either: Synthesized) -> None:
    queues = [{"Fn::GetAtt": [name, "JobQueueArn"]} for name in either.of("AWS::Batch::JobQueue")]
    found = statements(either)
    to_queues, definitions = found["SubmitToQueues"], found["SubmitDefinitions"]
    assert sorted(map(str, to_queues["Resource"])) == sorted(map(str, queues))
    assert len(queues) == 3
    assert definitions["Resource"] == arn("job-definition/*")
    tag = {"StringEquals": {"aws:ResourceTag/Platform": "loan-default-prediction-dev"}}
    assert definitions["Condition"] == tag
    assert found["EndJobs"]["Condition"] == tag
    assert found["EndJobs"]["Resource"] == arn("job/*")
    assert found["TagJobs"]["Condition"] == {"StringEquals": {"aws:RequestTag/Platform": "loan-default-prediction-dev"}}


def test_no_name_of_one_environment_is_a_pattern_that_matches_another(either: Synthesized) -> None:
    assert "loan-default-prediction-*" not in json.dumps(statements(either))
    assert "loan-default-prediction*" not in json.dumps(statements(either))


def test_what_is_uploaded_is_never_a_result(either: Synthesized) -> None:
    bucket = {"Fn::GetAtt": [either.logical_id("AWS::S3::Bucket"), "Arn"]}
    written = {
        resource["Fn::Join"][1][1]
        for one in statements(either).values()
        for action in listed(one["Action"])
        if action.startswith("s3:") and action not in {"s3:GetObject", "s3:ListBucket"}
        for resource in listed(one["Resource"])
    }
    assert written == {"/data/raw/*", "/specs/*"}
    assert statements(either)["ListObjects"]["Resource"] == bucket


def test_it_allows_what_the_commands_call_and_nothing_else(either: Synthesized) -> None:
    allowed = {action for one in statements(either).values() for action in listed(one["Action"])}
    assert allowed == {action for action, _ in ACTIONS.values()}
    assert {sid for _, sid in ACTIONS.values()} == set(statements(either)) - {"SubmitDefinitions"}


def test_it_passes_no_role_and_allows_no_wildcard_action(either: Synthesized) -> None:
    actions = [action for one in statements(either).values() for action in listed(one["Action"])]
    assert [action for action in actions if "*" in action] == []
    assert "iam:PassRole" not in actions
    assert {one["Effect"] for one in statements(either).values()} == {"Allow"}


def test_only_what_knows_no_resources_is_allowed_on_all(either: Synthesized) -> None:
    on_all = {sid for sid, one in statements(either).items() if "*" in listed(one["Resource"])}
    assert on_all == {"LookAtJobs", "LookUpPricesAndQuotas"}
    logs = statements(either)["ReadLogs"]["Resource"]
    assert logs == {"Fn::GetAtt": [either.logical_id("AWS::Logs::LogGroup"), "Arn"]}


@pytest.mark.parametrize("count", [1, 20])
def test_it_is_no_longer_than_iam_allows(count: int) -> None:
    synthesized = synthesize(datasets=[f"own_dataset_number_{number}" for number in range(count)])
    document = json.dumps(synthesized.only("AWS::IAM::ManagedPolicy")["PolicyDocument"], separators=(",", ":"))
    # An attribute becomes an ARN, which may be longer than what stands for it.
    attributes = document.count("Fn::GetAtt") + document.count('"Ref"')
    assert len(document) + 120 * attributes <= 6144
