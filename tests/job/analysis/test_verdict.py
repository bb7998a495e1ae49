"""The verdict follows from the tables: planted executions, each with what must be said and what must not."""

from __future__ import annotations

import ast
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from job.analysis import verdict as module
from job.analysis.differences import Difference, seed_differences
from job.analysis.evidence import Evidence
from job.analysis.rows import SummaryRow
from job.analysis.summary import DatasetState, Summary, ranked
from job.analysis.verdict import Verdict, verdict
from job.analysis.wording import Wording
from job.metrics import METRIC_IDS

RATIO = 0.43  # 30 % tested
METRIC = "balanced_accuracy"
Values = dict[tuple[str, str], list[float]]
STEADY = [0.000, 0.002, -0.002, 0.001, -0.001]


def around(mean: float, sign: int = 1, by: float = 1.0, seeds: int = 5) -> list[float]:
    return [mean + sign * by * one for one in STEADY[:seeds]]


WINNER: Values = {
    ("random_forest", "smote"): around(0.75),
    ("random_forest", "baseline"): around(0.60, -1),
    ("mlp", "baseline"): around(0.55),
}
TIE: Values = {
    ("random_forest", "smote"): around(0.751, 1, 8),
    ("random_forest", "baseline"): around(0.750, -1, 8),
    ("mlp", "baseline"): around(0.55),
}


def planted(
    values: Values, state: DatasetState | None = None, positives: int = 90, blocks: int | None = None
) -> Summary:
    state = state or DatasetState("taiwan_credit", 15, 15, False, test_to_train=RATIO)
    rows = [_row(state.dataset, *names, own, Evidence(300, positives, blocks, 0.4)) for names, own in values.items()]
    return Summary("e", "s", METRIC, tuple(ranked(rows, state, METRIC)), (state,), ())


def _row(dataset: str, model: str, technique: str, own: list[float], tested: Evidence) -> SummaryRow:
    seeds = tuple(range(1, len(own) + 1))
    every = {metric: dict(zip(seeds, own, strict=True)) for metric in METRIC_IDS}
    means = {metric: statistics.fmean(own) for metric in METRIC_IDS}
    return SummaryRow(
        dataset, model, technique, seeds, means, dict.fromkeys(METRIC_IDS), {}, {}, values=every,
        evidence=dict.fromkeys(seeds, tested),
    )  # fmt: skip


def differences(summary: Summary) -> list[Difference]:
    state = summary.datasets[0]
    return seed_differences(summary.rows, METRIC, None if state.repetition == "origin" else state.test_to_train)


def said(summary: Summary, found: list[Difference] | None = None, locale: str = "en_US") -> tuple[Verdict, str, str]:
    wording = Wording.of(locale)
    made = verdict(summary, summary.datasets[0].dataset, differences(summary) if found is None else found)
    return made, " ".join(map(wording.say, made.sentences)), " ".join(map(wording.say, made.cannot_say))


def test_a_clear_winner_is_named_with_what_its_technique_adds_and_what_it_decides() -> None:
    made, text, limits = said(planted(WINNER))
    assert made.kind == "winner"
    assert len(made.sentences) == 3
    assert "random forest × SMOTE is the best with 0.750, and distinguishable from all 2 others." in text
    assert "Over the baseline of random forest SMOTE gains 0.150 (95%: 0.14" in text
    assert "which is distinguishable" in text
    assert "find 75.0% of the defaulters and refuse 25.0% of the good borrowers" in text
    assert "Not distinguishable" not in limits
    assert "its value flatters" in limits
    assert "It is one dataset" in limits


def test_a_tie_is_not_called_a_win_nor_the_same() -> None:
    made, text, limits = said(planted(TIE))
    assert made.kind == "tie"
    assert (
        "random forest × SMOTE has the best mean, 0.751, but is not distinguishable from random forest × baseline."
        in text
    )
    assert "is the best" not in text
    assert "not distinguishable after adjusting for all pairs" in text
    assert "Not distinguishable does not mean the same: with 5 splits" in limits
    assert "not distinguishable from the best, 1, so many are so near" in limits
    assert "the difference is of no practical interest: 0." in limits


