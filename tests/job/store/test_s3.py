"""How S3 is reached: variables and shared files as boto3 has them, and no value that native code stumbles over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from job.errors import SettingInvalid, StorageError
from job.store import Store
from tests.faults.servers import refusal_body, serve


class Witness:
    """A server that finds nothing, and remembers with which key, for which region and with which token it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str | None]] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        witness = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/s3/", self.headers.get("Authorization", ""))
                key, region = found.groups() if found else ("nobody", "nowhere")
                witness.asked.append((key, region, self.headers.get("x-amz-security-token")))
                body = refusal_body("NoSuchKey")
                self.send_response(404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        return Handler


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path / ".aws"


@pytest.fixture
def witness() -> Witness:
    return Witness()


@pytest.fixture
def endpoint(witness: Witness) -> Iterator[str]:
    with serve(witness.handler()) as address:
        yield address


def ask() -> None:
    assert Store.open("s3://bucket/prefix", retries=0).get("key") is None


def test_a_profile_gives_keys_token_and_region(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "credentials").write_text(
        "[default]\naws_access_key_id = theirs\naws_secret_access_key = x\n"
        "[loans]\naws_access_key_id = mine\naws_secret_access_key = y\naws_session_token = t\n"
    )
    (home / "config").write_text("[profile loans]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    ask()
    monkeypatch.setenv("AWS_PROFILE", "loans")
    ask()
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    ask()
    assert witness.asked == [
        ("theirs", "us-east-1", None),
        ("mine", "eu-west-3", "t"),
        ("mine", "eu-north-1", "t"),
    ]


def test_files_may_be_elsewhere(
    home: Path, tmp_path: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").write_text("[default]\naws_access_key_id = mine\naws_secret_access_key = y\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "mine"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    ask()
    assert witness.asked == [("mine", "us-east-1", None)]


def test_keys_in_the_environment_come_before_a_profile_and_its_region_stays(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").write_text(
        "[profile loans]\nregion = eu-west-3\naws_access_key_id = mine\naws_secret_access_key = y\n"
    )
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_PROFILE": "loans",
        "AWS_ACCESS_KEY_ID": "here",
        "AWS_SECRET_ACCESS_KEY": "z",
    }.items():
        monkeypatch.setenv(name, value)
    ask()
    assert witness.asked == [("here", "eu-west-3", None)]


def test_a_program_that_the_profile_names_gives_the_keys(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "key.json").write_text('{"Version": 1, "AccessKeyId": "made", "SecretAccessKey": "x"}')
    (home / "config").write_text(f"[default]\ncredential_process = cat {home}/key.json\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    ask()
    assert witness.asked == [("made", "us-east-1", None)]


@pytest.mark.parametrize(
    "config",
    [
        "[default]\nendpoint_url = {endpoint}\n",
        (
            "[default]\nservices = ours\nendpoint_url = http://127.0.0.1:9\n"
            "[services ours]\ns3 =\n  endpoint_url = {endpoint}\n"
        ),
    ],
)
def test_a_profile_may_name_the_endpoint(
    config: str, home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "config").write_text(config.format(endpoint=endpoint))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "here")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "z")
    ask()
    assert witness.asked == [("here", "us-east-1", None)]


def test_the_endpoint_of_s3_alone_comes_before_that_of_all_services(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "here")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "z")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    ask()
    assert len(witness.asked) == 1


def test_the_region_is_awss_or_boto3s_and_empty_variables_are_none(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ENDPOINT_URL_S3": "",
        "AWS_ACCESS_KEY_ID": "here",
        "AWS_SECRET_ACCESS_KEY": "z",
        "AWS_SESSION_TOKEN": "",
        "AWS_PROFILE": "",
        "AWS_REGION": "",
        "AWS_DEFAULT_REGION": "eu-west-2",
    }.items():
        monkeypatch.setenv(name, value)
    ask()
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    ask()
    assert witness.asked == [("here", "eu-west-2", None), ("here", "eu-west-1", None)]


