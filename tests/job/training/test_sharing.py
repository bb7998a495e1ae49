"""What candidates and units have in common is fitted once, and every unit's answer is what it would be alone."""

from __future__ import annotations

import errno
import fcntl
import itertools
import shutil
import threading
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.training.candidates import MODELS, NESTED, ModelName, families, grid_of
from job.training.preparation import FoldCache, prepare
from job.training.search import Fit, Place
from job.training.splits import Inapplicable, split
from job.training.techniques import Sampler, Technique
from job.training.together import run_unit, run_units
from job.training.unit import Protocol, Unit, UnitResult
from tests.job.training.test_exactness import assert_identical
from tests.reference import reference

PROTOCOL = Protocol(folds=3)
TOGETHER: tuple[tuple[Technique, ...], ...] = (
    ("baseline", "cost_sensitive", "threshold_moving"),
    ("smote", "smote_tomek"),
    ("random_under_sampling",),
)
# Nested sizes that are not sorted, defaults that the model chooses itself, and iterations that end before convergence.
GRIDS: dict[ModelName, dict[str, list[Any]]] = {
    "logistic_regression": {"alpha": [1e-4, 1e-2], "max_iter": [2000, 4, 1000]},
    "random_forest": {"n_estimators": [9, 3, 6], "max_depth": [4, None], "max_samples": [0.5]},
    "lightgbm": {"n_estimators": [20, 5], "num_leaves": [7], "min_child_samples": [5, 40], "subsample": [0.7],
                 "subsample_freq": [1], "colsample_bytree": [0.7]},
    "xgboost": {"n_estimators": [20, 5, 12], "max_depth": [2, 4], "subsample": [0.7], "colsample_bytree": [0.7],
                "max_bin": [256, 16]},
    "mlp": {"hidden_layer_sizes": [(6,)], "max_iter": [3, 400, 200], "early_stopping": [True]},
}  # fmt: skip


