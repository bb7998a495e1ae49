"""Probabilities, curves and money: published definitions against independent libraries."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from empulse.metrics import empcs_score
from fairlearn import metrics as fair
from hmeasure import h_score
from scipy.stats import chi2
from sklearn import metrics as sk
from statsmodels.stats.proportion import confint_proportions_2indep

from job.analysis import calibration, curves, fairness, money, stability
from job.analysis.prior import corrected, prior_shift
from job.errors import UsageError
from job.metrics import all_metrics
from tests.job.analysis.test_intervals import planted


def record(technique: str, refit: tuple[int, int], weight: object = None, model: str = "lightgbm") -> dict[str, object]:
    name = {"xgboost": "scale_pos_weight", "mlp": "sample_weight"}.get(model, "class_weight")
    return {
        "unit": {"model": model, "technique": technique},
        "train": {"n0": 8000, "n1": 2000},
        "refit": dict(zip(("n0", "n1"), refit, strict=True)),
        "candidates": [{}, {name: weight} if technique == "cost_sensitive" else {}],
        "best_index": 1,
    }


@pytest.mark.parametrize(
    ("made", "beta", "exactness"),
    [
        (record("baseline", (8000, 2000)), 1.0, "none"),
        (record("threshold_moving", (8000, 2000)), 1.0, "none"),
        (record("cost_sensitive", (8000, 2000)), 1.0, "none"),
        (record("random_under_sampling", (2000, 2000)), 0.25, "exact"),
        (record("smote", (8000, 8000)), 0.25, "approximate"),
        (record("cost_sensitive", (8000, 2000), "balanced"), 0.25, "approximate"),
        (record("cost_sensitive", (8000, 2000), 5, "xgboost"), 0.2, "approximate"),
        (record("cost_sensitive", (8000, 2000), 10, "mlp"), 0.1, "approximate"),
    ],
)
def test_the_record_tells_what_shifted_the_odds(made: dict[str, object], beta: float, exactness: str) -> None:
    found = prior_shift(made)
    assert found is not None
    assert (found.beta, found.exactness) == (pytest.approx(beta), exactness)


def test_a_record_of_before_counts_no_classes() -> None:
    made = record("smote", (8000, 8000))
    del made["refit"]
    assert prior_shift(made) is None
    assert prior_shift(record("smote", (8000, 0))) is None


def test_the_correction_undoes_under_sampling() -> None:
    """Of a known probability, the odds among under-sampled rows are the odds over β; correcting gives it back."""
    p = np.linspace(0.01, 0.9, 50)
    odds = p / (1 - p) * 4
    assert corrected(odds / (1 + odds), 0.25) == pytest.approx(p)
    assert corrected(np.array([0.0, 1.0]), 0.25).tolist() == [0.0, 1.0]


def test_the_brier_score_is_taken_apart_and_put_together() -> None:
    target, score, _ = planted(400, 1, decimals=1)
    found = calibration.reliability(target, score)
    assert found.brier == pytest.approx(sk.brier_score_loss(target, score))
    assert found.miscalibration - found.discrimination + found.uncertainty == pytest.approx(found.brier)
    assert found.miscalibration >= 0
    assert found.discrimination >= 0
    again = calibration.reliability(target, found.recalibrated[np.searchsorted(found.score, score)])
    assert again.miscalibration == pytest.approx(0, abs=1e-12)  # what is recalibrated cannot be any further
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression().fit(score, target).predict(found.score)
    assert found.recalibrated == pytest.approx(fitted, abs=1e-9)


def test_intercept_and_slope_are_statsmodels() -> None:
    target, score, _ = planted(500, 2)
    odds = np.log(score / (1 - score))
    found = calibration.recalibration(target, score)
    alone = sm.GLM(target, np.ones(500), family=sm.families.Binomial(), offset=odds).fit()
    both = sm.GLM(target, sm.add_constant(odds), family=sm.families.Binomial()).fit()
    assert found is not None
    assert found.intercept == pytest.approx(alone.params[0], abs=1e-6)
    assert (found.intercept_with_slope, found.slope) == pytest.approx(tuple(both.params), abs=1e-6)
    assert found.clipped == 0


def test_scores_of_nothing_and_certainty_are_clipped_and_counted() -> None:
    target, score, _ = planted(200, 3)
    score[:3] = (0.0, 1.0, 0.001)
    found = calibration.recalibration(target, score)
    assert found is not None
    assert found.clipped == 3
    assert np.isfinite(found.intercept)
    assert calibration.recalibration(np.zeros(5), np.full(5, 0.5)) is None
    constant = calibration.recalibration(np.array([0, 1, 0, 0]), np.full(4, 0.5))
    assert constant is not None
    assert (constant.slope, constant.intercept) == (None, pytest.approx(np.log(1 / 3)))
    apart = calibration.recalibration(np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))
    assert apart is not None
    assert apart.slope is None  # no finite slope is best


def test_right_probabilities_pass_spiegelhalter_and_observed_meets_expected() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(1, 4, 4000)
    target = (rng.random(4000) < p).astype(np.int8)
    z = calibration.spiegelhalter(target, p)
    assert z is not None
    assert abs(z) < 2.6
    raised = calibration.spiegelhalter(target, p**0.5)
    assert raised is not None
    assert abs(raised) > 10
    found = calibration.observed_expected(target, p)
    assert found is not None
    assert found.low < 1 < found.high
    assert found.ratio == pytest.approx(target.sum() / p.sum())
    assert calibration.spiegelhalter(target, np.round(p)) is None
    assert calibration.observed_expected(target, np.zeros(4000)) is None


def test_brier_skill_is_nothing_for_the_training_rate_and_one_for_an_oracle() -> None:
    target = np.array([0, 0, 0, 1])
    assert calibration.brier_skill(target, np.full(4, 0.3), 0.3) == 0
    assert calibration.brier_skill(target, target.astype(float), 0.3) == 1


@pytest.mark.parametrize("decimals", [1, 12])
def test_curves_are_scikit_learns(decimals: int) -> None:
    target, score, decision = planted(300, 5, decimals=decimals)
    found = curves.curves(target, score)
    f, t, thresholds = sk.roc_curve(target, score, drop_intermediate=False)
    assert found.false_positive_rate == pytest.approx(f)
    assert found.true_positive_rate == pytest.approx(t)
    assert found.score[1:] == pytest.approx(thresholds[1:])
    precision, _, _ = sk.precision_recall_curve(target, score)
    assert found.precision[::-1] == pytest.approx(precision)
    ks, place = curves.ks_place(found)
    assert ks == pytest.approx(all_metrics(target, score, decision)["ks"])
    called = score >= place
    assert called[target == 1].mean() - called[target == 0].mean() == pytest.approx(ks)


def test_lift_and_capture_of_a_known_order() -> None:
    target = np.array([1, 1, 0, 1] + [0] * 16)
    found = curves.depths(curves.curves(target, np.arange(20, 0, -1.0)))
    assert [one.capture for one in found] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [one.lift for one in found] == pytest.approx([20 / 3, 20 / 3, 5])


def test_the_h_measure_is_the_librarys_with_its_prior() -> None:
    for seed in range(4):
        target, score, _ = planted(250, seed, decimals=2)
        ratio = target.mean() / (1 - target.mean())
        assert curves.h_measure(target, score, (2, 1 + 1 / ratio)) == pytest.approx(h_score(target, score), abs=1e-6)


def test_the_h_measure_is_one_for_a_perfect_ranking_and_nothing_for_none() -> None:
    target = np.repeat([0, 1], [30, 10])
    assert curves.h_measure(target, target.astype(float)) == pytest.approx(1)
    assert curves.h_measure(target, np.full(40, 0.5)) == pytest.approx(0, abs=1e-12)


def test_the_expected_maximum_profit_is_empulses() -> None:
    for seed in range(4):
        target, score, _ = planted(300, seed, decimals=3)
        found, refused = money.expected_maximum_profit(target, score)
        expected = empcs_score(target, score, success_rate=0.55, default_rate=0.1, roi=0.2644)
        assert found == pytest.approx(expected, abs=1e-9)
        assert 0 < refused < 1


def test_a_profit_model_of_ones_own_is_headed_as_such() -> None:
    target, score, _ = planted(300, 1, decimals=3)
    own = money.read_profit("0.4, 0.2,0.15")
    assert own.heading == "p0 0.4, p1 0.2, ROI 0.15, as given"
    expected = empcs_score(target, score, success_rate=0.4, default_rate=0.2, roi=0.15)
    assert money.expected_maximum_profit(target, score, own)[0] == pytest.approx(expected, abs=1e-9)
    for spoilt in ("0.4,0.2", "a,b,c", "0.9,0.2,0.1", "0.4,0.2,0", "nan,0,1"):
        with pytest.raises(UsageError, match="is no profit model"):
            money.read_profit(spoilt)


def test_the_cost_of_decisions_by_hand() -> None:
    target = np.array([1, 1, 0, 0, 0])
    probability = np.array([0.6, 0.1, 0.3, 0.05, 0.02])
    found = money.expected_cost(target, probability, (probability >= 0.5).astype(np.int8), ratio=4.0)
    assert found.own == pytest.approx(4 / 5)  # one defaulter gets a loan
    assert found.threshold == pytest.approx(0.2)
    assert found.by_threshold == pytest.approx((1 + 4) / 5)  # and one good borrower is refused
    assert found.trivial == pytest.approx(3 / 5)
    assert money.net_benefit(target, probability, 0.2) == pytest.approx((1 - 1 * 0.25) / 5)


def test_the_best_threshold_on_right_probabilities_costs_no_more_than_any_other() -> None:
    rng = np.random.default_rng(6)
    p = rng.beta(1, 4, 20_000)
    target = (rng.random(20_000) < p).astype(np.int8)
    for ratio in (2.0, 10.0):
        best = money.expected_cost(target, p, np.zeros(20_000, np.int8), ratio)
        for shift in (0.6, 1.5):
            other = (p >= best.threshold * shift).astype(np.int8)
            assert money.expected_cost(target, p, other, ratio).own > best.by_threshold


def test_the_same_distribution_raises_the_alarm_hardly_ever_and_exceeds_the_threshold_once_in_twenty() -> None:
    rng = np.random.default_rng(7)
    shifts = [stability.population_stability(rng.normal(size=400), rng.normal(size=300)) for _ in range(300)]
    assert all(one is not None and one.bins == 10 for one in shifts)
    exceeded = np.mean([one.index > one.threshold for one in shifts if one])
    assert 0.02 < exceeded < 0.09
    many = [stability.population_stability(rng.normal(size=2000), rng.normal(size=2000)) for _ in range(100)]
    assert not any(one.alarm for one in many if one)
    moved = stability.population_stability(rng.normal(size=400), rng.normal(1, size=300))
    assert moved is not None
    assert moved.alarm
    assert moved.threshold == pytest.approx(chi2.ppf(0.95, 9) * (1 / 400 + 1 / 300))


def test_the_stability_index_by_hand_and_with_ties() -> None:
    found = stability.population_stability(np.repeat([0.0, 1.0], [90, 10]), np.repeat([0.0, 1.0], [50, 50]))
    assert found is not None
    assert found.bins == 2  # nine deciles are 0: ties are one bin
    p, q = np.array([90.5, 10.5]) / 101, np.array([50.5, 50.5]) / 101
    assert found.index == pytest.approx(float(np.sum((q - p) * np.log(q / p))))
    missing = stability.population_stability(np.array([1.0, 2.0, np.nan] * 50), np.array([1.0, 2.0] * 50))
    assert missing is not None
    assert missing.bins == 3
    assert stability.population_stability(np.ones(10), np.ones(10)) is None
    assert stability.population_stability(np.array([]), np.ones(10)) is None


def test_gaps_between_groups_are_fairlearns_and_their_intervals_statsmodels() -> None:
    target, _, decision = planted(900, 8)
    group = np.random.default_rng(80).choice(["a", "b", "c"], 900, p=[0.5, 0.3, 0.2])
    rates = fair.MetricFrame(
        metrics={"selected": fair.selection_rate, "tpr": fair.true_positive_rate, "fpr": fair.false_positive_rate},
        y_true=target, y_pred=decision, sensitive_features=group,
    ).by_group  # fmt: skip
    found = fairness.group_fairness(target, decision, group)
    assert [(one.group, one.reference) for one in found] == [("b", "a"), ("c", "a")]
    for one in found:
        own, reference = rates.loc[one.group], rates.loc["a"]
        assert one.approval_ratio.value == pytest.approx((1 - own["selected"]) / (1 - reference["selected"]))
        assert one.sensitivity_gap.value == pytest.approx(own["tpr"] - reference["tpr"])
        assert one.false_alarm_gap.value == pytest.approx(own["fpr"] - reference["fpr"])
    first, second = (30, 100), (45, 120)
    gap, ratio = fairness.rate_difference(first, second), fairness.rate_ratio(first, second)
    assert (gap.low, gap.high) == pytest.approx(
        confint_proportions_2indep(*first, *second, compare="diff", method="newcomb"), abs=1e-9
    )
    assert (ratio.low, ratio.high) == pytest.approx(
        confint_proportions_2indep(*first, *second, compare="ratio", method="log"), abs=1e-9
    )
    # Newcombe's own example: 56 of 70 less 48 of 80 is 0.2, from 0.0524 to 0.3339.
    published = fairness.rate_difference((56, 70), (48, 80))
    assert (published.value, published.low, published.high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_group_without_a_defaulter_has_no_gap() -> None:
    found = fairness.group_fairness(np.array([0, 1, 0]), np.array([0, 1, 1]), np.array(["a", "a", "b"]))
    assert found[0].sensitivity_gap.value is None
    assert found[0].false_alarm_gap.value == 1.0
    assert found[0].approval_ratio.value == 0
