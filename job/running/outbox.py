"""Writes that must not be lost while there is hope: tried at once, kept where the storage is away, tried again.

Each write is tried on its own. What is refused, or fails for ever, while other writes succeed is that write's own
trouble, and its owner hears of it; what nobody looks after ends the run. Nothing here waits: the runner goes on handing
out work between two tries. Only when no write has succeeded for `give_up_s` seconds does the job end.

Reading proves nothing: a storage that never took a write has no finished work to wait for, and the first error of a
write ends the run. So does what is refused for good (no right, no such bucket, a read-only file system, a quota).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from job.console import Console
from job.errors import StorageError, StorageRefused

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
_FAILURES_AT_ONCE = 2  # one may be that key's own; each can take as long as all retries of a request


T = TypeVar("T")
Kind = Literal["write", "question", "question that writes"]
"""Only a write proves that the storage takes writes. A question that writes may find that there is nothing to write."""


@dataclass
class _Kept:
    do: Callable[[], None]
    kind: Kind
    lost: Callable[[StorageError], None] | None
    since: float | None = None  # the first failure
    written_before: int = 0
    next_try: float = 0.0
    pause_s: float = FIRST_PAUSE_S


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
        self._kept: dict[str, _Kept] = {}
        self._answered = False
        self._written = 0
        self._away_since: float | None = None
        self._next_try = 0.0
        self._pause_s = FIRST_PAUSE_S

    def __len__(self) -> int:
        return len(self._kept)

    def send(
        self,
        key: str,
        do: Callable[[], None],
        *,
        kind: Kind = "write",
        lost: Callable[[StorageError], None] | None = None,
        later: bool = False,
    ) -> None:
        """Write, now or as soon as the storage is back; what was kept under the same key is out of date.

        Parameters
        ----------
        lost : callable, optional
            Told why where this write is refused, or fails for `give_up_s` seconds while others succeed. Without it
            that ends the run.
        later : bool
            Do not try now, but after a pause.
        """
        self._kept.pop(key, None)
        self._kept[key] = _Kept(do, kind, lost)
        if later:
            self._kept[key].next_try = self._clock() + FIRST_PAUSE_S
        else:
            self.pump()

    def withdraw(self, key: str) -> None:
        """Forget a write that is no longer wanted."""
        self._kept.pop(key, None)

    def pump(self, *, now: bool = False, until: float | None = None) -> None:
        """Try what is kept, if it is time to.

        Parameters
        ----------
        now : bool
            Do not wait for the time of the next try.
        until : float, optional
            Begin no try after this time on the clock.

        Raises
        ------
        StorageRefused
            Where the storage refused a write that nobody looks after; the others have been tried before.
        StorageError
            Where the storage has stayed away for too long.
        """
        if self._away_since is not None and self._clock() < self._next_try and not now:
            return
        given_up: list[tuple[_Kept, StorageError]] = []
        failures = 0
        for key, entry in list(self._kept.items()):
            if self._kept.get(key) is not entry or (entry.next_try > self._clock() and not now):
                continue
            if until is not None and self._clock() >= until:
                break
            try:
                entry.do()
            except StorageRefused as error:
                self._forget(key, entry)
                given_up.append((entry, error))
            except StorageError as error:
                failures += 1
                if self._failed(entry, error, refused=given_up):
                    self._forget(key, entry)
                    given_up.append((entry, error))
                if failures == _FAILURES_AT_ONCE:
                    break
            else:
                self._forget(key, entry)
                self._succeeded(entry)
        _tell(given_up)

    def _forget(self, key: str, entry: _Kept) -> None:
        if self._kept.get(key) is entry:
            del self._kept[key]

    def _succeeded(self, entry: _Kept) -> None:
        now = self._clock()
        if self._away_since is not None:
            away_s = now - self._away_since
            self._console.info("storage_back", f"the storage is back after {away_s:.0f} s", seconds=round(away_s))
        self._answered = True
        if entry.kind == "write":
            self._written += 1
        self._away_since = None
        self._pause_s = FIRST_PAUSE_S

    def _failed(self, entry: _Kept, error: StorageError, refused: list[tuple[_Kept, StorageError]]) -> bool:
        """Say when to try again; return whether to give up this write, since others succeed."""
        if not self._answered or (not self._written and entry.kind != "question"):
            _tell(refused)
            raise error
        now = self._clock()
        if entry.since is None:
            entry.since, entry.written_before = now, self._written
        give_up_at = entry.since + self._give_up_s
        if self._written > entry.written_before:  # others are written meanwhile
            entry.next_try = min(now + entry.pause_s, max(give_up_at, now))
            entry.pause_s = min(2 * entry.pause_s, LONGEST_PAUSE_S)
            return now >= give_up_at
        if self._away_since is None:
            self._away_since = entry.since
            keeping = "keeping finished work here and " if any(e.kind == "write" for e in self._kept.values()) else ""
            self._console.warning(
                "storage_away",
                f"{error.what}: {keeping}trying again for {self._give_up_s:.0f} s",
                kept=len(self._kept),
            )
        if now - self._away_since >= self._give_up_s:
            _tell(refused)
            raise StorageError(
                f"the storage stayed away for {now - self._away_since:.0f} s, {len(self._kept)} writes are lost: "
                f"{error.what}",
                "When the storage is back, run the same command again; what was written before is kept "
                "(LDP_STORAGE_GIVE_UP_SECONDS sets how long to wait).",
            )
        self._next_try = min(now + self._pause_s, self._away_since + self._give_up_s)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        return False


def _tell(given_up: list[tuple[_Kept, StorageError]]) -> None:
    """Tell the owners of writes that are given up; raise where one has none."""
    for entry, error in given_up:
        if entry.lost is None:
            raise error
    for entry, error in given_up:
        if entry.lost is not None:
            entry.lost(error)


def patiently(operation: Callable[[], T], outbox: Outbox, sleep: Callable[[float], None], *, writes: bool = False) -> T:
    """Return what `operation` returns, trying again for as long as the outbox would.

    Parameters
    ----------
    writes : bool
        Whether it may write. Then it is tried again only where the storage has been seen to take writes.
    """
    answer: list[T] = []
    kind: Kind = "question that writes" if writes else "question"
    outbox.send(f"answer {id(answer)}", lambda: answer.append(operation()), kind=kind)
    while not answer:
        sleep(FIRST_PAUSE_S)
        outbox.pump()
    return answer[0]
