"""The environment: what is no setting is refused, what is empty is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.errors import SettingInvalid
from job.settings import VARIABLES, Settings, unknown_variables


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("LDP_STORAGE_URI", "LDP_STORAGE_URL"),
        ("LDP_STORAGEURL", "LDP_STORAGE_URL"),
        ("LDP_NJOBS", "LDP_N_JOBS"),
        ("LDP_JOBS", "LDP_N_JOBS"),
        ("LDP_GPU", "LDP_USE_GPU"),
        ("LDP_CHECKPOINT_SECS", "LDP_CHECKPOINT_SECONDS"),
        ("LDP_SCRATCH_MB", "LDP_SCRATCH_MIB"),
        ("ldp_storage_uri", "LDP_STORAGE_URL"),
    ],
)
def test_a_variable_that_is_no_setting_is_refused_with_the_nearest_that_is(
    wrong: str, right: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(wrong, "")  # empty or not: it does not do what its writer hopes
    with pytest.raises(SettingInvalid, match=f"no such setting: {wrong}") as caught:
        Settings.from_environment()
    assert f"did you mean '{right}'?" in caught.value.remedy


def test_a_variable_that_resembles_none_is_told_which_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDP_XYZXYZXYZXYZ", "1")
    with pytest.raises(SettingInvalid) as caught:
        Settings.from_environment()
    assert all(name in caught.value.remedy for name in VARIABLES)


@pytest.mark.parametrize("name", VARIABLES)
def test_an_empty_variable_is_as_good_as_none(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    without = Settings.from_environment()
    monkeypatch.setenv(name, "")
    assert Settings.from_environment() == without


def test_what_others_set_is_let_pass() -> None:
    others = {
        "LDP_TEST_DATA", "LDP_SERVICE_HOST", "LDP_SERVICE_PORT", "LDP_SERVICE_PORT_HTTP", "LDP_PORT", "LDP_PORT_80_TCP",
        "LDP_PORT_80_TCP_ADDR", "HELP_STORAGE_URI", "LDPATH", "PATH",
    }  # fmt: skip
    assert unknown_variables(others) == []
    assert unknown_variables({*others, "LDP_PORTS", "LDP_TEST_DATE"}) == ["LDP_PORTS", "LDP_TEST_DATE"]


def test_the_readme_names_every_setting_and_no_other() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    table = readme.split("### Settings")[1].split("\n## ")[0]
    named = {line.split("`")[1] for line in table.splitlines() if line.startswith("| `LDP_")}
    assert named == set(VARIABLES)


def test_the_scratch_directory_is_a_directory_by_the_rules_of_the_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/you")
    monkeypatch.setenv("LDP_SCRATCH_DIR", "~/scratch")
    assert Settings.from_environment().scratch_dir == Path("/home/you/scratch")
    for wrong in ('"/tmp"', "s3://bucket/prefix", "s3:/bucket", " /tmp"):
        monkeypatch.setenv("LDP_SCRATCH_DIR", wrong)
        with pytest.raises(SettingInvalid, match="LDP_SCRATCH_DIR"):
            Settings.from_environment()
