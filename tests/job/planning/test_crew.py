"""How many workers a run has: on a GPU its jobs are those that use it, and the processors left have one each."""

from __future__ import annotations

import pytest

from job.planning.crew import Crew, crew_of


@pytest.mark.parametrize(
    ("kind", "asked", "processors", "expected"),
    [
        ("cpu", None, 4, Crew(4)),
        ("cpu", 9, 4, Crew(9)),
        ("gpu", None, 4, Crew(3, 1)),
        ("gpu", 1, 4, Crew(3, 1)),
        ("gpu", 2, 4, Crew(2, 2)),
        ("gpu", 1, 1, Crew(0, 1)),
        ("gpu", 3, 2, Crew(0, 3)),
    ],
)
def test_a_crew_is_what_the_device_and_the_processors_allow(
    kind: str, asked: int | None, processors: int, expected: Crew
) -> None:
    assert crew_of(kind, asked, processors) == expected  # type: ignore[arg-type]
    assert expected.workers == expected.cpu + expected.gpu
