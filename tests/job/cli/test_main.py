"""The command line: what it prints where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.specs import DIVERGING, TINY

SPEC = TINY.replace('"smote", ', "").replace("seeds = [1, 2]", "seeds = [1]")


def test_a_first_tour(ldp, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "tiny.toml").write_text(SPEC)
    assert ldp("data", "sample", "taiwan_credit", "--rows", "400")[0] == 0
    assert ldp("data", "process", "taiwan_credit")[0] == 0
    listed = json.loads(ldp("data", "list", "--json")[1])
    assert next((one["dataset"], one["processed"]) for one in listed) == ("taiwan_credit", True)

    code, out, _ = ldp("experiment", "plan", "--spec", "tiny.toml", "--json")
    planned = json.loads(out)
    assert (code, planned["units"], planned["fits"]) == (0, 4, 4 * 2 * 2 + 4)
    assert planned["cpu_hours"] > 0
    assert "fits of a naive grid search" in ldp("experiment", "plan", "--spec", "tiny.toml")[1]

    code, out, err = ldp("experiment", "run", "--spec", "tiny.toml", "--jobs", "1")
    assert (code, out) == (0, "")
    records = [json.loads(line) for line in err.splitlines()]
    assert all({"time", "level", "event", "message"} <= set(record) for record in records)
    assert [record["event"] for record in records].count("unit_finished") == 4
    assert records[0]["event"] == "environment"
    assert {"device": "cpu", "storage": str(tmp_path)}.items() <= records[0].items()
    assert records[0]["versions"]["scikit-learn"]
    assert "already complete" in ldp("experiment", "run", "--spec", "tiny.toml")[2]

    (listed,) = json.loads(ldp("experiment", "list", "--json")[1])
    assert (listed["done"], listed["complete"]) == (4, True)
    shown = json.loads(ldp("experiment", "status", listed["execution"], "--json")[1])
    assert shown["datasets"][0]["synthetic"] is True
    assert "complete" in ldp("experiment", "status")[1]
    for spec in ("tiny", "tiny.toml", str(tmp_path / "tiny.toml")):
        for read in (("experiment", "status"), ("analyze", "summary")):
            assert ldp(*read, "--spec", spec)[0] == 0
    assert ldp("analyze", "summary", "--spec", "tin")[0] == 1

    rows = json.loads(ldp("analyze", "summary", "--json")[1])
    assert {(row["model"], row["technique"]) for row in rows} == {
        (model, technique)
        for model in ("logistic_regression", "lightgbm")
        for technique in ("baseline", "threshold_moving")
    } | {("reference", "prior"), ("reference", "single_feature")}
    code, out, err = ldp("analyze", "summary", "--sort", "roc_auc", "--all")
    assert "synthetic sample data" in out
    for metric in ("balanced_accuracy", "log_loss", "mcc"):
        assert metric in out
    assert (tmp_path / "reports" / listed["execution"] / "tables" / "summary.csv").is_file()


def test_an_execution_is_resumed_by_its_id_alone(ldp, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "tiny.toml").write_text(SPEC)
    ldp("data", "sample", "taiwan_credit", "--rows", "400")
    ldp("data", "process", "taiwan_credit")
    assert ldp("experiment", "run", "--spec", "tiny.toml", "--execution-id", "mine")[0] == 0
    code, _, err = ldp("experiment", "run", "--only-dataset", "taiwan_credit", "--execution-id", "mine")
    assert code == 0
    assert "mine: already complete, 4 of 4 units" in err


def test_units_that_fail_end_the_command_with_1_and_a_table(ldp, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.toml").write_text(DIVERGING.replace('"smote", ', "").replace("[1, 2]", "[1]"))
    ldp("data", "sample", "taiwan_credit", "--rows", "400")
    ldp("data", "process", "taiwan_credit")
    code, out, err = ldp("experiment", "run", "--spec", "bad.toml", "--jobs", "1")
    assert code == 1
    assert "2 units of bad-" in out
    assert "taiwan_credit/mlp/baseline/seed_1" in out
    assert "run the same command to try the others again" in err


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_spec_whose_fits_would_all_fail_is_refused_before_anything_else(ldp, tmp_path: Path, command: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.toml").write_text(SPEC.replace("num_leaves = 7", 'num_leaves = "many"').replace("1e-3", "0"))
    code, out, err = ldp("experiment", command, "--spec", "bad.toml")
    assert (code, out) == (2, "")
    assert "models.lightgbm.grid.num_leaves: 'many' is not a whole number from 2 to 131,072" in err
    assert "models.logistic_regression.grid has alpha '0'" in err
    assert not (tmp_path / "executions").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("data", "process", "taiwan"), 2, "did you mean 'taiwan_credit'?"),
        (("data", "process", "taiwan_credit"), 1, "data/raw/taiwan_credit.csv"),
        (("data", "process", "taiwan_credit", "--use-gpu"), 1, "a GPU was asked for"),
        (("experiment", "run", "--use-gpu"), 1, "a GPU was asked for"),
        (("experiment", "run"), 1, "ldp data process"),
        (("experiment", "run", "--spec", "quik"), 2, "did you mean 'quick'?"),
        (("experiment", "run", "--skip-resume", "--execution-id", "x"), 2, "contradict each other"),
        (("experiment", "status", "nothing"), 1, "there is no execution 'nothing'"),
        (("analyze", "summary"), 1, "there is no execution"),
        (("experiment", "run", "--jobs", "0"), 2, "--jobs"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_what_a_user_can_do_wrong_is_told_in_two_lines(ldp, arguments, code: int, words: str) -> None:  # type: ignore[no-untyped-def]
    found, _out, err = ldp(*arguments)
    assert found == code
    assert words in err
    assert "Traceback" not in err


def test_an_error_is_two_lines_to_people_and_one_record_in_a_log(ldp, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LDP_LOG_FORMAT", "text")
    _environment, what, remedy = ldp("data", "process", "taiwan")[2].splitlines()
    assert what == "error: there is no dataset 'taiwan'"
    own = "To declare one of your own: `ldp data init FILE.csv --name taiwan`."
    assert remedy == f"  did you mean 'taiwan_credit'? {own}"
    monkeypatch.setenv("LDP_LOG_FORMAT", "json")
    (record,) = [
        json.loads(line) for line in ldp("data", "process", "taiwan")[2].splitlines() if "environment" not in line
    ]
    assert (record["level"], record["event"]) == ("error", "command_failed")
    assert (record["message"], record["remedy"]) == ("there is no dataset 'taiwan'", remedy.strip())


def test_a_variable_that_cannot_be_used_is_named(ldp, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("LDP_N_JOBS", "many")
    monkeypatch.setenv("LDP_USE_GPU", "perhaps")
    code, _, err = ldp("data", "list")
    assert code == 2
    assert "LDP_N_JOBS='many'" in err
    assert "LDP_USE_GPU='perhaps'" in err


def test_debug_shows_the_traceback(ldp) -> None:  # type: ignore[no-untyped-def]
    from job.errors import DatasetNotFound

    with pytest.raises(DatasetNotFound):
        ldp("data", "process", "taiwan", "--debug")


def test_a_fault_of_ours_is_told_as_such(ldp, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("job.cli.context.print_json", lambda _: 1 / 0)
    monkeypatch.setattr("job.cli.data.print_json", lambda _: 1 / 0)
    code, _, err = ldp("data", "list", "--json")
    assert code == 1
    assert "unforeseen ZeroDivisionError" in err
    assert "--debug" in err


def test_a_native_librarys_panic_is_no_traceback(ldp, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    def panic(_: object) -> None:
        raise type("PanicException", (BaseException,), {})("called `Option::unwrap()` on a `None` value")

    monkeypatch.setattr("job.cli.data.print_json", panic)
    code, _, err = ldp("data", "list", "--json")
    assert code == 1
    assert "a native library gave up: PanicException" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "error", [RuntimeError("can't start new thread"), BlockingIOError(11, "Resource temporarily unavailable")]
)
def test_a_limit_of_threads_or_processes_is_no_fault_of_ldp(  # type: ignore[no-untyped-def]
    error: Exception, ldp, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limited(_: object) -> None:
        raise error

    monkeypatch.setattr("job.cli.data.print_json", limited)
    code, _, err = ldp("data", "list", "--json")
    assert code == 1
    assert "the system allows no more processes or threads" in err
    assert "ulimit -u" in err
    assert "fault of ldp" not in err


def test_a_command_that_begins_with_ldp_is_understood(ldp) -> None:  # type: ignore[no-untyped-def]
    assert ldp("ldp", "data", "list", "--json")[0] == 0


def test_the_version_is_shown(ldp) -> None:  # type: ignore[no-untyped-def]
    assert ldp("--version")[1].startswith("ldp 0.")
