"""A spec is read as it is meant, or refused with every problem named."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import ParameterGrid

from job.catalogue import DATASET_IDS, shipped_spec
from job.errors import SpecInvalid, SpecNotFound, UsageError
from job.planning.grids import ALLOWED
from job.planning.plan import choose_datasets
from job.planning.spec import parse_spec, read_spec, shipped_specs, spec_from_mapping
from job.training.candidates import MODELS, WEIGHT_PARAMETERS, candidates, count_candidates
from job.training.models import build
from job.training.techniques import sampler_of

GOOD = """
datasets = ["taiwan_credit"]
seeds = [1, 2]
[models.random_forest]
techniques = ["baseline", "smote"]
[models.random_forest.grid]
n_estimators = 200
max_depth = [10, "none"]
[models.mlp.grid]
hidden_layer_sizes = [[50], [50, 50]]
"""


def test_a_spec_is_read_with_its_defaults() -> None:
    spec = parse_spec(GOOD, "mine", "mine.toml")
    assert (spec.protocol.folds, spec.protocol.test_share, spec.protocol.scoring) == (5, 0.3, "balanced_accuracy")
    assert spec.models["random_forest"].grid == {"n_estimators": (200,), "max_depth": (10, None)}
    assert spec.models["mlp"].grid["hidden_layer_sizes"] == ((50,), (50, 50))
    assert len(spec.models["mlp"].techniques) == 6
    assert len(list(spec.units())) == 2 * (2 + 6)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("seeds = [1, 2]", "seds = [1, 2]"), "unknown key 'seds': did you mean 'seeds'?; seeds is missing"),
        (("taiwan_credit", "Taiwan"), "datasets: unknown 'Taiwan': did you mean 'taiwan_credit'?"),
        (("models.mlp", "models.mpl"), "models: unknown 'mpl': did you mean 'mlp'?"),
        (('"smote"', '"smotte"'), "unknown 'smotte': did you mean 'smote'?"),
        (("n_estimators", "n_estimator"), "unknown key 'n_estimator' in [models.random_forest.grid]"),
        (("[1, 2]", "[1, 1]"), "seeds lists a number twice"),
        (("[1, 2]", "[1.5]"), "seeds must be a list of whole numbers"),
        (("[1, 2]", "[]"), "seeds must be a list of whole numbers"),
        (("seeds =", "folds = 1\nseeds ="), "folds must be a whole number from 2 to 100"),
        (("seeds =", "test_share = 1.0\nseeds ="), "test_share must be a number from 0.01 to 0.99"),
        (("seeds =", 'scoring = "rocauc"\nseeds ='), "scoring 'rocauc' is unknown: did you mean 'roc_auc'?"),
        (("200", "[]"), "models.random_forest.grid.n_estimators must be a value or a list of 1 to 1,000 values"),
        (("200", "[200, 200]"), "n_estimators lists a value twice"),
        (("200", "{a = 1}"), "grid.n_estimators: '{'a': 1}' is not a whole number from 1 to 10,000"),
        (("200", "[1e2, 200]"), "models.random_forest.grid.n_estimators: '100.0' is not a whole number"),
        (("seeds =", 'name = "../x"\nseeds ='), "name '../x' is not"),
    ],
)
def test_what_is_wrong_with_a_spec_is_named(change: tuple[str, str], complaint: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(GOOD.replace(*change), "mine", "mine.toml")
    assert complaint in caught.value.what
    assert "mine.toml" in caught.value.what


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(GOOD.replace("seeds", "sedes").replace("[50]", '"x"').replace("taiwan", "t"), "mine", "mine.toml")
    assert caught.value.what.count(";") >= 2


def test_what_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("datasets = [")
    with pytest.raises(SpecInvalid, match="is not TOML"):
        read_spec(str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SpecInvalid, match="cannot be read"):
        read_spec(str(path))


def test_a_spec_that_does_not_exist_gets_the_nearest_name() -> None:
    with pytest.raises(SpecNotFound, match="did you mean 'thesis'"):
        read_spec("thesys")
    for name in ("x" * 300, "a\0b", ""):
        with pytest.raises(SpecNotFound, match="there is no spec"):
            read_spec(name)
    with pytest.raises(SpecNotFound, match="shipped: default, quick, thesis"):
        read_spec("no/such/file.toml")


@pytest.mark.parametrize("name", shipped_specs())
def test_shipped_specs_survive_a_manifest(name: str) -> None:
    spec = read_spec(name)
    again = spec_from_mapping(json.loads(json.dumps(spec.canonical())), "manifest")
    assert again.canonical() == spec.canonical()
    assert list(again.units()) == list(spec.units())


def test_thesis_has_the_published_combinations_and_grids() -> None:
    spec = read_spec("thesis")
    assert sum(len(part.techniques) for part in spec.models.values()) == 17
    sizes = {model: count_candidates(part.grid) for model, part in spec.models.items()}
    assert sizes == {"logistic_regression": 12, "random_forest": 12, "xgboost": 192, "mlp": 12}
    assert spec.seeds == (1, 2, 3, 4, 5)


def test_default_has_every_model_and_technique() -> None:
    spec = read_spec("default")
    assert set(spec.models) == set(MODELS)
    assert len(list(spec.units())) == 3 * 5 * 6 * 5


@pytest.mark.parametrize("dataset", DATASET_IDS)
def test_the_spec_that_a_datasets_training_job_runs_has_the_dataset(dataset: str) -> None:
    assert dataset in read_spec(shipped_spec(dataset)).datasets
    assert shipped_spec("our_cards") == "default"


def test_a_dataset_that_another_shipped_spec_has_is_refused_with_that_spec() -> None:
    with pytest.raises(UsageError, match="no dataset 'lending_club'") as refused:
        choose_datasets(read_spec("default"), ("lending_club",))
    assert "--spec thesis" in refused.value.remedy


def test_units_that_share_prepared_folds_stand_beside_each_other() -> None:
    groups = [(u.dataset, u.seed, sampler_of(u.technique)) for u in read_spec("default").units()]
    assert len([key for key, _ in itertools.groupby(groups)]) == len(set(groups))


_values = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)


@given(st.dictionaries(st.sampled_from(["alpha", "penalty", "tol", "eta0"]), _values, max_size=4))
def test_candidates_come_in_the_order_of_parameter_grid(grid: dict[str, list[int]]) -> None:
    assert candidates(grid) == list(ParameterGrid(grid))
    assert count_candidates(grid) == len(candidates(grid))


@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_a_spec_may_set_is_one_of_the_models(model: str) -> None:
    estimator = build(model, {}, sampler="none", target=np.array([0, 1]), seed=0)  # type: ignore[arg-type]
    known = set(estimator.get_params())
    assert set(ALLOWED[model]) <= known  # type: ignore[index]
    assert model == "mlp" or WEIGHT_PARAMETERS[model] in known  # type: ignore[index]


def test_a_spec_out_of_all_proportion_is_refused(tmp_path: Path) -> None:
    alphas, sizes = list(range(1, 502)), [[n] for n in range(1, 201)]
    with pytest.raises(SpecInvalid, match="the grid of mlp has more than 100,000 candidates"):
        parse_spec(GOOD.replace("[[50], [50, 50]]", f"{sizes}\nalpha = {alphas}"), "mine", "mine.toml")
    with pytest.raises(SpecInvalid, match="more than 1,000,000 units"):
        parse_spec(GOOD.replace("[1, 2]", str(list(range(125_001)))), "mine", "mine.toml")
    path = tmp_path / "long.toml"
    path.write_text(f"# {'x' * 1_000_000}\n{GOOD}")
    with pytest.raises(SpecInvalid, match="has more than 1,000,000 bytes"):
        read_spec(str(path))


def test_what_no_result_could_hold_and_no_plan_could_enumerate_is_refused_when_the_spec_is_read() -> None:
    def text_of(folds: int, *others: str) -> str:
        values = f"max_depth = {list(range(1, 251))}\nn_estimators = {list(range(1, 201))}"  # 50,000 candidates
        technique = 'techniques = ["smote", "baseline"]'
        parts = [
            f"[models.{model}]\n{technique}\n[models.{model}.grid]\n{values}\n" for model in ("random_forest", *others)
        ]
        return f'datasets = ["taiwan_credit"]\nseeds = [1]\nfolds = {folds}\n' + "".join(parts)

    parse_spec(text_of(20, "lightgbm", "xgboost"), "mine", "mine.toml")
    with pytest.raises(SpecInvalid, match="50,000 candidates, which with 21 folds are 1,050,000 fits for each unit"):
        parse_spec(text_of(21), "mine", "mine.toml")
    more = '[models.mlp]\ntechniques = ["smote"]\n[models.mlp.grid]\nalpha = [0.1, 0.2]\n'
    with pytest.raises(SpecInvalid, match=r"together have 300,002 candidates; at most 300,000 can be planned"):
        parse_spec(text_of(20, "lightgbm", "xgboost") + more, "mine", "mine.toml")


@pytest.mark.parametrize(
    "text",
    [
        "seeds = " + "[" * 5_000,
        "a" + ".a" * 5_000 + " = 1",
        "seeds = [" + "9" * 5_000 + "]",
        "scoring = 0x" + "f" * 5_000,
        "x = [{y = [0x" + "f" * 5_000 + "]}]",
    ],
)
def test_toml_that_is_too_deep_or_too_long_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(SpecInvalid) as caught:
        parse_spec(text, "mine", "mine.toml")
    assert len(caught.value.what) < 500
    assert "\n" not in caught.value.what
