"""What a dataset declares of costs and of people reaches the analysis: from a raw file to figures and gaps."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from job.analysis.fairness import group_fairness
from job.analysis.populations import fairness
from job.analysis.study import figures
from job.cli.statistics import print_figures
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import load_processed
from job.data.processing import process
from job.errors import ProcessedDataInvalid, ProcessedDataNotFound, UsageError
from job.executions.bindings import bind
from job.executions.executions import Execution, create_next
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import encode
from job.planning.spec import parse_spec
from job.store import Store, audit_key, declaration_key, raw_keys
from tests.job.analysis.test_study import planted
from tests.job.data.ear import Ear

ROWS = 300
DECLARATION = """
[target]
column = "state"
bad = ["bad"]
good = ["good"]
[features.amount]
kind = "number"
[protected.sex]
use = "audit"
[protected.age]
use = "audit"
bands = [30, 50]
[protected.religion]
use = "never"
[costs]
"""
SPEC = """
datasets = ["loans"]
techniques = ["baseline"]
seeds = [1]
[models.random_forest]
[splits]
loans = "row"
"""
COSTS = """
lgd = "loss"
ead = "amount"
roi = 0.1
"""


def raw() -> tuple[bytes, dict[str, Any]]:
    rng = np.random.default_rng(0)
    columns = {
        "state": np.where(np.arange(ROWS) < 80, "bad", "good"),
        "amount": rng.gamma(2, 5000, ROWS).round(),
        "sex": rng.choice(["f", "m", ""], ROWS, p=[0.3, 0.6, 0.1]),
        "age": rng.integers(18, 70, ROWS),
        "religion": rng.choice(["x", "y"], ROWS),
        "loss": rng.random(ROWS).round(3),
    }
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return out.getvalue().encode(), columns


def declared(costs: str = COSTS) -> tuple[Store, Execution]:
    """A processed dataset, and an execution whose units tested all of its rows."""
    store = Store.open("memory:///")
    store.put(raw_keys("loans")[0], raw()[0])
    store.put(declaration_key("loans"), (DECLARATION + costs).encode())
    process(store, "loans", Console.silent())
    spec = parse_spec(SPEC, "s", "s.toml")
    execution = create_next(store, Identity.here(spec, "cpu"))
    data = load_processed(store, "loans")
    bind(store, execution, "loans", data.fingerprint, {"synthetic": False, "rows": ROWS})
    for unit in spec.units():
        result = replace(planted(spec, unit), target=data.target)
        made_from = provenance(execution.identity, unit, data.fingerprint)
        store.put(execution.result_key(unit), encode(result, made_from, {"cpu_seconds": 1.5}))
    return store, execution


def test_decisions_are_priced_by_the_columns_that_are_declared() -> None:
    store, execution = declared()
    (found,) = figures(store, execution)
    (unit,) = execution.spec.units()
    decision, columns = planted(execution.spec, unit).decision, raw()[1]
    bad = columns["state"] == "bad"
    lost = np.where(
        bad, columns["loss"] * columns["amount"] * (decision == 0), 0.1 * columns["amount"] * (decision == 1)
    )
    money = found["money"]
    assert money["declared"]["own"] == pytest.approx(lost.mean())
    assert money["declared"]["rows"] == ROWS
    assert money["emp_heading"] == "LGD of the column loss, declared, and ROI 0.1, declared"


def test_without_declared_costs_the_profit_is_headed_verbrakens(capsys: pytest.CaptureFixture[str]) -> None:
    store, execution = declared("")
    found = list(figures(store, execution))
    assert found[0]["money"]["declared"] is None
    print_figures(found)
    told = capsys.readouterr().out
    assert "Verbraken's defaults (p0 0.55, p1 0.10, ROI 0.2644)" in told
    assert "cost, own" not in told


def test_declared_costs_are_shown_at_a_terminal_with_their_unit(capsys: pytest.CaptureFixture[str]) -> None:
    print_figures(list(figures(*declared())))
    told = capsys.readouterr().out
    assert "cost, own" in told
    assert "cost: loans, for each applicant, in the unit of the exposure" in told
    assert all(len(line) <= 100 for line in told.splitlines())


def test_costs_change_no_data_and_what_is_declared_now_counts() -> None:
    store, execution = declared()
    before = load_processed(store, "loans").fingerprint
    store.put(declaration_key("loans"), (DECLARATION + "lgd = 0.4\nroi = 0.2").encode())
    process(store, "loans", Console.silent())
    assert load_processed(store, "loans").fingerprint == before
    (found,) = figures(store, execution)
    assert found["money"]["emp_heading"] == "LGD 0.4, declared, and ROI 0.2, declared"


@pytest.mark.parametrize("lost", ["gone", "other"])
def test_columns_of_costs_that_are_not_those_of_the_data_are_left_out_with_a_warning(lost: str) -> None:
    store, execution = declared()
    if lost == "gone":
        store.delete(audit_key("loans"))
    else:
        other = raw()[0].replace(b"good", b"bad", 5)
        store.put(raw_keys("loans")[0], other)
        process(store, "loans", Console.silent())
    ear = Ear()
    (found,) = figures(store, execution, console=ear)
    assert ear.warnings == ["costs_left_out"]
    assert found["money"]["declared"] is None
    assert "Verbraken's defaults" in found["money"]["emp_heading"]


@pytest.mark.parametrize("column", ["sex", "age"])
def test_groups_are_told_apart_by_a_column_that_is_kept_for_audits_and_is_no_feature(column: str) -> None:
    store, execution = declared()
    assert column not in load_processed(store, "loans").feature_names
    found = list(fairness(store, execution, "loans", column))
    columns = raw()[1]
    (unit,) = execution.spec.units()
    result = planted(execution.spec, unit)
    target = (columns["state"] == "bad").astype(np.int8)
    if column == "sex":
        groups = np.where(columns["sex"] == "", "missing", columns["sex"])
        assert {one["group"] for one in found} | {found[0]["reference"]} == {"f", "m", "missing"}
        expected = {one.group: one for one in group_fairness(target, result.decision, groups)}
        for one in found:
            assert one["approval_ratio"] == vars(expected[one["group"]].approval_ratio)
    else:
        assert sum(one["rows"] for one in found) < ROWS
        assert len(found) == 2, "three bands, one of them the reference"


def test_what_is_never_kept_cannot_be_asked_for() -> None:
    store, execution = declared()
    with pytest.raises(UsageError, match=r"religion of loans is not kept.*\"never\""):
        list(fairness(store, execution, "loans", "religion"))
    with pytest.raises(UsageError, match=r"no feature 'sexx'.*did you mean 'sex'"):
        list(fairness(store, execution, "loans", "sexx"))


def test_groups_of_other_data_or_none_are_refused() -> None:
    store, execution = declared()
    store.delete(audit_key("loans"))
    with pytest.raises(ProcessedDataNotFound, match="nothing is kept of loans for audits"):
        list(fairness(store, execution, "loans", "sex"))
    store.put(raw_keys("loans")[0], raw()[0].replace(b"good", b"bad", 5))
    process(store, "loans", Console.silent())
    with pytest.raises(ProcessedDataInvalid, match="belongs to other processed data"):
        list(fairness(store, execution, "loans", "sex"))


def test_a_built_in_dataset_declares_nothing() -> None:
    store = Store.open("memory:///")
    write_sample(store, "taiwan_credit", rows=300, seed=1)
    process(store, "taiwan_credit", Console.silent())
    assert store.info(audit_key("taiwan_credit")) is None
