"""What a target works with: what is given, else what the deployed platform remembers, else the default."""

from __future__ import annotations

import copy
import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from hypothesis import given
from hypothesis import strategies as st

from stacks.errors import OperationRefused, SettingsInvalid
from stacks.parsers import VALUES
from stacks.resolver import PURPOSES, WITHOUT_AWS, Resolver
from stacks.settings import PlatformSettings, context_of
from stacks.values import as_options
from tests.stacks.fakes import FakeCloudFormation
from tests.stacks.synthesis import synthesize

DEV = "loan-default-prediction-dev"
NEEDS = {"lending_club": {"jobMemoryMib": 28672, "shards": 4}}


def stack(**context: Any) -> dict[str, Any]:
    """Return what CloudFormation has of a platform that was deployed with these values."""
    template = copy.deepcopy(synthesize(**context).template)  # tests spoil it
    return {"template": template, "outputs": {"UseGpu": template["Outputs"]["UseGpu"]["Value"]}}


def resolver(
    stacks: dict[str, Any], *, environment: dict[str, str] | None = None, agreed: bool = False
) -> tuple[Resolver, list[str], list[str]]:
    """Return a resolver of an account with these stacks, what it says, and what it asked: regions and questions."""
    said: list[str] = []
    asked: list[str] = []

    def cloudformation(region: str) -> FakeCloudFormation:
        asked.append(region)
        return FakeCloudFormation(stacks)

    def ask(question: str) -> bool:
        asked.append(question)
        return agreed

    return Resolver(cloudformation, environment or {}, None, said.append, ask), said, asked


def values(stacks: dict[str, Any], purpose: str = "diff", **context: Any) -> dict[str, Any]:
    return resolver(stacks)[0].values(context, purpose)


@pytest.mark.parametrize("purpose", sorted(set(PURPOSES) - set(WITHOUT_AWS)))
def test_every_target_that_asks_aws_goes_on_with_what_the_platform_was_deployed_with(purpose: str) -> None:
    deployed = stack(useGpu="true", alertEmail="a@example.com", spotMaxVcpus=32)
    expected = {"useGpu": True, "alertEmail": "a@example.com", "spotMaxVcpus": 32}
    assert values({DEV: deployed}, purpose) == expected


def test_what_is_given_goes_before_what_is_remembered() -> None:
    found = values({DEV: stack(useGpu="true", jobVcpus=2)}, useGpu="false", jobMemoryMib="12000")
    assert found == {"useGpu": "false", "jobVcpus": 2, "jobMemoryMib": "12000"}


def test_nothing_is_remembered_where_there_is_no_stack_or_none_that_ever_stood() -> None:
    assert values({}) == {}
    assert values({DEV: {"status": "REVIEW_IN_PROGRESS"}}) == {}
    old = stack()
    del old["template"]["Metadata"]
    assert values({DEV: old}) == {}, "deployed by a version that remembered nothing"


def test_an_empty_value_makes_it_the_default_again(tmp_path: Path) -> None:
    stacks = {DEV: stack(alertEmail="a@example.com", monthlyBudgetUsd=9)}
    assert values(stacks, alertEmail="") == {"monthlyBudgetUsd": 9}
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"alertEmail": None, "monthlyBudgetUsd": None}))
    assert values(stacks, config=str(file)) == {}


def test_a_config_file_is_remembered_by_what_it_said(tmp_path: Path) -> None:
    file = tmp_path / "values.json"
    file.write_text(json.dumps({"perDataset": NEEDS, "datasets": ["lending_club", "taiwan_credit"]}))
    deployed = stack(config=str(file), useGpu="false")
    file.unlink()
    found = values({DEV: deployed})
    assert found == {"perDataset": NEEDS, "datasets": ["lending_club", "taiwan_credit"], "useGpu": False}


def test_the_image_is_not_remembered_and_values_are_no_output() -> None:
    deployed = stack(imageTag="cpu-0123abcd", alertEmail="a@example.com")
    assert deployed["template"]["Metadata"] == {"Values": {"alertEmail": "a@example.com"}}
    assert "a@example.com" not in json.dumps(deployed["template"]["Outputs"])
    assert values({DEV: deployed}, imageTag="cpu-9") == {"alertEmail": "a@example.com", "imageTag": "cpu-9"}


def test_what_is_printed_reads_back_as_the_same_platform() -> None:
    given: dict[str, Any] = {
        "useGpu": False,
        "datasets": ["lending_club", "taiwan_credit"],
        "perDataset": NEEDS,
        "jobVcpus": 2,
    }
    words = shlex.split(as_options(given))
    assert words[::2] == ["-c"] * len(given)
    again = PlatformSettings.from_context(context_of(words[1::2]))
    assert again == PlatformSettings.from_context(given)


@given(
    st.dictionaries(
        st.sampled_from(sorted(VALUES)), st.one_of(st.text(min_size=1), st.booleans(), st.integers()), max_size=5
    )
)
def test_whatever_a_value_holds_the_shell_sees_one_word(given: dict[str, Any]) -> None:
    words = shlex.split(as_options(given))
    assert len(words) == 2 * len(given)
    assert [word.partition("=")[0] for word in words[1::2]] == list(given)


