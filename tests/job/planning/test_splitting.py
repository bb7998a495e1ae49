"""How rows are split is read per dataset, the safest way where nothing is said, and by row leaves no trace in an id."""

from __future__ import annotations

import pytest

from job.errors import SpecInvalid
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.planning.costs import item_costs
from job.planning.items import items_of
from job.planning.searches import Searches
from job.planning.shards import Shard, deal, parts_of
from job.planning.spec import Spec, parse_spec, read_spec, spec_from_mapping
from job.training.blocks import ByGroup, ByRow, ByTime

PLAIN = """
datasets = ["taiwan_credit", "corporate_ccc", "lending_club_matured"]
seeds = [4, 5]
[models.random_forest]
techniques = ["baseline", "smote"]
"""


def spec(splits: str = "", text: str = PLAIN) -> Spec:
    return parse_spec(f"{text}\n[splits]\n{splits}" if splits else text, "s", "s.toml")


def test_a_dataset_is_split_by_the_safest_way_that_it_allows() -> None:
    found = spec()
    ways = [found.split(name) for name in found.datasets]
    assert ways == [ByRow(), ByGroup(), ByTime()]
    assert found.canonical()["splits"] == {
        "corporate_ccc": {"by": "group"},
        "lending_club_matured": {"by": "time", "origins": 3, "months": 6, "gap": 0, "labels": "known_at_cut"},
    }


def test_by_row_leaves_no_trace_in_what_is_hashed() -> None:
    everything = spec('corporate_ccc = "row"\nlending_club_matured = "row"')
    assert "splits" not in everything.canonical()
    unit = next(everything.units())
    assert "split" not in provenance(Identity.here(everything, "cpu"), unit, "f")


def test_a_manifest_without_the_table_means_by_row_and_any_other_is_read_back_as_it_was() -> None:
    without = spec('corporate_ccc = "row"\nlending_club_matured = "row"')
    assert spec_from_mapping(without.canonical(), "m").splits == without.splits
    for text in ('corporate_ccc = "row"', 'lending_club_matured = { by = "time", origins = 2, gap = 1, term = 36 }'):
        made = spec(text)
        assert spec_from_mapping(made.canonical(), "m").canonical() == made.canonical()
    # A dataset that this catalogue does not have may be split in any way.
    strange = {**spec().canonical(), "datasets": ["elsewhere"], "splits": {"elsewhere": {"by": "time"}}}
    assert spec_from_mapping(strange, "m").split("elsewhere") == ByTime()


def test_the_published_study_goes_by_row() -> None:
    thesis = read_spec("thesis")
    assert {thesis.split(name) for name in thesis.datasets} == {ByRow()}


@pytest.mark.parametrize(
    ("splits", "complaint"),
    [
        ('taiwan_credit = "group"', "splits.taiwan_credit: 'group' is not possible: the dataset can be split by row"),
        (
            'corporate_ccc = "time"',
            "splits.corporate_ccc: 'time' is not possible: the dataset can be split by group or",
        ),
        ('corporate_ccc = "groups"', "splits.corporate_ccc: 'groups' is unknown: did you mean 'group'?"),
        ('corporate = "row"', "unknown key 'corporate' in [splits]: did you mean 'corporate_ccc'?"),
        ('corporate_ccc = { by = "group", gap = 1 }', "unknown key 'gap' in [splits.corporate_ccc]"),
        ("corporate_ccc = 3", "splits.corporate_ccc: '3' is unknown"),
        ('lending_club_matured = { by = "time", origin = 3 }', "unknown key 'origin' in [splits.lending_club_matured]"),
        ('lending_club_matured = { by = "time", origins = 0 }', ".origins must be a whole number from 1 to 100"),
        ('lending_club_matured = { by = "time", months = 2.5 }', ".months must be a whole number from 1 to 240"),
        (
            'lending_club_matured = { by = "time", labels = "known" }',
            ".labels 'known' is unknown: did you mean",
        ),
        ("lending_club_matured = { origins = 2 }", "splits.lending_club_matured: 'None' is unknown"),
    ],
)
def test_what_cannot_be_meant_is_named(splits: str, complaint: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        spec(splits)
    assert complaint in str(caught.value)


def test_splits_that_are_no_table_and_a_share_that_no_folds_make_are_refused() -> None:
    with pytest.raises(SpecInvalid, match="splits must be a table"):
        spec(text=f"splits = 3\n{PLAIN}")
    with pytest.raises(SpecInvalid, match="corporate_ccc: by group, test_share must be in tenths"):
        spec(text=f"test_share = 0.25\n{PLAIN}")


def test_by_time_the_numbers_of_units_are_those_of_the_origins() -> None:
    units = list(spec().units())
    assert {unit.seed for unit in units if unit.dataset == "lending_club_matured"} == {1, 2, 3}
    assert {unit.seed for unit in units if unit.dataset == "corporate_ccc"} == {4, 5}


class Shape:
    rows, features, default_rate = 100_000, 40, 0.2


def test_later_origins_learn_from_more_and_cost_more_and_shards_know_it() -> None:
    made = spec()
    infos = dict.fromkeys(made.datasets, Shape())
    searches = Searches(made)
    costs = item_costs(searches, items_of(made.units()), infos)
    by_origin = {i[0].seed: c.cpu_seconds for i, c in costs.items() if i[0].dataset == "lending_club_matured"}
    assert by_origin[1] < by_origin[2] < by_origin[3]
    parts = parts_of(costs, searches, 3)
    dealt = [deal(costs, searches, Shard(i, 3)) for i in (1, 2, 3)]
    assert {part for shard in dealt for part in shard} == set(parts)
    assert {part.item for part in parts} == set(costs)
    loads = [sum(parts[part] for part in shard) for shard in dealt]
    assert max(loads) < 1.5 * min(loads)


def test_words_for_people() -> None:
    assert str(ByTime(2, 6, 3, "hindsight", 36)) == (
        "by time, 2 origins of 6 months, a gap of 3, outcomes in hindsight, terms of 36 months only"
    )
    assert str(ByTime(1, 1)) == "by time, 1 origin of 1 month, outcomes known at the cut"
    assert str(ByTime()) == "by time, 3 origins of 6 months, outcomes known at the cut"