def test_a_profile_that_does_not_exist_is_refused_with_the_nearest(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text("[profile loans]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_PROFILE", "loan")
    with pytest.raises(SettingInvalid, match="there is no AWS profile 'loan'") as caught:
        ask()
    assert "did you mean 'loans'?" in caught.value.remedy


@pytest.mark.parametrize("text", ["[default\nregion", "\x00", "[default]\naws_access_key_id = only\n"])
def test_files_that_cannot_be_read_are_told_in_one_line(text: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "credentials").write_text(text)
    with pytest.raises(SettingInvalid, match="configuration cannot be used"):
        ask()


def test_a_profile_without_botocore_is_refused_in_one_line(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job.store.s3.find_spec", lambda _: None)
    monkeypatch.setenv("AWS_PROFILE", "loans")
    with pytest.raises(SettingInvalid, match="profiles are not read here: botocore is not installed"):
        ask()


def test_without_botocore_keys_in_the_environment_work_beside_a_profile(
    home: Path, witness: Witness, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job.store.s3.find_spec", lambda _: None)
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_PROFILE": "loans",
        "AWS_ACCESS_KEY_ID": "here",
        "AWS_SECRET_ACCESS_KEY": "z",
    }.items():
        monkeypatch.setenv(name, value)
    ask()
    assert len(witness.asked) == 1


def test_no_credentials_at_all_are_named_with_the_usual_places(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingInvalid, match="there are no AWS credentials"):
        ask()
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:9/role")
    with pytest.raises(StorageError, match="no credentials were found") as caught:
        ask()
    assert "AWS_PROFILE" in caught.value.remedy


def test_a_sign_in_that_has_ended_says_to_sign_in_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config").write_text(
        "[default]\nsso_account_id = 123456789012\nsso_role_name = loans\nsso_region = us-east-1\n"
        "sso_start_url = https://loans.awsapps.com/start\n"
    )
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match="no credentials: SSOTokenLoadError") as caught:
        ask()
    assert "Sign in again (aws sso login" in caught.value.remedy


def test_a_program_that_gives_no_keys_is_told_in_one_line(home: Path) -> None:
    (home / "config").write_text("[default]\ncredential_process = false\n")
    with pytest.raises(SettingInvalid, match="retrieving credentials"):
        ask()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("AWS_ENDPOINT_URL", "minio:9000", "Write http://minio:9000 or https://minio:9000"),
        ("AWS_ENDPOINT_URL_S3", "minio.local", "Write http://minio.local or https://minio.local"),
        ("AWS_ENDPOINT_URL", "127.0.0.1:9", "has no scheme"),
        ("AWS_ENDPOINT_URL", "http://minio:99999", "no address"),
        ("AWS_ENDPOINT_URL", "http://", "no address"),
        ("AWS_ENDPOINT_URL", "ftp://minio", "no address"),
        ("AWS_ENDPOINT_URL", "http:/minio:9000", "no address"),
        ("AWS_ENDPOINT_URL", "http://you:hunter2@minio:9000", "Leave user and password out"),
        ("AWS_ENDPOINT_URL", '"http://minio:9000"', "quotation marks"),
        ("AWS_ENDPOINT_URL", " http://minio:9000", "a blank"),
        ("AWS_ACCESS_KEY_ID", "hunter2\n", "AWS_ACCESS_KEY_ID has a blank or a line end"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2\r", "AWS_SECRET_ACCESS_KEY has a blank or a line end"),
        ("AWS_SECRET_ACCESS_KEY", "'hunter2'", "AWS_SECRET_ACCESS_KEY has quotation marks"),
        ("AWS_SESSION_TOKEN", "hun\nter2", "AWS_SESSION_TOKEN has characters"),
        ("AWS_SESSION_TOKEN", "hunter2\x7f", "AWS_SESSION_TOKEN has characters"),
        ("AWS_REGION", "us east", "no AWS region"),
        ("AWS_SECRET_ACCESS_KEY", "", "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not"),
        ("AWS_CHECKSUM_ALGORITHM", "md9", "md9"),
        ("AWS_METADATA_ENDPOINT", "169.254.169.254", "has no scheme"),
        ("AWS_STS_ENDPOINT", "sts", "has no scheme"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named_and_no_secret_shown(
    name: str, value: str, words: str, home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "here")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "z")
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingInvalid) as caught:
        ask()
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "panicked" not in capfd.readouterr().err


def test_credentials_of_a_profile_are_kept_no_longer_than_botocore_vouches_for_them(home: Path) -> None:
    from datetime import UTC, datetime, timedelta

    from botocore.credentials import RefreshableCredentials

    from job.store.s3 import _provider

    credentials = RefreshableCredentials(
        "key", "secret", "token", datetime.now(UTC) + timedelta(minutes=16), dict, "test"
    )
    given = _provider(credentials)()
    assert given["expires_at"] <= datetime.now(UTC) + timedelta(minutes=10)
