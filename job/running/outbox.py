"""Writes that must not be lost while there is hope: tried at once, kept where the storage is away, tried again.

A storage that never answered is another matter: then nothing has been finished, and the first error ends the run.

What the storage refuses for good (no right, no such bucket, a read-only file system, a quota) ends the run at once too.
Nothing here waits: the runner goes on handing out work between two tries. Only when no write has succeeded for
`give_up_s` seconds does the job end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from job.console import Console
from job.errors import StorageError, StorageRefused

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0


T = TypeVar("T")


class Outbox:
    """Writes to the storage, in order.

    Parameters
    ----------
    console : Console
    clock : callable
        Monotonic seconds.
    give_up_s : float
        For how long the storage may stay away.
    """

    def __init__(self, console: Console, clock: Callable[[], float], give_up_s: float) -> None:
        self._console = console
        self._clock = clock
        self._give_up_s = give_up_s
        self._kept: dict[str, Callable[[], None]] = {}
        self._seen = False
        self._away_since: float | None = None
        self._next_try = 0.0
        self._pause_s = FIRST_PAUSE_S

    def __len__(self) -> int:
        return len(self._kept)

    def send(self, key: str, write: Callable[[], None]) -> None:
        """Write, now or as soon as the storage is back; what was kept under the same key is out of date."""
        self._kept.pop(key, None)
        self._kept[key] = write
        self.pump()

    def withdraw(self, key: str) -> None:
        """Forget a write that is no longer wanted."""
        self._kept.pop(key, None)

    def pump(self, *, now: bool = False) -> None:
        """Try what is kept, if it is time to.

        Raises
        ------
        StorageRefused
            Where the storage refused a write and would refuse it again; the others have been tried before.
        StorageError
            Where the storage has stayed away for too long.
        """
        refused: StorageRefused | None = None
        if self._away_since is not None and self._clock() < self._next_try and not now:
            return
        while self._kept:
            key, write = next(iter(self._kept.items()))
            try:
                write()
            except StorageRefused as error:
                refused = refused or error
            except StorageError as error:
                self._failed(refused or error)
                break
            else:
                self._succeeded()
            del self._kept[key]
        if refused is not None:
            raise refused

    def _succeeded(self) -> None:
        if self._away_since is not None:
            away_s = self._clock() - self._away_since
            self._console.info("storage_back", f"the storage is back after {away_s:.0f} s", seconds=round(away_s))
        self._seen = True
        self._away_since = None
        self._pause_s = FIRST_PAUSE_S

    def _failed(self, error: StorageError) -> None:
        now = self._clock()
        if not self._seen:
            raise error
        if self._away_since is None:
            self._away_since = now
            self._console.warning(
                "storage_away",
                f"{error.what}: keeping finished work here and trying again for {self._give_up_s:.0f} s",
                kept=len(self._kept),
            )
        if now - self._away_since >= self._give_up_s:
            raise StorageError(
                f"the storage stayed away for {now - self._away_since:.0f} s, {len(self._kept)} writes are lost: "
                f"{error.what}",
                "When the storage is back, run the same command again; what was written before is kept "
                "(LDP_STORAGE_GIVE_UP_SECONDS sets how long to wait).",
            )
        self._next_try = now + self._pause_s
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)


def patiently(operation: Callable[[], T], outbox: Outbox, sleep: Callable[[float], None]) -> T:
    """Return what `operation` returns, trying again for as long as the outbox would."""
    answer: list[T] = []
    outbox.send(f"answer {id(answer)}", lambda: answer.append(operation()))
    while not answer:
        sleep(FIRST_PAUSE_S)
        outbox.pump()
    return answer[0]
