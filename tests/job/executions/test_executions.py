"""Executions: who starts at once agrees, and what does not fit is refused by name."""

from __future__ import annotations

import dataclasses
import json
import platform
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from job.errors import ExecutionMismatch, ExecutionNotFound, UsageError
from job.executions.bindings import bind, bound
from job.executions.executions import create, create_next, current_execution, list_executions, load_execution
from job.executions.identity import Identity, protocol_of
from job.executions.versions import versions
from job.planning.spec import Spec
from job.store import Store, binding_key, manifest_key


@pytest.fixture(params=["local", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path) -> Store:  # type: ignore[no-untyped-def]
    if request.param == "s3":
        return Store.open(request.getfixturevalue("s3_url"))
    return Store.open(str(tmp_path) if request.param == "local" else "memory:///")


@pytest.fixture
def identity(tiny: Spec) -> Identity:
    return Identity.here(tiny, "cpu")


def test_an_id_tells_the_spec_and_the_number(store: Store, identity: Identity) -> None:
    first = create_next(store, identity)
    assert first.id == f"tiny-{identity.hash8}-1"
    assert create_next(store, identity).id == f"tiny-{identity.hash8}-2"
    assert list_executions(store) == [f"tiny-{identity.hash8}-1", f"tiny-{identity.hash8}-2"]


def test_the_highest_number_is_the_current_one(store: Store, identity: Identity) -> None:
    assert current_execution(store, identity) is None
    for number in (2, 10, 9):
        create(store, identity, f"{identity.stem}{number}")
    current = current_execution(store, identity)
    assert current is not None
    assert current.id.endswith("-10")


def test_the_manifest_brings_the_identity_back(store: Store, identity: Identity) -> None:
    create(store, identity, "by-name")
    assert load_execution(store, "by-name").identity.content() == identity.content()


@pytest.mark.parametrize("part", ["spec", "device", "versions", "protocol"])
def test_the_hash_covers_whatever_results_depend_on(part: str, identity: Identity) -> None:
    other = {
        "spec": dataclasses.replace(identity.spec, seeds=(1, 3)),
        "device": "gpu",
        "versions": {**identity.versions, "numpy": "0"},
        "protocol": identity.protocol + 1,
    }[part]
    assert dataclasses.replace(identity, **{part: other}).hash8 != identity.hash8
    described = dataclasses.replace(identity.spec, description="other words")
    assert dataclasses.replace(identity, spec=described).hash8 == identity.hash8


def test_a_change_of_one_models_results_leaves_the_ids_of_specs_without_it_alone(tiny: Spec) -> None:
    points = next(iter(tiny.models.values()))
    without = dataclasses.replace(tiny, models={"random_forest": points, "xgboost": points})
    boosted = dataclasses.replace(tiny, models={"random_forest": points, "lightgbm": points})
    assert protocol_of(without) == 1
    assert protocol_of(boosted) == 2
    assert Identity.here(boosted, "cpu").content()["protocol"] == 2


def test_every_version_is_known() -> None:
    assert "missing" not in versions().values()


def test_of_many_that_create_one_id_at_once_one_creates_and_all_join(store: Store, identity: Identity) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: create(store, identity, "race"), range(32)))
    assert [created for _, created in made].count(True) == 1
    assert {execution.id for execution, _ in made} == {"race"}


def test_of_many_that_start_the_next_one_at_once_each_gets_its_own(store: Store, identity: Identity) -> None:
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: create_next(store, identity).id, range(8)))
    assert len(set(made)) == 8


def test_joining_what_was_made_from_something_else_names_what_differs(store: Store, identity: Identity) -> None:
    create(store, identity, "mine")
    spec = dataclasses.replace(identity.spec, seeds=(9,))
    other = dataclasses.replace(identity, spec=spec, versions={**identity.versions, "lightgbm": "0.1"})
    with pytest.raises(ExecutionMismatch) as caught:
        create(store, other, "mine")
    assert "spec.seeds" in caught.value.what
    assert f"lightgbm {identity.versions['lightgbm']} there, 0.1 here" in caught.value.what
    assert "spec.folds" not in caught.value.what


def test_the_first_to_bind_a_dataset_decides(store: Store, identity: Identity) -> None:
    execution = create_next(store, identity)
    assert bound(store, execution, "taiwan_credit") is None
    assert bind(store, execution, "taiwan_credit", "aaa", {"synthetic": True}) == "aaa"
    assert bind(store, execution, "taiwan_credit", "bbb", {"synthetic": False}) == "aaa"
    assert bound(store, execution, "taiwan_credit") == {"fingerprint": "aaa", "synthetic": True}


@pytest.mark.parametrize(
    ("damage", "remedy"),
    [
        *((cut, "Run the command that started the execution again") for cut in (b"", b"{", b"\xff\x00", b"\0" * 500)),
        *((other, "Start another execution with --skip-resume") for other in (b"[]", b'{"spec": 3}', b"[" * 100_000)),
    ],
)
def test_a_manifest_or_binding_that_is_cut_or_something_else_is_refused_with_its_remedy(
    damage: bytes, remedy: str, store: Store, identity: Identity
) -> None:
    execution = create_next(store, identity)
    store.put(binding_key(execution.id, "taiwan_credit"), damage)
    with pytest.raises(ExecutionMismatch, match=f"cannot be read.*{remedy}"):
        bound(store, execution, "taiwan_credit")
    store.put(manifest_key(execution.id), damage)
    with pytest.raises(ExecutionMismatch, match=f"cannot be read.*{remedy}"):
        load_execution(store, execution.id)


def test_an_unknown_id_gets_the_nearest_one(store: Store, identity: Identity) -> None:
    with pytest.raises(ExecutionNotFound, match="ldp experiment run"):
        load_execution(store, "tiny")
    create(store, identity, "autumn-run")
    with pytest.raises(ExecutionNotFound, match="did you mean 'autumn-run'"):
        load_execution(store, "autum-run")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "-x", "x" * 101, "ü"])
def test_an_id_that_cannot_be_part_of_a_key_is_refused(name: str, store: Store, identity: Identity) -> None:
    with pytest.raises(UsageError, match="cannot be an execution's id"):
        create(store, identity, name)


@pytest.mark.parametrize(
    ("key", "value"),
    [("device", "tpu"), ("device", ["cpu"]), ("versions", {"numpy": 2}), ("versions", 5), ("spec", {})],
)
def test_a_manifest_with_anything_but_what_we_write_is_refused(
    key: str, value: object, identity: Identity, tmp_path: Path
) -> None:
    store = Store.open(str(tmp_path))
    create(store, identity, "mine")
    manifest = json.loads(store.get(manifest_key("mine")) or b"")
    store.put(manifest_key("mine"), json.dumps({**manifest, key: value}).encode())
    with pytest.raises(ExecutionMismatch, match="cannot be read"):
        load_execution(store, "mine")


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="OpenBLAS is told its kernels on x86-64"
)
def test_other_blas_kernels_are_another_execution_and_the_usual_ones_change_no_id(
    tiny: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    usual = Identity.here(tiny, "cpu")
    assert "kernels" not in usual.content()
    for named in ("Haswell", "haswell", ""):
        monkeypatch.setenv("OPENBLAS_CORETYPE", named)
        assert Identity.here(tiny, "cpu").stem == usual.stem
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    store, other = Store.open("memory:///"), Identity.here(tiny, "cpu")
    assert other.stem != usual.stem
    create(store, other, "chosen")
    assert load_execution(store, "chosen").identity == other
    with pytest.raises(ExecutionMismatch, match="kernels Nehalem there, as usual here"):
        create(store, usual, "chosen")
