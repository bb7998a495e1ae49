"""The comparison: means and standard deviations that can be checked by hand, and honesty about what is missing."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import statistics

import numpy as np
import pytest

from job.analysis.evidence import evidence_of
from job.analysis.rows import summary_rows
from job.analysis.summary import Summary, summarise, to_csv
from job.errors import UsageError
from job.executions.bindings import bind
from job.executions.executions import Execution, create_next
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import decode, encode
from job.metrics import METRIC_IDS, all_metrics
from job.planning.spec import Spec, parse_spec
from job.store import Store
from job.training.candidates import candidates
from job.training.unit import Unit, UnitResult

SPEC = parse_spec(
    """
    datasets = ["taiwan_credit", "lending_club"]
    techniques = ["baseline", "smote"]
    seeds = [1, 2, 3]
    [models.random_forest]
    [models.mlp]
    """,
    "s",
    "s.toml",
)


def result(unit: Unit, shift: float = 0.0, one_class: bool = False, spec: Spec = SPEC) -> UnitResult:
    rng = np.random.default_rng([unit.seed, len(unit.model), len(unit.technique)])
    target = np.zeros(50, np.int8) if one_class else rng.integers(0, 2, 50).astype(np.int8)
    score = np.clip(0.6 * rng.random(50) + 0.25 * target + shift, 0, 1)
    decision = (score > 0.5).astype(np.int8)
    rows = np.arange(50, dtype=np.int32)
    points = tuple(candidates(spec.grid(unit)))
    metrics = all_metrics(target, score, decision)
    return UnitResult(unit, "done", None, rows, target, score, decision, points, metrics=metrics)


@pytest.fixture
def store() -> Store:
    return Store.open("memory:///")


@pytest.fixture
def execution(store: Store) -> Execution:
    made = create_next(store, Identity.here(SPEC, "cpu"))
    bind(store, made, "taiwan_credit", "f", {"synthetic": True})
    return made


def put(store: Store, execution: Execution, made: UnitResult, fingerprint: str = "f") -> None:
    store.put(execution.result_key(made.unit), encode(made, provenance(execution.identity, made.unit, fingerprint), {}))


def filled(store: Store, execution: Execution, **options: str) -> Summary:
    for unit in SPEC.units():
        if unit.dataset == "taiwan_credit":
            put(store, execution, result(unit, shift=0.1 if unit.technique == "smote" else 0.0))
    return summarise(store, execution, **options)


def test_mean_and_standard_deviation_are_over_the_seeds(store: Store, execution: Execution) -> None:
    summary = filled(store, execution)
    row = next(row for row in summary.rows if (row.model, row.technique) == ("mlp", "smote"))
    values = [result(Unit("taiwan_credit", "mlp", "smote", seed), 0.1).metrics["roc_auc"] for seed in (1, 2, 3)]
    assert row.seeds == (1, 2, 3)
    assert row.mean["roc_auc"] == pytest.approx(statistics.mean(values))  # type: ignore[type-var]
    assert row.std["roc_auc"] == pytest.approx(np.std(values, ddof=1))


@pytest.mark.parametrize(("metric", "descending"), [("balanced_accuracy", True), ("brier", False), ("roc_auc", True)])
def test_rows_are_sorted_with_the_best_first(metric: str, descending: bool, store: Store, execution: Execution) -> None:
    means = [row.mean[metric] for row in filled(store, execution, sort=metric).rows]
    assert means == sorted(means, reverse=descending)  # type: ignore[type-var]
    assert len(set(means)) > 1


def test_an_unknown_metric_gets_the_nearest_one(store: Store, execution: Execution) -> None:
    with pytest.raises(UsageError, match="did you mean 'roc_auc'"):
        summarise(store, execution, sort="rocauc")


def test_a_partial_execution_is_shown_as_partial(store: Store, execution: Execution) -> None:
    put(store, execution, result(Unit("taiwan_credit", "mlp", "smote", 1)))
    summary = summarise(store, execution)
    taiwan, lending = summary.datasets
    assert (taiwan.present, taiwan.total, taiwan.partial, taiwan.synthetic) == (1, 12, True, True)
    assert (lending.present, lending.partial, lending.synthetic) == (0, True, False)
    (row,) = summary.rows
    assert row.std["roc_auc"] is None  # one seed has no spread


def test_a_complete_dataset_is_not_partial(store: Store, execution: Execution) -> None:
    assert [state.partial for state in filled(store, execution).datasets] == [False, True]


def test_damaged_and_foreign_results_are_left_out_and_named(store: Store, execution: Execution) -> None:
    put(store, execution, result(Unit("taiwan_credit", "mlp", "smote", 1)))
    store.put(execution.result_key(Unit("taiwan_credit", "mlp", "smote", 2)), b"garbage")
    put(store, execution, result(Unit("taiwan_credit", "mlp", "smote", 3)), fingerprint="other data")
    summary = summarise(store, execution)
    assert summary.rows[0].seeds == (1,)
    assert len(summary.damaged) == 2
    assert any("seed_2.parquet is damaged" in what for what in summary.damaged)
    assert any("seed_3.parquet is a whole result of other data" in what for what in summary.damaged)


def test_what_is_undefined_is_excluded_and_counted() -> None:
    units = [Unit("taiwan_credit", "mlp", "smote", seed) for seed in (1, 2, 3)]
    results = [result(units[0]), result(units[1]), result(units[2], one_class=True)]
    stored = [decode(encode(one, {"fingerprint": "f"}, {})) for one in results]
    (row,) = summary_rows(stored, {one.unit: evidence_of(one) for one in stored})
    assert row.undefined["roc_auc"] == 1
    expected = statistics.fmean([one.metrics["roc_auc"] for one in results[:2]])  # type: ignore[misc]
    assert row.mean["roc_auc"] == pytest.approx(expected)


def test_inapplicable_units_count_as_done_and_give_their_reason(store: Store, execution: Execution) -> None:
    unit = Unit("taiwan_credit", "mlp", "smote", 1)
    points = tuple(candidates(SPEC.grid(unit)))
    put(store, execution, UnitResult(unit, "inapplicable", "too few positives", candidates=points))
    summary = summarise(store, execution)
    (row,) = summary.rows
    assert row.seeds == ()
    assert row.inapplicable == {1: "too few positives"}
    assert set(row.mean.values()) == {None}
    assert summary.datasets[0].present == 1


def test_the_json_is_what_other_tools_were_promised(store: Store, execution: Execution) -> None:
    rows = json.loads(json.dumps([row.as_json() for row in filled(store, execution).rows], allow_nan=False))
    expected = ["dataset", "model", "technique", "seeds"]
    expected += [f"{metric}_{part}" for metric in METRIC_IDS for part in ("mean", "std")]
    assert [list(row)[: len(expected)] for row in rows] == [expected] * 4


def test_the_csv_has_the_same_numbers(store: Store, execution: Execution) -> None:
    summary = filled(store, execution)
    rows = list(csv.DictReader(io.StringIO(to_csv(summary).decode())))
    assert [float(row["brier_mean"]) for row in rows] == [row.mean["brier"] for row in summary.rows]
    assert rows[0]["seeds"] == "1 2 3"


BOOSTED = parse_spec(
    """
    datasets = ["taiwan_credit"]
    techniques = ["baseline", "smote"]
    seeds = [1, 2, 3]
    [models.random_forest]
    [models.xgboost]
    """,
    "s",
    "s.toml",
)


def test_a_row_that_mixes_models_of_gpus_is_named_and_the_others_are_not(store: Store) -> None:
    made = create_next(store, Identity.here(BOOSTED, "gpu"))
    bind(store, made, "taiwan_credit", "f", {"synthetic": True})
    for unit in BOOSTED.units():
        found = result(unit, spec=BOOSTED)
        if unit.model == "xgboost":
            mixed = unit.technique == "smote" and unit.seed == 2
            found = dataclasses.replace(found, gpu="NVIDIA A10G" if mixed else "Tesla T4")
        put(store, made, found)
    summary = summarise(store, made)
    assert summary.damaged == ()
    (state,) = summary.datasets
    named = [note for note in state.notes if "GPU" in note]
    assert named == ["xgboost smote: fitted on GPUs of several models, NVIDIA A10G (2), Tesla T4 (1, 3)"]
    rows = {(row.model, row.technique): row.as_json() for row in summary.rows}
    assert rows["xgboost", "smote"]["gpus"] == {"1": "Tesla T4", "2": "NVIDIA A10G", "3": "Tesla T4"}
    assert "gpus" not in rows["random_forest", "smote"]
