"""What resuming and summarising ask of the storage: each result once, and lists whose number does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job.analysis.summary import summarise
from job.executions.executions import load_execution
from job.planning.spec import parse_spec
from job.store import Store
from tests.job.running.test_runner import run
from tests.specs import TINY


class CountingStore(Store):
    """A store that counts what it is asked, by verb; reads of results apart."""

    def __init__(self, store: Store) -> None:
        super().__init__(store._backend, store.url)
        self.asked: Counter[str] = Counter()

    @contextmanager
    def _errors(self, verb: str, key: str) -> Iterator[None]:
        self.asked[f"{verb} result" if "/results/" in key and verb == "read" else verb] += 1
        with super()._errors(verb, key):
            yield


def requests(store: Store, seeds: str, scratch: Path) -> tuple[Counter[str], Counter[str]]:
    """Finish an execution of 6 units a seed; return what resuming it asks, and what summarising it asks."""
    spec = parse_spec(TINY.replace("seeds = [1, 2]", f"seeds = {seeds}"), "tiny", "tiny.toml")
    finished = run(store, spec, scratch).execution
    resuming, summarising = CountingStore(store), CountingStore(store)
    assert run(resuming, spec, scratch).finished == 0
    summarise(summarising, load_execution(summarising, finished.id))
    return resuming.asked, summarising.asked


def test_each_result_is_read_once_and_nothing_else_grows_with_their_number(store: Store, tmp_path: Path) -> None:
    few = requests(store, "[1]", tmp_path)
    many = requests(store, "[1, 2, 3]", tmp_path)
    for one, three in zip(few, many, strict=True):
        assert (one["read result"], three["read result"]) == (6, 18)
        assert {verb: count for verb, count in one.items() if verb != "read result"} == {
            verb: count for verb, count in three.items() if verb != "read result"
        }
    assert few[0]["list"] > 0, "resuming lists what is there"
