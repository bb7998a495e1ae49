"""The parts of resumption one by one: checkpoints, outbox, attempts, shards."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from job.arrays import CPU, Device
from job.console import Console
from job.errors import ResultInvalid, StorageError, StorageRefused, UsageError
from job.executions import checkpoints
from job.executions.attempts import Attempt, read_attempts, summarise_attempts
from job.executions.executions import create_next
from job.executions.identity import Identity
from job.planning.costs import item_costs
from job.planning.items import Part, items_of
from job.planning.searches import Searches
from job.planning.shards import (
    Shard,
    deal,
    deal_all,
    parse_shard,
    parts_of,
    shard_from_environment,
)
from job.planning.spec import read_spec
from job.running.outbox import Outbox, patiently
from job.store import Store
from job.training.search import Fit
from job.training.unit import Unit
from tests.job.planning.test_memory import info

UNIT = Unit("taiwan_credit", "mlp", "smote", 1)
_places = st.tuples(st.integers(0, 500), st.integers(0, 9))
_gpus = st.sampled_from([None, "Tesla T4", "NVIDIA A10G"])
_fits = st.builds(Fit, st.floats(0, 1), st.floats(0, 1e6), _gpus)


@given(st.dictionaries(_places, _fits, max_size=30))
def test_a_checkpoint_brings_every_score_back_to_the_last_bit(fits: dict[tuple[int, int], Fit]) -> None:
    assert checkpoints.decode(checkpoints.encode(UNIT, "f", fits), UNIT, "f") == fits


@given(st.data())
def test_no_damage_to_a_checkpoint_goes_unnoticed(data: st.DataObject) -> None:
    fits = {(0, 0): Fit(0.7, 1.0), (1, 0): Fit(0.6, 2.0)}
    whole = checkpoints.encode(UNIT, "f", fits)
    at = data.draw(st.integers(0, len(whole) - 2))
    broken = data.draw(
        st.sampled_from([whole[:at], whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], b"", b"\xff\xfe", b"{}"])
    )
    with pytest.raises(ResultInvalid):
        checkpoints.decode(broken, UNIT, "f")


def test_a_checkpoint_of_another_unit_or_of_other_data_is_refused() -> None:
    data = checkpoints.encode(UNIT, "f", {(0, 0): Fit(0.7, 1.0)})
    with pytest.raises(ResultInvalid):
        checkpoints.decode(data, dataclasses.replace(UNIT, seed=2), "f")
    with pytest.raises(ResultInvalid):
        checkpoints.decode(data, UNIT, "g")


@pytest.mark.parametrize("gpu", [[""], [7], [None], ["Tesla T4", "x"]])
def test_what_names_no_gpu_is_damage(gpu: list[object]) -> None:
    body = json.dumps({"unit": str(UNIT), "fingerprint": "f", "fits": [[0, 0, 0.7, 1.0, *gpu]]})
    data = f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}\n".encode()
    with pytest.raises(ResultInvalid, match="none of this unit's"):
        checkpoints.decode(data, UNIT, "f")


def test_fits_without_a_gpu_are_written_as_they_always_were() -> None:
    data = checkpoints.encode(UNIT, "f", {(0, 0): Fit(0.7, 1.0), (1, 0): Fit(0.6, 2.0)})
    assert json.loads(data.splitlines()[1])["fits"] == [[0, 0, 0.7, 1.0], [1, 0, 0.6, 2.0]]


T4, A10G = Device("gpu", "Tesla T4"), Device("gpu", "NVIDIA A10G")


def test_fits_of_another_gpu_model_are_made_again_and_those_of_the_cpu_s_models_are_kept() -> None:
    store, spec = Store.open("memory:///"), read_spec("thesis")
    execution = create_next(store, Identity.here(spec, "gpu"))
    boosted, linear = (next(one for one in spec.units() if one.model == name) for name in ("xgboost", "mlp"))
    made = {
        "first": {(0, 0): Fit(0.7, 1.0, "Tesla T4"), (1, 0): Fit(0.6, 1.0, "Tesla T4")},
        "second": {(0, 0): Fit(0.8, 1.0, "NVIDIA A10G")},
    }
    for attempt, fits in made.items():
        store.put(checkpoints.checkpoint_key(execution, boosted, attempt), checkpoints.encode(boosted, "f", fits))
    on_cpu = {(0, 1): Fit(0.5, 1.0)}
    store.put(checkpoints.checkpoint_key(execution, linear, "first"), checkpoints.encode(linear, "f", on_cpu))
    prints = {boosted.dataset: "f", linear.dataset: "f"}

    def found(device: Device) -> checkpoints.Saved:
        return checkpoints.load(store, execution, [boosted, linear], prints, Console.silent(), device)

    assert found(T4).fits == {boosted: made["first"], linear: on_cpu}
    assert found(T4).elsewhere == {boosted: {(0, 0)}}
    assert found(A10G).fits == {boosted: made["second"], linear: on_cpu}
    assert found(A10G).elsewhere == {boosted: {(0, 0), (1, 0)}}
    assert found(CPU).fits[linear] == on_cpu
    assert checkpoints.in_flight(store, execution) == {str(boosted), str(linear)}, "whoever has that GPU goes on"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Storage:
    """Takes writes, or does not."""

    def __init__(self) -> None:
        self.away = False
        self.tries = 0
        self.taken: list[str] = []

    def write(self, what: str):  # type: ignore[no-untyped-def]
        def do() -> None:
            self.tries += 1
            if self.away:
                raise StorageError("away", "wait")
            self.taken.append(what)

        return do


def outbox(clock: Clock, storage: Storage) -> Outbox:
    box = Outbox(Console.silent(), clock, give_up_s=60)
    box.send("first", storage.write("first"))
    return box


def test_writes_are_kept_in_order_while_the_storage_is_away_and_sent_when_it_is_back() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    storage.away = True
    for name in "abc":
        box.send(name, storage.write(name))
    assert len(box) == 3
    assert storage.tries == 2, "it is not asked again at every write"
    storage.away = False
    box.pump()
    assert len(box) == 3, "it is not asked before its time"
    clock.now += 1.5
    box.pump()
    assert storage.taken == ["first", "a", "b", "c"]
    assert len(box) == 0


def test_a_newer_write_takes_the_place_of_an_older_one() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    storage.away = True
    box.send("a", storage.write("old"))
    box.send("b", storage.write("b"))
    box.send("a", storage.write("new"))
    storage.away = False
    box.pump(now=True)
    assert storage.taken == ["first", "b", "new"]


def test_pauses_grow_and_at_last_it_gives_up_and_says_what_is_lost() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    storage.away = True
    box.send("a", storage.write("a"))
    tried = []
    with pytest.raises(StorageError, match=r"stayed away for \d+ s, 1 writes are lost: away"):
        for _ in range(1000):
            clock.now += 0.5
            before = storage.tries
            box.pump()
            if storage.tries > before:
                tried.append(clock.now)
    pauses = [b - a for a, b in itertools.pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] <= 30.5
    assert clock.now - 100 >= 60


def test_a_storage_that_never_answered_is_told_at_once() -> None:
    storage = Storage()
    storage.away = True
    with pytest.raises(StorageError, match="away"):
        Outbox(Console.silent(), Clock(), give_up_s=600).send("a", storage.write("a"))


def test_a_write_that_is_refused_for_good_ends_it_at_once_and_the_others_are_made_first() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    storage.away = True
    box.send("a", storage.write("a"))

    def refused() -> None:
        raise StorageRefused("AccessDenied", "ask for it")

    box.send("refused", refused)
    box.send("b", storage.write("b"))
    storage.away = False
    with pytest.raises(StorageRefused, match="AccessDenied"):
        box.pump(now=True)
    assert storage.taken == ["first", "a", "b"]
    assert len(box) == 0


def test_a_write_that_fails_for_ever_while_others_succeed_is_given_up_alone() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    told: list[str] = []

    def bad() -> None:
        raise StorageError("this key alone", "wait")

    box.send("bad", bad, lost=lambda error: told.append(error.what))
    begun = clock.now
    number = 0
    while not told:
        clock.now += 0.5
        number += 1
        box.send(f"{number}", storage.write(f"{number}"))
        box.pump()
    assert told == ["this key alone"]
    assert clock.now - begun == 60
    while len(box):
        clock.now += 0.5
        box.pump()
    assert storage.taken == ["first", *(str(n + 1) for n in range(number))], "others wait no longer than a pause"


def test_a_write_that_is_refused_and_looked_after_ends_nothing() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    told: list[str] = []

    def refused() -> None:
        raise StorageRefused("AccessDenied", "ask for it")

    box.send("refused", refused, lost=lambda error: told.append(error.what))
    box.send("b", storage.write("b"))
    assert (told, storage.taken, len(box)) == (["AccessDenied"], ["first", "b"], 0)


@pytest.mark.parametrize("give_up_s", [0.0, 0.5, 1.0, 7.5, 60.0, 600.0])
def test_it_gives_up_when_it_was_told_to(give_up_s: float) -> None:
    clock, storage = Clock(), Storage()
    box = Outbox(Console.silent(), clock, give_up_s)
    box.send("first", storage.write("first"))
    storage.away = True
    begun = clock.now
    with pytest.raises(StorageError, match="stayed away"):
        box.send("a", storage.write("a"))
        while True:
            clock.now += 0.25
            box.pump()
    assert clock.now - begun == give_up_s


def test_reading_is_no_proof_that_the_storage_can_be_written() -> None:
    clock, storage = Clock(), Storage()
    box = Outbox(Console.silent(), clock, give_up_s=600)
    assert patiently(lambda: 42, box, lambda _: None) == 42
    storage.away = True
    with pytest.raises(StorageError, match="away"):
        box.send("a", storage.write("a"))


def test_a_flush_begins_no_write_after_its_deadline() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    storage.away = True

    def slow(what: str):  # type: ignore[no-untyped-def]
        def do() -> None:
            storage.write(what)()
            clock.now += 2

        return do

    for name in "abcdef":
        box.send(name, slow(name))
    storage.away = False
    box.pump(now=True, until=clock.now + 3)
    assert storage.taken == ["first", "a", "b"]
    assert len(box) == 4


def test_a_write_that_its_owner_sends_again_later_is_tried_after_a_pause() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    tries: list[float] = []

    def refused() -> None:
        tries.append(clock.now)
        raise StorageRefused("AccessDenied", "ask for it")

    def again(_: StorageError) -> None:
        box.send("a", refused, lost=again, later=True)

    box.send("a", refused, lost=again)
    for _ in range(12):
        clock.now += 0.25
        box.pump()
    assert tries == [100, 101, 102, 103]


def test_a_question_that_is_refused_for_good_is_not_asked_again() -> None:
    clock, storage = Clock(), Storage()
    asked = []

    def question() -> None:
        asked.append(1)
        raise StorageRefused("NoSuchBucket", "make it")

    with pytest.raises(StorageRefused, match="NoSuchBucket"):
        patiently(question, outbox(clock, storage), lambda _: None)
    assert asked == [1]


def test_a_question_is_asked_until_it_is_answered() -> None:
    clock, storage = Clock(), Storage()
    box = outbox(clock, storage)
    answers = iter([StorageError("away", "wait"), StorageError("away", "wait"), 42])

    def question() -> int:
        answer = next(answers)
        if isinstance(answer, StorageError):
            raise answer
        return answer

    def sleep(seconds: float) -> None:
        clock.now += seconds

    assert patiently(question, box, sleep) == 42


NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def attempt(number: int, start_min: float, alive_min: float, end: str | None, host: str = "a") -> Attempt:
    times = [(NOW + timedelta(minutes=m)).isoformat() for m in (start_min, alive_min)]
    return Attempt(str(number), *times, host, None, None, end, 0)  # type: ignore[arg-type]


def test_attempts_tell_interruptions_kills_and_the_time_between() -> None:
    found = summarise_attempts(
        [
            attempt(1, -60, -50, "interrupted"),
            attempt(2, -48, -30, None),  # killed: nothing since
            attempt(3, -20, -10, "failed"),
            attempt(4, -2, -1, None),  # runs
        ],
        NOW,
    )
    assert (found.attempts, found.running, found.interrupted, found.killed) == (4, 1, 1, 1)
    assert found.idle_seconds == (2 + 10) * 60


def test_a_record_from_a_clock_that_was_set_back_is_left_out() -> None:
    store = Store.open("memory:///")
    for one in (attempt(1, -10, -20, "failed"), attempt(2, -5, -4, "complete")):
        store.put(one.key("e"), one.encode())
    store.put(attempt(3, 0, 0, None).key("e"), b"{damaged")
    assert [one.id for one in read_attempts(store, "e")] == ["2"]


def test_an_attempt_that_was_begun_again_on_the_same_machine_was_killed() -> None:
    found = summarise_attempts([attempt(1, -3, -2, None), attempt(2, -1, 0, None)], NOW)
    assert (found.running, found.killed) == (1, 1)
    elsewhere = summarise_attempts([attempt(1, -3, -2, None), attempt(2, -1, 0, None, host="b")], NOW)
    assert (elsewhere.running, elsewhere.killed) == (2, 0)


@pytest.mark.parametrize("text", ["", "1", "0/3", "4/3", "a/b", "1/0", "-1/3", "1/99999"])
def test_what_is_not_a_shard_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="such as 2/8"):
        parse_shard(text)


def test_a_shard_comes_from_the_setting_or_from_the_array_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shard_from_environment(None) is None
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", "0")
    with pytest.raises(UsageError, match="LDP_SHARD"):
        shard_from_environment(None)
    monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_SIZE", "5")
    assert shard_from_environment(None) == Shard(1, 5)
    assert shard_from_environment("2/3") == Shard(2, 3)


@settings(max_examples=30)
@given(st.integers(1, 1000), st.sampled_from([2_000, 30_000, 1_000_000]), st.sampled_from(["quick", "default"]))
def test_shards_share_out_every_fit_of_every_search_once_and_about_evenly(count: int, rows: int, name: str) -> None:
    spec = read_spec(name)
    searches = Searches(spec)
    items = items_of(unit for unit in spec.units() if unit.dataset == spec.datasets[0] and unit.seed == 1)
    costs = item_costs(searches, items, {spec.datasets[0]: info(rows, 42)})
    seconds = parts_of(costs, searches, count)
    shards = deal_all(seconds, count)
    assert tuple(shards[-1]) == deal(costs, searches, Shard(count, count))
    assert sorted(map(repr, seconds)) == sorted(repr(part) for shard in shards for part in shard)
    for item in items:
        mine = [part for part in seconds if part.item == item]
        assert mine == [Part(item)] or all(part.folds is not None for part in mine)
        for unit in item:
            for place in itertools.product(range(len(searches.points(unit))), range(spec.protocol.folds)):
                assert sum(part.has(unit, place) for part in mine) == 1, (unit, place)
    total = sum(cost.cpu_seconds for cost in costs.values())
    assert sum(seconds.values()) == pytest.approx(total)
    assert max(sum(shard.values()) for shard in shards) <= total / count + max(seconds.values()) + 1e-6
