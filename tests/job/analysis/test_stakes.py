"""Declared costs: decisions in their own money, held against sums that are written down once more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.analysis.money import ProfitModel, expected_cost, expected_maximum_profit, profit_by_losses
from job.analysis.stakes import Declared, decisions_priced, profit_of, stakes
from job.data.declarations.declaration import CostMatrix, Costs
from job.metrics import Array

ROWS = 400


def drawn(seed: int = 0) -> tuple[Array, Array, Array]:
    """A target, probabilities, decisions."""
    rng = np.random.default_rng(seed)
    target = (rng.random(ROWS) < 0.25).astype(np.int64)
    probability = 1 / (1 + np.exp(-(rng.normal(0, 1, ROWS) + 1.5 * target - 1.5)))
    return target, probability, (probability >= 0.5).astype(np.int8)


def priced(costs: Costs, seed: int = 0, **columns: Array) -> dict[str, Any]:
    target, probability, decision = drawn(seed)
    at_stake = stakes(Declared(costs, columns), np.arange(ROWS))
    assert at_stake is not None
    return decisions_priced(target, probability, decision, at_stake)


def test_a_matrix_prices_each_of_the_four_decisions() -> None:
    target, probability, decision = drawn()
    found = priced(Costs(matrix=CostMatrix(bad_granted=10, good_refused=2, bad_refused=1, good_granted=-1)))
    cells = {(1, 0): 10, (0, 1): 2, (1, 1): 1, (0, 0): -1}
    prices = [cells[int(y), int(d)] for y, d in zip(target, decision, strict=True)]
    assert found["own"] == pytest.approx(np.mean(prices))
    threshold = (2 + 1) / (2 + 1 + 10 - 1)
    best = [cells[int(y), int(p >= threshold)] for y, p in zip(target, probability, strict=True)]
    assert found["by_threshold"] == pytest.approx(np.mean(best))
    grant, refuse = (np.mean([cells[int(y), d] for y in target]) for d in (0, 1))
    assert found["trivial"] == pytest.approx(min(grant, refuse))
    assert found["why"] is None


@given(st.floats(1, 50), st.integers(0, 2**32 - 1))
def test_a_matrix_of_two_mistakes_is_the_ratio_that_is_known_already(ratio: float, seed: int) -> None:
    target, probability, decision = drawn(seed)
    known = expected_cost(target, probability, decision, ratio)
    found = priced(Costs(matrix=CostMatrix(bad_granted=ratio, good_refused=1.0)), seed)
    assert [found[name] for name in ("own", "by_threshold", "trivial")] == pytest.approx(
        [known.own, known.by_threshold, known.trivial]
    )


def test_losses_and_exposures_of_columns_count_row_by_row_and_rows_without_are_counted() -> None:
    target, _, decision = drawn()
    rng = np.random.default_rng(1)
    lgd, ead = rng.random(ROWS), rng.gamma(2, 5000, ROWS)
    lgd[:7], ead[5:10], lgd[11] = np.nan, np.nan, 1.5  # a share above 1 is none
    ead[12] = -5000.0  # nor is an exposure below 0
    found = priced(Costs(lgd="loss", ead="amount", roi=0.1), loss=lgd, amount=ead)
    known = ~(np.isnan(lgd) | np.isnan(ead) | (lgd > 1) | (ead < 0))
    lost = np.where(target == 1, lgd * ead * (decision == 0), 0.1 * ead * (decision == 1))
    assert found["own"] == pytest.approx(lost[known].mean())
    assert (found["rows"], found["rows_without"]) == (known.sum(), 12)
    assert found["per"] == "in the unit of the exposure"


def test_each_row_has_the_threshold_of_its_own_loss() -> None:
    target, probability, _ = drawn()
    lgd = np.where(np.arange(ROWS) % 2, 0.9, 0.1)
    found = priced(Costs(lgd="loss", roi=0.1), loss=lgd)
    refused = probability >= 0.1 / (0.1 + lgd)
    assert found["by_threshold"] == pytest.approx(np.where(target == 1, lgd * ~refused, 0.1 * refused).mean())


@pytest.mark.parametrize("matrix", [CostMatrix(1, 1, bad_refused=2), CostMatrix(1, 1, good_granted=2)])
def test_a_matrix_by_which_mistakes_pay_is_told_and_prices_nothing(matrix: CostMatrix) -> None:
    found = priced(Costs(matrix=matrix))
    assert "declared to pay" in found["why"]
    assert "own" not in found


@pytest.mark.parametrize("costs", [Costs(lgd=0.4), Costs(roi=0.1), Costs(ead=1000.0), Costs()])
def test_costs_declared_in_part_price_no_decision(costs: Costs) -> None:
    assert stakes(Declared(costs), np.arange(ROWS)) is None


def test_without_any_row_that_has_its_costs_nothing_is_said() -> None:
    found = priced(Costs(lgd="loss", roi=0.1), loss=np.full(ROWS, np.nan))
    assert (found["why"], found["rows"]) == ("no row has its costs", 0)


def profit(costs: Costs | None, **columns: Array) -> tuple[float, float, str]:
    target, probability, _ = drawn()
    declared = None if costs is None else Declared(costs, columns)
    return profit_of(declared, target, probability, np.arange(ROWS))


def by_thresholds(loss: float, earned: float) -> float:
    """The maximum profit over every threshold, tried one by one."""
    target, probability, _ = drawn()
    tried = [np.inf, *probability]
    return max(
        float(np.mean(np.where(target == 1, loss * (probability >= t), -earned * (probability >= t)))) for t in tried
    )


@given(st.floats(0.01, 1), st.floats(0.001, 2))
def test_the_maximum_profit_is_that_of_the_best_threshold(loss: float, earned: float) -> None:
    target, probability, _ = drawn()
    value, refused = profit_by_losses(target, probability, np.array([loss]), earned)
    assert value == pytest.approx(by_thresholds(loss, earned), abs=1e-12)
    assert 0 <= refused <= 1


def test_many_losses_spread_as_verbrakens_come_to_his_profit() -> None:
    target, probability, _ = drawn()
    losses = np.r_[np.zeros(5500), np.linspace(0, 1, 3500), np.ones(1000)]
    mine = profit_by_losses(target, probability, losses, 0.2644)
    assert mine == pytest.approx(expected_maximum_profit(target, probability), abs=2e-4)


def test_what_is_declared_is_what_the_profit_is_headed_by() -> None:
    usual = ProfitModel()
    target, probability, _ = drawn()
    assert profit(None) == (*expected_maximum_profit(target, probability), usual.heading)
    assert profit(Costs()) == profit(None)
    value, _, heading = profit(Costs(lgd=0.4, roi=0.1))
    assert (value, heading) == (pytest.approx(by_thresholds(0.4, 0.1)), "LGD 0.4, declared, and ROI 0.1, declared")
    value, _, heading = profit(Costs(lgd=0.4))
    assert (value, heading) == (
        pytest.approx(by_thresholds(0.4, 0.2644)),
        "LGD 0.4, declared, and ROI 0.2644, of Verbraken",
    )
    _, _, heading = profit(Costs(roi=0.1))
    assert heading == "Verbraken's losses (p0 0.55, p1 0.10), ROI 0.1, declared"
    value, _, heading = profit(Costs(matrix=CostMatrix(12, 3, 2, 1)))
    assert (value, heading) == (pytest.approx(by_thresholds(10, 2)), "the declared cost matrix, in its unit")
    _, _, heading = profit(Costs(lgd="loss", roi=0.1), loss=np.linspace(0, 1, ROWS))
    assert heading == "LGD of the column loss, declared, and ROI 0.1, declared"
