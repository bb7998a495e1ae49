"""``ldp analyze`` by the reference's names: plots and tables as files, and what happens when they are there."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.job.cli.test_main import SPEC

BASE = "taiwan_credit"


@pytest.fixture
def done(ldp, tmp_path: Path) -> Path:  # type: ignore[no-untyped-def]
    (tmp_path / "tiny.toml").write_text(SPEC)
    assert ldp("data", "sample", BASE, "--rows", "400")[0] == 0
    assert ldp("data", "process", BASE)[0] == 0
    assert ldp("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")[0] == 0
    execution = json.loads(ldp("experiment", "list", "--json")[1])[0]["execution"]
    return tmp_path / "reports" / str(execution)


PARTS = {
    "tradeoff": ["tradeoff"],
    "stability": ["stability"],
    "heatmap": ["heatmap"],
    "comparison": ["comparison"],
}


def test_each_part_writes_its_plots_and_tables_and_says_where(ldp, done: Path) -> None:  # type: ignore[no-untyped-def]
    for command, names in PARTS.items():
        code, _, err = ldp("analyze", command, BASE, "--execution-id", done.name)
        assert code == 0
        for name in names:
            for file in (f"plots/{name}-{BASE}.svg", f"plots/{name}-{BASE}.png", f"tables/{name}-{BASE}.csv",
                         f"tables/{name}-{BASE}.tex"):  # fmt: skip
                assert (done / file).is_file()
                assert file in err
    assert ldp("analyze", "imbalance")[0] == 0
    assert (done / "plots" / "imbalance.svg").is_file()
    assert ldp("analyze", "imbalance", BASE)[0] == 0
    assert (done / "tables" / f"imbalance-{BASE}.csv").is_file()
    assert "SYNTHETIC DATA" in (done / "plots" / f"heatmap-{BASE}.svg").read_text("utf-8")
    rows = list(csv.DictReader(io.StringIO((done / "tables" / f"tradeoff-{BASE}.csv").read_text("utf-8"))))
    summary = {(one["model"], one["technique"]): one for one in json.loads(ldp("analyze", "summary", "--json")[1])}
    for row in rows:
        assert float(row["precision"]) == summary[row["model"], row["technique"]]["precision_mean"]

    _, _, err = ldp(
        "analyze", "stability", "--metric", "roc_auc", "--technique", "threshold_moving", "--locale", "pt_BR"
    )
    assert (done / "plots" / f"stability-{BASE}-roc_auc-threshold_moving.pt_BR.svg").is_file()
    assert "DADOS SINTÉTICOS" in (done / "plots" / f"stability-{BASE}-roc_auc-threshold_moving.pt_BR.svg").read_text(
        "utf-8"
    )

    code, _, err = ldp("analyze", "all")
    assert code == 0
    assert {file.name for file in (done / "plots").glob("roc-*")} == {f"roc-{BASE}.svg", f"roc-{BASE}.png"}
    assert (done / "tables" / "summary.tex").is_file()


def test_a_file_that_was_edited_is_kept_until_forced(ldp, done: Path) -> None:  # type: ignore[no-untyped-def]
    assert ldp("analyze", "heatmap")[0] == 0
    plot = done / "plots" / f"heatmap-{BASE}.svg"
    made = plot.read_bytes()
    plot.write_bytes(b"<svg>mine</svg>")
    code, _, err = ldp("analyze", "heatmap")
    assert code == 0
    assert "was changed since it was made: kept" in err
    assert plot.read_bytes() == b"<svg>mine</svg>"
    assert ldp("analyze", "heatmap", "--force")[0] == 0
    assert plot.read_bytes() == made


def test_summary_shows_only_the_techniques_that_are_asked_for(ldp, done: Path) -> None:  # type: ignore[no-untyped-def]
    every = json.loads(ldp("analyze", "summary", done.name, "--json")[1])
    only = json.loads(
        ldp("analyze", "summary", "--execution-id", done.name, "--technique", "threshold_moving", "--json")[1]
    )
    assert {one["technique"] for one in only if one["model"] != "reference"} == {"threshold_moving"}
    ranks = {(one["model"], one["technique"]): one["rank"] for one in every}
    assert all(one["rank"] == ranks[one["model"], one["technique"]] for one in only)


REFUSED = {
    ("heatmap", "taiwan"): "has no dataset 'taiwan'",
    ("heatmap", "--technique", "treshold_moving"): "did you mean 'threshold_moving'",
    ("stability", "--metric", "auc"): "there is no metric 'auc'",
    ("tradeoff", "--locale", "fr_FR"): "there is no locale 'fr_FR'",
    ("all", "--execution-id", "nothing"): "there is no execution 'nothing'",
    ("summary", "one", "--execution-id", "two"): "the argument names one and --execution-id two",
    ("summary", "--technique", "treshold_moving"): "did you mean 'threshold_moving'",
}


def test_what_is_not_there_is_refused_in_two_lines(ldp, done: Path) -> None:  # type: ignore[no-untyped-def]
    for arguments, words in REFUSED.items():
        code, _, err = ldp("analyze", *arguments)
        assert code in (1, 2), arguments
        assert words in err
        assert "fault of ldp" not in err


BY_TIME = """
datasets = ["lending_club_matured"]
techniques = ["baseline"]
seeds = [1]
folds = 2
[splits]
lending_club_matured = { by = "time", origins = 2, months = 6 }
[models.logistic_regression.grid]
alpha = [1e-3]
"""


def test_by_time_stability_is_over_origins_and_points_to_drift(ldp, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "months.toml").write_text(BY_TIME)
    assert ldp("data", "sample", "lending_club_matured", "--rows", "4000")[0] == 0
    assert ldp("data", "process", "lending_club_matured")[0] == 0
    assert ldp("experiment", "run", "--spec", "months.toml", "--jobs", "1")[0] == 0
    code, _, err = ldp("analyze", "stability")
    assert code == 0
    assert "from month to month: `ldp analyze drift lending_club_matured" in err
    (table,) = (tmp_path / "reports").glob("*/tables/stability-lending_club_matured.csv")
    (row,) = csv.DictReader(io.StringIO(table.read_text("utf-8")))
    assert float(row["mean"]) == pytest.approx((float(row["origin_1"]) + float(row["origin_2"])) / 2)
    assert ldp("analyze", "drift", "lending_club_matured")[0] == 0
