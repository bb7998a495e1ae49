"""The table of what a grid may hold is held against the libraries: what it lets through can be fitted."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.utils._param_validation import (
    InvalidParameterError,
    StrOptions,
    make_constraint,
    validate_parameter_constraints,
)

from job.errors import ExecutionMismatch, SpecInvalid
from job.executions.executions import create, load_execution
from job.executions.identity import Identity
from job.planning.grids import ALLOWED, MAX_VALUES, RULES, allows, read_grid
from job.planning.spec import Spec, parse_spec
from job.planning.values import TINIEST, Layers, Real, Text, Whole
from job.store import Store, manifest_key
from job.training.candidates import MODELS, ModelName
from job.training.models import build

SKLEARN: dict[ModelName, Any] = {
    "logistic_regression": SGDClassifier,
    "random_forest": RandomForestClassifier,
    "mlp": MLPClassifier,
}
ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, 2, -1, 3, 0.0, 1.0, 0.5, -0.5, 1.5, 10**400, math.inf, -math.inf, math.nan,
    "", "auto", "none", "sqrt", "balanced", "7 forcedsplits_filename=/etc/passwd", (), (5,), (5, 0), (5.0,), ((5,),),
)  # fmt: skip


def edges(low: Any, high: Any) -> Iterator[Any]:
    """Yield numbers at and around two bounds, whole ones and others."""
    for bound in (low, high):
        if bound is None or not math.isfinite(bound):
            continue
        yield from (int(bound), int(bound) - 1, int(bound) + 1, float(bound))
        yield from (math.nextafter(bound, -math.inf), math.nextafter(bound, math.inf))


def probes(model: ModelName, name: str) -> list[Any]:
    """Return values that tell what a parameter may be: odd ones, and those at the bounds, ours and the library's."""
    found = list(ODD)
    for kind in ALLOWED[model][name]:
        if isinstance(kind, Whole | Real):
            found += [*edges(kind.low, kind.high), 1e-300, math.ulp(0)]
        elif isinstance(kind, Text):
            found += [*kind.choices, *(f"{choice} " for choice in kind.choices)]
        elif isinstance(kind, Layers):
            found += [(kind.size.high,), (kind.size.high + 1,), (1,) * kind.most, (1,) * (kind.most + 1)]
    for constraint in map(make_constraint, SKLEARN[model]._parameter_constraints[name] if model in SKLEARN else ()):
        if isinstance(constraint, StrOptions):
            found += sorted(constraint.options)
        elif hasattr(constraint, "left"):
            found += edges(constraint.left, constraint.right)
    return list({(type(value), value): value for value in found}.values())


def sklearn_accepts(model: ModelName, name: str, value: Any) -> bool:
    constraints = {name: SKLEARN[model]._parameter_constraints[name]}
    try:
        validate_parameter_constraints(constraints, {name: value}, "Model")
    except InvalidParameterError:
        return False
    return True


def stricter_on_purpose(model: ModelName, name: str, value: Any) -> bool:
    """Return whether we refuse something that scikit-learn takes, for a reason that is not its range of values."""
    if isinstance(value, bool):
        return name not in ("average", "bootstrap", "early_stopping")  # a number that is written true
    if isinstance(value, tuple):
        return True  # scikit-learn looks at the layers only when it fits
    if isinstance(value, str):
        return name == "learning_rate" and value in ("pa1", "pa2")  # they need another loss
    if value is None:
        return False
    # Sizes that nobody means or that take more memory than there is, and what is as good as 0.
    bounds = [kind for kind in ALLOWED[model][name] if isinstance(kind, Whole | Real)]
    same = [kind.high for kind in bounds if isinstance(kind, Whole) == isinstance(value, int)]
    return value > max(same or [kind.high for kind in bounds]) or 0 < value < TINIEST


@pytest.mark.parametrize(("model", "name"), [(model, name) for model in SKLEARN for name in ALLOWED[model]])
def test_the_table_admits_what_scikit_learn_admits(model: ModelName, name: str) -> None:
    tried = [(value, allows(model, name, value), sklearn_accepts(model, name, value)) for value in probes(model, name)]
    assert [value for value, ours, theirs in tried if ours and not theirs] == []
    refused = [value for value, ours, theirs in tried if theirs and not ours]
    assert [value for value in refused if not stricter_on_purpose(model, name, value)] == []
    assert {ours for _, ours, _ in tried} == {True, False}


ROWS = 240
_rng = np.random.default_rng(0)
X = np.ascontiguousarray(_rng.normal(size=(ROWS, 3)), dtype=np.float32)
Y = (X[:, 0] + _rng.normal(size=ROWS) > 1).astype(np.int8)
# Beside the value that is tried: what keeps the fit small, and what makes the value count.
BESIDE: dict[ModelName, dict[str, Any]] = {
    "logistic_regression": {},
    "random_forest": {"n_estimators": 2},
    "lightgbm": {"n_estimators": 2, "subsample_freq": 1},
    "xgboost": {"n_estimators": 2},
    "mlp": {"hidden_layer_sizes": (2,), "max_iter": 2, "early_stopping": True},
}
TOO_LONG = {
    ("random_forest", "n_estimators"), ("lightgbm", "n_estimators"), ("xgboost", "n_estimators"),
    ("mlp", "hidden_layer_sizes"),
}  # fmt: skip


