"""Whatever command meets a storage that refuses says what the storage said, and what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.faults.servers import refuses, serve
from tests.job.cli.test_main import SPEC

COMMANDS = [
    ("data", "list"),
    ("data", "sample", "taiwan_credit", "--rows", "100"),
    ("data", "process"),
    ("data", "process", "taiwan_credit"),
    ("experiment", "plan", "--spec", "quick"),
    ("experiment", "run", "--spec", "quick"),
    ("experiment", "run", "--spec", "quick", "--execution-id", "mine"),
    ("experiment", "list"),
    ("experiment", "status"),
    ("experiment", "status", "mine"),
    ("analyze", "summary"),
    ("analyze", "summary", "mine", "--json"),
    ("analyze", "differences"),
    ("analyze", "compare", "mine", "yours"),
    ("analyze", "units", "mine"),
    ("analyze", "export", "mine", "--to", "csv"),
    ("demo",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_names_a_missing_bucket(command, ldp, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LDP_STORAGE_URL", s3_url.replace("s3://bucket", "s3://no-bucket"))
    code, _, err = ldp(*command)
    assert code == 1
    assert "NoSuchBucket" in err
    assert "Make the bucket, or correct LDP_STORAGE_URL" in err
    assert "fault of ldp" not in err
    assert "raw file" not in err


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_names_an_expired_token(command, ldp, s3_url: str, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LDP_STORAGE_URL", s3_url)
    with serve(refuses("ExpiredToken", 400)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        code, _, err = ldp(*command)
    assert code == 1
    assert "ExpiredToken: The words of ExpiredToken." in err
    assert "Get new credentials" in err


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_summary_is_printed_where_its_table_cannot_be_written(
    log_format: str,
    ldp,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "tiny.toml").write_text(SPEC)
    ldp("data", "sample", "taiwan_credit", "--rows", "400")
    ldp("data", "process", "taiwan_credit")
    assert ldp("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")[0] == 0
    monkeypatch.setenv("LDP_LOG_FORMAT", log_format)
    written = ldp("analyze", "summary")
    shutil.rmtree(tmp_path / "reports")
    (tmp_path / "reports").write_text("a file stands where the reports go")
    code, out, err = ldp("analyze", "summary")
    assert (code, out) == (0, written[1])
    assert "the table is here only" in err
    assert "the same as CSV" in written[2]
    assert "the same as CSV" not in err
    code, out, err = ldp("analyze", "summary", "--json")
    assert code == 0
    assert len(json.loads(out)) == 4 + 2  # and what they are held against
    assert "the table is here only" in err