def rows(seed: int, n: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Imbalanced rows, some repeated so that scores and neighbours tie, with missing cells."""
    rng = np.random.default_rng(seed)
    X = np.round(rng.normal(size=(n, 6)), 1).astype(np.float32)
    y = ((X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n) > 1.6) ^ (rng.random(n) < 0.1)).astype(np.int8)
    X[n // 2 : n // 2 + 40], y[n // 2 : n // 2 + 40] = X[:40], y[:40]
    X[::11, 3] = np.nan
    return np.ascontiguousarray(X), y


def units(model: ModelName, techniques: Iterable[Technique], seed: int = 1) -> dict[Unit, Any]:
    return {Unit("data", model, technique, seed): grid_of(model, technique, GRIDS[model]) for technique in techniques}


@pytest.mark.parametrize("techniques", TOGETHER, ids="+".join)
@pytest.mark.parametrize("model", MODELS)
def test_units_that_run_together_return_what_grid_search_cv_returns_for_each(
    model: ModelName, techniques: tuple[Technique, ...], tmp_path: Path
) -> None:
    X, y = rows(5)
    (tmp_path / "folds").mkdir()
    found = list(run_units(units(model, techniques), PROTOCOL, X, y, FoldCache(tmp_path)))
    assert [result.unit.technique for result in found] == list(techniques)
    for result in found:
        assert_identical(result, reference(model, result.unit.technique, GRIDS[model], X, y, seed=1, folds=3))
        assert 0 < result.shared_cpu_seconds <= result.cpu_seconds * (1 + 1e-9)


@pytest.mark.parametrize("model", MODELS)
def test_every_sampler_together_gives_each_unit_its_own_answer(model: ModelName) -> None:
    X, y = rows(6)
    everything = units(model, [technique for group in TOGETHER for technique in group])
    together = {result.unit: result for result in run_units(everything, PROTOCOL, X, y)}
    for unit, grid in everything.items():
        assert_same(together[unit], run_unit(unit, grid, PROTOCOL, X, y))


def assert_same(one: UnitResult, other: UnitResult) -> None:
    assert (one.status, one.best_index, one.threshold, one.candidates) == (
        other.status, other.best_index, other.threshold, other.candidates,
    )  # fmt: skip
    for name in ("fold_scores", "row", "score", "decision"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The logistic fits that are made, by their numbers of training rows."""
    from sklearn.linear_model import SGDClassifier

    made: list[int] = []
    fit = SGDClassifier.fit

    def counted(self: Any, X: Any, y: Any, **options: Any) -> Any:
        made.append(len(X))
        return fit(self, X, y, **options)

    monkeypatch.setattr(SGDClassifier, "fit", counted)
    return made


def test_baseline_threshold_moving_and_the_weight_none_are_fitted_once(fits: list[int]) -> None:
    X, y = rows(7)
    grid = {"alpha": [1e-4, 1e-3, 1e-2]}
    given = {
        Unit("data", "logistic_regression", technique, 1): grid_of("logistic_regression", technique, grid)
        for technique in TOGETHER[0]
    }
    found = list(run_units(given, PROTOCOL, X, y))
    winners = {tuple(sorted((k, v) for k, v in r.candidates[r.best_index or 0].items() if v)) for r in found}
    assert len(fits) == 3 * 4 * 3 + len(winners)


def test_a_fit_that_converges_serves_every_larger_max_iter(fits: list[int]) -> None:
    X, y = rows(8)
    unit = Unit("data", "logistic_regression", "baseline", 1)
    run_unit(unit, {"alpha": [1e-2], "max_iter": [2, 1000, 2000, 3000]}, PROTOCOL, X, y)
    assert len(fits) == 2 * 3 + 1  # with 2 it does not converge, with 1,000 it does; one refit


def test_smote_tomek_that_takes_nothing_away_needs_no_fit_of_its_own(fits: list[int]) -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], [160, 40]).astype(np.int8)
    X = (rng.normal(size=(200, 3)) + 100 * y[:, None]).astype(np.float32)  # classes apart: no Tomek links
    both = units("logistic_regression", ("smote", "smote_tomek"))
    found = {result.unit.technique: result for result in run_units(both, PROTOCOL, X, y)}
    alone = len(fits)
    fits.clear()
    run_unit(next(iter(both)), next(iter(both.values())), PROTOCOL, X, y)
    assert alone == len(fits)
    np.testing.assert_array_equal(found["smote"].score, found["smote_tomek"].score)
    np.testing.assert_array_equal(found["smote"].fold_scores, found["smote_tomek"].fold_scores)


def test_smote_tomek_that_takes_rows_away_is_fitted_on_what_is_left() -> None:
    X, y = rows(9)
    fold = split(y, seed=1, folds=3, test_share=0.3).folds[0]
    smote, tomek = (prepare(X, y, fold, sampler=name, seed=1) for name in ("smote", "smote_tomek"))
    assert len(tomek.y_train) < len(smote.y_train)
    assert smote.identity != tomek.identity
    assert smote.identity == prepare(X, y, fold, sampler="smote", seed=1).identity


@pytest.mark.parametrize("share", [0.2, 0.7, 1.0])
@pytest.mark.parametrize("model", MODELS)
def test_an_interrupted_search_goes_on_from_any_fits_it_is_told_of(model: ModelName, share: float) -> None:
    X, y = rows(10)
    given = units(model, TOGETHER[0])
    noted: dict[Unit, dict[Place, Fit]] = {unit: {} for unit in given}

    def note(unit: Unit, place: Place, fit: Fit) -> None:
        assert place not in noted[unit]
        noted[unit][place] = fit

    whole = {result.unit: result for result in run_units(given, PROTOCOL, X, y, on_fit=note)}
    rng = np.random.default_rng(int(10 * share))
    known = {unit: {p: fit for p, fit in made.items() if rng.random() < share} for unit, made in noted.items()}
    again: list[tuple[Unit, Place]] = []
    for result in run_units(
        given, PROTOCOL, X, y, known=known, on_fit=lambda unit, place, _: again.append((unit, place))
    ):
        assert_same(result, whole[result.unit])
    assert sorted(again) == sorted((u, p) for u, made in noted.items() for p in made if p not in known[u])