@pytest.mark.parametrize(
    ("deployed", "said", "remedy"),
    [
        ({"useGpu": "true"}, "it is in the GPU mode and would be switched", "Add GPU=true to stay"),
        ({"alertEmail": "a@example.com"}, "its alerts would no longer go to a@example.com", "alertEmail=a@example.com"),
        ({"monthlyBudgetUsd": 9}, "its budget of 9 US dollars a month would go", "monthlyBudgetUsd=9"),
        ({"spotMaxVcpus": 32}, "its spotMaxVcpus of 32 would become 16", "spotMaxVcpus=32"),
        ({"onDemandMaxVcpus": 64}, "its onDemandMaxVcpus of 64 would become 8", "onDemandMaxVcpus=64"),
    ],
)
def test_what_nobody_asked_to_lose_is_asked_for_and_refused_where_nobody_agrees(
    deployed: dict[str, Any], said: str, remedy: str
) -> None:
    old = stack(**deployed)
    del old["template"]["Metadata"]  # as a version left it that remembered nothing
    refusing, lines, asked = resolver({DEV: old})
    with pytest.raises(OperationRefused, match=f"{DEV} is not applied") as refusal:
        refusing.values({}, "apply")
    (problem,) = refusal.value.problems
    assert problem.what == said
    assert remedy in problem.remedy
    assert lines == [f"{DEV}: {said}"]
    assert len(asked) == 2, "the region's CloudFormation, and one question"
    agreeing, _, _ = resolver({DEV: old}, agreed=True)
    assert agreeing.values({}, "apply") == {}
    (name,) = deployed
    given, lines, _ = resolver({DEV: old})
    given.values(
        {name: "" if name in {"alertEmail", "monthlyBudgetUsd"} else {"useGpu": "false"}.get(name, 10)}, "apply"
    )
    assert lines == [], "it was given"


def test_nothing_is_asked_where_nothing_is_lost() -> None:
    everything = {"useGpu": "true", "alertEmail": "a@example.com", "monthlyBudgetUsd": 9, "spotMaxVcpus": 32}
    for stacks, context in (({DEV: stack(**everything)}, {}), ({DEV: stack()}, everything), ({}, everything)):
        found, said, asked = resolver(stacks)
        found.values(context, "apply")
        assert (said, asked) == ([], ["us-east-1"])


def test_a_target_that_only_synthesizes_asks_nothing() -> None:
    for purpose in WITHOUT_AWS:
        found, _, asked = resolver({DEV: stack(useGpu="true")})
        assert found.values({"jobVcpus": "2", "alertEmail": ""}, purpose) == {"jobVcpus": "2"}
        assert asked == []


def test_every_target_checks_that_one_region_is_named() -> None:
    for purpose in PURPOSES:
        for context in ({}, {"awsRegion": "us-east-1"}):
            found, _, _ = resolver({}, environment={"AWS_REGION": "eu-west-1"})
            with pytest.raises(OperationRefused, match="awsRegion is us-east-1, and AWS_REGION is eu-west-1"):
                found.values(context, purpose)


def test_the_region_is_remembered_where_the_tools_look() -> None:
    stacks = {DEV: stack(awsRegion="eu-west-1")}
    found, _, asked = resolver(stacks, environment={"AWS_DEFAULT_REGION": "eu-west-1"})
    assert found.values({}, "destroy") == {"awsRegion": "eu-west-1"}
    assert asked == ["eu-west-1"]


def test_each_platform_remembers_its_own() -> None:
    stacks = {DEV: stack(jobVcpus=2), "loan-default-prediction-staging": stack(environment="staging", jobVcpus=3)}
    assert values(stacks, environment="staging") == {"environment": "staging", "jobVcpus": 3}
    assert values(stacks) == {"jobVcpus": 2}


def test_a_remembered_value_that_cannot_be_used_any_more_is_named_with_the_way_to_forget_it() -> None:
    old = stack()
    old["template"]["Metadata"]["Values"] = {"jobVcpu": 4}
    with pytest.raises(
        SettingsInvalid, match=r"remembered of the deployed platform: jobVcpu\n +CONTEXT=jobVcpu= makes"
    ):
        values({DEV: old})
    assert values({DEV: old}, jobVcpu="") == {}


class Unreachable:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, region: str) -> Any:
        raise self.error


NO_ENDPOINT = EndpointConnectionError(endpoint_url="https://cloudformation.us-east-1.amazonaws.com")


def test_an_image_can_be_built_without_an_account_and_it_is_said_what_that_means() -> None:
    said: list[str] = []
    found = Resolver(Unreachable(NoCredentialsError()), {}, None, said.append, lambda _: False)
    assert found.values({}, "build") == {}
    assert said == [
        "note: no credentials, so nothing is remembered: the image is of the CPU mode (GPU=true: the other)"
    ]
    with pytest.raises(NoCredentialsError):
        found.values({}, "push")


def test_where_the_mode_is_given_building_asks_nothing_and_else_an_account_that_does_not_answer_is_named() -> None:
    found = Resolver(Unreachable(NO_ENDPOINT), {}, None, print, lambda _: False)
    assert found.values({"useGpu": "true"}, "build") == {"useGpu": "true"}
    with pytest.raises(OperationRefused, match=r"what is deployed cannot be asked(.|\n)*GPU=true or GPU=false"):
        found.values({}, "build")
