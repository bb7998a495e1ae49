"""A table says how its rows were split, what leaks, and what it is held against."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from job.analysis.differences import origin_differences
from job.analysis.load import stored_results
from job.analysis.populations import stability
from job.analysis.study import figures, untested
from job.analysis.summary import DECISIVE, Summary, summarise, to_csv
from job.arrays import CPU
from job.cli.tables import print_summary
from job.console import Console
from job.data.datasets.samples import write_sample
from job.data.processed import load_processed
from job.data.processing import process
from job.executions.executions import Execution
from job.executions.results import decode
from job.planning.plan import plan
from job.planning.spec import parse_spec
from job.running.processes import Options
from job.running.runner import run_experiment
from job.store import Store

SPEC = """
datasets = ["corporate_credit_rating", "corporate_ccc", "lending_club_matured"]
techniques = ["baseline"]
seeds = [1, 2]
folds = 2
[splits]
corporate_credit_rating = "{published}"
lending_club_matured = {{ by = "time", origins = 2, months = 12, labels = "{labels}" }}
[models.logistic_regression.grid]
alpha = 1e-3
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store.open(str(tmp_path_factory.mktemp("notes")))
    write_sample(store, "corporate_ccc", rows=900, seed=1)
    write_sample(store, "lending_club_matured", rows=6000, seed=1)
    for name in ("corporate_credit_rating", "corporate_ccc", "lending_club_matured"):
        process(store, name, Console.silent())
    return store


@pytest.fixture(scope="module")
def run(store: Store, tmp_path_factory: pytest.TempPathFactory) -> tuple[Execution, Summary]:
    spec = parse_spec(SPEC.format(published="row", labels="known_at_cut"), "notes", "notes.toml")
    options = Options(1, tmp_path_factory.mktemp("scratch"))
    report = run_experiment(store, spec, device=CPU, console=Console.silent(), options=options)
    return report.execution, summarise(store, report.execution)


def notes(summary: Summary, dataset: str) -> tuple[str, ...]:
    return next(state.notes for state in summary.datasets if state.dataset == dataset)


def test_a_row_split_of_data_with_groups_says_what_share_leaks(store: Store, run: tuple[Execution, Summary]) -> None:
    execution, summary = run
    group = load_processed(store, "corporate_credit_rating").group
    assert group is not None
    shares = []
    for unit in execution.spec.units():
        if unit.dataset == "corporate_credit_rating":
            result = decode(store.get(execution.result_key(unit)) or b"")
            assert result.block is None
            assert "split" not in result.record
            if result.record["status"] == "done":
                rest = set(np.delete(group, result.row))
                shares.append(np.mean([name in rest for name in group[result.row]]))
    illustrative, leak = notes(summary, "corporate_credit_rating")
    assert illustrative.startswith("illustrative only")
    assert leak == f"row split: {100 * np.mean(shares):.0f} % of test rows have their company in training"


def test_no_company_and_no_month_of_a_result_is_outside_its_test_rows(
    store: Store, run: tuple[Execution, Summary]
) -> None:
    execution, summary = run
    seen = 0
    for unit in execution.spec.units():
        if unit.dataset == "corporate_credit_rating":
            continue
        data = load_processed(store, unit.dataset)
        result = decode(store.get(execution.result_key(unit)) or b"")
        assert result.record["status"] == "done", result.record["reason"]
        assert result.block is not None
        names: Any = data.group if data.group is not None else data.time
        assert not set(names[result.row]) & set(np.delete(names, result.row))
        assert len(set(zip(result.block, names[result.row], strict=True))) == len(set(result.block))
        seen += 1
    assert seen == 4
    assert notes(summary, "corporate_ccc") == ("split by group",)
    lines = notes(summary, "lending_club_matured")
    assert lines[0] == "split by time, 2 origins of 12 months, outcomes known at the cut"
    assert lines[2].endswith("tests 2013-04 to 2014-03")  # the last that was due in March 2019, whatever its term


def test_rows_by_time_tell_their_origins_in_json(run: tuple[Execution, Summary]) -> None:
    row = next(row for row in run[1].rows if row.dataset == "lending_club_matured").as_json()
    assert row["seeds"] == [1, 2]
    assert row["origins"]["2"]["test"] == ["2013-04", "2014-03"]
    assert row["origins"]["2"]["train"][1] <= "2010-04"  # known in April 2013
    assert "origins" not in run[1].rows[0].as_json()


