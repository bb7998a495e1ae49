"""What a power cut left empty or cut is made again from what stands, and never from a guess."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from job.console import Console
from job.errors import ExecutionMismatch
from job.executions.bindings import bind, bound, encode_binding
from job.executions.executions import Execution, create, create_next, load_execution
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.recovery import bind_or_rebuild, create_or_rebuild, known_data
from job.executions.resolve import find_spec
from job.executions.results import commit, encode
from job.executions.verify import verify
from job.metrics import METRIC_IDS
from job.planning.spec import Spec
from job.store import Store, binding_key, manifest_key
from job.training.candidates import candidates
from job.training.unit import Unit, UnitResult

CUT = [b"", b'{"fingerprint": "aa', b"\0" * 300]
FACTS = {"rows": 3, "features": 2, "synthetic": False}
CONSOLE = Console.silent()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.open(str(tmp_path))


@pytest.fixture
def identity(tiny: Spec) -> Identity:
    return Identity.here(tiny, "cpu")


def commit_one(store: Store, execution: Execution, unit: Unit, fingerprint: str) -> None:
    points = tuple(candidates(execution.spec.grid(unit)))
    rows = np.arange(3, dtype=np.int32)
    none = np.zeros(3, np.int8)
    made = UnitResult(unit, "done", None, rows, none, np.ones(3), none, points, metrics=dict.fromkeys(METRIC_IDS))
    data = encode(made, provenance(execution.identity, unit, fingerprint), {})
    commit(store, execution.result_key(unit), data, CONSOLE)


@pytest.mark.parametrize("cut", CUT)
def test_a_cut_binding_follows_from_the_results_that_stand_and_not_from_what_asks(
    cut: bytes, store: Store, identity: Identity
) -> None:
    execution = create_next(store, identity)
    first, second, *_ = execution.spec.units()
    bind(store, execution, "taiwan_credit", "aaa", FACTS)
    commit_one(store, execution, first, "aaa")
    commit_one(store, execution, second, "aaa")
    store.put(binding_key(execution.id, "taiwan_credit"), cut)
    assert known_data(store, execution, "taiwan_credit") == {"fingerprint": "aaa"}
    assert set(verify(store, execution, [first, second]).results) == {first, second}, "reading needs no mending first"
    assert bind_or_rebuild(store, execution, "taiwan_credit", "bbb", FACTS, CONSOLE) == "aaa"
    assert bound(store, execution, "taiwan_credit") == {"fingerprint": "aaa"}


def test_a_cut_binding_is_made_whole_by_the_command_that_wrote_it(store: Store, identity: Identity) -> None:
    execution = create_next(store, identity)
    commit_one(store, execution, next(execution.spec.units()), "aaa")
    store.put(binding_key(execution.id, "taiwan_credit"), b"")
    assert bind_or_rebuild(store, execution, "taiwan_credit", "aaa", FACTS, CONSOLE) == "aaa"
    assert store.get(binding_key(execution.id, "taiwan_credit")) == encode_binding("aaa", FACTS)


def test_a_cut_binding_without_results_follows_from_what_asks(store: Store, identity: Identity) -> None:
    execution = create_next(store, identity)
    store.put(execution.result_key(next(execution.spec.units())), b"cut as well")
    store.put(binding_key(execution.id, "taiwan_credit"), b"")
    assert known_data(store, execution, "taiwan_credit") is None
    assert bind_or_rebuild(store, execution, "taiwan_credit", "bbb", FACTS, CONSOLE) == "bbb"
    assert bound(store, execution, "taiwan_credit") == {"fingerprint": "bbb", **FACTS}


def test_a_cut_binding_whose_results_are_of_different_data_is_refused_naming_both(
    store: Store, identity: Identity
) -> None:
    execution = create_next(store, identity)
    first, second, *_ = execution.spec.units()
    commit_one(store, execution, first, "aaa")
    commit_one(store, execution, second, "bbb")
    store.put(binding_key(execution.id, "taiwan_credit"), b"")
    with pytest.raises(ExecutionMismatch, match="different data") as caught:
        bind_or_rebuild(store, execution, "taiwan_credit", "aaa", FACTS, CONSOLE)
    assert {name for name in ("aaa", "bbb") if name in caught.value.what} == {"aaa", "bbb"}
    assert store.get(binding_key(execution.id, "taiwan_credit")) == b""


@pytest.mark.parametrize("cut", CUT)
def test_a_cut_manifest_is_made_again_where_the_id_says_what_it_was_made_from(
    cut: bytes, store: Store, identity: Identity
) -> None:
    execution = create_next(store, identity)
    commit_one(store, execution, next(execution.spec.units()), "aaa")
    store.put(manifest_key(execution.id), cut)
    assert create_or_rebuild(store, identity, execution.id, CONSOLE) == (execution, False)
    assert load_execution(store, execution.id).identity == identity


def test_a_cut_manifest_of_a_chosen_id_is_made_again_where_the_records_are_of_what_asks(
    store: Store, identity: Identity
) -> None:
    execution, _ = create(store, identity, "autumn")
    commit_one(store, execution, next(execution.spec.units()), "aaa")
    store.put(manifest_key("autumn"), b"")
    assert find_spec(store, "autumn", identity.spec) == identity.spec
    assert create_or_rebuild(store, identity, "autumn", CONSOLE) == (execution, False)
    assert load_execution(store, "autumn").identity == identity


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"spec": {"folds": 3}}, "another folds"),
        ({"spec": {"seeds": (7,)}}, "a unit that the spec has not"),
        ({"protocol": 9}, "another protocol"),
        ({"device": "gpu"}, "another device"),
    ],
)
def test_a_cut_manifest_of_a_chosen_id_is_refused_where_the_records_are_of_something_else(
    other: dict[str, Any], named: str, store: Store, identity: Identity
) -> None:
    execution, _ = create(store, identity, "autumn")
    commit_one(store, execution, next(execution.spec.units()), "aaa")
    store.put(manifest_key("autumn"), b"")
    asking = dataclasses.replace(
        identity, **other | ({"spec": _changed(identity.spec, other)} if "spec" in other else {})
    )
    with pytest.raises(ExecutionMismatch, match=named):
        create_or_rebuild(store, asking, "autumn", CONSOLE)
    assert store.get(manifest_key("autumn")) == b""


def _changed(spec: Spec, other: dict[str, Any]) -> Spec:
    if "folds" in other["spec"]:
        return dataclasses.replace(spec, protocol=dataclasses.replace(spec.protocol, **other["spec"]))
    return dataclasses.replace(spec, **other["spec"])


def test_a_manifest_that_was_edited_is_still_refused(store: Store, identity: Identity) -> None:
    execution = create_next(store, identity)
    manifest = json.loads(store.get(manifest_key(execution.id)) or b"")
    manifest["spec"]["seeds"] = [5]
    store.put(manifest_key(execution.id), json.dumps(manifest).encode())
    with pytest.raises(ExecutionMismatch, match=r"spec\.seeds"):
        create_or_rebuild(store, identity, execution.id, CONSOLE)
