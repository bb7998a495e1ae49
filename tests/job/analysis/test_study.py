"""What is asked of a whole execution: planted results, recomputed from their predictions by other libraries."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from job.analysis import load, study, tables
from job.analysis.export import exported
from job.analysis.summary import read_regions, summarise
from job.analysis.tracking import export_to_mlflow
from job.console import Console
from job.errors import DatasetNotFound, TrackingRefused, UsageError
from job.executions.bindings import bind
from job.executions.executions import Execution, create_next
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import encode
from job.metrics import all_metrics
from job.planning.spec import Spec, parse_spec
from job.store import Store
from job.training.candidates import candidates
from job.training.unit import Unit, UnitResult

SPEC = """
datasets = ["taiwan_credit"]
techniques = ["baseline", "random_under_sampling", "threshold_moving"]
seeds = {seeds}
[models.random_forest]
[models.mlp]
"""
# How much better each ranks: the forest's two and the MLP's baseline are planted as near ties.
STRENGTH = {"random_forest": 2.0, "mlp": 1.2}
ROWS = 300


def spec_of(seeds: list[int]) -> Spec:
    return parse_spec(SPEC.format(seeds=seeds), "s", "s.toml")


def planted(spec: Spec, unit: Unit, positives: int = 80, rows: int = ROWS) -> UnitResult:
    rng = np.random.default_rng([unit.seed, len(unit.model)])
    target = (np.arange(rows) < positives).astype(np.int8)
    raw = 1 / (1 + np.exp(-(rng.normal(size=rows) + STRENGTH[unit.model] * target - 2.2)))
    odds = raw / (1 - raw) * (4.0 if unit.technique == "random_under_sampling" else 1.0)
    score = odds / (1 + odds)
    decision = (score >= (0.2 if unit.technique == "threshold_moving" else 0.5)).astype(np.int8)
    points = tuple(candidates(spec.grid(unit)))
    folds = np.random.default_rng(unit.seed).random((len(points), 5)) * 0.1 + 0.3 * STRENGTH[unit.model]
    return UnitResult(
        unit, "done", None, np.arange(rows, dtype=np.int32), target, score, decision, points, folds,
        int(np.argmax(folds.mean(axis=1))), 0.2 if unit.technique == "threshold_moving" else None, (560, 140),
        (140, 140) if unit.technique == "random_under_sampling" else (560, 140),
        metrics=all_metrics(target, score, decision),
    )  # fmt: skip


def made(spec: Spec, change: Any = None) -> tuple[Store, Execution]:
    store = Store.open("memory:///")
    execution = create_next(store, Identity.here(spec, "cpu"))
    bind(store, execution, "taiwan_credit", "f", {"synthetic": True, "rows": 1000})
    for unit in spec.units():
        result = planted(spec, unit) if change is None else change(unit)
        if result is not None:
            made_from = provenance(execution.identity, unit, "f")
            store.put(execution.result_key(unit), encode(result, made_from, {"cpu_seconds": 1.5}))
    return store, execution


@pytest.fixture(scope="module")
def done() -> tuple[Store, Execution]:
    return made(spec_of([1, 2, 3]))


def test_every_unit_is_a_row_with_its_metrics_recomputed_by_scikit_learn(done: tuple[Store, Execution]) -> None:
    store, execution = done
    units = load.units(execution.id, store=store)
    predictions = load.predictions(execution.id, dataset="taiwan_credit", store=store)
    assert len(units) == 18
    assert units["synthetic"].all()
    assert str(predictions["score"].dtype) == "float64"
    assert predictions["block"].isna().all()
    grouped = predictions.groupby(["model", "technique", "seed"], observed=True)
    assert grouped.ngroups == 18
    for names, rows in grouped:
        one = units.set_index(["model", "technique", "seed"]).loc[names]
        assert one["roc_auc"] == pytest.approx(sk.roc_auc_score(rows["target"], rows["score"]))
        assert one["brier"] == pytest.approx(sk.brier_score_loss(rows["target"], rows["score"]))
        assert one["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(rows["target"], rows["decision"]))
        assert one["beta"] == pytest.approx(0.25 if names[1] == "random_under_sampling" else 1.0)
        assert (one["test_rows"], one["test_positives"]) == (ROWS, 80)
    raised = predictions[predictions["technique"] == "random_under_sampling"]
    plain = predictions[predictions["technique"] == "baseline"]
    assert raised["corrected"].to_numpy() == pytest.approx(plain["score"].to_numpy())  # as it was planted


def test_the_summary_marks_ties_and_says_what_it_rests_on(done: tuple[Store, Execution]) -> None:
    records = summarise(*done, sort="roc_auc").as_json()
    tied = {(one["model"], one["technique"]) for one in records if one["not_distinguishable_from_best"]}
    assert tied == {
        ("random_forest", technique) for technique in ("baseline", "random_under_sampling", "threshold_moving")
    }
    assert [one["rank"] for one in records if one["model"] == "random_forest"] == [1, 1, 1]
    for one in records:
        assert {
            "spec": "s",
            "split": "by row",
            "fingerprint": "f",
            "synthetic": True,
            "rows": 1000,
        }.items() <= one.items()
        assert (one["test_rows"], one["test_positives"]) == ([ROWS] * 3, [80] * 3)


def test_planted_differences_are_found_and_equals_are_not_told_apart(done: tuple[Store, Execution]) -> None:
    store, execution = done
    found = study.all_differences(store, execution, summarise(store, execution), ["roc_auc"])
    assert len(found) == 15
    for one in found:
        apart = one.first.split(" × ")[0] != one.second.split(" × ")[0]
        assert one.distinguishable is apart, (one.first, one.second)
        assert (one.below or 0) + (one.within or 0) + (one.above or 0) == pytest.approx(1)
        assert one.region == 0.005
    against = study.all_differences(
        store, execution, summarise(store, execution), ["brier"], against_baseline=True,
        regions=read_regions(["brier=0.5"]),
    )  # fmt: skip
    assert {one.second.split(" × ")[1] for one in against} == {"baseline"}
    assert len(against) == 4
    assert all((one.within or 0) > 0.99 for one in against)


def test_under_three_seeds_no_pair_is_tested_and_it_says_so() -> None:
    store, execution = made(spec_of([1, 2]))
    found = study.all_differences(store, execution, summarise(store, execution), ["roc_auc"])
    assert {one.untested for one in found} == {"2 seeds are too few; at least 3 are needed"}
    assert all(one.difference is not None and one.p is None for one in found)


def test_the_folds_choose_and_the_best_test_score_is_told_with_its_optimism(done: tuple[Store, Execution]) -> None:
    found = study.selections(*done, "balanced_accuracy")
    assert [one.seed for one in found] == [1, 2, 3]
    for one in found:
        assert one.chosen.startswith("random_forest")
        assert one.candidates == 4
        assert set(one.left_out) == {"mlp × threshold_moving", "random_forest × threshold_moving"}
        assert one.best_score >= one.test_score
        assert one.optimism is not None
        assert abs(one.optimism) < 0.05


def test_of_few_defaults_no_optimism_is_told_and_it_says_so() -> None:
    spec = spec_of([1])
    (found,) = study.selections(*made(spec, lambda unit: planted(spec, unit, positives=9)), "balanced_accuracy")
    assert (found.optimism, found.unreliable) == (None, "9 defaults in a test part are too few; at least 10 are needed")
    (enough,) = study.selections(*made(spec, lambda unit: planted(spec, unit, positives=10)), "balanced_accuracy")
    assert enough.optimism is not None
    assert enough.unreliable is None


def test_two_executions_are_compared_on_the_same_rows_or_not_at_all(done: tuple[Store, Execution]) -> None:
    first = summarise(*done)
    store, execution = made(spec_of([1, 2, 3]))
    found = study.between(first, summarise(store, execution), ["roc_auc"])
    assert len(found) == 6
    assert all(one.difference == 0 and one.p == 1.0 for one in found)
    spec = spec_of([1, 2, 3])
    other = summarise(*made(spec, lambda unit: planted(spec, unit, positives=70)))
    with pytest.raises(UsageError, match="on other rows"):
        study.between(first, other, ["roc_auc"])


def test_figures_of_a_unit_are_plain_json(done: tuple[Store, Execution]) -> None:
    records = json.loads(json.dumps(list(study.figures(*done, bootstrap=20)), allow_nan=False))
    assert len(records) == 18
    raised = next(one for one in records if one["technique"] == "random_under_sampling")
    plain = next(one for one in records if (one["technique"], one["seed"]) == ("baseline", raised["seed"])
                 and one["model"] == raised["model"])  # fmt: skip
    assert raised["calibration_corrected"]["brier"] == pytest.approx(plain["calibration"]["brier"])
    assert raised["calibration"]["brier"] > raised["calibration_corrected"]["brier"]
    assert raised["prior_correction"] == {"beta": pytest.approx(0.25), "exactness": "exact"}
    assert "calibration_corrected" not in plain
    for cost in raised["money"]["expected_cost"]:
        assert cost["threshold"] == pytest.approx(1 / (1 + cost["ratio"]))
    assert raised["money"]["emp_heading"].startswith("Verbraken's defaults")
    assert raised["intervals"]["bootstrap"]["roc_auc"]["low"] < raised["intervals"]["delong"]["roc_auc"]["auc"]


DEGENERATE = ("done", "missing", "inapplicable", "no defaults", "few defaults", "constant")


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(DEGENERATE), min_size=6, max_size=6), st.sampled_from([[1], [1, 2, 3]]))
def test_no_execution_is_too_odd_to_be_told_of(kinds: list[str], seeds: list[int]) -> None:
    spec = spec_of(seeds)
    names = list(dict.fromkeys((unit.model, unit.technique) for unit in spec.units()))

    def change(unit: Unit) -> UnitResult | None:
        kind = kinds[names.index((unit.model, unit.technique))]
        points = tuple(candidates(spec.grid(unit)))
        if kind == "missing":
            return None
        if kind == "inapplicable":
            return UnitResult(unit, "inapplicable", "too few", candidates=points)
        made = planted(spec, unit, {"no defaults": 0, "few defaults": 3}.get(kind, 80), 100)
        if kind != "constant":
            return made
        flat, refused = np.full(100, 0.3), np.zeros(100, np.int8)
        return UnitResult(unit, "done", None, made.row, made.target, flat, refused, points,
                          metrics=all_metrics(made.target, flat, refused))  # fmt: skip

    store, execution = made(spec, change)
    summary = summarise(store, execution)
    records = summary.as_json()
    json.dumps(records, allow_nan=False)
    for one in records:
        assert (one["rank"] is None) != (one["unranked"] is None)
    json.dumps(
        [one.as_json() for one in study.all_differences(store, execution, summary, ["roc_auc"])], allow_nan=False
    )
    json.dumps(list(study.figures(store, execution)), allow_nan=False)
    study.selections(store, execution, "roc_auc")
    units = load.units(execution.id, store=store)
    assert len(units) == sum(kind != "missing" for kind in kinds) * len(seeds)
    load.predictions(execution.id, store=store)
    for to in ("csv", "parquet", "markdown", "latex"):
        assert all(exported(summary, units, [], to, ["roc_auc"]).values()) or not records


def test_tables_have_the_same_numbers_in_every_format(done: tuple[Store, Execution]) -> None:
    store, execution = done
    summary, units = summarise(store, execution), load.units(execution.id, store=store)
    pairs = study.all_differences(store, execution, summary, ["roc_auc"])
    written = {to: exported(summary, units, pairs, to, ["roc_auc"]) for to in ("csv", "parquet", "markdown", "latex")}
    names = ("differences", "summary", "units")
    assert sorted(written["csv"]) == [f"tables/{name}.csv" for name in names]
    of_pairs = written["csv"]["tables/differences.csv"].decode()
    assert [float(row["p_holm"]) for row in csv.DictReader(io.StringIO(of_pairs))] == [one.p_holm for one in pairs]
    assert "synthetic" in of_pairs.splitlines()[0]
    expected = [row.mean["roc_auc"] for row in summary.rows]
    rows = list(csv.DictReader(io.StringIO(written["csv"]["tables/summary.csv"].decode())))
    assert [float(row["roc_auc_mean"]) for row in rows] == expected
    assert {row["synthetic"] for row in rows} == {"True"}
    table = pq.read_table(io.BytesIO(written["parquet"]["tables/summary.parquet"]))
    assert table["roc_auc_mean"].to_pylist() == expected
    assert json.loads(table["test_rows"].to_pylist()[0]) == [ROWS] * 3
    back = pd.read_parquet(io.BytesIO(written["parquet"]["tables/units.parquet"]))
    assert back["roc_auc"].to_list() == units["roc_auc"].to_list()
    for to, suffix in (("markdown", "md"), ("latex", "tex")):
        text = written[to][f"tables/summary.{suffix}"].decode()
        assert "synthetic sample data" in text
        assert all(f"{value:.4f}" in text for value in expected if value is not None)


def test_latex_is_escaped_and_has_booktabs_rules() -> None:
    found = tables.to_latex([{"name": "a_b & 5 %", "value": 0.5}], ["name", "value"])
    assert found.splitlines() == [
        r"\begin{tabular}{lr}", r"\toprule", r"name & value \\", r"\midrule", r"a\_b \& 5 \% & 0.5000 \\",
        r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
    assert tables.to_markdown([{"a|b": None}], ["a|b"]) == "| a\\|b |\n| --- |\n| – |\n"


def test_nothing_is_below_zero_that_a_table_shows_as_zero() -> None:
    assert tables.to_markdown([{"a": -0.00002}, {"a": -0.2}], ["a"]).splitlines()[2:] == ["| 0.0000 |", "| -0.2000 |"]


@pytest.mark.filterwarnings("default")  # what MLflow and SQLAlchemy have to warn of each other
def test_units_are_runs_of_a_real_mlflow_store_and_are_written_once(
    done: tuple[Store, Execution], tmp_path: Path
) -> None:
    from mlflow.tracking import MlflowClient

    store, execution = done
    units = load.units(execution.id, store=store).head(3)
    tracking = f"sqlite:///{tmp_path}/mlflow.db"
    assert export_to_mlflow(units, tracking) == (3, 0)
    assert export_to_mlflow(units, tracking) == (0, 3)
    client = MlflowClient(tracking)
    experiment = client.get_experiment_by_name(execution.id)
    runs = client.search_runs([experiment.experiment_id])
    assert {run.data.tags["ldp.synthetic"] for run in runs} == {"True"}
    assert sorted(run.data.metrics["roc_auc"] for run in runs) == pytest.approx(sorted(units["roc_auc"]))
    with pytest.raises(TrackingRefused, match="MLflow cannot use"):
        export_to_mlflow(units, "nonsense://somewhere")


def test_what_cannot_be_asked_is_refused(done: tuple[Store, Execution]) -> None:
    store, execution = done
    with pytest.raises(DatasetNotFound, match="has no dataset 'taiwan'"):
        load.predictions(execution.id, dataset="taiwan", store=store)
    for spoilt in ("roc_auc", "roc_auc=wide", "roc_auc=2", "auc=0.1"):
        with pytest.raises(UsageError):
            read_regions([spoilt])
    assert math.isclose(read_regions(["ks=0.02"])["ks"], 0.02)


def test_on_one_test_set_pairs_are_compared_by_delong_and_mcnemar(done: tuple[Store, Execution]) -> None:
    store, execution = done
    found = study.pairs_on_one_test_set(store, execution, 2)
    assert len(found) == 15
    results = {f"{one.unit.model} × {one.unit.technique}": one
               for one in load.stored_results(store, execution, "taiwan_credit", 2)}  # fmt: skip
    for pair in found:
        first, second = results[pair.first], results[pair.second]
        expected = sk.roc_auc_score(first.target, first.score) - sk.roc_auc_score(second.target, second.score)
        assert pair.auc_difference == pytest.approx(expected)
        right = [(one.decision == one.target)[one.target == 1] for one in (first, second)]
        assert pair.defaulters_first - pair.defaulters_second == right[0].sum() - right[1].sum()
        assert pair.auc_p_holm >= pair.auc_p
    same = [pair for pair in found if pair.first.split(" × ")[0] == pair.second.split(" × ")[0]]
    assert {pair.auc_p for pair in same} == {1.0}  # planted with the same ranking
    with pytest.raises(UsageError, match="no dataset that is split by row with seed 9"):
        study.pairs_on_one_test_set(store, execution, 9)


def test_a_damaged_result_is_left_out_and_named() -> None:
    store, execution = made(spec_of([1]))
    store.put(execution.result_key(next(iter(execution.spec.units()))), b"garbage")
    with pytest.warns(UserWarning, match="is damaged or not a result.*: left out"):
        assert len(load.units(execution.id, store=store)) == 5
    told = Console.silent()
    assert len(list(study.figures(store, execution, console=told))) == 5


def test_a_difference_seen_from_the_other_side_is_turned_whole(done: tuple[Store, Execution]) -> None:
    store, execution = done
    for one in study.all_differences(store, execution, summarise(store, execution), ["roc_auc"]):
        turned = one.seen_from(one.second)
        assert (turned.first, turned.second) == (one.second, one.first)
        assert (turned.difference, turned.low, turned.high) == (
            -(one.difference or 0),
            -(one.high or 0),
            -(one.low or 0),
        )
        assert (turned.below, turned.within, turned.above) == (one.above, one.within, one.below)
        assert turned.seen_from(one.first) == one
        assert one.seen_from(one.first) is one
