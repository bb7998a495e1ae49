"""What the GPU's benchmark tells: every side, also without a GPU; dollars; what was left out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu import SIDES, environment_of, file_stem, run_side
from benchmarks.gpu_page import as_page, best_of_cores, dollars, machines_of
from benchmarks.gpu_sides import go, require_threads
from job.machines import MACHINES


def test_a_dry_run_without_a_gpu_goes_through_every_side_and_writes_what_came(tmp_path: Path) -> None:
    sizes = ("6000",)
    command = (sys.executable, "-m", "benchmarks", "gpu", "--device", "numpy", "--trees", "5", "--cores", "2")
    run = subprocess.run(
        [*command, "--sizes", *sizes, "--out", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    (written,) = tmp_path.glob("*.json")
    found = json.loads(written.read_text())
    assert "dry run" in found["card"]["name"]
    answers = found["answers"]
    assert {(one["work"], one["side"]) for one in answers} == set(SIDES)
    assert len(answers) == len(SIDES) * len(sizes)
    assert all(one["piece_s"] > 0 for one in answers)
    for rows in map(int, sizes):
        links = {one["digest"] for one in answers if (one["work"], one["rows"]) == ("tomek", rows)}
        assert len(links) == 1, "every side finds the same links"
    assert written.with_suffix(".md").read_text() == as_page(found)


def test_without_a_gpu_it_ends_with_the_error_that_says_so(tmp_path: Path) -> None:
    command = (sys.executable, "-m", "benchmarks", "gpu", "--out", str(tmp_path))
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert "error: a GPU was asked for" in run.stderr
    assert not list(tmp_path.iterdir())


def test_sizes_that_would_not_end_in_time_are_left_out_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    done: list[int] = []

    def do(size: int, left: float) -> dict[str, Any]:
        done.append(size)
        return {"piece_s": 1.0, "once_s": 3.0}

    go([900, 30, 300], 20.0, lambda: None, do)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert done == [30], "ten times the rows are expected to take 16 times as long"
    assert [line["rows"] for line in lines] == [30, 300, 900]
    assert all("s are left" in line["left_out"] for line in lines[1:])


def test_a_side_that_fails_or_hangs_says_how() -> None:
    taken: list[dict[str, Any]] = []
    said = run_side(
        [sys.executable, "-c", "print('{\"a\": 1}', flush=True); raise SystemExit('no card')"], {}, 60, taken.append
    )
    assert said == "ended with 1: no card"
    assert taken == [{"a": 1}]
    hung = run_side([sys.executable, "-c", "import time; time.sleep(600)"], {}, 0.5, taken.append)
    assert hung == "ended after 0 s, as long as it had"


def answer(side: str, piece_s: float, **more: Any) -> dict[str, Any]:
    return {"work": "xgboost", "side": side, "rows": 1000, "piece_s": piece_s, "wall_s": [piece_s], **more}


def a_page(*answers: dict[str, Any]) -> str:
    about = {
        "command": "python -m benchmarks gpu", "date": "2026-11-26", "cores": 16, "compared_cores": 16, "load": 0.1,
        "platform": "Linux x86_64", "python": "3.12.3", "versions": {"xgboost": "3.2.0"}, "trees": 100,
        "card": {"name": "Tesla T4", "driver": "580.1, CUDA 13.0", "memory_mib": 15000},
    }  # fmt: skip
    return as_page({**about, "answers": list(answers)})


def test_dollars_stand_for_machines_with_as_many_cores_and_name_the_card_that_was_measured() -> None:
    page = a_page(answer("gpu", 1.0), answer("threads", 4.0), answer("each_core", 3.0))
    assert "g4dn.4xlarge (T4)" in page
    expected = f"{1000 * 3.0 * MACHINES['m5.4xlarge'].on_demand_usd / 3600:.2f}"  # type: ignore[operator]
    row = next(line for line in page.splitlines() if line.startswith("| xgboost | 1,000 | 0.33"))
    assert row.split(" | ")[6].startswith(expected), "the better of the cores' two ways"
    assert "seconds are those of Tesla T4" in page


def test_a_machine_without_a_sibling_has_no_dollars() -> None:
    assert machines_of(("g4dn", "g5", "g6"), 2, 1) == []
    assert best_of_cores([answer("gpu", 1.0)]) is None
    assert dollars(3.6, MACHINES["g4dn.xlarge"], spot=False) == pytest.approx(MACHINES["g4dn.xlarge"].on_demand_usd)


def test_what_is_missing_and_what_is_not_equal_is_on_the_page() -> None:
    page = a_page(answer("gpu", 1.0, rounds_equal=False), {"work": "lightgbm", "side": "gpu", "failed": "no device"})
    assert "**not** equal bit for bit" in page
    assert "- lightgbm, gpu: no device" in page


def test_the_results_are_named_by_the_card() -> None:
    assert file_stem("NVIDIA H100 80GB HBM3") == "gpu-nvidia-h100-80gb-hbm3"


def test_a_fit_that_is_to_have_all_cores_has_them() -> None:
    assert environment_of("threads", 16)["OMP_NUM_THREADS"] == "16"
    assert environment_of("gpu", 16)["OMP_NUM_THREADS"] == "1"
    require_threads(1)
    import xgboost  # noqa: F401 - which brings OpenMP

    with pytest.raises(RuntimeError, match="OMP_NUM_THREADS"):
        require_threads(10_000)
