"""A model whose library is missing is refused before anybody waits for it, and old executions are read all the same."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from job.arrays import CPU
from job.console import Console
from job.errors import LibraryMissing
from job.executions.executions import create
from job.executions.identity import Identity
from job.executions.status import all_statuses, choose_execution, status
from job.planning.libraries import require_libraries
from job.planning.plan import plan
from job.planning.spec import Spec, parse_spec
from job.running.processes import Options
from job.running.runner import run_experiment
from job.store import Store
from job.training.candidates import MODELS, ModelName
from job.training.techniques import TECHNIQUES
from job.training.unit import Unit
from tests.specs import TINY

WITH_XGBOOST = TINY + '[models.xgboost]\ntechniques = ["baseline"]\n[models.xgboost.grid]\nn_estimators = 2\n'


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.fixture
def spec() -> Spec:
    return parse_spec(WITH_XGBOOST, "boosted", "boosted.toml")


def test_what_is_installed_is_not_complained_about() -> None:
    require_libraries(Unit("d", model, technique, 1) for model in MODELS for technique in TECHNIQUES)


def test_planning_and_running_refuse_with_the_line_that_installs_it(
    store: Store, spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "xgboost")
    with pytest.raises(LibraryMissing) as caught:
        plan(store, spec)
    assert caught.value.what == "the model xgboost needs xgboost: not installed here"
    assert "`pip install 'ldp[cpu]'`" in caught.value.remedy
    with pytest.raises(LibraryMissing):
        run_experiment(store, spec, device=CPU, console=Console.silent(), options=Options(1, tmp_path))
    assert list(store.objects("executions/")) == []


def test_an_execution_with_such_a_model_is_read_without_its_library(
    store: Store, spec: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(store, Identity.here(spec, "cpu"), "mine")
    without(monkeypatch, "xgboost", "lightgbm", "imblearn")
    assert status(store, choose_execution(store, None, "boosted")).total == 14
    assert [one.execution for one in all_statuses(store, Console.silent())] == ["mine"]


def test_a_spec_that_does_not_need_it_goes_on(store: Store, tiny: Spec, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "xgboost")
    assert len(plan(store, tiny).units) == 12


@pytest.mark.parametrize(
    ("module", "model", "technique", "words"),
    [
        ("lightgbm", "lightgbm", "baseline", "the model lightgbm needs lightgbm"),
        ("sklearn", "mlp", "baseline", "the model mlp needs scikit-learn"),
        ("imblearn", "mlp", "smote", "the technique smote needs imbalanced-learn"),
    ],
)
def test_each_library_is_asked_for_where_it_is_needed(
    module: str, model: ModelName, technique: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, module)
    with pytest.raises(LibraryMissing, match=words) as caught:
        require_libraries([Unit("d", model, technique, 1)])  # type: ignore[arg-type]
    assert "`pip install ldp`" in caught.value.remedy
    require_libraries([Unit("d", "xgboost", "cost_sensitive", 1)])


def test_all_that_is_missing_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "xgboost", "lightgbm")
    with pytest.raises(LibraryMissing, match=r"lightgbm needs lightgbm, the model xgboost needs xgboost") as caught:
        require_libraries(Unit("d", model, "baseline", 1) for model in MODELS)
    assert "'ldp[cpu]'" in caught.value.remedy
