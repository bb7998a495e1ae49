"""No group and no month on both sides, an outcome counts only when it was known, and what cannot be split says why."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from job.training.blocks import ByGroup, ByRow, ByTime, Calendar, split_by_group, split_by_time
from job.training.layout import Layout, dense, divide
from job.training.splits import Inapplicable
from job.training.together import run_unit
from job.training.unit import Protocol, Unit

JANUARY_2010 = 40 * 12


def months(*counts: int) -> np.ndarray:
    """As many rows in each month from January 2010 on."""
    return np.repeat(np.arange(JANUARY_2010, JANUARY_2010 + len(counts)), counts).astype(np.int32)


def alternating(n: int, every: int = 3) -> np.ndarray:
    return (np.arange(n) % every == 0).astype(np.int8)


@given(st.data(), st.integers(0, 5), st.integers(2, 4), st.sampled_from([0.1, 0.2, 0.3, 0.5]))
@settings(max_examples=40)
def test_by_group_no_group_is_on_both_sides_of_the_test_or_of_a_fold(
    data: st.DataObject, seed: int, folds: int, test_share: float
) -> None:
    sizes = data.draw(st.lists(st.integers(1, 6), min_size=25, max_size=60))
    group = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes)).astype(np.int32)
    target = np.random.default_rng(seed + 1).integers(0, 2, group.size).astype(np.int8)
    try:
        made = split_by_group(target, group, seed=seed, folds=folds, test_share=test_share)
    except Inapplicable:
        assume(False)
    for fold in (*made.folds, made.refit):
        assert not set(group[fold.train]) & set(group[fold.valid])
    assert sorted([*made.refit.train, *made.refit.valid]) == list(range(group.size))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([fold.valid for fold in made.folds])), np.sort(made.refit.train)
    )


@given(
    st.lists(st.integers(0, 9), min_size=30, max_size=60),
    st.builds(
        ByTime,
        origins=st.integers(1, 3),
        months=st.integers(1, 6),
        gap=st.integers(0, 3),
        labels=st.sampled_from(["known_at_cut", "hindsight"]),
        term=st.sampled_from([None, 6]),
    ),
    st.integers(0, 3),
)
@settings(max_examples=60)
def test_by_time_only_earlier_months_and_known_outcomes_are_learnt_from(
    counts: list[int], how: ByTime, seed: int
) -> None:
    month = months(*counts)
    assume(month.size > 0)
    rng = np.random.default_rng(seed)
    target = rng.integers(0, 2, month.size).astype(np.int8)
    calendar = Calendar(month, rng.choice([6, 12], month.size).astype(np.int8), JANUARY_2010 + len(counts))
    horizon, tested = calendar.horizon, []
    assert horizon is not None
    for origin in range(1, how.origins + 1):
        try:
            made, months_of = split_by_time(target, calendar, how, origin=origin, folds=2)
        except Inapplicable:
            continue
        cut = int(np.datetime64(months_of.cut, "M").astype(int))
        train, test = made.refit.train, made.refit.valid
        assert month[test].min() >= cut > month[train].max() + how.gap
        assert month[test].max() < cut + how.months
        # Every term of the sample is due for every month of the test window.
        assert (month[test] + (how.term or horizon.max()) <= JANUARY_2010 + len(counts)).all()
        if how.labels == "known_at_cut":
            assert (month[train] + horizon[train] <= cut).all()
        if how.term is not None:
            assert set(horizon[np.concatenate([train, test])]) == {how.term}
        for fold in made.folds:
            assert month[fold.train].max() < month[fold.valid].min()
            assert set(fold.train) | set(fold.valid) <= set(train)
        tested.append(set(month[test]))
    assert sum(map(len, tested)) == len(set().union(*tested))  # no month is tested twice


def test_good_and_bad_rows_become_known_at_the_same_moment() -> None:
    """A default that showed early does not let its row in: what is learnt from does not depend on the target."""
    month = months(*[12] * 40)
    calendar = Calendar(month, np.full(month.size, 12, np.int8), JANUARY_2010 + 52)
    how = ByTime(origins=2, months=3)
    trains = [
        split_by_time(target, calendar, how, origin=1, folds=2)[0].refit.train
        for target in (alternating(month.size), 1 - alternating(month.size), alternating(month.size, 5))
    ]
    for train in trains[1:]:
        np.testing.assert_array_equal(train, trains[0])
    known, _ = split_by_time(alternating(month.size), calendar, how, origin=1, folds=2)
    late, _ = split_by_time(
        alternating(month.size), calendar, dataclasses.replace(how, labels="hindsight"), origin=1, folds=2
    )
    assert set(known.refit.train) < set(late.refit.train)
    assert month[late.refit.train].max() - month[known.refit.train].max() == 11
    np.testing.assert_array_equal(known.refit.valid, late.refit.valid)


GROUPS = np.repeat(np.arange(40), 5).astype(np.int32)


@pytest.mark.parametrize(
    ("layout", "target", "reason"),
    [
        (Layout(ByGroup(), GROUPS), (GROUPS < 6).astype(np.int8), "groups with a default in the"),
        (Layout(ByGroup(), (GROUPS % 9).astype(np.int32)), alternating(200), "9 groups are too few"),
        (Layout(ByGroup()), alternating(200), "no groups"),
        (Layout(ByTime()), alternating(200), "no dates"),
        (Layout(ByTime(), calendar=Calendar(months(*[10] * 20))), alternating(200), "does not say when"),
        (
            Layout(ByTime(labels="hindsight", months=9), calendar=Calendar(months(*[10] * 20))),
            alternating(200),
            "before the test window 2009-06 to 2010-02",
        ),
        (
            Layout(ByTime(term=24), calendar=Calendar(months(*[10] * 20), np.full(200, 12, np.int8))),
            alternating(200),
            "no row has a term of 24 months",
        ),
        (
            Layout(ByTime(2, 6, labels="hindsight", gap=6), calendar=Calendar(months(*[10] * 20))),
            alternating(200),
            "2 months before the test window 2010-09 to 2011-02 are too few for 2 folds",
        ),
    ],
)
def test_what_cannot_be_split_is_inapplicable_and_says_why(layout: Layout, target: np.ndarray, reason: str) -> None:
    X = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    unit = Unit("d", "logistic_regression", "baseline", 1)
    found = run_unit(unit, {"alpha": [1e-3]}, Protocol(folds=2), X, target, layout=layout)
    assert found.status == "inapplicable"
    assert reason in (found.reason or "")
    assert found.block is not None
    assert found.block.size == 0


def credit(**changed: Any) -> tuple[np.ndarray, np.ndarray, Layout]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(400, 4)).astype(np.float32)
    target = (X[:, 0] + rng.normal(size=400) > 0.8).astype(np.int8)
    layout = Layout(
        group=rng.integers(0, 80, 400).astype(np.int32),
        calendar=Calendar(np.sort(rng.integers(JANUARY_2010, JANUARY_2010 + 30, 400)).astype(np.int32)),
    )
    return X, target, dataclasses.replace(layout, **changed)


def test_results_by_group_or_time_carry_the_blocks_of_their_own_rows_and_results_by_row_none() -> None:
    unit = Unit("d", "logistic_regression", "baseline", 1)
    for split in (ByGroup(), ByTime(1, 6, labels="hindsight"), ByRow()):
        X, target, layout = credit(split=split)
        found = run_unit(unit, {"alpha": [1e-3]}, Protocol(folds=2), X, target, layout=layout)
        assert found.status == "done", found.reason
        if isinstance(split, ByRow):
            assert found.block is None
            rest = np.setdiff1d(np.arange(400), found.row)
            assert layout.group is not None
            shared = np.mean([group in set(layout.group[rest]) for group in layout.group[found.row]])
            assert found.beside["shared_groups"] == shared
            continue
        assert layout.calendar is not None
        assert found.block is not None
        of_all = layout.group if isinstance(split, ByGroup) else dense(layout.calendar.month)
        assert of_all is not None
        assert found.block.dtype == np.int32
        np.testing.assert_array_equal(found.block, of_all[found.row])
        # All rows of a tested block are tested.
        assert set(np.flatnonzero(np.isin(of_all, found.block))) == set(found.row)
        assert "shared_groups" not in found.beside


def test_by_time_the_random_state_is_one_for_all_origins() -> None:
    X, target, layout = credit(split=ByTime(2, 5, labels="hindsight"), random_state=11)
    unit = Unit("d", "logistic_regression", "smote", 2)
    found = run_unit(unit, {"alpha": [1e-3]}, Protocol(folds=2), X, target, layout=layout)
    assert found.origin is not None
    other = dataclasses.replace(layout, random_state=12)
    assert not np.array_equal(
        found.score, run_unit(unit, {"alpha": [1e-3]}, Protocol(folds=2), X, target, layout=other).score
    )
    # The last origin of two is the only one of one, in another unit: nothing but the number differs.
    alone = dataclasses.replace(layout, split=ByTime(1, 5, labels="hindsight"))
    first = run_unit(dataclasses.replace(unit, seed=1), {"alpha": [1e-3]}, Protocol(folds=2), X, target, layout=alone)
    np.testing.assert_array_equal(found.score, first.score)


def test_the_code_of_groups_is_dense_in_their_order_and_missing_names_are_one_group() -> None:
    np.testing.assert_array_equal(dense(["b", None, "a", "b", None]), [2, 0, 1, 2, 0])


def test_a_row_split_of_data_without_groups_has_nothing_to_say() -> None:
    assert divide(Layout(), alternating(60), seed=1, folds=2, test_share=0.3).shared is None
