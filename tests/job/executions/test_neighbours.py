"""Neighbours that were found of folds: read back if they are whole, removed when nobody needs them."""

from __future__ import annotations

import pytest

from job import bounds
from job.console import Console
from job.errors import StorageRefused
from job.executions import checkpoints, neighbours
from job.executions.executions import Execution, load_execution
from job.executions.neighbours import Group, encode, folder_of, saved, stretch_key
from job.planning.spec import Spec
from job.store import Store, neighbours_prefix, progress_prefix
from job.training.search import Fit
from job.training.unit import Unit
from tests.job.data.ear import Ear
from tests.job.running.test_runner import run

SEARCH = "0123456789abcdef" * 2
TAIWAN = ("taiwan_credit", 1)


def put(store: Store, execution: str, group: Group, row: int = 0, data: bytes | None = None) -> str:
    name = f"{folder_of(group)}/{SEARCH}-{row}"
    store.put(stretch_key(execution, name), encode(b"found") if data is None else data)
    return name


def test_those_of_the_groups_that_are_asked_for_are_read_back(store: Store) -> None:
    names = [put(store, "e", TAIWAN, row) for row in (0, 16384)]
    put(store, "e", ("taiwan_credit", 2))
    put(store, "e", ("loans", 1))
    put(store, "another", TAIWAN, 32768)
    assert dict(saved(store, "e", [TAIWAN], Console.silent())) == dict.fromkeys(names, b"found")
    assert not list(saved(store, "e", [], Console.silent()))


@pytest.mark.parametrize(
    "damage", [b"", b"short", encode(b"found")[:-1] + b"?", b"x" * (bounds.STRETCH_BYTES + 1)], ids=len
)
def test_those_that_are_damaged_are_named_and_removed(store: Store, damage: bytes) -> None:
    put(store, "e", TAIWAN, 0, damage)
    whole = put(store, "e", TAIWAN, 16384)
    ear = Ear()
    assert dict(saved(store, "e", [TAIWAN], ear)) == {whole: b"found"}
    assert ear.heard == [("warning", "neighbours_damaged")]
    assert dict(saved(store, "e", [TAIWAN], Console.silent())) == {whole: b"found"}
    assert len(list(store.objects(neighbours_prefix("e")))) == 1


def test_one_that_is_damaged_and_may_not_be_removed_keeps_nobody_from_the_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "e", TAIWAN, 0, b"damaged")
    whole = put(store, "e", TAIWAN, 16384)

    def refuse(_store: Store, key: str) -> None:
        raise StorageRefused(f"the storage refused to delete {key}", "Ask for the right.")

    monkeypatch.setattr(Store, "delete", refuse)
    assert dict(saved(store, "e", [TAIWAN], Console.silent())) == {whole: b"found"}


@pytest.mark.parametrize("name", ["x", "../../etc/x", f"Loans/seed_1/{SEARCH}-0", f"loans/seed_1/{SEARCH}-0/x"])
def test_what_has_another_name_is_left_where_it_is(store: Store, name: str) -> None:
    key = f"{neighbours_prefix('e')}{name.replace('../', '')}"
    store.put(key, encode(b"found"))
    assert not list(saved(store, "e", [("loans", 1)], Console.silent()))
    assert store.info(key) is not None


def test_more_than_can_be_are_left_out_and_that_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "STRETCHES", 2)
    for row in range(3):
        put(store, "e", TAIWAN, row)
    ear = Ear()
    assert len(list(saved(store, "e", [TAIWAN], ear))) == 2
    assert ear.heard == [("warning", "neighbours_left_out")]


@pytest.fixture
def finished(store: Store, tiny: Spec, root: object) -> Execution:
    return run(store, tiny, root).execution  # type: ignore[arg-type]


def test_those_of_units_that_all_have_a_result_go_and_no_others(store: Store, finished: Execution) -> None:
    put(store, finished.id, TAIWAN)
    put(store, finished.id, ("taiwan_credit", 2))
    unit = next(unit for unit in finished.spec.units() if unit.seed == 2)
    store.delete(finished.result_key(unit))
    neighbours.tidy(store, finished)
    assert [name for name, _ in saved(store, finished.id, [TAIWAN, ("taiwan_credit", 2)], Console.silent())] == [
        f"taiwan_credit/seed_2/{SEARCH}-0"
    ]


def test_a_run_that_completes_a_seed_leaves_none_of_it(store: Store, finished: Execution, root: object) -> None:
    put(store, finished.id, TAIWAN)
    run(store, finished.spec, root)  # type: ignore[arg-type]
    assert not list(store.objects(progress_prefix(finished.id)))


def test_a_dataset_may_be_called_neighbours(store: Store, finished: Execution) -> None:
    unit = Unit("neighbours", "lightgbm", "smote", 1)
    key = checkpoints.checkpoint_key(load_execution(store, finished.id), unit, "attempt")
    store.put(key, checkpoints.encode(unit, "print", {(0, 0): Fit(0.5, 1.0)}))
    put(store, finished.id, ("neighbours", 1))
    assert checkpoints.in_flight(store, finished) == {str(unit)}
    neighbours.tidy(store, finished)
    assert store.info(key) is not None
