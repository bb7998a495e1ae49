"""What a storage refuses is told in its own words, with a remedy that is true."""

from __future__ import annotations

import errno
import ssl
import subprocess
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from job.errors import NoSpaceLeft, SettingInvalid, StorageError, StorageRefused
from job.store import Store
from tests.faults.servers import refuses, serve


@pytest.fixture(autouse=True)
def with_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "do-not-print",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)


def write_large(store: Store) -> None:
    with store.writer("key") as file:
        file.write(b"x")


def read_large(store: Store) -> None:
    with store.reader("key"):
        pass


REQUESTS: dict[str, Callable[[Store], object]] = {
    "read": lambda store: store.get("key"),
    "read large": read_large,
    "look up": lambda store: store.info("key"),
    "write": lambda store: store.put("key", b"x"),
    "write large": write_large,
    "create": lambda store: store.put_if_absent("key", b"x"),
    "list": lambda store: list(store.objects("prefix/")),
    "children": lambda store: store.children("prefix/"),
    "delete": lambda store: store.delete("key"),
}
CODES = [
    ("NoSuchBucket", 404, "Make the bucket"),
    ("AccessDenied", 403, "ask for s3:"),
    ("AllAccessDisabled", 403, "ask for s3:"),
    ("ExpiredToken", 400, "aws sso login"),
    ("InvalidAccessKeyId", 403, "AWS_ACCESS_KEY_ID"),
    ("InvalidToken", 400, "AWS_SESSION_TOKEN"),
    ("SignatureDoesNotMatch", 403, "AWS_SECRET_ACCESS_KEY"),
    ("RequestTimeTooSkewed", 403, "clock"),
    ("AuthorizationHeaderMalformed", 400, "set AWS_REGION=eu-west-1"),
    ("PermanentRedirect", 301, "set AWS_REGION"),
    ("QuotaExceeded", 403, "more room"),
]


@pytest.mark.parametrize("request_name", REQUESTS)
@pytest.mark.parametrize(("code", "status", "remedy"), CODES, ids=[code for code, *_ in CODES])
def test_s3s_own_code_is_named_with_its_remedy(
    code: str, status: int, remedy: str, request_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(refuses(code, status, "eu-west-1")) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(StorageRefused) as caught:
            REQUESTS[request_name](Store.open("s3://bucket/prefix", retries=0))
    assert f": {code}" in caught.value.what
    assert "s3://bucket/prefix/" in caught.value.what
    assert remedy in caught.value.remedy
    assert "<" not in caught.value.what
    assert "do-not-print" not in str(caught.value)


@pytest.mark.parametrize(("code", "status"), [("SlowDown", 503), ("InternalError", 500), ("RequestTimeout", 400)])
def test_what_passes_is_waited_for(code: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(refuses(code, status)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(StorageError, match=code) as caught:
            Store.open("s3://bucket/prefix", retries=0).get("key")
    assert not isinstance(caught.value, StorageRefused)


def test_a_full_server_is_full_storage(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(refuses("XMinioStorageFull", 507)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        with pytest.raises(NoSpaceLeft, match="Free some space"):
            Store.open("s3://bucket/prefix", retries=0).put("key", b"x")


@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_missing_bucket_is_named_as_such(request_name: str, s3_url: str) -> None:
    url = s3_url.replace("s3://bucket", "s3://no-bucket")
    with pytest.raises(StorageRefused, match="NoSuchBucket") as caught:
        REQUESTS[request_name](Store.open(url, retries=0))
    assert "LDP_STORAGE_URL" in caught.value.remedy


def test_a_bucket_that_is_there_is_asked_once_only_whether_it_is(s3_url: str) -> None:
    store = Store.open(s3_url)
    asked = []
    store._ask_why = lambda *_: asked.append(1)  # type: ignore[method-assign]
    assert [store.info(f"key-{i}") for i in range(3)] == [None] * 3
    assert asked == [1]


def test_a_name_that_is_not_known_and_a_port_where_nothing_answers_are_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://no-such-host.invalid")
    with pytest.raises(StorageError, match=r"the name in http://no-such-host.invalid is not known"):
        Store.open("s3://bucket/prefix", retries=0).get("key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"http://127.0.0.1:9 cannot be reached \(Connection refused\)"):
        Store.open("s3://bucket/prefix", retries=0).get("key")


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    place = tmp_path_factory.mktemp("tls")
    command = [
        "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "certificate.pem",
        "-days", "1", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
    ]  # fmt: skip
    try:
        subprocess.run(command, cwd=place, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "certificate.pem", place / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_certificate_that_nobody_vouches_for_is_named(tls_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", tls_server)
    with pytest.raises(StorageError, match=r"the certificate of https://127.0.0.1:[0-9]+ is not trusted") as caught:
        Store.open("s3://bucket/prefix", retries=0).get("key")
    assert "SSL_CERT_FILE" in caught.value.remedy


def test_tls_to_a_server_without_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(refuses("AccessDenied", 403)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint.replace("http://", "https://"))
        with pytest.raises(StorageError, match="does not speak TLS"):
            Store.open("s3://bucket/prefix", retries=0).get("key")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EROFS, "read-only"),
        (errno.EACCES, "Give yourself the right"),
        (errno.EPERM, "does not allow it"),
        (errno.EDQUOT, "quota"),
        (errno.ENAMETOOLONG, "shorter"),
    ],
)
def test_what_the_system_refuses_for_good_is_not_waited_for(number: int, words: str) -> None:
    store = Store.open("memory:///")
    for error in (OSError(number, "said so"), OSError(f"Generic error: (os error {number})\n\nDebug source: …")):
        with pytest.raises(StorageRefused) as caught, store._errors("write", "key"):
            raise error
        assert words in caught.value.remedy


def test_a_disk_that_is_full_or_stumbles_is_waited_for() -> None:
    store = Store.open("memory:///")
    for number, kind in ((errno.ENOSPC, NoSpaceLeft), (errno.EIO, StorageError), (errno.ESTALE, StorageError)):
        with pytest.raises(StorageError) as caught, store._errors("write", "key"):
            raise OSError(number, "said so")
        assert type(caught.value) is kind


def test_a_file_in_the_way_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("I am no directory")
    store = Store.open(str(tmp_path))
    for request in (lambda: store.put("data/x", b""), lambda: store.get("data/x"), lambda: store.info("data/x")):
        with pytest.raises(StorageRefused, match="A file stands where a directory has to be"):
            request()


def test_a_file_where_the_storage_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "loans").write_text("I am no directory")
    for place in (tmp_path / "loans", tmp_path / "loans" / "below"):
        with pytest.raises(SettingInvalid, match="A file stands where a directory has to be"):
            Store.open(str(place))


def test_a_native_librarys_panic_is_an_error_like_others() -> None:
    panic = type("PanicException", (BaseException,), {"__module__": "pyo3_runtime"})
    with pytest.raises(StorageRefused, match="InvalidHeaderValue"), Store.open("memory:///")._errors("read", "key"):
        raise panic("called `Result::unwrap()` on an `Err` value: InvalidHeaderValue")
    with pytest.raises(KeyboardInterrupt), Store.open("memory:///")._errors("read", "key"):
        raise KeyboardInterrupt