def test_many_ties_are_counted_not_listed() -> None:
    noise = np.random.default_rng(1).normal(0.7, 0.02, (7, 5))
    made, text, _ = said(planted({("mlp", f"t{i}"): list(map(float, own)) for i, own in enumerate(noise)}))
    assert made.kind == "tie"
    assert "none of the 6 others is distinguishable from it" in text


def test_ties_with_some_of_many_are_counted() -> None:
    noise = np.random.default_rng(1).normal(0.7, 0.02, (7, 5))
    low = {("mlp", "low"): [0.5, 0.501, 0.502, 0.503, 0.504]}
    made, text, _ = said(planted({("mlp", f"t{i}"): list(map(float, own)) for i, own in enumerate(noise)} | low))
    assert made.kind == "tie"
    assert "6 of the 7 others are not distinguishable from it" in text


def test_a_lower_brier_score_is_the_better_one_and_its_gain_is_positive() -> None:
    state = DatasetState("taiwan_credit", 15, 15, False, test_to_train=RATIO)
    values = {("mlp", "smote"): around(0.10), ("mlp", "baseline"): around(0.20, -1)}
    rows = [_row("taiwan_credit", *names, own, Evidence(300, 90, None, 0.4)) for names, own in values.items()]
    summary = Summary("e", "s", "brier", tuple(ranked(rows, state, "brier")), (state,), ())
    _, text, _ = said(summary, seed_differences(summary.rows, "brier", RATIO))
    assert "Brier score: neural network × SMOTE is the best with 0.100, and distinguishable from the other." in text
    assert "gains 0.100 (95%: 0.09" in text


@pytest.mark.parametrize(("positives", "words"), [(2, "has 2 defaulters"), (1, "has 1 defaulter,")])
def test_too_few_defaulters_rank_nothing(positives: int, words: str) -> None:
    made, text, _ = said(planted(WINNER, positives=positives))
    assert made.kind == "unranked"
    assert words in text
    assert "random forest" not in text


def test_synthetic_and_partial_come_first_of_what_cannot_be_said() -> None:
    state = DatasetState("taiwan_credit", 10, 15, True, test_to_train=RATIO)
    made, _, limits = said(planted(WINNER, state))
    assert limits.startswith("The data are a synthetic sample: nothing here is about real borrowers. 10 of 15 units")
    assert made.kind == "winner"


def test_one_seed_is_tested_by_nothing() -> None:
    one = {names: own[:1] for names, own in WINNER.items()}
    made, text, limits = said(planted(one))
    assert made.kind == "untested"
    assert "whether the 2 others differ from it was not tested" in text
    assert "gains 0.150, which was not tested" in text
    assert "With 1 seed nothing tells" in limits
    assert "With 2 seeds nothing tells" in said(planted({names: own[:2] for names, own in WINNER.items()}))[2]


def test_several_datasets_are_each_judged_by_themselves() -> None:
    summary = planted(WINNER)
    other = replace(summary.datasets[0], dataset="lending_club")
    limits = said(replace(summary, datasets=(*summary.datasets, other)))[2]
    assert "Each of the 2 datasets is judged by itself" in limits
    assert "It is one dataset" not in limits
    unrun = replace(other, present=0)
    assert "It is one dataset" in said(replace(summary, datasets=(*summary.datasets, unrun)))[2]


BY_TIME = DatasetState("lending_club_matured", 6, 6, False, repetition="origin", split="by time", test_to_train=RATIO)


def test_by_time_nothing_is_tested_over_origins() -> None:
    made, text, limits = said(planted({names: own[:3] for names, own in WINNER.items()}, BY_TIME, blocks=12))
    assert made.kind == "untested"
    assert "best mean over the origins, 0.750; whether the 2 others differ from it was not tested" in text
    assert "Origins are no repetitions" in limits
    assert "groups" not in limits


