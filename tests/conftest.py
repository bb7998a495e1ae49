"""What several tests need."""

from __future__ import annotations

import os
from pathlib import Path

# Before NumPy is loaded: results are compared to the last bit, and tests run side by side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import boto3  # noqa: E402
import pytest  # noqa: E402
from moto.server import ThreadedMotoServer  # noqa: E402


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own LDP_* and AWS_* variables out of the tests."""
    for name in os.environ:
        if name.startswith(("LDP_", "AWS_")) and name != "LDP_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def s3_endpoint() -> str:
    """An S3 API server on loopback, for the whole session."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3_url(s3_endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A fresh bucket's prefix, with an environment that reaches it."""
    for name, value in {
        "AWS_ENDPOINT_URL": s3_endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    bucket = f"bucket-{os.getpid()}-{abs(hash(request.node.nodeid)) % 10**10}"
    boto3.client("s3", endpoint_url=s3_endpoint, region_name="us-east-1").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/some/prefix"


REAL_FILES = ("taiwan_credit.csv", "corporate_credit_rating.csv", "lending_club.csv.gz")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The directory with the real raw files, which are not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    place = Path(os.environ.get("LDP_TEST_DATA") or beside)
    missing = [name for name in REAL_FILES if not (place / name).is_file()]
    if missing:
        pytest.skip(f"needs the real {', '.join(missing)}: set LDP_TEST_DATA to the directory that has them")
    return place


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured: `record_property("figures", text)`."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    figures = [text for report in reports for name, text in report.user_properties if name == "figures"]
    if figures:
        terminalreporter.section("figures")
        for text in figures:
            terminalreporter.line(str(text))