def test_a_technique_that_cannot_work_leaves_the_others_alone() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = np.zeros(60, np.int8)
    y[:5] = 1
    given = units("logistic_regression", ("baseline", "smote", "smote_tomek"))
    found = {result.unit.technique: result for result in run_units(given, PROTOCOL, X, y)}
    assert [found[name].status for name in ("baseline", "smote", "smote_tomek")] == [
        "done", "inapplicable", "inapplicable",
    ]  # fmt: skip
    assert "SMOTE needs more than 3 rows" in (found["smote"].reason or "")


def test_constant_scores_make_threshold_moving_inapplicable_and_nothing_else() -> None:
    """A forest of stumps that may not split scores every row alike: a tie of everything."""
    X, y = rows(11)
    grid = {"min_samples_leaf": [200], "n_estimators": [2], "bootstrap": [False]}
    given = {Unit("data", "random_forest", name, 1): grid for name in ("baseline", "threshold_moving")}
    found = {result.unit.technique: result for result in run_units(given, PROTOCOL, X, y)}
    assert "constant" in (found["threshold_moving"].reason or "")
    assert_identical(found["baseline"], reference("random_forest", "baseline", grid, X, y,
                                                  seed=1, folds=3))  # fmt: skip


def test_units_that_have_nothing_in_common_are_refused() -> None:
    X, y = rows(12)
    given = {Unit("data", "random_forest", "baseline", seed): GRIDS["random_forest"] for seed in (1, 2)}
    with pytest.raises(ValueError, match="share work"):
        list(run_units(given, PROTOCOL, X, y))


@given(
    st.sampled_from(MODELS),
    st.lists(st.integers(1, 9), min_size=1, max_size=4, unique=True),
    st.lists(st.sampled_from([0.1, 0.2, "x", None]), min_size=1, max_size=4, unique=True),
)
def test_families_divide_the_candidates_and_differ_in_one_ascending_parameter(
    model: ModelName, sizes: list[int], others: list[Any]
) -> None:
    name = NESTED.get(model, "max_iter")
    points = [{name: size, "other": other} for size, other in itertools.product(sizes, others)]
    found = families(model, points)
    assert sorted(map(str, (point for family in found for point in family))) == sorted(map(str, points))
    assert len(found) == len(others)
    for family in found:
        assert len({str(point["other"]) for point in family}) == 1
        assert [point[name] for point in family] == sorted(sizes)


def test_values_that_python_holds_for_equal_are_fitted_apart() -> None:
    """One feature at a split, and all of them: 1 and 1.0."""
    X, y = rows(15)
    grid = {"max_features": [1, 1.0], "n_estimators": [5]}
    unit = Unit("data", "random_forest", "baseline", 1)
    found = run_unit(unit, grid, PROTOCOL, X, y)
    assert_identical(found, reference("random_forest", "baseline", grid, X, y, seed=1, folds=3))
    assert found.fold_scores is not None
    assert (found.fold_scores[0] != found.fold_scores[1]).any()


def test_sizes_that_cannot_be_compared_are_no_family() -> None:
    points = [{"n_estimators": 5}, {"n_estimators": "many"}, {"n_estimators": True}]
    assert families("random_forest", points) == [(point,) for point in points]


def test_a_fold_is_kept_whatever_other_folds_go_away_meanwhile(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)).astype(np.float32), (np.arange(60) % 3 == 0).astype(np.int8)
    fold = split(y, seed=1, folds=2, test_share=0.3).refit
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for number in range(20):
                (tmp_path / f"folds/other/seed_{number}/none/fold_0").mkdir(parents=True, exist_ok=True)
            shutil.rmtree(tmp_path / "folds/other")

    others = threading.Thread(target=come_and_go)
    others.start()
    try:
        cache = FoldCache(tmp_path, 1 << 30)
        for seed in range(200):
            made = cache.get(X, y, fold, dataset="data", sampler="none", seed=seed)
            assert isinstance(made.X_train, np.memmap)
    finally:
        over.set()
        others.join()


