"""A finished unit is one object that proves itself; a taken name is handled by rule."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.console import Console
from job.errors import ResultInvalid, ResultMismatch
from job.executions.results import commit, decode, encode
from job.metrics import all_metrics
from job.store import Store
from job.training.unit import Unit, UnitResult

UNIT = Unit("taiwan_credit", "random_forest", "smote", 3)
PROVENANCE: dict[str, Any] = {
    "record": 2, "protocol": 1, "versions": {"numpy": "2"}, "device": "cpu", "fingerprint": "f" * 64,
    "scoring": "balanced_accuracy", "folds": 5, "test_share": 0.3,
}  # fmt: skip


def result(score_shift: float = 0.0) -> UnitResult:
    rng = np.random.default_rng(0)
    target = rng.integers(0, 2, 200).astype(np.int8)
    score = rng.random(200) + score_shift
    decision = (score > 0.5).astype(np.int8)
    return UnitResult(
        UNIT,
        "done",
        row=np.arange(200, dtype=np.int32),
        target=target,
        score=score,
        decision=decision,
        candidates=({"max_depth": 5, "class_weight": None}, {"max_depth": None, "class_weight": "balanced"}),
        fold_scores=rng.random((2, 5)),
        best_index=1,
        train_counts=(300, 60),
        refit_counts=(300, 300),
        metrics=all_metrics(target, np.clip(score, 0, 1), decision),
        cpu_seconds=1.5,
    )


def test_a_result_comes_back_as_it_was() -> None:
    made = result()
    found = decode(encode(made, PROVENANCE, {"host": "here"}))
    assert found.unit == UNIT
    assert found.record["parameters"] == {"max_depth": None, "class_weight": "balanced"}
    assert found.record["fold_scores"] == made.fold_scores.tolist()
    assert found.record["metrics"] == made.metrics
    assert (found.record["train"], found.record["refit"]) == ({"n0": 300, "n1": 60}, {"n0": 300, "n1": 300})
    assert found.run["host"] == "here"
    for name in ("row", "target", "score", "decision"):
        ours, theirs = getattr(made, name), getattr(found, name)
        assert theirs.dtype == ours.dtype
        np.testing.assert_array_equal(theirs, ours)


def test_the_file_is_what_other_tools_were_promised() -> None:
    table = pq.read_table(io.BytesIO(encode(result(), PROVENANCE, {})))
    assert [(f.name, str(f.type)) for f in table.schema] == [
        ("row", "int32"), ("target", "int8"), ("score", "double"), ("decision", "int8"),
    ]  # fmt: skip
    assert {b"ldp", b"ldp.run"} <= set(table.schema.metadata)


def test_the_digest_covers_what_must_be_reproduced_and_not_the_attempt() -> None:
    digest = decode(encode(result(), PROVENANCE, {"host": "a"})).digest
    slower = dataclasses.replace(result(), cpu_seconds=99.0)
    assert decode(encode(slower, PROVENANCE, {"host": "b"})).digest == digest
    assert decode(encode(result(1e-15), PROVENANCE, {})).digest != digest
    assert decode(encode(result(), PROVENANCE | {"fingerprint": "0" * 64}, {})).digest != digest


def test_an_inapplicable_unit_is_a_result_with_its_reason() -> None:
    found = decode(encode(UnitResult(UNIT, "inapplicable", "too few"), PROVENANCE, {}))
    assert (found.record["status"], found.record["reason"], found.row.size) == ("inapplicable", "too few", 0)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_goes_unnoticed(data: st.DataObject) -> None:
    whole = encode(result(), PROVENANCE, {"host": "here"})
    kind = data.draw(st.sampled_from(["flip", "cut", "empty", "foreign"]))
    broken: bytes = {"empty": b"", "foreign": b"PAR1 is not enough"}.get(kind, whole)
    at = data.draw(st.integers(0, len(whole) - 1))
    if kind == "cut":
        broken = whole[:at]
    if kind == "flip":
        broken = whole[:at] + bytes([whole[at] ^ (1 << data.draw(st.integers(0, 7)))]) + whole[at + 1 :]
    try:
        found = decode(broken)
    except ResultInvalid:
        return
    # A flipped bit may hit a byte that says nothing (padding, the run record); then the content must be whole.
    original = decode(whole)
    assert found.record == original.record
    np.testing.assert_array_equal(found.score, original.score)


class _Ear(Console):
    def __init__(self) -> None:
        super().__init__(io.StringIO(), "json")
        self.heard: list[str] = []

    def _say(self, level: Any, event: str, message: str, fields: dict[str, Any]) -> None:
        self.heard.append(f"{level}:{event}")


@pytest.fixture
def store() -> Store:
    return Store.open("memory:///")


def test_a_free_name_is_written(store: Store) -> None:
    data = encode(result(), PROVENANCE, {})
    assert commit(store, "k", data, Console.silent()) == "written"
    assert store.get("k") == data


def test_our_own_write_whose_answer_was_lost_is_ours(store: Store) -> None:
    data = encode(result(), PROVENANCE, {})
    store.put("k", data)
    assert commit(store, "k", data, Console.silent()) == "written"


def on_gpu(name: str, score_shift: float = 0.0, model: str = "xgboost") -> bytes:
    unit = dataclasses.replace(UNIT, model=model)
    made = dataclasses.replace(result(score_shift), unit=unit, gpu=name)
    return encode(made, PROVENANCE | {"device": "gpu"}, {"driver": "580.65.06, CUDA 13.0"})


def test_a_record_names_the_gpu_only_where_one_made_the_fits() -> None:
    assert "gpu" not in decode(encode(result(), PROVENANCE, {})).record
    found = decode(on_gpu("Tesla T4"))
    assert (found.gpu, found.record["gpu"], found.run["driver"]) == ("Tesla T4", "Tesla T4", "580.65.06, CUDA 13.0")
    assert "reproducible" not in found.record
    assert found.digest != decode(on_gpu("NVIDIA A10G")).digest


def test_a_result_of_another_gpu_model_is_kept_and_no_mismatch() -> None:
    store, ear = Store.open("memory:///"), _Ear()
    first = on_gpu("Tesla T4")
    assert commit(store, "k", first, ear) == "written"
    assert commit(store, "k", on_gpu("NVIDIA A10G", 1e-9), ear) == "of another gpu"
    assert store.get("k") == first
    assert ear.heard == []
    assert commit(store, "k", on_gpu("Tesla T4", 1e-9), ear) == "differs"
    assert ear.heard == ["error:result_differs"]


def test_where_a_gpu_is_not_reproducible_another_digest_is_expected_and_no_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("job.executions.results.NOT_REPRODUCIBLE", {"lightgbm": "for a test"})
    store, ear = Store.open("memory:///"), _Ear()
    first = on_gpu("Tesla T4", model="lightgbm")
    assert decode(first).record["reproducible"] is False
    assert "reproducible" not in decode(on_gpu("Tesla T4")).record
    store.put("k", first)
    assert commit(store, "k", on_gpu("Tesla T4", 1e-9, "lightgbm"), ear) == "not reproducible"
    assert (store.get("k"), ear.heard) == (first, [])


def test_another_attempt_with_the_same_digest_is_accepted(store: Store) -> None:
    first = encode(result(), PROVENANCE, {"host": "first"})
    store.put("k", first)
    assert commit(store, "k", encode(result(), PROVENANCE, {"host": "second"}), Console.silent()) == "already there"
    assert store.get("k") == first


def test_another_digest_is_kept_and_reported_loudly(store: Store) -> None:
    first = encode(result(0.01), PROVENANCE, {})
    store.put("k", first)
    ear = _Ear()
    assert commit(store, "k", encode(result(), PROVENANCE, {}), ear) == "differs"
    assert store.get("k") == first
    assert ear.heard == ["error:result_differs"]


OTHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another unit": ({"unit": dataclasses.replace(UNIT, seed=4)}, {}),
    "other data": ({}, {"fingerprint": "0" * 64}),
    "another grid": ({"candidates": ({"max_depth": 6}, {"max_depth": 7})}, {}),
    "another protocol": ({}, {"protocol": 2}),
    "another versions": ({}, {"versions": {"numpy": "3"}}),
    "another device": ({}, {"device": "gpu"}),
    "another scoring": ({}, {"scoring": "roc_auc"}),
    "another folds": ({}, {"folds": 3}),
    "another test_share": ({}, {"test_share": 0.5}),
    "another kernels": ({}, {"kernels": "Nehalem"}),
}


@pytest.mark.parametrize("words", OTHERS)
def test_a_whole_result_of_something_else_is_never_replaced(words: str, store: Store) -> None:
    fields, made_from = OTHERS[words]
    other = encode(dataclasses.replace(result(), **fields), PROVENANCE | made_from, {})
    store.put("k", other)
    with pytest.raises(ResultMismatch, match=f"whole result of {words}, and is kept"):
        commit(store, "k", encode(result(), PROVENANCE, {}), Console.silent())
    assert store.get("k") == other


def test_the_same_result_under_an_older_record_is_accepted(store: Store) -> None:
    older = {name: PROVENANCE[name] for name in ("protocol", "versions", "device", "fingerprint")}
    first = encode(result(), older, {})
    store.put("k", first)
    assert decode(first).digest != decode(encode(result(), PROVENANCE, {})).digest
    assert commit(store, "k", encode(result(), PROVENANCE, {}), Console.silent()) == "already there"
    assert commit(store, "k", encode(result(0.01), PROVENANCE, {}), Console.silent()) == "differs"
    assert store.get("k") == first


def test_an_older_record_of_other_data_is_told_by_what_it_says(store: Store) -> None:
    older = {name: PROVENANCE[name] for name in ("protocol", "versions", "device")} | {"fingerprint": "0" * 64}
    store.put("k", encode(result(), older, {}))
    with pytest.raises(ResultMismatch, match="other data"):
        commit(store, "k", encode(result(), PROVENANCE, {}), Console.silent())


@pytest.mark.parametrize("damage", [b"", b"garbage", None])
def test_an_unreadable_object_is_replaced(store: Store, damage: bytes | None) -> None:
    data = encode(result(), PROVENANCE, {})
    store.put("k", data[:-20] if damage is None else damage)
    ear = _Ear()
    assert commit(store, "k", data, ear) == "replaced damaged"
    assert store.get("k") == data
    assert ear.heard == ["warning:result_damaged"]
