"""Of many executions the one that is meant is found: by its own time, by its spec's own name; others do no harm."""

from __future__ import annotations

import dataclasses
import io
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.console import Console
from job.errors import DatasetNotFound, ExecutionNotFound, ManifestDamaged, StorageError
from job.executions.executions import create, create_next, load_execution
from job.executions.headings import Heading, read_headings
from job.executions.identity import Identity
from job.executions.resolve import find_spec, resolve
from job.executions.status import all_statuses, choose_execution
from job.planning.spec import Spec, parse_spec, read_spec, spec_name
from job.store import Store, manifest_key, result_key
from tests.specs import TINY


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path / "store"))


def made(store: Store, spec: Spec, execution_id: str, time: str, **changes: Any) -> str:
    """Create an execution whose manifest says it was created at a time."""
    create(store, dataclasses.replace(Identity.here(spec, "cpu"), **changes), execution_id)
    manifest = json.loads(store.get(manifest_key(execution_id)) or b"")
    manifest["created"]["time"] = time
    store.put(manifest_key(execution_id), json.dumps(manifest).encode())
    return execution_id


def named(name: str) -> Spec:
    return parse_spec(TINY, name, f"{name}.toml")


class Heard(Console):
    """A console that keeps what it is told."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        super().__init__(self.stream, log_format="json")

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stream.getvalue().splitlines()]


def test_the_latest_is_the_one_created_last_whenever_it_was_copied(store: Store) -> None:
    made(store, named("tiny"), "newer", "2026-03-01T10:00:00+00:00")
    older = made(store, named("tiny"), "older", "2026-02-01T10:00:00+00:00")
    path = store.local_path(manifest_key("newer"))
    assert path is not None
    os.utime(path, (0, 0))  # the older one was restored from a copy
    assert choose_execution(store, None, None).id == "newer"
    assert [one.execution for one in all_statuses(store, Console.silent())] == ["newer", older]
    assert all_statuses(store, Console.silent())[0].created.isoformat() == "2026-03-01T10:00:00+00:00"


def test_times_of_other_zones_and_without_one_are_compared_as_times(store: Store) -> None:
    for name, time in {
        "a": "2026-03-01T10:00:00+05:00", "b": "2026-03-01T09:00:00+00:00", "c": "2026-03-01T08:59:59.5",
    }.items():  # fmt: skip
        made(store, named("tiny"), name, time)
    assert [one.id for one in read_headings(store).found] == ["b", "c", "a"]


def test_executions_of_one_second_are_told_apart_by_their_numbers(store: Store) -> None:
    identity = Identity.here(named("tiny"), "cpu")
    for number in (2, 10, 9):
        made(store, named("tiny"), f"{identity.stem}{number}", "2026-03-01T10:00:00+00:00")
    assert choose_execution(store, None, "tiny").id == f"{identity.stem}10"


def test_executions_that_start_within_a_second_keep_their_order(store: Store) -> None:
    ids = [create(store, Identity.here(named("tiny"), "cpu"), name)[0].id for name in ("z", "m", "a")]
    assert [one.id for one in read_headings(store).found] == ids[::-1]


def test_a_specs_name_is_its_whole_name(store: Store) -> None:
    big = create_next(store, Identity.here(named("trees-big"), "cpu")).id
    trees = create_next(store, Identity.here(named("trees"), "cpu")).id
    create_next(store, Identity.here(named("trees-20261105"), "cpu"))
    assert choose_execution(store, None, "trees").id == trees
    assert choose_execution(store, None, "trees-big").id == big
    with pytest.raises(ExecutionNotFound, match=r"no execution of the spec 'tree' .*did you mean 'trees'\?"):
        choose_execution(store, None, "tree")


@pytest.mark.parametrize("chosen", ["autumn", "other-20261105-1", "trees", "trees-big-20261105-7"])
def test_an_execution_with_a_chosen_id_is_found_by_its_spec(chosen: str, store: Store) -> None:
    create(store, Identity.here(named("trees"), "cpu"), chosen)
    create_next(store, Identity.here(named("trees-big"), "cpu"))
    assert choose_execution(store, None, "trees").id == chosen


def test_a_spec_is_named_as_a_run_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trees.toml").write_text(TINY)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "x.toml").write_text('name = "named"\n' + TINY)
    (tmp_path / "quick.toml").write_text('name = "mine"\n' + TINY)
    (tmp_path / "spoilt.toml").write_text("name = ")
    for written, name in {
        "trees": "trees", "trees.toml": "trees", "./trees.toml": "trees", str(tmp_path / "trees.toml"): "trees",
        "sub/x.toml": "named", "sub/x": "named", "quick": "quick", "quick.toml": "mine",
    }.items():  # fmt: skip
        assert spec_name(written) == name
        assert read_spec(written).name == name
    assert [spec_name(written) for written in ("gone.toml", "gone", "sub/gone.toml", "spoilt.toml", "", "x" * 300)] == [
        "gone", "gone", "gone", "spoilt", "", "x" * 300,
    ]  # fmt: skip


FOREIGN = {
    "notes": (b"some text", "readme.txt"),
    "a copy of x": (b"{}", "manifest.json"),
    "damaged": (b'{"spec": {"na', "manifest.json"),
    "empty": (b"", "manifest.json"),
    "list": (b"[]", "manifest.json"),
    "deep": (b"[" * 100_000, "manifest.json"),
    "no-time": (b'{"spec": {"name": "tiny"}}', "manifest.json"),
    "odd-time": (b'{"spec": {"name": "tiny"}, "created": {"time": 5}}', "manifest.json"),
    "before-time": (
        b'{"spec": {"name": "tiny"}, "created": {"time": "0001-01-01T00:00:00+05:00"}}',
        "manifest.json",
    ),
    "late-nonsense": (b'{"spec": {"name": "tiny"}, "created": {"time": "2999-01-01"}}', "manifest.json"),
}


def test_what_is_no_execution_is_named_and_left_out(store: Store) -> None:
    mine = made(store, named("tiny"), "mine", "2026-03-01T10:00:00+00:00")
    for name, (data, file) in FOREIGN.items():
        store.put(f"executions/{name}/{file}", data)
    for look in (
        lambda console: choose_execution(store, None, None, console).id,
        lambda console: choose_execution(store, None, "tiny", console).id,
        lambda console: all_statuses(store, console)[0].execution,
    ):
        console = Heard()
        assert look(console) == mine
        assert {record["execution"] for record in console.records} == set(FOREIGN)
        assert all("left out" in record["message"] for record in console.records)


def test_a_manifest_that_may_not_be_read_is_left_out_but_not_all_of_them(store: Store) -> None:
    (Path(store.url) / "executions/closed/manifest.json").mkdir(parents=True)
    (Path(store.url) / "executions/closed/manifest.json/x").touch()
    with pytest.raises((StorageError, ExecutionNotFound)):
        choose_execution(store, None, None)
    mine = made(store, named("tiny"), "mine", "2026-03-01T10:00:00+00:00")
    console = Heard()
    assert choose_execution(store, None, None, console).id == mine
    assert [record["execution"] for record in console.records] == ["closed"]


@given(st.lists(st.tuples(st.datetimes(), st.integers(0, 30)), min_size=1, max_size=6, unique_by=lambda one: one[1]))
def test_the_order_of_headings_is_total(some: list[tuple[Any, int]]) -> None:
    headings = [Heading(f"tiny-{number}", "tiny", time) for time, number in some]
    assert max(headings, key=lambda one: one.order).created == max(time for time, _ in some)
    assert len({one.order for one in headings}) == len(headings)


# ── what a run leaves behind ────────────────────────────────────────────────────────────────────────────────────────


def started(store: Store, spec: Spec, **options: Any) -> list[dict[str, Any]]:
    console = Heard()
    resolve(store, spec, "cpu", {}, console=console, **{"execution_id": None, "skip_resume": False, **options})
    return [record for record in console.records if record["event"] == "other_execution"]


def test_a_run_under_other_versions_names_the_execution_it_does_not_go_on_with(store: Store) -> None:
    spec = named("tiny")
    here = Identity.here(spec, "cpu")
    older = made(store, spec, "older", "2026-03-01T10:00:00+00:00", versions={**here.versions, "numpy": "2.4.5"})
    unit = next(spec.units())
    store.put(result_key(older, unit.dataset, unit.model, unit.technique, unit.seed), b"something")
    (record,) = started(store, spec)
    assert (record["level"], record["other"], record["done"], record["total"]) == ("warning", older, 1, 12)
    assert record["differs"] == [f"numpy 2.4.5 there, {here.versions['numpy']} here"]
    assert "1 of 12 units done" in record["message"]
    assert record["message"].endswith("install numpy 2.4.5, then `ldp experiment run --execution-id older`")
    assert started(store, spec) == []  # it was said when it began


def test_a_run_that_resumes_or_is_named_or_starts_anew_on_purpose_says_nothing_of_others(store: Store) -> None:
    spec = named("tiny")
    versions = {**Identity.here(spec, "cpu").versions, "numpy": "2.4.5"}
    made(store, spec, "older", "2026-03-01T10:00:00+00:00", versions=versions)
    made(store, named("tiny-2"), "another-spec", "2026-03-01T10:00:00+00:00", versions=versions)
    assert started(store, spec, execution_id="mine") == []
    assert started(store, spec, skip_resume=True) == []
    assert started(store, spec) == []  # goes on with what was just started


def test_without_an_earlier_execution_nothing_is_said(store: Store) -> None:
    made(store, named("tiny-2"), "another-spec", "2026-03-01T10:00:00+00:00", versions={"numpy": "1"})
    made(store, named("tiny"), "the-same-by-a-chosen-id", "2026-03-01T10:00:00+00:00")
    store.put("executions/notes/readme.txt", b"")
    assert started(store, named("tiny")) == []


def test_an_execution_that_is_complete_is_told_in_passing(store: Store) -> None:
    spec = named("tiny")
    older = made(store, spec, "older", "2026-03-01T10:00:00+00:00", device="gpu")
    for unit in spec.units():
        store.put(result_key(older, unit.dataset, unit.model, unit.technique, unit.seed), b"something")
    (record,) = started(store, spec)
    assert (record["level"], record["done"]) == ("info", 12)
    assert record["message"].endswith("that one is complete and stays as it is")


@pytest.mark.parametrize(
    ("changes", "words", "way"),
    [
        ({"device": "gpu"}, ["device gpu there, cpu here"], "`ldp experiment run --execution-id older --use-gpu`"),
        ({"protocol": 0}, ["protocol 0 there, 2 here"], "use the version of ldp that made it"),
    ],
)
def test_whatever_else_differs_is_said_with_the_way_back(
    changes: dict[str, Any], words: list[str], way: str, store: Store
) -> None:
    made(store, named("tiny"), "older", "2026-03-01T10:00:00+00:00", **changes)
    (record,) = started(store, named("tiny"))
    assert record["differs"] == words
    assert record["message"].endswith(f"to go on with that one: {way}")
    assert record["level"] == "warning"


def test_an_edited_spec_is_told_in_passing_and_the_one_that_only_the_versions_part_from_comes_first(
    store: Store,
) -> None:
    edited = parse_spec(TINY.replace("[1, 2]", "[1, 3]"), "tiny", "tiny.toml")
    made(store, edited, "edited", "2026-04-01T10:00:00+00:00")
    (record,) = started(store, named("tiny"))
    assert (record["level"], record["other"], record["differs"]) == ("info", "edited", ["spec.seeds"])
    again = Store.open("memory:///")
    made(again, edited, "edited", "2026-04-01T10:00:00+00:00")
    versions = {**Identity.here(edited, "cpu").versions, "xgboost": "missing"}
    made(again, named("tiny"), "versions", "2026-03-01T10:00:00+00:00", versions=versions)
    (record,) = started(again, named("tiny"))
    assert record["other"] == "versions"
    assert "to go on with that one: remove xgboost, then `ldp" in record["message"]


def test_on_batch_an_execution_that_says_no_spec_is_never_taken_for_one_of_the_default(store: Store) -> None:
    assert find_spec(store, "mine", named("tiny")) == named("tiny")
    with pytest.raises(ExecutionNotFound, match=r"no execution 'mine' .*--spec"):
        find_spec(store, "mine", named("tiny"), on_batch=True)
    store.put(manifest_key("mine"), b"")
    with pytest.raises(ManifestDamaged, match="--spec"):
        find_spec(store, "mine", named("tiny"), on_batch=True)
    assert find_spec(store, None, named("tiny"), on_batch=True) == named("tiny"), "a definition's own command has no id"


def test_an_execution_of_a_dataset_that_is_not_known_here_can_be_read_and_not_run(store: Store) -> None:
    create(store, Identity.here(named("tiny"), "cpu"), "mine")
    manifest = (store.get(manifest_key("mine")) or b"").replace(b"taiwan_credit", b"loans_of_tomorrow")
    store.put(manifest_key("mine"), manifest)
    assert load_execution(store, "mine").spec.datasets == ("loans_of_tomorrow",)
    assert all_statuses(store, Console.silent())[0].total == 12
    with pytest.raises(DatasetNotFound, match="loans_of_tomorrow"):
        find_spec(store, "mine", named("tiny"))
    store.put(manifest_key("mine"), manifest.replace(b"loans_of_tomorrow", b"../up"))
    with pytest.raises(ExecutionNotFound):
        choose_execution(store, None, None)
