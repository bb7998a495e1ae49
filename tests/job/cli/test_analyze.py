"""``ldp analyze`` as a user meets it: every command on one small execution, as table and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.job.cli.test_main import SPEC


@pytest.fixture
def done(ldp, tmp_path: Path) -> str:  # type: ignore[no-untyped-def]
    (tmp_path / "tiny.toml").write_text(SPEC)
    assert ldp("data", "sample", "taiwan_credit", "--rows", "400")[0] == 0
    assert ldp("data", "process", "taiwan_credit")[0] == 0
    assert ldp("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")[0] == 0
    return str(json.loads(ldp("experiment", "list", "--json")[1])[0]["execution"])


def test_every_command_tells_people_and_programs(ldp, done: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = ldp("analyze", "summary", "--metrics", "ks, roc_auc")
    assert code == 0
    assert "ks" in out
    assert "brier" not in out
    assert "synthetic sample data" in out
    assert "test part of each seed: 120 rows" in out
    assert "spec tiny; 400 rows, split by row, fingerprint " in out
    assert max(len(line) for line in ldp("analyze", "summary")[1].splitlines() if "─" in line) <= 100
    assert "log_loss" in ldp("analyze", "summary", "--all")[1]
    row = json.loads(ldp("analyze", "summary", "--json")[1])[0]
    assert {"execution": done, "spec": "tiny", "split": "by row", "synthetic": True, "rows": 400}.items() <= row.items()
    assert row["test_rows"] == [120]

    code, out, _ = ldp("analyze", "differences", "--metrics", "roc_auc")
    assert code == 0
    assert "not tested: 6 pairs: 1 seed is too few; at least 3 are needed" in out
    assert len(json.loads(ldp("analyze", "differences", done, "--baseline", "--json")[1])) == 2 * 3
    assert "lightgbm × baseline less" in ldp("analyze", "differences", "--seed", "1")[1]
    assert len(json.loads(ldp("analyze", "differences", "--seed", "1", "--json")[1])) == 6
    assert len(json.loads(ldp("analyze", "compare", done, done, "--json")[1])) == 4 * 3
    assert "4 pairs" in ldp("analyze", "compare", done, done)[1]

    assert "left out, searched by ROC AUC" in ldp("analyze", "selection")[1]
    (chosen,) = json.loads(ldp("analyze", "selection", "--json")[1])
    assert chosen["candidates"] == 2

    assert "taiwan_credit, by row, 1" in ldp("analyze", "units")[1]
    units = json.loads(ldp("analyze", "units", "--bootstrap", "30", "--json")[1])
    assert [one["execution"] for one in units] == [done] * 4
    assert all(one["intervals"]["bootstrap"]["brier"]["low"] is not None for one in units)

    code, out, _ = ldp("analyze", "fairness", "taiwan_credit", "SEX_2")
    assert code == 0
    assert "against the largest group" in out
    assert {one["column"] for one in json.loads(ldp("analyze", "fairness", "taiwan_credit", "SEX_2", "--json")[1])} == {
        "SEX_2"
    }
    for to, names in {"csv": ("summary.csv", "units.csv"), "parquet": ("units.parquet",), "latex": ("summary.tex",),
                      "markdown": ("summary.md",)}.items():  # fmt: skip
        assert ldp("analyze", "export", "--to", to)[0] == 0
        assert all((tmp_path / "reports" / done / "tables" / name).is_file() for name in names)


REFUSED = {
    ("summary", "--metrics", "auc"): "there is no metric 'auc'",
    ("summary", "--metrics", "ks", "--all"): "--metrics and --all contradict each other",
    ("differences", "--region", "ks"): "'ks' is no region",
    ("differences", "--seed", "7"): "with seed 7",
    ("export", "--to", "word"): "there is no format 'word'",
    ("drift", "taiwan_credit"): "does not split taiwan_credit by time",
    ("fairness", "taiwan_credit", "SEX"): "did you mean 'SEX_2'?",
    ("fairness", "taiwan_credit", "LIMIT_BAL"): "groups can be told apart by at most 20",
    ("fairness", "taiwan", "SEX_2"): "has no dataset 'taiwan'",
    ("compare", "nothing", "nothing"): "there is no execution 'nothing'",
}


def test_what_cannot_be_asked_is_refused_in_two_lines(ldp, done: str) -> None:  # type: ignore[no-untyped-def]
    for arguments, words in REFUSED.items():
        code, _, err = ldp("analyze", *arguments)
        assert code in (1, 2), arguments
        assert words in err
        assert "fault of ldp" not in err
