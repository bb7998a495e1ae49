"""A stranger's file, from ``ldp data init`` to a summary, without a line of code."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from job.data.declarations.stored import require_declaration
from job.store import Store
from tests.job.data.declarations.strangers import export, german, wide

SPEC = """
datasets = ["{name}"]
techniques = ["baseline"]
seeds = [1, 2]
folds = 3
[splits]
{name} = {split}
[models.logistic_regression.grid]
alpha = 1e-3
"""
BANK = ("--name", "bank", "--target", "Ausgang", "--bad", "ausgefallen", "--drop", "laufend", "--group", "Kunde")


def summary_of(ldp: Any, folder: Path, name: str, split: str) -> Any:
    (folder / "spec.toml").write_text(SPEC.format(name=name, split=split))
    assert ldp("experiment", "run", "--spec", "spec.toml", "--jobs", "1")[0] == 0
    code, out, _ = ldp("analyze", "summary", "--json")
    assert code == 0
    return json.loads(out)


def declared(folder: Path, name: str) -> dict[str, Any]:
    return tomllib.loads((folder / f"data/raw/{name}.toml").read_text("utf-8"))


def test_german_credit_in_its_published_layout(ldp: Any, tmp_path: Path) -> None:
    german(tmp_path / "german.data")
    assert ldp("data", "init", "german.data", "--target", "c21", "--bad", "2")[0] == 0
    found = declared(tmp_path, "german")
    assert found["file"]["separator"] == " "
    assert found["file"]["columns"] == [f"c{i}" for i in range(1, 22)]
    assert found["target"] == {"column": "c21", "bad": ["2"], "good": ["1"]}
    assert found["features"]["c1"] == {"kind": "category", "levels": ["A11", "A12", "A13", "A14"]}
    assert found["features"]["c5"] == {"kind": "number"}
    assert len(found["features"]) == 20
    assert ldp("data", "process", "german")[0] == 0
    assert "german" in ldp("data", "list")[1]
    text = json.dumps(summary_of(ldp, tmp_path, "german", '"row"'))
    assert "german" in text
    assert "logistic_regression" in text
    store = Store.open(str(tmp_path))
    (binding,) = [one.key for one in store.objects("executions/") if one.key.endswith("/datasets/german.json")]
    assert json.loads((tmp_path / binding).read_text())["declaration"] == require_declaration(store, "german").digest
    path = tmp_path / "data/raw/german.toml"
    path.write_text(path.read_text("utf-8").replace('"A13"', '"A1x"'), "utf-8")
    code, _, told = ldp("experiment", "run", "--spec", "spec.toml")
    assert code == 1
    assert "were made by another declaration" in told
    assert "Run `ldp data process german`." in told


def test_the_names_of_a_file_without_a_header_can_be_said(ldp: Any, tmp_path: Path) -> None:
    german(tmp_path / "german.data", rows=300)
    names = ",".join([*(f"a{i}" for i in range(20)), "class"])
    assert ldp("data", "init", "german.data", "--columns", names, "--target", "class", "--bad", "2")[0] == 0
    assert declared(tmp_path, "german")["file"]["columns"][-1] == "class"
    assert ldp("data", "process", "german")[0] == 0


@pytest.mark.parametrize(
    ("encoding", "split", "words"),
    [
        ("utf-16", '{by = "time", origins = 2, months = 6, labels = "hindsight"}', "time"),
        ("cp1252", '"group"', "group"),
    ],
)
def test_a_banks_export_by_group_and_by_time(ldp: Any, tmp_path: Path, encoding: str, split: str, words: str) -> None:
    export(tmp_path / "Export Bank.csv", encoding=encoding)
    assert ldp("data", "init", "Export Bank.csv", *BANK, "--time", "Bewilligt")[0] == 0
    found = declared(tmp_path, "bank")
    assert found["file"] == {
        "separator": ";",
        "decimal": ",",
        "thousands": ".",
        "encoding": encoding,
        "missing": ["k.A."],
        "key": "Vertrag",
    }
    assert found["time"] == {"column": "Bewilligt", "format": "DD.MM.YYYY"}
    assert found["known_later"] == {"columns": ["Verlust"]}
    assert set(found["features"]) == {"Betrag", "Auslastung", "Zweck", "Geschlecht"}
    path = tmp_path / "data/raw/bank.toml"
    before, months = path.read_text("utf-8").split('# [features."Konto seit_months"]')
    path.write_text(f'{before}[features."Konto seit_months"]{months.replace("# ", "")}', "utf-8")
    assert len(declared(tmp_path, "bank")["features"]) == 5
    assert ldp("data", "process", "bank")[0] == 0
    assert words in json.dumps(summary_of(ldp, tmp_path, "bank", split))


def test_three_hundred_columns_with_planted_leaks(ldp: Any, tmp_path: Path) -> None:
    wide(tmp_path / "wide.csv")
    code, _, told = ldp("data", "init", "wide.csv", "--target", "default")
    assert code == 0
    found = declared(tmp_path, "wide")
    assert set(found["known_later"]["columns"]) == {"recovered", "written_off", "score_at_end"}
    assert "score_at_end" in told
    assert found["file"]["key"] == "loan_number"
    assert found["features"]["x005"] == {"kind": "number", "missing": [-999]}
    assert "constant" not in found["features"]
    assert len(found["features"]) == 294
    assert ldp("data", "process", "wide")[0] == 0
    assert "wide" in json.dumps(summary_of(ldp, tmp_path, "wide", '"row"'))


def test_any_shipped_spec_runs_on_a_dataset_of_ones_own(ldp: Any, tmp_path: Path) -> None:
    german(tmp_path / "german.data", rows=300)
    assert ldp("data", "init", "german.data", "--target", "c21", "--bad", "2")[0] == 0
    assert ldp("data", "process", "german")[0] == 0
    code, out, _ = ldp("experiment", "plan", "--spec", "quick", "--only-dataset", "german", "--json")
    assert code == 0
    assert json.loads(out)["splits"] == {"german": {"by": "row"}}


def test_nothing_is_overwritten_without_being_told(ldp: Any, tmp_path: Path) -> None:
    german(tmp_path / "german.data", rows=300)
    arguments = ("data", "init", "german.data", "--target", "c21", "--bad", "2")
    assert ldp(*arguments)[0] == 0
    path = tmp_path / "data/raw/german.toml"
    path.write_text(path.read_text() + "# mine\n")
    code, _, told = ldp(*arguments)
    assert code == 1
    assert "there is a declaration already" in told
    assert path.read_text().endswith("# mine\n")
    assert ldp(*arguments, "--force")[0] == 0
    assert not path.read_text().endswith("# mine\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Add --target COLUMN; the columns are: c1, c2"),
        (("--target", "c99"), "there is no column 'c99'"),
        (("--target", "c21"), "Add --bad VALUE, once for each; its values are: 1, 2."),
        (("--target", "c21", "--bad", "3"), "c21 is nowhere '3'"),
        (("--target", "c5", "--bad", "3"), "a target has two or a few"),
        (("--target", "c21", "--bad", "2", "--name", "taiwan_credit"), "not a dataset that ldp has"),
        (("--target", "c21", "--bad", "2", "--time", "c2"), "--time-format"),
        (("--target", "c21", "--bad", "2", "--columns", "a,b"), "has 21 columns, and 2 names were given"),
    ],
)
def test_what_is_not_said_is_asked_for(ldp: Any, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    german(tmp_path / "german.data", rows=2000)
    code, _, told = ldp("data", "init", "german.data", *arguments)
    assert code in (1, 2)
    assert words in told
    assert not (tmp_path / "data").exists()


def test_at_a_terminal_it_is_asked(tmp_path: Path) -> None:
    german(tmp_path / "german.data", rows=300)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from job.cli import run; run()", "data", "init", "german.data"]
    with subprocess.Popen(command, cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.write(ours, b"loans\nc21\n\n\n2\n")  # name, target, no group, no time, what is bad
        assert process.wait(120) == 0
    os.close(theirs)
    os.close(ours)
    assert declared(tmp_path, "loans")["target"] == {"column": "c21", "bad": ["2"], "good": ["1"]}


def test_one_declaration_that_cannot_be_used_hides_no_other_dataset(ldp: Any, tmp_path: Path) -> None:
    (tmp_path / "data/raw").mkdir(parents=True)
    (tmp_path / "data/raw/broken.toml").write_text("[target]\ncolum = 1\n")
    code, out, _ = ldp("data", "list", "--json")
    assert code == 0
    titles = {one["dataset"]: one["title"] for one in json.loads(out)}
    assert titles["broken"] == "cannot be used: `ldp data process broken` says why"
    assert "taiwan_credit" in titles
    code, _, told = ldp("data", "process", "broken")
    assert code == 1
    assert "unknown key 'colum' in [target]: did you mean 'column'?" in told


def test_an_unknown_name_is_told_how_to_declare_it(ldp: Any) -> None:
    code, _, told = ldp("data", "process", "germn")
    assert code == 2
    assert "ldp data init FILE.csv --name germn" in told
