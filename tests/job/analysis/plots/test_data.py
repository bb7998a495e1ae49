"""The numbers that plots show, each against another computation: scikit-learn's, SciPy's, or by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from job.analysis.differences import name_of, seed_differences
from job.analysis.evidence import Evidence
from job.analysis.plots import PLOTS, drawn, gains
from job.analysis.plots import data as told
from job.analysis.plots.data import PlotData
from job.analysis.plots.look import MOST_POINTS, look, thinned
from job.analysis.ranking import Standing
from job.analysis.wording import Wording
from job.executions.executions import Execution
from job.executions.results import StoredResult
from job.store import Store
from job.training.unit import Unit
from tests.job.analysis.plots.planted import POSITIVES, ROWS, data_of, execution_of, results_of


@pytest.fixture(scope="module")
def done() -> tuple[Store, Execution]:
    return execution_of([1, 2, 3])


@pytest.fixture(scope="module")
def data(done: tuple[Store, Execution]) -> PlotData:
    return data_of(*done)


@pytest.fixture(scope="module")
def results(done: tuple[Store, Execution]) -> dict[Unit, StoredResult]:
    return results_of(*done)


def scores_of(results: dict[Unit, StoredResult], row: object, metric: str = "balanced_accuracy") -> list[float]:
    own = [one for unit, one in results.items() if (unit.dataset, unit.model, unit.technique) == (
        row.dataset, row.model, row.technique)]  # type: ignore[attr-defined]  # fmt: skip
    measure = {"balanced_accuracy": lambda r: sk.balanced_accuracy_score(r.target, r.decision),
               "precision": lambda r: sk.precision_score(r.target, r.decision),
               "sensitivity": lambda r: sk.recall_score(r.target, r.decision)}[metric]  # fmt: skip
    return [measure(one) for one in own]


def test_intervals_of_means_over_seeds_are_nadeau_and_bengios(
    data: PlotData, results: dict[Unit, StoredResult]
) -> None:
    found = told.comparison(data)
    assert found.of == "splits"
    assert len(found.bars) == 8
    assert [bar.value for bar in found.bars] == sorted((bar.value for bar in found.bars), reverse=True)
    for bar in found.bars:
        values = scores_of(results, bar.row)
        half = stats.t.ppf(0.975, 2) * math.sqrt((1 / 3 + ROWS / 700) * np.var(values, ddof=1))
        assert bar.value == pytest.approx(np.mean(values))
        assert (bar.low, bar.high) == (pytest.approx(np.mean(values) - half), pytest.approx(np.mean(values) + half))
        assert bar.tied is bar.row.standing.tied


def test_with_one_seed_the_roc_auc_has_delongs_interval_and_nothing_without_independence_has_one() -> None:
    store, execution = execution_of([1])
    auc = told.comparison(data_of(store, execution, metric="roc_auc"))
    assert auc.of == "test part"
    for bar in auc.bars:
        assert bar.low is not None
        assert bar.high is not None
        assert bar.low < bar.value < bar.high
        assert bar.tied is None
    assert told.comparison(data_of(store, execution)).of == "none"
    every = {unit: look(one, bootstrap=40) for unit, one in results_of(store, execution).items()}
    drawn_again = told.comparison(replace(data_of(store, execution), units=every))
    assert drawn_again.of == "test part"
    assert all(bar.low is not None and bar.low <= bar.value for bar in drawn_again.bars)


def test_another_metric_than_the_summarys_is_ranked_by_itself(done: tuple[Store, Execution]) -> None:
    by_accuracy = replace(data_of(*done), metric="brier")
    by_brier = data_of(*done, metric="brier")
    assert [name_of(row) for row in by_accuracy.rows] == [name_of(row) for row in by_brier.rows]
    assert [row.standing for row in by_accuracy.rows] == [row.standing for row in by_brier.rows]
    values = [bar.value for bar in told.comparison(by_accuracy).bars]
    assert values == sorted(values)


def test_stability_and_tradeoff_are_of_the_predictions(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    spreads = told.stability(data)
    assert len(spreads) == 8
    for one in spreads:
        assert list(one.values.values()) == pytest.approx(scores_of(results, one.row))
    places = told.tradeoff(data)
    assert set(places) == {"random_forest", "mlp"}
    for place in places["mlp"] + places["random_forest"]:
        assert place.sensitivity == pytest.approx(np.mean(scores_of(results, place.row, "sensitivity")))
        assert place.precision == pytest.approx(np.mean(scores_of(results, place.row, "precision")))


@given(st.floats(0.05, 0.95), st.floats(0.01, 1.0))
def test_a_line_of_equal_f1_has_that_f1(f1: float, sensitivity: float) -> None:
    (precision,) = told.f1_line(f1, np.array([sensitivity]))
    if math.isnan(precision):
        assert sensitivity <= f1 / (2 - f1) + 1e-9
    else:
        assert 2 * precision * sensitivity / (precision + sensitivity) == pytest.approx(f1)


def test_the_heat_map_has_every_mean_in_its_place_and_marks_the_best(data: PlotData) -> None:
    found = told.heatmap(data)
    assert found.techniques == ("baseline", "random_under_sampling", "smote", "cost_sensitive")
    by_name = {(row.model, row.technique): row.mean["balanced_accuracy"] for row in data.rows}
    for i, model in enumerate(found.models):
        for j, technique in enumerate(found.techniques):
            assert found.values[i, j] == by_name[model, technique]
    assert found.best is not None
    assert found.values[found.best] == found.values.max()


def test_gains_are_technique_less_baseline_and_datasets_stand_by_default_rate(
    done: tuple[Store, Execution], results: dict[Unit, StoredResult]
) -> None:
    found = gains.imbalance(data_of(*done, dataset=None))
    assert list(dict.fromkeys(one.dataset for one in found)) == ["corporate_ccc", "taiwan_credit"]
    for one in found:
        assert one.default_rate == pytest.approx(POSITIVES[one.dataset] / ROWS)
        for model, gain in one.by_model.items():
            means = [
                np.mean([sk.balanced_accuracy_score(r.target, r.decision) for unit, r in results.items()
                         if (unit.dataset, unit.model, unit.technique) == (one.dataset, model, technique)])
                for technique in (one.technique, "baseline")
            ]  # fmt: skip
            assert gain == pytest.approx(means[0] - means[1])
        assert one.mean == pytest.approx(np.mean(list(one.by_model.values())))
    alone = gains.imbalance(data_of(*done, dataset="taiwan_credit"))
    assert alone == [one for one in found if one.dataset == "taiwan_credit"]
    below = gains.imbalance(data_of(*done, dataset=None, metric="brier"))
    rows = {(row.dataset, row.model, row.technique): row.mean["brier"] for row in data_of(*done).summary.rows}
    one = below[0]
    worse = rows[one.dataset, "mlp", one.technique] or 0.0
    assert one.by_model["mlp"] == pytest.approx((rows[one.dataset, "mlp", "baseline"] or 0.0) - worse)


def test_cost_sensitive_is_first_and_adjusted_for_all_pairs_whatever_is_shown(data: PlotData) -> None:
    found = gains.cost_sensitive(data)
    assert [one.second.split(" × ")[1] for one in found] == 2 * ["baseline", "random_under_sampling", "smote"]
    every = {
        frozenset((one.first, one.second)): one
        for one in seed_differences(data.rows, "balanced_accuracy", data.state.test_to_train)
    }
    for one in found:
        assert one.first.endswith("cost_sensitive")
        pair = every[frozenset((one.first, one.second))]
        sign = 1 if pair.first == one.first else -1
        assert one.difference == pytest.approx(sign * (pair.difference or 0))
        assert one.low is not None
        assert one.low <= (one.difference or 0) <= (one.high or 0)
        assert one.p_holm == pair.p_holm
    fewer = gains.cost_sensitive(replace(data, techniques=frozenset({"smote", "cost_sensitive"})))
    assert [one.p_holm for one in fewer] == [one.p_holm for one in found if one.second.endswith("smote")]


def test_curves_are_scikit_learns(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    found = drawn.best_of_models(data)
    assert {one.row.model for one in found} == {"random_forest", "mlp"}
    for one in found:
        result = results[Unit("taiwan_credit", one.row.model, one.row.technique, 1)]  # type: ignore[arg-type]
        fpr, tpr, _ = sk.roc_curve(result.target, result.score, drop_intermediate=False)
        roc, cap, pr = one.traces.roc, one.traces.cap, one.traces.pr
        assert set(zip(roc.x, roc.y, strict=True)) <= set(zip(fpr, tpr, strict=True))
        assert np.trapezoid(roc.y, roc.x) == pytest.approx(sk.roc_auc_score(result.target, result.score), abs=0.002)
        precision, recall, _ = sk.precision_recall_curve(result.target, result.score)
        known = {(round(x, 12), round(y, 12)) for x, y in zip(recall, precision, strict=True)}
        assert {(round(x, 12), round(y, 12)) for x, y in zip(pr.x, pr.y, strict=True)} <= known
        gini = (np.trapezoid(cap.y, cap.x) - 0.5) / (0.5 * (1 - 90 / ROWS))
        assert gini == pytest.approx(2 * sk.roc_auc_score(result.target, result.score) - 1, abs=0.004)
        order = np.argsort(-result.score)
        depth = round(0.1 * ROWS)
        lift = result.target[order[:depth]].mean() / result.target.mean()
        assert np.interp(0.1, one.traces.lift.x, one.traces.lift.y) == pytest.approx(lift, rel=0.05)


def test_ks_is_drawn_where_scipy_finds_it(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    for one in drawn.best_of_models(data):
        result = results[Unit("taiwan_credit", one.row.model, one.row.technique, 1)]  # type: ignore[arg-type]
        others, defaulters = result.score[result.target == 0], result.score[result.target == 1]
        expected = stats.ks_2samp(others, defaulters, alternative="greater")
        place, below, below_defaulters = one.traces.ks
        assert below - below_defaulters == pytest.approx(expected.statistic)
        assert np.mean(others < place) == pytest.approx(below)
        assert np.mean(defaulters < place) == pytest.approx(below_defaulters)
        assert one.traces.others.y[-1] == 1
        for trace, values in ((one.traces.others, others), (one.traces.defaulters, defaulters)):
            assert trace.y == pytest.approx([np.mean(values <= x) for x in trace.x])


def test_histograms_hold_every_row_of_their_class(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    for one in drawn.best_of_models(data):
        result = results[Unit("taiwan_credit", one.row.model, one.row.technique, 1)]  # type: ignore[arg-type]
        assert one.traces.histogram.sum(axis=1) == pytest.approx([1, 1])
        for label in (0, 1):
            halves = np.mean(result.score[result.target == label] >= 0.5)
            assert one.traces.histogram[label, 20:].sum() == pytest.approx(halves)


def test_reliability_is_put_back_where_rows_were_taken_away_and_untouched_where_nothing_shifted_it(
    done: tuple[Store, Execution],
) -> None:
    every = data_of(*done).units
    for unit, one in every.items():
        assert one.traces is not None
        if unit.technique == "random_under_sampling":
            assert one.traces.corrected is not None
            back = 0.25 * one.traces.reliability.x / (0.25 * one.traces.reliability.x + 1 - one.traces.reliability.x)
            assert back.min() == pytest.approx(one.traces.corrected.x.min())
            assert back.max() == pytest.approx(one.traces.corrected.x.max())
        elif unit.technique == "baseline":
            assert one.traces.corrected is None
        assert (np.diff(one.traces.reliability.y) >= -1e-12).all()


def test_costs_are_shares_of_treating_all_alike(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    for line in drawn.cost_curves(data):
        for i, ratio in enumerate(line.ratios):
            shares = []
            for seed in (1, 2, 3):
                r = results[Unit("taiwan_credit", line.row.model, line.row.technique, seed)]  # type: ignore[arg-type]
                tn, fp, fn, tp = sk.confusion_matrix(r.target, r.decision).ravel()
                shares.append((fp + ratio * fn) / min(ratio * (tp + fn), tn + fp))
            assert line.own[i] == pytest.approx(np.mean(shares))


def test_times_and_choices_are_of_the_results(data: PlotData, results: dict[Unit, StoredResult]) -> None:
    assert {one.cpu_seconds for one in told.time(data)} == {4.0}
    found = drawn.parameters(data)
    for model, by_technique in found.items():
        for technique, choices in by_technique.items():
            chosen = [r.record["parameters"] for unit, r in results.items()
                      if (unit.dataset, unit.model, unit.technique) == ("taiwan_credit", model, technique)]  # fmt: skip
            for name, choice in choices.items():
                assert choice.of == 3
                written = [drawn.written(one[name]) for one in chosen]
                assert written.count(choice.value) == choice.times == max(map(written.count, written))


@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=3000).map(sorted), st.integers(0, 2**32), st.sampled_from([40, 300])
)
def test_thinning_keeps_ends_and_extremes_and_never_more_points_than_asked(
    x: list[float], seed: int, most: int
) -> None:
    y = np.random.default_rng(seed).random(len(x)).cumsum()
    trace = thinned(np.array(x), y, most)
    assert trace.x.size <= most
    assert (trace.x[0], trace.x[-1], trace.y[0], trace.y[-1]) == (x[0], x[-1], y[0], y[-1])
    assert (trace.y.min(), trace.y.max()) == (y.min(), y.max())
    assert set(zip(trace.x, trace.y, strict=True)) <= set(zip(x, y, strict=True))
    if len(x) <= most:
        assert trace.x.size == len(x)


def test_a_thinned_curve_lies_on_the_whole_one() -> None:
    x = np.linspace(0, 1, 20_000)
    y = np.sin(3 * x) ** 3
    trace = thinned(x, y)
    assert trace.x.size <= MOST_POINTS
    assert np.interp(x, trace.x, trace.y) == pytest.approx(y, abs=5e-3)


def test_a_technique_that_is_not_shown_is_in_no_plots_rows(data: PlotData) -> None:
    only = replace(data, techniques=frozenset({"smote"}))
    assert {row.technique for row in only.rows} == {"smote"}
    assert len(only.every) == 8
    assert [row.standing for row in only.rows] == [row.standing for row in data.rows if row.technique == "smote"]


def test_with_too_few_defaulters_nothing_is_called_the_best(done: tuple[Store, Execution]) -> None:
    data = data_of(*done)
    rows = tuple(
        replace(row, evidence=dict.fromkeys(row.seeds, Evidence(ROWS, 9, None, 0.4)), standing=Standing())
        if row.dataset == "taiwan_credit" else row
        for row in data.summary.rows
    )  # fmt: skip
    few = replace(data, summary=replace(data.summary, rows=rows))
    assert not any(bar.ranked for bar in told.comparison(few).bars)
    assert told.heatmap(few).best is None
    assert drawn.best_of_models(few) == []
    assert {one.dataset for one in gains.imbalance(replace(few, dataset=None))} == {"corporate_ccc"}
    for plot in PLOTS:
        if plot.id not in ("imbalance", "stability", "parameters"):
            assert "no combination can be called better" in plot.alt(few, Wording.of("en_US")), plot.id
