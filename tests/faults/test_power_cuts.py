"""Power cuts: whatever was called committed is whole afterwards, and the same command completes.

On a real directory whose every fsync is watched, and in the simulated storage; the power goes at any request and before
any fsync.
"""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from job.console import Console
from job.errors import ResultInvalid
from job.executions.executions import list_executions
from job.executions.results import decode
from job.running.runner import RunReport
from job.store import Store
from tests.faults.power import Disk
from tests.faults.simulation import Killed, Odds, World, attempt_run
from tests.faults.test_schedules import UNITS, digests, processed, uninterrupted


class Commits(Console):
    """A console that remembers which units it was told are finished."""

    def __init__(self) -> None:
        super().__init__(io.StringIO(), "json")
        self.units: set[str] = set()

    def detail(self, event: str, message: str, **fields: object) -> None:
        if event == "unit_finished":
            self.units.add(str(fields["unit"]))


@pytest.mark.parametrize("seed", range(20))
def test_after_a_power_cut_all_that_was_committed_is_whole_and_the_same_command_completes(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    store = Store.open(str(tmp_path / "root"))
    for key, data in processed().items():
        store.put(key, data)
    disk = Disk(tmp_path / "root", rng, monkeypatch)
    disk.keep_all()
    committed: set[str] = set()
    for attempt in range(60):
        calm = attempt >= 50
        now = World(Store.open(str(tmp_path / "root")), rng)  # the machine has started again: nothing is remembered
        told = Commits()

        def goes(calm: bool = calm) -> None:
            if not calm and rng.random() < 0.02:
                raise Killed

        disk.before_sync = goes
        end = attempt_run(now, attempt, Odds() if calm else Odds(kill=0.01), 2, console=told)
        disk.before_sync = lambda: None
        committed |= told.units
        if isinstance(end, RunReport):
            break
        disk.cut()
        if list_executions(Store.open(str(tmp_path / "root"))):
            assert committed <= set(standing(tmp_path / "root")), "a unit that was called committed is lost"
    assert isinstance(end, RunReport)
    assert not end.failures
    assert committed
    disk.cut()
    assert digests(Store.open(str(tmp_path / "root"))) == uninterrupted(), "complete, and then the power went"
    assert disk.syncs > 2 * UNITS


def standing(root: Path) -> list[str]:
    """Return the units whose result is whole, even where manifest and binding would have to be made again."""
    found = []
    store = Store.open(str(root))
    for info in store.objects("executions/"):
        if "/results/" in info.key:
            try:
                found.append(str(decode(store.get(info.key) or b"").unit))
            except ResultInvalid:
                continue
    return found
