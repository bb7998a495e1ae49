"""What people at a terminal and logs are told of how far a run is."""

from __future__ import annotations

import io
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console as RichConsole

from job.console import Console
from job.progress import BarProgress, Outlook, Progress, bar_of, duration

HALF = Outlook(
    3, 45, 0.42, 40.0, 95.0, 83.2, ("lending_club/random_forest/smote/seed_1", "taiwan_credit/mlp/smote/seed_1")
)
LAST = Outlook(45, 45, 1.0, 95.0, 95.0, 0.0, ())


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (750, "12:30"), (11_100, "3:05:00"), (None, "?")]
)
def test_seconds_are_written_for_people(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_a_log_says_how_much_of_the_work_is_done_what_is_running_and_what_is_left() -> None:
    out = io.StringIO()
    with Console(out, "json").progress("quick-1", interval_s=0.0) as progress:
        progress.update(lambda: HALF)
        progress.update(lambda: LAST, finished=True)
    half, last = [json.loads(line) for line in out.getvalue().splitlines()]
    assert half["message"] == (
        "quick-1: 42% of the work, 3 of 45 units, about 1:23 left; running lending_club/random_forest/smote/seed_1, "
        "taiwan_credit/mlp/smote/seed_1"
    )
    assert {name: half[name] for name in HALF.as_json()} == HALF.as_json()
    assert (last["share"], last["eta_s"], last["running"]) == (1.0, 0.0, [])


def test_between_two_lines_nobody_is_asked_how_far_it_is() -> None:
    out = io.StringIO()
    asked: list[int] = []

    def outlook() -> Outlook:
        asked.append(1)
        return HALF

    with Console(out, "json").progress("quick-1", interval_s=3600) as progress:
        for _ in range(100):
            progress.update(outlook)
        assert not asked
        progress.update(outlook, finished=True)
        progress.update(outlook, finished=True)
    assert (len(asked), len(out.getvalue().splitlines())) == (1, 1)


@pytest.mark.parametrize("width", [40, 60, 90, 200])
def test_the_bar_fits_the_terminal_and_names_what_is_running(width: int) -> None:
    out = io.StringIO()
    terminal = RichConsole(file=out, force_terminal=True, width=width, color_system=None)
    with bar_of(terminal) as bar:
        shown: Progress = BarProgress(bar, "quick-bfd0aada-1")
        shown.update(lambda: HALF, finished=True)
        bar.refresh()
        lines = [line for renderable in bar.get_renderables() for line in terminal.render_lines(renderable)]
    text = ["".join(part.text for part in line) for line in lines]
    assert all(len(line) <= width for line in text)
    assert any("running lending_club" in line for line in text)
    if width >= 90:
        assert len(text) == 2
        assert all(words in text[0] for words in ("42%", "3/45 units", "left 1:23"))


numbers = st.integers(0, 10**6) | st.floats(0, 1e9)


@given(st.builds(Outlook, numbers, numbers, numbers, numbers, numbers, st.none() | numbers, st.tuples(st.text())))
def test_what_was_said_can_be_read_back(outlook: Outlook) -> None:
    found = Outlook.from_json(json.loads(json.dumps(outlook.as_json())))
    assert found is not None
    assert found.as_json() == outlook.as_json()


@pytest.mark.parametrize(
    "other",
    [
        None,
        [],
        "x",
        {},
        {"done": 1},
        {**HALF.as_json(), "eta_s": "soon"},
        {**HALF.as_json(), "share": math.nan},
        {**HALF.as_json(), "running": 3},
    ],
)
def test_what_is_no_outlook_is_none(other: object) -> None:
    assert Outlook.from_json(other) is None
