"""What several tests need."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Before NumPy is loaded: results are compared to the last bit, and tests run side by side.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import boto3  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402
from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: E402
from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: E402

# How long an example takes to make or to run is wall time, which is no test's business.
hypothesis_settings.register_profile("ldp", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("ldp")


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the developer's own LDP_* and AWS_* variables out of the tests."""
    for name in os.environ:
        if name.startswith(("LDP_", "AWS_")) and name != "LDP_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """An S3 API server on loopback, for the whole session.

    S3 looks whether a key is taken and writes it in one step. moto does so in two, so its requests are served one by
    one: otherwise two of many that create a key at once can both be told that they did.
    """
    one_by_one = threading.Lock()
    application = DomainDispatcherApplication(create_backend_app)

    def serve(environ: Any, start_response: Any) -> Any:
        with one_by_one:
            return application(environ, start_response)

    server = make_server("127.0.0.1", 0, serve, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_: object) -> None:
        """Say nothing of each request."""


def make_bucket(endpoint: str, bucket: str) -> None:
    """Make a bucket, in a session of its own: boto3's default session would keep these credentials for other tests."""
    session = boto3.session.Session("testing", "testing", region_name="us-east-1")
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket=bucket)


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
    make_bucket(s3_endpoint, bucket)
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
