"""Log records that alarms can rely on, and lines that never steer a terminal."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.console import RESERVED, Console
from job.data.datasets.samples import write_sample
from job.data.processing import process
from job.errors import LdpError, did_you_mean, shown
from job.store import Store
from job.terminal import harmless

HOSTILE = "\x1b]0;title\x07\x1b[2J\u202e\x9b31m\r\n[/x] :warning:"


def said(log_format: Any, say: str, *words: str, **fields: Any) -> str:
    stream = io.StringIO()
    getattr(Console(stream, log_format), say)(*words, **fields)
    return stream.getvalue()


@given(
    st.dictionaries(
        st.sampled_from([*RESERVED, "execution", "level_"]),
        st.text() | st.floats() | st.none() | st.dictionaries(st.text() | st.integers(), st.floats()),
    )
)
def test_what_a_record_says_of_itself_is_its_own_whatever_the_fields_are(fields: dict[str, Any]) -> None:
    (line,) = said("json", "warning", "unknown_level", "some cells", **fields).splitlines()
    record = json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert (record["level"], record["event"], record["message"]) == ("warning", "unknown_level", "some cells")
    assert record["time"].startswith("20")
    for name in fields.keys() - {"level_"}:
        assert (f"{name}_" if name in RESERVED else name) in record


def test_a_cell_named_error_is_no_error(tmp_path: Path) -> None:
    store = Store.open(str(tmp_path))
    write_sample(store, "corporate_credit_rating", rows=200, seed=1)
    path = tmp_path / "data/raw/corporate_credit_rating.csv"
    header, *lines = path.read_text().splitlines()
    sector = header.replace('"', "").split(",").index("Sector")
    cells = lines[0].split(",")
    path.write_text("\n".join([header, ",".join([*cells[:sector], "error", *cells[sector + 1 :]]), *lines[1:]]))
    stream = io.StringIO()
    process(store, "corporate_credit_rating", Console(stream, "json"))
    records = [json.loads(line) for line in stream.getvalue().splitlines()]
    (record,) = [record for record in records if record["event"] == "unknown_level"]
    assert (record["level"], record["cell"]) == ("warning", "error")
    assert not [record for record in records if record["level"] == "error"]


def fields_named(call: ast.Call) -> set[str | None]:
    """Return the names of a record's fields that a call gives, by keyword or as the facts of a finding."""
    said_by = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if said_by in {"info", "detail", "warning", "error"}:
        return {keyword.arg for keyword in call.keywords}
    if said_by == "Finding":
        given = [key for one in call.args if isinstance(one, ast.Dict) for key in one.keys]
        return {str(key.value) for key in given if isinstance(key, ast.Constant)}
    return set()


def test_no_caller_names_a_field_like_what_a_record_says_of_itself() -> None:
    calls = {
        f"{path}:{node.lineno}": fields_named(node)
        for path in Path("job").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
    }
    assert any(calls.values())
    assert not [where for where, named in calls.items() if named & set(RESERVED)]


@pytest.mark.parametrize("say", ["info", "warning", "error"])
def test_a_line_for_people_shows_what_would_steer_their_terminal(say: str) -> None:
    line = said("text", say, "event", f"read {HOSTILE}")
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert r"\x1b]0;title" in line
    assert "[/x] :warning:" in line


@given(st.text())
def test_harmless_text_prints_and_printable_text_stays_as_it_is(text: str) -> None:
    assert harmless(text).isprintable()
    assert harmless(harmless(text)) == harmless(text)
    assert harmless(text, keep=text) == text


def test_a_name_is_never_its_own_correction() -> None:
    assert "'tiny-1'" not in did_you_mean("tiny-1", ["tiny-1", "tiny-2"])
    assert did_you_mean("tiny-1", ["tiny-1"]) == "there is no other."


@pytest.mark.parametrize(
    "value",
    [10**5000, [[1]] * 3, "\ud800\x1b", float("nan"), {"a": 10**5000}],
    ids=["number", "lists", "text", "nan", "object"],
)
def test_anything_can_be_shown(value: object) -> None:
    assert shown(value).isprintable()


@pytest.mark.parametrize(
    "text",
    [
        "cannot reach http://user:secret@host:9/x",
        "GET https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAsecret&X-Amz-Signature=secret failed",
        "https://a.blob.core.windows.net/c?sv=1&sig=secret&se=2",
    ],
)
def test_an_error_never_shows_credentials_that_a_library_quotes(text: str) -> None:
    error = LdpError(text, text)
    assert "secret" not in f"{error.what}{error.remedy}{error}"
    assert "***" in error.what
