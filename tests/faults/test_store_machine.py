"""The execution store against a model: whatever is created, bound, committed, damaged and deleted, in any order."""

from __future__ import annotations

import os
import tempfile
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from job.console import Console
from job.executions.bindings import bind, bound
from job.executions.executions import create, create_next, current_execution, list_executions, present_results
from job.executions.identity import Identity
from job.executions.provenance import provenance
from job.executions.results import commit, decode, encode
from job.executions.verify import verify
from job.metrics import METRIC_IDS
from job.planning.spec import parse_spec
from job.store import Store
from job.training.candidates import candidates
from job.training.unit import Unit, UnitResult
from tests.conftest import make_bucket

SPEC = parse_spec(
    'datasets = ["taiwan_credit"]\nseeds = [1, 2]\ntechniques = ["baseline", "smote"]\n[models.mlp]', "s", "s"
)
UNITS = list(SPEC.units())
IDENTITY = Identity.here(SPEC, "cpu")


def result(unit: Unit, flavour: int, attempt: int) -> bytes:
    rows = np.arange(3, dtype=np.int32)
    points = tuple(candidates(SPEC.grid(unit)))
    score = np.full(3, flavour / 10)
    none = np.zeros(3, np.int8)
    made = UnitResult(unit, "done", None, rows, none, score, none, points, metrics=dict.fromkeys(METRIC_IDS))
    return encode(made, provenance(IDENTITY, unit, "f"), {"attempt": attempt})


class ExecutionStore(RuleBasedStateMachine):
    """The model: a dict of executions to what they are bound to and the digest of each unit's first whole result."""

    open_store: Any

    @initialize()
    def begin(self) -> None:
        self.store = type(self).open_store()
        self.ids: list[str] = []
        self.bound: dict[str, str] = {}
        self.results: dict[tuple[str, Unit], bytes | None] = {}  # None: damaged

    def pick(self, choice: int) -> Any:
        execution_id = self.ids[choice % len(self.ids)]
        return create(self.store, IDENTITY, execution_id)[0]

    @rule()
    def start_next(self) -> None:
        made = create_next(self.store, IDENTITY)
        assert made.id == f"{IDENTITY.stem}{len(self.ids) + 1}"
        self.ids.append(made.id)

    @rule(choice=st.integers(0, 9))
    def join(self, choice: int) -> None:
        if self.ids:
            execution_id = self.ids[choice % len(self.ids)]
            made, created = create(self.store, IDENTITY, execution_id)
            assert (made.id, created) == (execution_id, False)

    @rule(choice=st.integers(0, 9), fingerprint=st.sampled_from(["f", "g"]))
    def bind_data(self, choice: int, fingerprint: str) -> None:
        if self.ids:
            execution = self.pick(choice)
            standing = bind(self.store, execution, "taiwan_credit", fingerprint, {})
            assert standing == self.bound.setdefault(execution.id, fingerprint)

    @rule(choice=st.integers(0, 9), unit=st.sampled_from(UNITS), flavour=st.integers(0, 1), attempt=st.integers(0, 3))
    def finish(self, choice: int, unit: Unit, flavour: int, attempt: int) -> None:
        if not self.ids:
            return
        execution = self.pick(choice)
        data = result(unit, flavour, attempt)
        place = (execution.id, unit)
        answer = commit(self.store, execution.result_key(unit), data, Console.silent())
        if place not in self.results:
            assert answer == "written"
            self.results[place] = data
        elif self.results[place] is None:
            assert answer == "replaced damaged"
            self.results[place] = data
        else:
            first = self.results[place]
            assert first is not None
            same = decode(first).digest == decode(data).digest
            assert answer == ("written" if first == data else "already there" if same else "differs")

    @rule(choice=st.integers(0, 9), unit=st.sampled_from(UNITS), damage=st.sampled_from([b"x", b"PAR1PAR1"]))
    def damage(self, choice: int, unit: Unit, damage: bytes) -> None:
        if self.ids:
            execution = self.pick(choice)
            if (execution.id, unit) in self.results:
                self.store.put(execution.result_key(unit), damage)
                self.results[execution.id, unit] = None

    @invariant()
    def what_stands_is_what_the_model_says(self) -> None:
        if not hasattr(self, "store"):
            return
        assert list_executions(self.store) == sorted(self.ids)
        current = current_execution(self.store, IDENTITY)
        assert (current.id if current else None) == (self.ids[-1] if self.ids else None)
        if current is None:
            return
        of_current = {unit: data for (execution_id, unit), data in self.results.items() if execution_id == current.id}
        assert present_results(self.store, current) == set(of_current)
        binding = bound(self.store, current, "taiwan_credit")
        assert (binding and binding["fingerprint"]) == self.bound.get(current.id)
        found = verify(self.store, current, UNITS)
        whole = {unit for unit, data in of_current.items() if data is not None and self.bound.get(current.id) == "f"}
        assert set(found.results) == whole
        assert set(found.missing) == set(UNITS) - set(of_current)


@pytest.mark.parametrize("kind", ["memory", "local", "s3"])
def test_the_execution_store_behaves_like_its_model(kind: str, request: pytest.FixtureRequest) -> None:
    made = []

    def open_store() -> Store:
        made.append(0)
        if kind == "memory":
            return Store.open("memory:///")
        if kind == "local":
            return Store.open(tempfile.mkdtemp(dir=request.getfixturevalue("tmp_path")))
        bucket = f"machine-{os.getpid()}-{len(made)}"
        make_bucket(os.environ["AWS_ENDPOINT_URL"], bucket)
        return Store.open(f"s3://{bucket}/p")

    if kind == "s3":
        request.getfixturevalue("s3_url")
    machine = type("Machine", (ExecutionStore,), {"open_store": staticmethod(open_store)})
    examples = {"memory": 100, "local": 40, "s3": 8}[kind]
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