def test_folds_keep_to_the_limit_of_the_scratch_directory(tmp_path: Path) -> None:
    X, y = rows(13)
    given = units("logistic_regression", ("smote", "smote_tomek"))
    free = list(run_units(given, PROTOCOL, X, y))
    for limit in (0, 20_000, 60_000, None):
        place = tmp_path / str(limit)
        (place / "folds").mkdir(parents=True)
        full: list[None] = []
        cache = FoldCache(place, limit, lambda full=full: full.append(None))  # type: ignore[misc]
        for bounded, result in zip(run_units(given, PROTOCOL, X, y, cache), free, strict=True):
            assert_same(bounded, result)
        size = sum(path.stat().st_size for path in place.rglob("*.npy"))
        assert bool(full) == (limit is not None)
        # Each file has a short header beside its array.
        assert limit is None or size <= limit + 128 * len(list(place.rglob("*.npy")))
        assert limit == 0 or size > 0


@pytest.mark.parametrize("made_by_another", ["none", "smote", "smote_tomek"])
def test_a_fold_that_another_worker_is_making_is_waited_for_only_when_no_other_is_left(
    made_by_another: Sampler, tmp_path: Path
) -> None:
    X, y = rows(14)
    given = units("logistic_regression", ("smote_tomek",))
    (free,) = run_units(given, PROTOCOL, X, y)
    place = FoldCache.place(tmp_path, "data", made_by_another, 1) / "fold_0"
    place.mkdir(parents=True)
    order: list[int] = []
    with ExitStack() as making:
        fcntl.flock(making.enter_context((place / "lock").open("w")), fcntl.LOCK_EX)

        def note(_unit: Unit, at: Place, _fit: Fit) -> None:
            if at[1] not in order:
                order.append(at[1])
            if len(order) == PROTOCOL.folds - 1:
                making.close()

        (result,) = run_units(given, PROTOCOL, X, y, FoldCache(tmp_path), on_fit=note)
    assert order == [1, 2, 0]
    assert_same(result, free)


def test_a_column_without_any_value_and_a_constant_one_do_no_harm() -> None:
    X, y = rows(14)
    X[:, 2], X[:, 4] = np.nan, 7.0
    fold = split(y, seed=1, folds=3, test_share=0.3).folds[0]
    made = prepare(X, y, fold, sampler="none", seed=1)
    assert np.isfinite(made.X_train).all()
    assert not made.X_train[:, [2, 4]].any()


def test_a_target_of_one_class_is_inapplicable() -> None:
    with pytest.raises(Inapplicable):
        split(np.zeros(50, np.int8), seed=1, folds=3, test_share=0.3)


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), OSError("100 requested and 7 written")]
)
@pytest.mark.parametrize("array", [0, 1, 2, 3])
def test_folds_without_room_on_the_disk_are_made_again_and_nothing_half_written_is_used(
    error: OSError, array: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = rows(13)
    given = units("logistic_regression", ("baseline", "smote"))
    expected = list(run_units(given, PROTOCOL, X, y))
    full: list[None] = []
    (tmp_path / "folds").mkdir()
    cache = FoldCache(tmp_path, None, lambda: full.append(None))
    original, calls = np.save, itertools.count()

    def save(path: Path, values: object) -> None:
        if next(calls) == array:
            path.write_bytes(b"half")
            raise error
        original(path, values)

    monkeypatch.setattr(np, "save", save)
    for _ in range(2):  # the second time with room, and with what the first left on the disk
        for found, wanted in zip(run_units(given, PROTOCOL, X, y, cache), expected, strict=True):
            assert_same(found, wanted)
    assert len(full) == 1
