"""A spec that names datasets of a user's own is held against what is declared before it is planned or run."""

from __future__ import annotations

from pathlib import Path

import pytest

from job.catalogue import is_own_name
from job.errors import DatasetNotFound, SpecInvalid
from job.planning.known import settled
from job.planning.spec import Spec, parse_spec
from job.store import Store
from job.training.blocks import ByGroup, ByRow, ByTime

SPEC = """
datasets = ["mine"]
seeds = [1]
[models.logistic_regression.grid]
alpha = 1e-3
"""
DECLARED = """
[target]
column = "y"
bad = [1]
good = [0]
[features.x]
kind = "number"
"""
GROUP, TIME = '[group]\ncolumn = "g"\n', '[time]\ncolumn = "t"\n'


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


def spec(more: str = "", text: str = SPEC) -> Spec:
    return parse_spec(text + more, "s", "s.toml")


def declare(store: Store, more: str = "", name: str = "mine") -> None:
    store.put(f"data/raw/{name}.toml", (DECLARED + more).encode())


def test_reading_a_spec_asks_no_store(store: Store) -> None:
    assert spec().datasets == ("mine",)
    with pytest.raises(SpecInvalid, match="unknown 'Mine'"):
        spec(text=SPEC.replace("mine", "Mine"))


def test_a_dataset_that_is_not_declared_is_refused_with_what_declares_it(store: Store) -> None:
    with pytest.raises(DatasetNotFound) as refused:
        settled(store, spec())
    assert "ldp data init FILE.csv --name mine" in refused.value.remedy
    declare(store, name="mime")
    with pytest.raises(DatasetNotFound, match="did you mean 'mime'"):
        settled(store, spec())


@pytest.mark.parametrize(
    ("more", "split"),
    [
        ("", ByRow()),
        (GROUP, ByGroup()),
        (TIME, ByTime(labels="hindsight")),
        (GROUP + TIME, ByTime(labels="hindsight")),
        ("[target]" + TIME, ByTime()),
    ],
)
def test_where_nothing_is_said_it_is_split_by_the_safest_way_that_it_has(
    store: Store, more: str, split: ByRow | ByGroup | ByTime
) -> None:
    due = more.startswith("[target]")
    text = DECLARED.replace("good = [0]", "good = [0]\nhorizon = 12") if due else DECLARED
    store.put("data/raw/mine.toml", (text + more.removeprefix("[target]")).encode())
    assert settled(store, spec()).split("mine") == split


def test_what_the_spec_says_stands_and_is_part_of_its_identity(store: Store) -> None:
    declare(store, GROUP)
    by_row = settled(store, spec('[splits]\nmine = "row"\n'))
    assert by_row.split("mine") == ByRow()
    assert settled(store, spec()).canonical() == settled(store, spec('[splits]\nmine = "group"\n')).canonical()
    assert settled(store, spec()).canonical() != by_row.canonical()


def test_a_way_to_split_that_it_is_not_declared_to_have_is_refused(store: Store) -> None:
    declare(store, GROUP)
    with pytest.raises(SpecInvalid, match=r"has no \[time\]; it can be split by group or row"):
        settled(store, spec('[splits]\nmine = "time"\n'))
    with pytest.raises(SpecInvalid, match="in tenths"):
        settled(store, spec(text=SPEC.replace("seeds", "test_share = 0.25\nseeds")))


def test_a_spec_of_other_datasets_is_run_on_those_that_the_user_names(store: Store) -> None:
    declare(store)
    quick = settled(store, spec(text=SPEC.replace("mine", "taiwan_credit")), ("mine",))
    assert quick.datasets == ("mine",)
    both = settled(store, spec(text=SPEC.replace("mine", "taiwan_credit")), ("mine", "taiwan_credit"))
    assert both.datasets == ("mine", "taiwan_credit")


def test_specs_of_the_datasets_that_ldp_has_are_what_they_were(store: Store) -> None:
    given = spec(text=SPEC.replace("mine", "corporate_ccc"))
    assert settled(store, given, ("corporate_ccc",)) == given


@pytest.mark.parametrize(
    ("name", "may"),
    [("mine", True), ("a" * 60, True), ("2024", True), ("a" * 61, False), ("own", False), ("data", False), ("", False),
     ("lending_club", False), ("Mine", False), ("my-loans", False), ("../x", False)],
)  # fmt: skip
def test_what_a_dataset_of_ones_own_may_be_called(name: str, may: bool) -> None:
    assert is_own_name(name) is may
