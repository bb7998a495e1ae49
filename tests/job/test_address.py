"""What an address of storage is: paths stay paths, URLs stay URLs, and what is spoilt is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from job.address import parse_address, parse_directory
from job.errors import SettingInvalid

# A name of a directory is any bytes but NUL and the slash.
NAMES = st.binary(min_size=1, max_size=12).filter(lambda b: not {0, ord("/")} & set(b) and b not in {b".", b".."})
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: Path(os.fsdecode(b"/" + b"/".join(names))))
BUCKETS = st.from_regex(r"\A[a-z][a-z0-9-]{1,20}[a-z0-9]\Z")
PREFIXES = st.lists(st.from_regex(r"\A[A-Za-z0-9äß_.=@~+-]{1,10}\Z"), max_size=3).map("/".join)


def refusal(text: str, variable: str = "LDP_STORAGE_URL") -> SettingInvalid:
    with pytest.raises(SettingInvalid) as caught:
        parse_address(text, variable)
    assert variable in caught.value.what
    return caught.value


@given(PATHS)
@example(Path("/data/100%25 done?#1"))
@example(Path("/data/a 'quoted' \"name\""))
@example(Path("/data/s3:/b"))
def test_any_path_survives_as_a_file_url(path: Path) -> None:
    assert parse_address(path.as_uri()).path == path


@given(PATHS)
@example(Path("/data/100%25 done?#1"))
@example(Path("/data/a 'quoted' \"name\""))
@example(Path("/s3:/b"))
@example(Path("/data/~user/$HOME/C:"))
def test_any_absolute_path_survives_as_it_is_written(path: Path) -> None:
    text = str(path)
    assume(text[-1].isprintable() and not text[-1].isspace())
    assert parse_address(text).path == path


@given(st.text("abcäß xyz0123456789_.-+=,()[]{}&!^", min_size=1, max_size=20).filter(lambda t: t.strip() == t))
def test_a_name_with_odd_characters_is_a_directory_here(name: str) -> None:
    assert parse_address(name).path == Path.cwd() / name
    assert parse_address(f"./{name}").path == Path.cwd() / name


@pytest.mark.parametrize(
    "text", ["s3/b/p", "data/s3", "files", "memory", "a//b", "//workspace", "it's/here", "..", "."]
)
def test_a_path_that_only_resembles_a_scheme_is_a_path(text: str) -> None:
    assert parse_address(text).path == Path(text).absolute()


def test_the_home_directory_is_known_by_its_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/you")
    assert parse_address("~/loans").path == Path("/home/you/loans")
    assert "no such user" in refusal("~nobody-of-that-name/loans").what


@given(BUCKETS, PREFIXES)
def test_any_s3_url_survives(bucket: str, prefix: str) -> None:
    assume(not {".", ".."} & set(prefix.split("/")))
    address = parse_address(f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}")
    assert (address.scheme, address.bucket, address.prefix, address.path) == ("s3", bucket, prefix, None)


SPOILT = {
    "in quotation marks": '"{url}"',
    "in single ones": "'{url}'",
    "in typographic ones": "“{url}”",
    "opened and not closed": '"{url}',
    "closed and not opened": "{url}'",
    "a blank before it": " {url}",
    "a blank behind it": "{url} ",
    "a line end of Windows": "{url}\r",
    "a byte-order mark": "\ufeff{url}",
    "in angle brackets": "<{url}>",
    "without the colon": "s3//{rest}",
    "with one slash": "s3:/{rest}",
    "with three": "s3:///{rest}",
    "without slashes": "s3:{rest}",
    "with backslashes": "s3:\\\\{rest}",
    "with a semicolon": "s3;//{rest}",
    "in capitals": "S3://{rest}",
    "with a blank inside": "s3: //{rest}",
    "with a blank at the bucket": "s3:// {rest}",
    "percent-encoded": "s3%3A%2F%2F{rest}",
    "with a full-width colon": "s3：//{rest}",
    "as Hadoop writes it": "s3a://{rest}",
    "as Hadoop wrote it": "s3n://{rest}",
    "with a typing error": "ss3://{rest}",
    "without the scheme": "://{rest}",
    "with the variable's name": "LDP_STORAGE_URL={url}",
    "with a query": "{url}?versionId=1",
    "with a fragment": "{url}#part",
    "with a wildcard": "{url}/*",
    "with an unreplaced variable": "s3://${{BUCKET}}/{rest}",
    "with an empty part": "{url}//x",
    "with a relative part": "{url}/../x",
    "with an encoded blank": "{url}/a%20b",
    "with credentials": "s3://key:secret@{rest}",
    "with a port": "s3://bucket:9000/{rest}",
    "behind a slash": "/{url}",
    "behind ./": "./{url}",
    "as the console shows it": "https://bucket.s3.eu-west-1.amazonaws.com/{rest}",
    "without its scheme there": "bucket.s3.amazonaws.com/{rest}",
    "as an ARN": "arn:aws:s3:::{rest}",
}


@pytest.mark.parametrize("how", SPOILT)
@given(bucket=BUCKETS, prefix=PREFIXES.filter(bool))
def test_a_spoilt_s3_url_is_refused(how: str, bucket: str, prefix: str) -> None:
    assume(not {".", ".."} & set(prefix.split("/")))
    rest = f"{bucket}/{prefix}"
    refusal(SPOILT[how].format(url=f"s3://{rest}", rest=rest))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ('"s3://loans/run"', "s3://loans/run"),
        ("'s3://loans/run'", "s3://loans/run"),
        (" s3://loans/run", "s3://loans/run"),
        ("s3//loans/run", "s3://loans/run"),
        ("s3:/loans/run", "s3://loans/run"),
        ("S3://loans/run", "s3://loans/run"),
        ("s3a://loans/run", "s3://loans/run"),
        ("s3://loans//run", "s3://loans/run"),
        ("https://loans.s3.eu-west-1.amazonaws.com/run", "s3://loans/run"),
        ("https://s3.amazonaws.com/loans/run", "s3://loans/run"),
        ("arn:aws:s3:::loans/run", "s3://loans/run"),
        ("file:/data", "file:///data"),
        ("file://data/raw", "file:///data/raw"),
        ("file:///data#1", "file:///data%231"),
        ("file:///data?x", "file:///data%3Fx"),
        ("file:///100%", "file:///100%25"),
        ('"/data"', "/data"),
    ],
)
def test_the_right_form_is_told(text: str, right: str) -> None:
    assert f"Write {right} in LDP_STORAGE_URL." in refusal(text).remedy
    assert parse_address(right)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("s3://", "names no bucket"),
        ("s3:///prefix", "names no bucket"),
        ("s3://UPPER_case", "no bucket's name"),
        ("s3://ab", "no bucket's name"),
        ("s3://10.0.0.1/x", "no bucket's name"),
        ("gs://", "names no bucket"),
        ("http://example.org/loans", "cannot be stored under http://"),
        ("ftp://example.org/loans", "no scheme"),
        ("nonsense://bucket", "no scheme"),
        ("C:\\loans", "path of Windows"),
        ("D:/loans", "path of Windows"),
        ("\\\\server\\loans", "path of Windows"),
        ("file:///C:/loans", "path of Windows"),
        ("file://", "names no directory"),
        ("file:///a%00b", "NUL"),
        ("/a\0b", "NUL"),
        ("nas:/export/loans", "looks like a URL"),
        ("$HOME/loans", "not replaced"),
        ("memory://here", "no host"),
        ("   ", "blank"),
    ],
)
def test_what_is_wrong_is_told(text: str, wrong: str) -> None:
    assert wrong in refusal(text).what


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIAKEY:hunter2@bucket/p",
        "s3://AKIAKEY:hun/hunter2/x@bucket/p",
        '"s3://AKIAKEY:hunter2@bucket/p"',
        "https://you:hunter2@example.org/loans",
        "https://bucket.s3.amazonaws.com/p?X-Amz-Signature=hunter2",
        "s3:AKIAKEY:hunter2@bucket/p",
        "s3//AKIAKEY:hunter2@bucket/p",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_shown(text: str) -> None:
    assert "hunter2" not in str(refusal(text))


def test_a_local_directory_is_asked_for_by_the_same_rules() -> None:
    assert parse_directory("file:///scratch", "LDP_SCRATCH_DIR") == Path("/scratch")
    for text in ("s3://bucket/prefix", "memory://", '"/tmp"'):
        with pytest.raises(SettingInvalid, match="LDP_SCRATCH_DIR"):
            parse_directory(text, "LDP_SCRATCH_DIR")
