"""How far a run is: by expected work, fed by finished fits, with a time left that comes true."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.planning.costs import ItemCost, item_costs
from job.planning.forecast import Forecast
from job.planning.items import Item, items_of
from job.planning.searches import Searches
from job.planning.spec import read_spec
from job.progress import Outlook
from job.training.unit import Unit
from tests.job.planning.test_memory import info

SHAPES = {
    "taiwan_credit": (30_000, 26),
    "corporate_credit_rating": (2_029, 36),
    "corporate_ccc": (2_029, 36),
    "lending_club": (3_660, 42),
    "lending_club_matured": (1_939, 42),
}


def costs_of(name: str) -> dict[Item, ItemCost]:
    """A spec's items, the longest first, on data like the real ones."""
    spec = read_spec(name)
    infos = {dataset: info(*shape) for dataset, shape in SHAPES.items()}
    costs = item_costs(Searches(spec), items_of(spec.units()), infos)
    return dict(sorted(costs.items(), key=lambda one: one[1].cpu_seconds, reverse=True))


Event = tuple[float, str, object]


def run_of(costs: dict[Item, ItemCost], workers: int, rate: Callable[[Item], float]) -> Iterator[Event]:
    """Yield what workers would tell, if every expected second of an item took `rate` seconds."""
    free = [0.0] * workers
    events: list[tuple[float, int, str, object]] = []
    for item, cost in costs.items():
        now = heapq.heappop(free)
        events.append((now, len(events), "begun", item))
        parts = {unit: cost.units[unit.technique] for unit in item}
        for fold in range(parts[item[0]].folds):
            for unit, part in parts.items():
                for candidate, seconds in enumerate(part.fits):
                    now += seconds * rate(item)
                    events.append((now, len(events), "fitted", (unit, (candidate, fold))))
        for unit, part in parts.items():
            now += part.refit * rate(item)
            events.append((now, len(events), "landed", unit))
        heapq.heappush(free, now)
    yield from ((now, what, about) for now, _, what, about in sorted(events, key=lambda event: event[:2]))


def tell(forecast: Forecast, event: Event) -> None:
    now, what, about = event
    if what == "begun":
        forecast.begun(about, now)  # type: ignore[arg-type]
    elif what == "fitted":
        forecast.fitted(*about, now)  # type: ignore[misc]
    else:
        forecast.landed(about, now)  # type: ignore[arg-type]


def outlooks(costs: dict[Item, ItemCost], workers: int, rate: Callable[[Item], float]) -> list[tuple[float, Outlook]]:
    forecast = Forecast(costs, {}, (0, 0.0), workers)
    found = []
    for event in run_of(costs, workers, rate):
        tell(forecast, event)
        found.append((event[0], forecast.outlook(event[0])))
    return found


@settings(deadline=None, max_examples=25)  # a deadline would be wall time
@given(st.integers(0, 10**6), st.integers(1, 8))
def test_the_time_left_comes_true_where_the_machine_and_each_model_have_a_speed_of_their_own(
    seed: int, workers: int
) -> None:
    costs = costs_of("quick")
    rng = random.Random(seed)
    machine = rng.uniform(0.2, 6.0)
    speeds = {model: machine * rng.uniform(0.7, 1.5) for model in ("logistic_regression", "random_forest", "lightgbm")}
    seen = outlooks(costs, workers, lambda item: speeds[item[0].model])
    end = seen[-1][0]
    # One worker has met the longest model alone after a quarter: the others may be twice as fast. Of 1,000 runs, the
    # worst were 0.30 (one worker) and 0.20 (more) after a quarter, 0.21 and 0.10 after half, 0.003 after that.
    for part, allowed in ((0.25, (0.4, 0.25)), (0.5, (0.25, 0.15)), (0.75, (0.02, 0.02))):
        now, outlook = next(one for one in seen if one[0] >= part * end)
        assert outlook.eta_s is not None
        assert abs(outlook.eta_s - (end - now)) <= allowed[workers > 1] * end, (part, outlook.eta_s, end - now)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_where_the_estimates_are_right_the_time_left_is_right_from_the_beginning(workers: int) -> None:
    seen = outlooks(costs_of("quick"), workers, lambda _: 1.0)
    end = seen[-1][0]
    for now, outlook in seen:
        assert outlook.eta_s == pytest.approx(end - now, abs=0.03 * end)


def test_the_share_never_goes_back_and_is_one_at_the_end() -> None:
    seen = outlooks(costs_of("quick"), 2, lambda item: 3.0 if item[0].model == "lightgbm" else 0.5)
    shares = [outlook.share for _, outlook in seen]
    assert shares == sorted(shares)
    assert shares[0] < 0.05
    last = seen[-1][1]
    assert (last.share, last.eta_s, last.running, last.done, last.total) == (1.0, 0.0, (), 45, 45)


def test_it_is_half_done_when_half_of_the_time_is_over_and_not_when_half_of_the_units_are() -> None:
    seen = outlooks(costs_of("quick"), 2, lambda _: 1.0)
    end = seen[-1][0]
    _, outlook = next(one for one in seen if one[0] >= end / 2)
    assert outlook.share == pytest.approx(0.5, abs=0.05)
    assert outlook.done < outlook.total / 4, "the longest units come first"


def test_what_is_running_is_named() -> None:
    costs = costs_of("quick")
    first, second, *_ = costs
    forecast = Forecast(costs, {}, (0, 0.0), 2)
    forecast.begun(first, 0.0)
    forecast.begun(second, 0.0)
    assert forecast.outlook(0.0).running == (str(first[0]), str(second[0]))
    forecast.landed(first[0], 1.0)
    assert forecast.outlook(1.0).running == (str(first[1]), str(second[0]))


def test_fits_and_units_of_earlier_attempts_count_as_done() -> None:
    costs = costs_of("quick")
    first = next(iter(costs))
    whole = sum(cost.cpu_seconds for cost in costs.values())
    part = costs[first].units[first[0].technique]
    known: dict[Unit, list[tuple[int, int]]] = {first[0]: [(c, 0) for c in range(len(part.fits))]}
    outlook = Forecast(costs, known, (7, whole), 2).outlook(0.0)
    assert (outlook.done, outlook.total) == (7, 52)
    assert outlook.done_s == pytest.approx(whole + sum(part.fits))
    assert outlook.share == pytest.approx((whole + sum(part.fits)) / (2 * whole))


def test_a_fit_that_takes_longer_than_expected_does_not_bring_the_end_nearer_for_ever() -> None:
    costs = costs_of("quick")
    first = next(iter(costs))
    alone = {first: costs[first]}
    forecast = Forecast(alone, {}, (0, 0.0), 1)
    forecast.begun(first, 0.0)
    part = costs[first].units[first[0].technique]
    late = forecast.outlook(1000.0).eta_s
    assert late is not None
    assert late >= costs[first].cpu_seconds - max(*part.fits, part.refit) - 1e-9


def test_a_run_whose_workers_never_say_that_they_begin_is_followed_by_its_fits() -> None:
    costs = costs_of("quick")
    forecast = Forecast(costs, {}, (0, 0.0), 1)
    item = next(iter(costs))
    forecast.fitted(item[0], (0, 0), 5.0)
    outlook = forecast.outlook(5.0)
    assert outlook.running == (str(item[0]),)
    assert outlook.share > 0
