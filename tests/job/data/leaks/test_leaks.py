"""Planted leaks are told whatever they look like, and columns that merely tell much are not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.data.datasets.dataset import Derived, DerivedFile
from job.data.leaks.alarm import leaks
from job.data.leaks.columns import chosen_rows
from job.data.leaks.presence import filled_for_one_class, is_key
from job.data.leaks.separation import auc_with_limit, separation
from job.metrics import Array

ROWS = 3000


def drawn(seed: int = 0, rows: int = ROWS, rate: float = 0.2) -> tuple[np.random.Generator, Array, Array]:
    """A generator, a target, and a score that tells much of it: an AUC of about 0.85."""
    rng = np.random.default_rng(seed)
    target = (rng.random(rows) < rate).astype(np.int8)
    return rng, target, rng.normal(0, 1, rows) + 1.5 * target


def told(
    target: Array, features: Mapping[str, Array], interim: Mapping[str, Any] | None = None, parts: int = 3, **later: Any
) -> list[tuple[str, str]]:
    """Event and column of what is told of a file that comes in parts."""
    pieces = [
        Derived(
            {name: _some(column, rows) for name, column in {**features, **(interim or {})}.items()},
            {name: column[rows].astype(np.float32) for name, column in features.items()},
            target[rows],
            known_later={name: _some(column, rows) for name, column in later.items()},
        )
        for rows in np.array_split(np.arange(target.size), parts)
    ]
    return [(found.event, found.fields["column"]) for found in leaks("planted", DerivedFile(tuple(pieces)))]


def _some(column: Any, rows: Array) -> Any:
    return column[rows] if isinstance(column, np.ndarray) else column.take(pa.array(rows))


def names(values: list[str | None]) -> Any:
    return pa.array(values, pa.string()).dictionary_encode()


def test_ordinary_columns_say_nothing() -> None:
    rng, target, score = drawn()
    amounts = np.round(np.exp(rng.normal(9, 1, ROWS)))
    holed = np.where(rng.random(ROWS) < 0.3, np.nan, score)
    assert told(target, {"score": score, "amount": amounts, "holed": holed}) == []


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("noise", [0.05, 0.3])
def test_a_column_that_tells_defaults_alone_is_named(sign: int, noise: float) -> None:
    rng, target, score = drawn()
    assert told(target, {"score": score, "late": sign * (target + rng.normal(0, noise, ROWS))}) == [
        ("leak_separates", "late")
    ]


def test_a_copy_of_the_target_is_named() -> None:
    _, target, score = drawn()
    ((_, column),) = told(target, {"score": score, "outcome": target.astype(np.float64)})
    assert column == "outcome"


def test_a_column_is_as_telling_as_its_holes_are() -> None:
    rng, target, _ = drawn()
    # Filled for most defaults and hardly anybody else; what it says where it is filled is nothing.
    filled = np.where(target == 1, rng.random(ROWS) < 0.98, rng.random(ROWS) < 0.01)
    assert told(target, {"call": np.where(filled, rng.normal(0, 1, ROWS), np.nan)}) == [("leak_separates", "call")]


def test_names_are_told_by_what_becomes_of_each() -> None:
    rng, target, score = drawn()
    status = np.where(target == 1, rng.choice(["a", "c", "e"], ROWS), rng.choice(["b", "d", "f"], ROWS))
    levels = {f"status_{name}": (status == name).astype(np.float64) for name in "bcdef"}
    region = rng.choice(list("xyz"), ROWS)
    interim = {"status": names(list(status)), "region": names(list(region))}
    found = told(target, {"score": score, **levels, "region_y": (region == "y") * 1.0}, interim)
    assert found == [("leak_separates", "status")]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("which", ["filled", "missing"])
def test_a_column_filled_for_one_class_only_is_named(side: int, which: str) -> None:
    rng, target, score = drawn()
    marked = (target == side) & (rng.random(ROWS) < 0.3)
    column = np.where(marked if which == "filled" else ~marked, score, np.nan)
    assert told(target, {"score": score, "recovered": column}) == [("leak_one_class", "recovered")]


@pytest.mark.parametrize("side", [0, 1])
def test_a_column_that_is_other_than_0_for_one_class_only_is_named(side: int) -> None:
    rng, target, score = drawn()
    written_off = np.where((target == side) & (rng.random(ROWS) < 0.3), rng.gamma(2, 500, ROWS), 0.0)
    written_off[rng.random(ROWS) < 0.1] = np.nan
    assert told(target, {"score": score, "written_off": written_off}) == [("leak_one_class", "written_off")]


def test_a_few_filled_cells_of_one_class_are_chance() -> None:
    _, target, score = drawn()
    few = np.full(ROWS, np.nan)
    few[np.flatnonzero(target == 0)[:20]] = 1.0
    assert told(target, {"score": score, "seldom": few}) == []


@given(st.integers(0, 2**32 - 1), st.integers(1, 200), st.floats(0.02, 0.98))
def test_cells_that_are_filled_by_chance_are_no_leak(seed: int, filled: int, rate: float) -> None:
    rng = np.random.default_rng(seed)
    target = (rng.random(400) < rate).astype(np.int8)
    column = np.full(400, np.nan)
    column[rng.choice(400, filled, replace=False)] = 1.0
    assert filled_for_one_class([column], target) is None


@pytest.mark.parametrize("kind", ["consecutive", "shuffled", "with gaps", "beyond float32"])
def test_numbers_that_tell_each_row_apart_are_named(kind: str) -> None:
    rng, target, score = drawn()
    number = {
        "consecutive": np.arange(ROWS, dtype=np.float64),
        "shuffled": rng.permutation(ROWS) + 1000.0,
        "with gaps": np.cumsum(rng.integers(1, 500, ROWS)).astype(np.float64),
        "beyond float32": 10.0**12 + rng.permutation(ROWS),
    }[kind]
    assert told(target, {"score": score, "client": number}) == [("leak_key", "client")]


def test_amounts_that_all_differ_are_no_keys() -> None:
    rng, _, score = drawn()
    assert not is_key([score])
    assert not is_key([rng.choice(10**9, ROWS, replace=False).astype(np.float64)])
    assert not is_key([np.arange(50.0)])


def test_names_that_tell_each_row_apart_are_named() -> None:
    _, target, score = drawn()
    client = [f"C{i}" for i in range(ROWS)]
    features = {"score": score, "client_C1": (np.arange(ROWS) == 1) * 1.0}
    assert told(target, features, {"client": names(client)}) == [("leak_key", "client")]


def test_a_column_known_later_is_told_where_the_features_give_it_back() -> None:
    rng, target, score = drawn()
    amount, rate = np.exp(rng.normal(9, 0.6, ROWS)), rng.uniform(5, 25, ROWS)
    payment = amount * rate / 1200 / (1 - (1 + rate / 1200) ** -36)
    features = {"score": score, "amount": amount, "payment": payment}
    assert told(target, features, rate=rate, recovered=rng.gamma(2, 500, ROWS)) == [("leak_known_later", "rate")]
    assert told(target, {"score": score, "amount": amount}, rate=rate) == []


def test_a_flag_or_a_level_known_later_is_told_too() -> None:
    rng, target, score = drawn()
    settled = score > 1.5
    features = {"score": score + rng.normal(0, 0.05, ROWS)}
    assert told(target, features, settled=settled * 1.0) == [("leak_known_later", "settled")]
    found = told(target, features, state=names(["closed" if one else "open" for one in settled]))
    assert set(found) == {("leak_known_later", "state")}
    assert told(target, features, state=names(list(rng.choice(["a", "b"], ROWS)))) == []


def test_names_known_later_may_be_missing_in_whole_parts_of_a_file() -> None:
    rng, target, score = drawn()
    state = names(["closed" if one > 1.5 else "open" for one in score])
    half = ROWS // 2
    features = {"score": score + rng.normal(0, 0.05, ROWS)}
    parts = []
    for rows in (np.arange(half), np.arange(half, ROWS)):
        later = np.full(half, np.nan) if rows[0] == 0 else _some(state, rows)
        column = {name: values[rows].astype(np.float32) for name, values in features.items()}
        parts.append(Derived(column, column, target[rows], known_later={"state": later}))
    found = [one.fields["column"] for one in leaks("planted", DerivedFile(tuple(parts)))]
    assert set(found) == {"state"}


@pytest.mark.parametrize("later", [np.full(ROWS, np.nan), np.zeros(ROWS), np.where(np.arange(ROWS) < 5, 1.0, np.nan)])
def test_a_column_known_later_without_values_is_passed_over(later: Array) -> None:
    _, target, score = drawn()
    assert told(target, {"score": score}, recovered=later) == []


def test_with_few_of_a_class_nothing_is_told() -> None:
    target = np.array([1] * 9 + [0] * 500, np.int8)
    assert told(target, {"late": target.astype(np.float64), "client": np.arange(509.0)}) == []


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(2, 60), st.integers(1, 5))
def test_the_auc_is_the_share_of_pairs_in_order_whatever_ties_there_are(seed: int, m: int, n: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    score, bad = rng.integers(0, values, m + n).astype(np.float64), np.arange(m + n) < m
    pairs = score[bad][:, None] - score[~bad][None, :]
    found = auc_with_limit(score, bad)
    assert found.auc == pytest.approx(((pairs > 0) + (pairs == 0) / 2).mean())
    assert 0 <= found.low <= found.auc <= 1


def test_the_lower_limit_is_delongs() -> None:
    from job.analysis.auc import auc_interval

    _, target, score = drawn()
    assert auc_with_limit(score, target == 1).low == pytest.approx(auc_interval(target, score, 0.99).low, rel=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_numbers_counts_and_nothing_else(seed: int) -> None:
    _, target, score = drawn(seed, 200)
    rows = np.arange(200)
    found = separation([score], target, rows, 0.0)
    assert found == separation([np.exp(score)], target, rows, 0.0) is not None


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 1e-30, 1e30]), st.floats(0, 4), st.floats(0, 0.4))
def test_no_column_is_passed_over_whose_auc_is_above_what_is_asked_about(
    seed: int, scale: float, apart: float, holes: float
) -> None:
    rng, target, _ = drawn(seed, 300)
    column = (scale * (rng.normal(0, 1, 300) + rng.choice([-apart, apart]) * target)).astype(np.float32)
    column = np.round(column) if seed % 2 else column
    column[rng.random(300) < holes * (target == seed % 3)] = np.nan
    rows = np.arange(300)
    found = separation([column], target, rows, 0.0)
    assert found is not None
    assert separation([column], target, rows, found.auc - 1e-9) == found
    assert separation([score_of_two(target)], target, rows, 0.95) is None


def score_of_two(target: Array) -> Array:
    """A column of which counting alone shows that it says little."""
    return (np.arange(target.size) % 2).astype(np.float32)


def test_of_many_rows_the_same_are_looked_at_each_time_with_room_for_the_rarer_class() -> None:
    target = (np.arange(250_000) % 50 == 0).astype(np.int8)
    rows = chosen_rows(target)
    np.testing.assert_array_equal(rows, chosen_rows(target))
    assert rows.size == np.unique(rows).size == 100_000
    assert target[rows].sum() == 5000
    assert (np.diff(rows) > 0).all()
    few = target[:1000]
    assert chosen_rows(few).size == 1000