@pytest.mark.parametrize(("second", "kind", "ahead"), [(True, "winner", 2), (False, "tie", 1)])
def test_by_time_the_best_has_to_be_ahead_on_the_months_of_every_origin(second: bool, kind: str, ahead: int) -> None:
    summary = planted({names: own[:2] for names, own in WINNER.items()}, BY_TIME)
    best = "random_forest × smote"
    found = [
        Difference(
            "lending_club_matured", METRIC, *pair, origin, value, value - 0.01, value + 0.01, distinguishable=apart
        )
        for origin in (1, 2)
        for pair, value, apart in (
            ((best, "random_forest × baseline"), 0.15, second or origin == 1),
            (("mlp × baseline", best), -0.2, True),
        )
    ]
    made, text, _ = said(summary, found)
    assert made.kind == kind
    assert f"distinguishably ahead of {ahead} of the 2 others" in text
    assert ", which was not tested." in text  # two origins are no one difference


def test_ahead_by_the_mean_but_behind_at_an_origin_is_no_win() -> None:
    summary = planted({names: own[:2] for names, own in WINNER.items()}, BY_TIME)
    behind = [
        Difference(
            "lending_club_matured", METRIC, "random_forest × smote", other, 1, -0.1, -0.2, -0.05, distinguishable=True
        )
        for other in ("random_forest × baseline", "mlp × baseline")
    ]
    made, text, _ = said(summary, behind)
    assert made.kind == "tie"
    assert "ahead of 0 of the 2 others" in text


def test_few_groups_with_a_default_and_rows_that_hang_together_are_said() -> None:
    by_group = DatasetState("corporate_ccc", 15, 15, False, split="by group", test_to_train=RATIO)
    limits = said(planted(WINNER, by_group, blocks=9))[2]
    assert "come from as few as 9 groups" in limits
    assert "one by one" not in limits
    assert "groups" not in said(planted(WINNER, by_group, blocks=25))[2]
    by_row = replace(by_group, split="by row")
    assert "Rows were split one by one although some hang together" in said(planted(WINNER, by_row))[2]
    assert "one by one" not in said(planted(WINNER))[2]  # Taiwan's rows are independent


def test_the_baseline_ahead_says_so_and_a_missing_one_is_unknown() -> None:
    ahead = {("mlp", "baseline"): around(0.7), ("mlp", "smote"): around(0.6, -1)}
    assert "no technique against class imbalance raises neural network above its baseline" in said(planted(ahead))[1]
    alone = {("mlp", "baseline"): around(0.7), ("random_forest", "smote"): around(0.6, -1)}
    assert "No technique against class imbalance is ranked beside the baseline" in said(planted(alone))[1]
    without = {("mlp", "smote"): around(0.7), ("random_forest", "baseline"): around(0.6, -1)}
    assert "What SMOTE adds to neural network is unknown" in said(planted(without))[1]


def test_without_a_result_there_is_nothing_to_say() -> None:
    state = DatasetState("taiwan_credit", 0, 15, False)
    made, text, limits = said(Summary("e", "s", METRIC, (), (state,), ()))
    assert (made.kind, text) == ("nothing", "There is no result yet.")
    assert limits.startswith("0 of 15 units have a result")


def test_no_sentence_calls_combinations_equal_and_all_are_in_portuguese() -> None:
    words = [
        node.value
        for node in ast.walk(ast.parse(Path(module.__file__).read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".")
    ]
    assert not [one for one in words if "equal" in one and "practical equivalence" not in one]
    for values in (WINNER, TIE):
        english, portuguese = said(planted(values))[1:], said(planted(values), locale="pt_BR")[1:]
        assert english[0] != portuguese[0]
        assert "0,75" in portuguese[0]
        assert "{" not in "".join(portuguese)
