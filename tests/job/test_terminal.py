"""Output that an encoding does not have is spelled, and no output ends a command."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.terminal import degrade, spelled

ENCODINGS = ("ascii", "latin-1", "cp437", "cp1252", "iso8859-15", "koi8-r", "shift_jis", "utf-8")
# Lone surrogates stand in names of files that are no UTF-8.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)


@given(ANY_TEXT, st.sampled_from(ENCODINGS))
def test_any_text_can_be_written_in_any_encoding(text: str, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    degrade(stream)
    stream.write(text)
    stream.flush()
    assert raw.getvalue() == spelled(text, encoding).encode(encoding)


@given(st.text(st.characters(codec="latin-1"), max_size=30))
def test_what_an_encoding_has_stays_as_it_is(text: str) -> None:
    assert spelled(text, "latin-1") == text
    assert spelled(text, "utf-8") == text
    assert spelled(text, None) == text


@pytest.mark.parametrize(
    ("text", "in_ascii"),
    [
        ("0.710 ± 0.005", "0.710 +/- 0.005"),
        ("–", "-"),
        ("mlp × smote", "mlp x smote"),
        ("1 ≤ I ≤ N", "1 <= I <= N"),
        ("what is wrong — do this…", "what is wrong - do this..."),
        ("──┼──│┌", "--+--|+"),
        ("größe, école", "grosse, ecole"),
        ("日本", "??"),
        ("\udcff", "?"),
    ],
)
def test_signs_are_spelled_as_people_type_them(text: str, in_ascii: str) -> None:
    assert spelled(text, "ascii") == in_ascii