def test_every_table_has_its_reference_rows(run: tuple[Execution, Summary]) -> None:
    for dataset in ("corporate_ccc", "lending_club_matured"):
        prior, single = [row for row in run[1].references if row.dataset == dataset]
        assert (prior.model, prior.technique, single.technique) == ("reference", "prior", "single_feature")
        assert prior.seeds == single.seeds == (1, 2)
        assert prior.mean["roc_auc"] == prior.mean["balanced_accuracy"] == 0.5
        assert (single.mean["roc_auc"] or 0) > 0.5
        assert set(single.features) == {1, 2}
    assert b"corporate_ccc,reference,single_feature,1 2," in to_csv(run[1])


def test_terms_have_tables_of_their_own_that_add_up(
    store: Store, run: tuple[Execution, Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    assert [(row.term, row.technique) for row in run[1].terms] == [(36, "baseline"), (60, "baseline")]
    execution = run[0]
    sizes = [
        decode(store.get(execution.result_key(unit)) or b"").row.size
        for unit in execution.spec.units()
        if unit.dataset == "lending_club_matured"
    ]
    assert sum(row.rows for row in run[1].terms) == np.mean(sizes)
    print_summary(run[1], DECISIVE)
    printed = capsys.readouterr().out
    assert "lending_club_matured by term, in months" in printed
    assert "mean ± standard deviation of single origins 1, 2" in printed
    assert "the best single feature at seed 1" in printed


def test_what_is_spoilt_beside_a_result_is_passed_over(store: Store, run: tuple[Execution, Summary]) -> None:
    from job.analysis.notes import references_of, split_notes, terms_of
    from job.training.blocks import ByRow

    execution = run[0]
    unit = next(iter(execution.spec.units()))
    result = decode(store.get(execution.result_key(unit)) or b"")
    for spoilt in ({"shared_groups": 7, "references": 3, "terms": [1]}, {"references": {"prior": {"f1": "x"}}}, {}):
        odd = dataclasses.replace(result, run=spoilt)
        assert references_of([odd]) == {}
        assert terms_of(odd) == {}
        assert not any("%" in note for note in split_notes("corporate_credit_rating", ByRow(), [odd]))


def test_the_plan_tells_how_datasets_are_split(store: Store) -> None:
    spec = parse_spec(SPEC.format(published="group", labels="hindsight"), "notes", "notes.toml")
    found = json.loads(json.dumps(plan(store, spec).as_json()))
    assert found["splits"]["corporate_credit_rating"] == {"by": "group"}
    assert found["splits"]["lending_club_matured"]["labels"] == "hindsight"


def test_by_time_pairs_are_compared_over_test_months_only_where_that_is_asked_for(
    store: Store, run: tuple[Execution, Summary]
) -> None:
    execution, summary = run
    rows = [row for row in summary.rows if row.dataset == "lending_club_matured"]
    assert [row.standing.tied for row in rows] == [None]  # origins are no repetitions
    assert untested(execution, 0)[0].startswith("lending_club_matured: by time only")
    done = stored_results(store, execution, "lending_club_matured", 1)
    again = dataclasses.replace(done[0], record=done[0].record | {"unit": done[0].record["unit"] | {"model": "mlp"}})
    (found,) = origin_differences([*done, again], ["roc_auc"], seed=1, replicates=20)
    assert (found.origin, found.difference, found.low, found.distinguishable) == (1, 0.0, 0.0, False)
    assert found.p is None


def test_features_and_scores_are_followed_from_month_to_month(store: Store, run: tuple[Execution, Summary]) -> None:
    found = list(stability(store, run[0], "lending_club_matured"))
    scores = [one for one in found if one["what"] == "score"]
    assert len(scores) == 2 * 11  # two origins of twelve months, from the first to each later one
    features = [one for one in found if one["what"] == "feature"]
    assert len(features) == 2 * 12 * len(load_processed(store, "lending_club_matured").feature_names)
    assert all(one["index"] is None or one["alarm"] == (one["index"] > max(one["threshold"], 0.1)) for one in found)


def test_intervals_of_groups_are_those_of_whole_ones(store: Store, run: tuple[Execution, Summary]) -> None:
    (told, *_) = [one for one in figures(store, run[0], bootstrap=20) if one["dataset"] == "corporate_ccc"]
    assert "delong" not in told["intervals"]
    assert "hang together" in told["intervals"]["why_no_analytic"]
    drawn = told["intervals"]["bootstrap"]["roc_auc"]
    assert (drawn["low"] is None) == (told["positive_groups"] < 20)
