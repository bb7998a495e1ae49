"""How much room prepared folds are expected to take is what they take, and a run leaves others some of the disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job.data.processed import describe_processed, load_processed
from job.planning.scratch import RESERVE, folds_bytes, room_for_folds
from job.planning.searches import Searches
from job.planning.spec import Spec, parse_spec
from job.store import Store
from job.training.preparation import FoldCache
from job.training.techniques import TECHNIQUES
from job.training.together import run_units
from tests.job.planning.test_memory import info
from tests.specs import TINY


def spec(*techniques: str) -> Spec:
    line = TINY[TINY.index("techniques") :].splitlines()[0]
    return parse_spec(TINY.replace(line, f"techniques = {list(techniques)}".replace("'", '"')), "some", "some.toml")


@pytest.mark.parametrize("techniques", [("baseline",), ("smote_tomek",), TECHNIQUES])
def test_folds_take_the_room_that_the_plan_says(store: Store, tmp_path: Path, techniques: tuple[str, ...]) -> None:
    chosen = spec(*techniques)
    units = [unit for unit in chosen.units() if unit.model == "logistic_regression" and unit.seed == 1]
    data = load_processed(store, "taiwan_credit")
    (tmp_path / "scratch" / "folds").mkdir(parents=True)
    cache = FoldCache(tmp_path / "scratch")
    list(run_units({unit: chosen.grid(unit) for unit in units}, chosen.protocol, data.X, data.target, cache))
    taken = sum(path.stat().st_size for path in (tmp_path / "scratch").rglob("*.npy"))
    described = describe_processed(store, "taiwan_credit")
    assert described is not None
    expected = folds_bytes(Searches(chosen), units, {"taiwan_credit": described})
    # Each file has a header of 128 bytes, which only so few rows notice.
    headers = 128 * sum(1 for _ in (tmp_path / "scratch").rglob("*.npy"))
    assert taken - headers == pytest.approx(expected, rel=0.05)


def test_each_repetition_has_folds_of_its_own_and_models_share_them() -> None:
    chosen = spec("smote")
    units, infos = list(chosen.units()), {"taiwan_credit": info(30_000, 26)}
    whole = folds_bytes(Searches(chosen), units, infos)
    assert whole == folds_bytes(Searches(chosen), [unit for unit in units if unit.model == "lightgbm"], infos)
    assert whole == 2 * folds_bytes(Searches(chosen), [unit for unit in units if unit.seed == 1], infos)


@given(st.integers(0, 1 << 50))
def test_some_of_the_disk_stays_free(free: int) -> None:
    room = room_for_folds(free)
    assert 0 <= room <= free
    assert free - room in (RESERVE, free // 5)
    assert room >= 0.79 * free