def fits(model: ModelName, candidate: dict[str, Any]) -> bool:
    """Return whether the library fits a candidate and says something of every row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            estimator = build(model, candidate, sampler="none", target=Y, seed=1).fit(X, Y)
            score = estimator.predict_proba(X)[:, 1]
        except Exception:  # noqa: BLE001 - whatever it is, it is a fit that fails
            return False
    return bool(np.isfinite(score).all())


def goes_together(model: ModelName, candidate: dict[str, Any]) -> bool:
    return not read_grid(model, {key: [value] for key, value in candidate.items()})[1]


@pytest.mark.parametrize(("model", "name"), [(model, name) for model in MODELS for name in ALLOWED[model]])
def test_what_the_table_admits_is_fitted_by_the_library(model: ModelName, name: str) -> None:
    tried = 0
    for value in probes(model, name):
        candidate = {**BESIDE[model], name: value}
        large = np.max(value or 0) > 100 if isinstance(value, int | tuple) else False
        if not allows(model, name, value) or ((model, name) in TOO_LONG and large):
            continue
        if goes_together(model, candidate):
            assert fits(model, candidate), candidate
            tried += 1
    assert tried > 0


@pytest.mark.parametrize(
    ("model", "name", "values"),
    [
        ("lightgbm", "n_estimators", [0, -1]),
        ("lightgbm", "learning_rate", [0, -0.1]),
        ("lightgbm", "num_leaves", [1, 131_073, 15.0]),
        ("lightgbm", "max_depth", [3.0, True, "none"]),
        ("lightgbm", "min_child_samples", [-1]),
        ("lightgbm", "min_child_weight", [-1e-9]),
        ("lightgbm", "min_split_gain", [-0.1]),
        ("lightgbm", "subsample", [0.0, 1e-9, 1.1]),
        ("lightgbm", "colsample_bytree", [0.0, 1.01]),
        ("lightgbm", "reg_alpha", [-1]),
        ("lightgbm", "reg_lambda", [-1]),
        ("xgboost", "n_estimators", [0, -1]),
        ("xgboost", "learning_rate", [-0.1]),
        ("xgboost", "max_depth", [-1, 3.0, "none"]),
        ("xgboost", "max_leaves", [-1]),
        ("xgboost", "min_child_weight", [-1]),
        ("xgboost", "gamma", [-1, math.inf, 1e39]),
        ("xgboost", "subsample", [0.0, 1.01]),
        ("xgboost", "colsample_bytree", [0.0, 1.01]),
        ("xgboost", "base_score", [0.0, 1.0, 1.5]),
        ("xgboost", "max_bin", [0, 1]),
    ],
)
def test_what_boosting_libraries_refuse_or_take_for_something_else_is_refused(
    model: ModelName, name: str, values: list[Any]
) -> None:
    for value in values:
        grid, problems = read_grid(model, {name: [value]})
        assert grid == {}
        assert len(problems) == 1
        assert problems[0].startswith(f"models.{model}.grid.{name}: ")


@pytest.mark.parametrize(
    ("model", "candidate"),
    [
        ("logistic_regression", {"alpha": 0.0}),
        ("logistic_regression", {"alpha": 0, "learning_rate": "optimal"}),
        ("logistic_regression", {"penalty": "elasticnet", "l1_ratio": None}),
        ("random_forest", {"bootstrap": False, "max_samples": 0.5}),
        ("random_forest", {"bootstrap": False, "max_samples": 10}),
        ("mlp", {"early_stopping": True, "validation_fraction": 0.0}),
        ("mlp", {"early_stopping": True, "validation_fraction": 1e-9}),
        ("mlp", {"early_stopping": True, "validation_fraction": 0.9999}),
    ],
)
def test_values_that_do_not_go_together_are_refused_because_no_fit_works(
    model: ModelName, candidate: dict[str, Any]
) -> None:
    assert all(allows(model, name, value) for name, value in candidate.items())
    assert not fits(model, {**BESIDE[model], **candidate})
    assert not goes_together(model, candidate)


def test_one_candidate_that_does_not_go_together_among_many_is_found() -> None:
    assert read_grid("random_forest", {"bootstrap": [True, False], "max_samples": [None]})[1] == []
    (problem,) = read_grid("random_forest", {"bootstrap": [True, False], "max_samples": [None, 0.5]})[1]
    assert problem.startswith("models.random_forest.grid has bootstrap 'false', max_samples '0.5': max_samples must be")


@pytest.mark.parametrize(
    ("model", "candidate"),
    [
        ("logistic_regression", {"alpha": 0, "learning_rate": "constant"}),
        ("logistic_regression", {"alpha": 0.0, "learning_rate": "adaptive", "eta0": 1e-3}),
        ("logistic_regression", {"penalty": "l1", "l1_ratio": None}),
        ("logistic_regression", {"penalty": None}),
        ("random_forest", {"bootstrap": False, "max_samples": None}),
        ("random_forest", {"max_samples": 1.5}),
        ("mlp", {"early_stopping": False, "validation_fraction": 0.0}),
        ("mlp", {"early_stopping": True, "validation_fraction": 0.0, "solver": "lbfgs"}),
        ("lightgbm", {"subsample": 1.0, "subsample_freq": 5}),
        ("xgboost", {"max_depth": 0, "max_leaves": 0}),
        ("xgboost", {"max_depth": 0, "max_leaves": 7}),
    ],
)
def test_values_that_look_alike_and_work_are_let_through(model: ModelName, candidate: dict[str, Any]) -> None:
    assert goes_together(model, candidate)
    assert fits(model, {**BESIDE[model], **candidate})


BAD = """
datasets = ["taiwan_credit"]
seeds = [1]
[models.logistic_regression.grid]
penalty = "l3"
alpha = [0, 1e-3]
[models.random_forest.grid]
max_features = ["auto", "sqrt"]
n_estimators = 1e2
[models.lightgbm.grid]
num_leaves = "7 forcedsplits_filename=/path"
[models.xgboost.grid]
gamma = inf
reg_alpha = nan
[models.mlp.grid]
hidden_layer_sizes = [[50, 0], [1.5]]
"""


def test_every_value_that_cannot_be_used_is_named_at_once_with_what_is_allowed() -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(BAD, "bad", "bad.toml")
    for words in (
        "models.logistic_regression.grid.penalty: 'l3' is not 'l2' or 'l1' or 'elasticnet', or 'none'",
        "models.logistic_regression.grid has alpha '0': alpha must be above 0 where learning_rate is 'optimal'",
        "models.random_forest.grid.max_features: 'auto' is not a whole number from 1 to",
        "models.random_forest.grid.n_estimators: '100.0' is not a whole number from 1 to 10,000",
        "models.lightgbm.grid.num_leaves: '7 forcedsplits_filename=/path' is not a whole number from 2 to 131,072",
        "models.xgboost.grid.gamma: 'inf' is not 0 or a number from 1e-30 to 1e+09",
        "models.xgboost.grid.reg_alpha: 'nan' is not 0 or a number from 1e-30 to 1e+09",
        "models.mlp.grid.hidden_layer_sizes: '[50, 0]', '[1.5]' are not a whole number from 1 to 2,000, or a list",
    ):
        assert words in caught.value.what


def test_the_number_of_values_is_bounded() -> None:
    assert read_grid("xgboost", {"max_depth": list(range(1, MAX_VALUES + 1))})[1] == []
    (problem,) = read_grid("xgboost", {"max_depth": list(range(1, MAX_VALUES + 2))})[1]
    assert "a list of 1 to 1,000 values" in problem


def test_a_grid_too_large_for_its_rules_is_refused_for_its_size() -> None:
    grid = {name: [float(i) for i in range(1, 1000)] for name in ("alpha", "tol", "eta0")}
    text = "datasets=['taiwan_credit']\nseeds=[1]\n[models.logistic_regression.grid]\n" + "\n".join(
        f"{name} = {values}" for name, values in grid.items()
    )
    with pytest.raises(SpecInvalid, match="more than 100,000 candidates"):
        parse_spec(text, "large", "large.toml")


def test_a_manifest_from_elsewhere_is_held_to_the_same_table(tiny: Spec) -> None:
    store = Store.open("memory:///")
    create(store, Identity.here(tiny, "cpu"), "mine")
    manifest = (store.get(manifest_key("mine")) or b"").replace(b"7\n", b'"7 forcedsplits_filename=/path"\n')
    assert b"forcedsplits" in manifest
    store.put(manifest_key("mine"), manifest)
    with pytest.raises(ExecutionMismatch, match=r"num_leaves: '7 forcedsplits_filename=/path' is not a whole number"):
        load_execution(store, "mine")


def test_reading_a_spec_loads_no_model_library() -> None:
    code = (
        "import sys; from job.planning.spec import read_spec, shipped_specs\n"
        "[read_spec(name) for name in shipped_specs()]\n"
        "print(sorted({'sklearn', 'imblearn', 'lightgbm', 'xgboost', 'scipy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_rule_is_about_parameters_that_a_spec_may_set() -> None:
    for model, rules in RULES.items():
        for rule in rules:
            assert set(rule.defaults) <= set(ALLOWED[model])
            assert not rule.broken(*rule.defaults.values())
    assert len(list(itertools.chain(*RULES.values()))) == 4
