"""The benchmarks' harness: what it measures is what the side did, and its page says what was found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.measure import (
    Case,
    Claim,
    Measurement,
    Side,
    Spread,
    as_json,
    as_markdown,
    circumstances,
    compare,
    figure,
    measure,
    publish,
    ratio,
    spread,
)

ABOUT = {
    "command": "python -m benchmarks example", "date": "2026-01-01", "cores": 2, "load": 0.1,
    "platform": "Linux x86_64", "python": "3.11.7", "versions": {"numpy": "2.4.6"},
}  # fmt: skip
OURS, OTHER = Side("ours", ("true",), "writes X"), Side("other", ("true",))
RUNS = {
    "ours": [Measurement(1.0, 2.0, 100.0), Measurement(2.0, 2.0, 110.0), Measurement(3.0, 2.0, 90.0)],
    "other": [Measurement(2.0, 1.0, 10.0), Measurement(2.0, 1.0, 10.0), Measurement(2.0, 1.0, 10.0)],
}


def python(code: str, **options: bool) -> Side:
    return Side("side", (sys.executable, "-c", code), **options)


def peak_mib(code: str, **options: bool) -> float:
    """Measure from a small process, as the benchmarks do: a child's peak begins with that of its parent."""
    side = f"Side('side', {(sys.executable, '-c', code)}, **{options})"
    ask = f"from benchmarks.measure import Side, measure\nprint(measure({side}).peak_mib)"
    root = Path(__file__).parents[2]
    return float(subprocess.run([sys.executable, "-c", ask], cwd=root, check=True, capture_output=True).stdout)


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio(RUNS, "ours", "other") == Spread(1.0, 0.5, 1.5)
    assert ratio(RUNS, "ours", "other", "peak_mib") == Spread(10.0, 9.0, 11.0)
    assert figure(RUNS, "ours", "cpu_s") == Spread(2.0, 1.0, 3.0)


def test_the_median_is_held_against_the_limit() -> None:
    value = spread([1.0, 2.0, 9.0])
    assert Claim("", value).met is None
    assert Claim("", value, at_most=2.0).met is True
    assert Claim("", value, at_most=1.9).met is False
    assert Claim("", value, at_least=2.1).met is False
    assert Claim("", value, at_least=1.0, at_most=3.0).met is True


def test_the_page_and_the_json_say_the_same() -> None:
    claims = (
        Claim("ours against other", ratio(RUNS, "ours", "other"), at_most=0.5),
        Claim("objects", spread([1200.0]), ""),
    )
    case = Case("1,000 rows", (OURS, OTHER), RUNS, claims, ("the results agree",))
    page, found = as_markdown("example", ABOUT, [case]), as_json("example", ABOUT, [case])
    assert "| ours | 2 [1 – 3] | 2 | 100 [90 – 110] | 3 | writes X |" in page
    assert "| ours against other | 1 [0.500 – 1.50] × | ≤ 0.500 × | **not met** |" in page
    assert "| objects | 1,200  |  |  |" in page
    assert "- the results agree" in page
    (read,) = json.loads(json.dumps(found))["cases"]
    assert read["sides"][0]["cpu_s"] == {"median": 2.0, "min": 1.0, "max": 3.0}
    assert read["claims"][0]["met"] is False
    assert read["checks"] == ["the results agree"]


def test_publishing_writes_both_files_and_tells_of_a_missed_limit(tmp_path: Path) -> None:
    missed = Claim("", spread([2.0]), at_most=1.0)
    assert publish("example", ABOUT, [Case("a", (OURS,), RUNS, (missed,))], tmp_path) == 1
    assert publish("example", ABOUT, [Case("a", (OURS,), RUNS)], tmp_path) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["example.json", "example.md"]


def test_nothing_in_the_circumstances_names_the_machine() -> None:
    import platform

    about = circumstances("python -m benchmarks example", ["numpy"])
    assert platform.node() not in json.dumps(about)
    assert str(Path.home()) not in json.dumps(about)
    assert set(about) == set(ABOUT)


def test_cpu_seconds_and_memory_are_those_of_the_side_and_its_children() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    alone = measure(python(busy))
    nested = measure(python(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {busy!r}], check=True)"))
    assert alone.cpu_s >= 0.3
    assert nested.cpu_s >= 0.3
    assert 200 < peak_mib("x = bytearray(200 << 20)") < 300


@pytest.mark.skipif(sys.platform != "linux", reason="adds up a process tree's memory from /proc, which Linux has")
def test_the_memory_of_a_tree_is_that_of_all_its_processes() -> None:
    child = "import time\nx = bytearray(100 << 20)\ntime.sleep(1)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    code = f"import subprocess, sys\nfor process in [{start}, {start}]: process.wait()"
    assert 200 < peak_mib(code, tree=True) < 400
    assert peak_mib(code) < 200


def test_what_a_side_says_of_itself_replaces_what_was_measured_from_outside() -> None:
    run = measure(python("print('noise')\nprint('{\"cpu_s\": 12.5, \"rows\": 3}')"))
    assert run.cpu_s == 12.5
    assert run.wall_s < 12
    assert run.answer == {"rows": 3}


def test_a_side_that_fails_stops_the_benchmark_with_its_words() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3(.|\n)*the reason"):
        measure(python("import sys\nprint('the reason', file=sys.stderr)\nsys.exit(3)"))


def test_every_round_has_every_side_and_begins_with_another() -> None:
    said: list[str] = []
    sides = [Side(name, (sys.executable, "-c", "pass")) for name in "ab"]
    runs = compare(sides, 2, said.append)
    assert {name: len(found) for name, found in runs.items()} == {"a": 2, "b": 2}
    assert [line.split(":")[0].strip() for line in said] == ["round 1, a", "round 1, b", "round 2, b", "round 2, a"]
