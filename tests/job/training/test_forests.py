"""A forest grown a few trees at a time is scikit-learn's forest, and no more than those few are ever there."""

from __future__ import annotations

import gc
import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from job.training.forests import TREES_HELD, growing_probabilities
from job.training.kernels import MOST_THREADS
from tests.job.training.test_sharing import rows

SIZES = st.sets(st.integers(1, 3 * TREES_HELD + 1), min_size=1, max_size=4)


def credit(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    X, y = rows(seed, 240)
    X = np.nan_to_num(X)
    return np.ascontiguousarray(X[:160]), y[:160], np.ascontiguousarray(X[160:])


@st.composite
def parameters(draw: st.DrawFn) -> dict[str, Any]:
    """Any forest: what a spec may set, and what a forest may have besides."""
    bootstrap = draw(st.booleans())
    weights: list[Any] = [None, "balanced", {0: 1, 1: 5}, {0: 1, 1: 10}] + ["balanced_subsample"] * bootstrap
    return {
        "criterion": draw(st.sampled_from(["gini", "entropy"])),
        "max_depth": draw(st.sampled_from([None, 1, 4, 20])),
        "min_samples_leaf": draw(st.sampled_from([1, 5, 0.1])),
        "max_features": draw(st.sampled_from(["sqrt", "log2", None, 1, 0.5, 1.0])),
        "max_leaf_nodes": draw(st.sampled_from([None, 2, 9])),
        "bootstrap": bootstrap,
        "max_samples": draw(st.sampled_from([None, 5, 0.3, 1.0, 2.0])) if bootstrap else None,
        "class_weight": draw(st.sampled_from(weights)),
        "ccp_alpha": draw(st.sampled_from([0.0, 0.01])),
        "random_state": draw(st.integers(0, 2**31)),
    }


@settings(max_examples=60, deadline=None)
@given(parameters(), SIZES, st.sampled_from([1, 2, 4]), st.integers(1, 20))
def test_forests_of_any_size_are_scikit_learns_to_the_last_bit(
    given: dict[str, Any], sizes: set[int], threads: int, seed: int
) -> None:
    X, y, asked = credit(seed)
    grown = RandomForestClassifier(n_estimators=max(sizes), **given)
    ours = list(growing_probabilities(grown, X, y, asked, sizes, lambda: threads))
    assert len(ours) == len(sizes)
    for size, probability in zip(sorted(sizes), ours, strict=True):
        theirs = RandomForestClassifier(n_estimators=size, n_jobs=1, **given).fit(X, y).predict_proba(asked)
        np.testing.assert_array_equal(probability, theirs)


def test_a_forest_of_two_hundred_is_scikit_learns_whatever_threads_come_and_go_while_it_grows() -> None:
    X, y, asked = credit(3)
    plain = RandomForestClassifier(200, random_state=5, n_jobs=1).fit(X, y)
    turns = itertools.cycle([1, 4, 2, 3, 8, 100])
    grown = RandomForestClassifier(200, random_state=5)
    (probability,) = growing_probabilities(grown, X, y, asked, {200}, lambda: next(turns))
    np.testing.assert_array_equal(probability, plain.predict_proba(asked))


def test_no_more_trees_are_held_than_a_stretch_has() -> None:
    def trees() -> int:
        gc.collect()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other libraries' lazy objects that are looked at
            return sum(type(thing) is DecisionTreeClassifier for thing in gc.get_objects())

    X, y, asked = credit(1)
    before = trees()
    grown = RandomForestClassifier(5 * TREES_HELD, random_state=1)
    held = [trees() - before for _ in growing_probabilities(grown, X, y, asked, set(range(1, 41)), lambda: 1)]
    assert len(held) == 5 * TREES_HELD == 40
    # A forest keeps one unfitted tree to copy its trees from.
    assert max(held) <= TREES_HELD + 1


@pytest.mark.parametrize("threads", [threads for threads in (1, 2, 4, 8) if threads <= MOST_THREADS["random_forest"]])
def test_a_stretch_is_shared_out_evenly_among_the_threads_a_forest_may_have(threads: int) -> None:
    assert TREES_HELD % threads == 0
